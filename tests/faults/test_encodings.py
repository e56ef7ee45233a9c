"""R23: texts of every kind into columns of every kind: what is stored is what was meant, or the hub notices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from chartbridge.domain.marker import new_marker
from chartbridge.domain.text import clean, same_text
from chartbridge.pms.commands import AddNote, CommandKind
from chartbridge.pms.errors import PmsError, Refused, Uncertain, Unreadable
from tests.connectors.dentrix.practices import dentrix_practice, dentrix_rig
from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig
from tests.connectors.odbc_rig import OdbcRig
from tests.connectors.open_dental.practices import mariadb_practice, practice_on
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.faults.sizes import size
from tests.servers.mariadb import MariaDb

__all__ = ["dentrix_practice", "dentrix_rig", "eaglesoft_practice", "eaglesoft_rig", "mariadb_practice"]
pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(900)]

_PIECES = (
    *(
        "O'Brien",
        '"quoted"',
        "100 %",
        "a\\b",
        "%s %d {x}",
        "; DROP TABLE commlog; --",
        "<b>bold</b>",
        "&amp;",
    ),
    *(
        "😀",
        "👩‍👩‍👧‍👦",
        "🇺🇸",
        "👍🏽",
        "☎",
        "✓",
        "①",
        "李小龍",
        "Ελένη",
        "Ольга",
        "שלום",
        "مرحبا",
        "ไทย",
        "한국어",
    ),
    *(
        "é",
        "e\u0301",
        "ﬁ",
        "ß",
        "İ",
        "ñ",
        "\u200fright",
        "\u202eturned",
        "zero\u200bwidth",
        "soft\u00adhyphen",
    ),
    *(
        "tab\there",
        "line\r\nline",
        "line\rline",
        "line\u2028line",
        "nul\x00nul",
        "\x01\x02",
        "\x80\x85\x9f",
        "\ufeffbom",
    ),
    *("\ud800 alone", "\udc00 alone", "\ufffd", "\uffff", "€ 5 – “so”", "x" * 1500, "ａｂｃ", "½ ¼", "™ ©"),
)


def corpus() -> list[str]:
    """At least two hundred texts: each piece, and pieces together."""
    chance = random.Random(23)
    together = [" ".join(chance.sample(_PIECES, k=chance.randint(2, 6))) for _ in range(160)]
    return [*(f"See {piece} please" for piece in _PIECES), *together]


@pytest.fixture
def rig(mariadb: MariaDb, mariadb_practice: str, tmp_path: Path) -> Iterator[OpenDentalRig]:
    with practice_on(mariadb, mariadb_practice, "MyISAM", tmp_path) as sandbox:
        made = OpenDentalRig(sandbox)
        yield made
        made.close()
        sandbox.db.run("ALTER TABLE commlog CONVERT TO CHARACTER SET utf8mb3")
        sandbox.db.run("SET SESSION sql_mode=''")


@pytest.mark.fault("R23")
@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "latin1"])
@pytest.mark.parametrize("mode", ["STRICT_ALL_TABLES", ""], ids=["strict", "none"])
def test_what_is_stored_is_the_documented_form_or_the_hub_notices(
    rig: OpenDentalRig, charset: str, mode: str
) -> None:
    texts = corpus()
    assert len(texts) >= 200
    rig.db.run(f"ALTER TABLE commlog CONVERT TO CHARACTER SET {charset}")
    rig.db.run("SET SESSION sql_mode=?", mode)
    kept, noticed = written(rig, texts)
    assert kept
    if charset != "latin1":
        assert noticed == 0, "every character of the documented form can be held"


TABLES = {"eaglesoft": "operatory_notes", "dentrix": "fullnotes"}
STRICT = "STRICT_TRANS_TABLES,"


@pytest.fixture(params=TABLES)
def odbc_rig(request: pytest.FixtureRequest) -> Iterator[OdbcRig]:
    made: OdbcRig = request.getfixturevalue(f"{request.param}_rig")
    yield made
    made.practice.run(f"ALTER TABLE {TABLES[request.param]} CONVERT TO CHARACTER SET utf8mb4")


@pytest.mark.fault("R23")
@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "latin1"])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "none"])
def test_what_is_stored_by_odbc_is_the_documented_form(odbc_rig: OdbcRig, charset: str, strict: bool) -> None:
    """The documented form of these two is Latin-1, which all of these columns hold."""
    table = TABLES[odbc_rig.connect().manifest.id]
    odbc_rig.practice.run(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset}")
    link = odbc_rig.settings().secrets["connection_string"]
    assert STRICT in link
    link = link if strict else link.replace(STRICT, "")
    kept, noticed = written(odbc_rig, corpus(), connection_string=link)
    assert (kept, noticed) == (size(40, len(corpus())), 0)


def written(rig: OpenDentalRig | OdbcRig, texts: list[str], **settings: str) -> tuple[int, int]:
    """Write texts as the hub would; how many stand in the chart as they were meant, and how many the hub noticed."""
    connector = (
        rig.connect_to(rig.settings(**settings), rig.clock) if isinstance(rig, OdbcRig) else rig.connect()
    )
    claim = connector.manifest.commands[CommandKind.ADD_NOTE]
    silent, kept, noticed = [], 0, 0
    for raw in random.Random(1).sample(texts, k=size(40, len(texts))):
        marker = new_marker()
        text = f"{clean(raw, is_html=False, charset=claim.charset)} {marker}"
        command = rig.command(CommandKind.ADD_NOTE, marker)
        assert isinstance(command, AddNote)
        command = AddNote(**{name: getattr(command, name) for name in command.__slots__} | {"text": text})
        try:
            connector.write(command)
            found = connector.landed(command)
        except (Refused, Uncertain, Unreadable):
            noticed += 1
            continue
        except PmsError as error:
            pytest.fail(f"{type(error).__name__}: it would be tried for ever")
        (stored,) = rig.truth(marker)
        if found is None or not same_text(text, found.text):
            noticed += 1  # read back and compared: the writeback says that the text was changed
        elif stored.text.count("?") > text.count("?"):
            silent.append(raw)
        else:
            kept += 1
    connector.close()
    assert silent == []
    return kept, noticed
