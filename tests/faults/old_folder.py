"""A hub's data folder as a version left it: writebacks in every state, its practices' tables, what was acknowledged.

`python -m tests.faults.old_folder FOLDER` makes one with the version that it runs in, in the middle of its work, and
keeps it as text. Every version whose tables differ has one beside this file, in `folders/`; they are never made anew.
Must not be in it: what a later version does with one.
"""

from __future__ import annotations

import json
import lzma
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.lab import Lab, Office, await_that, connect_value

KEPT = Path(__file__).parent / "folders"
KEY = "YSBrZXkgZm9yIHRlc3RzOiAzMiBieXRlcyBvZiBpdC4="
"""The key of stored secrets of every kept folder: of tests, and of nothing else."""
NOBODY = "999999"
STATES = {
    *(("queued", "owed"), ("sending", "owed"), ("uncertain", "owed"), ("taken", "owed"), ("taken", "seen")),
    *(
        ("taken", "missing"),
        ("refused", "owed"),
        ("retracted", "owed"),
        ("skipped", "owed"),
        ("held", "owed"),
    ),
}
"""Those that the maker brings about; parked ones come and go with the version."""


def make(folder: Path) -> None:
    """Let a hub of this version work, end it in the middle, and keep what is then on its disk."""
    with tempfile.TemporaryDirectory(prefix="chartbridge-old-folder-") as scratch:
        lab = _Lab(Path(scratch), offices=2, patients=12, seed=27)
        try:
            lab.start()
            _bring_about(lab)
            _keep(lab, folder)
        finally:
            lab.close()


class _Lab(Lab):
    """With the key of the kept folders from the first process on."""

    def environment(self, data: Path | None = None) -> dict[str, str]:
        return {**super().environment(data), "CHARTBRIDGE_KEY": KEY}


def _bring_about(lab: Lab) -> None:
    first, second = lab.offices
    lab.hand_in(8)
    lab.await_quiet()
    first.program.hand_in(1, patients=[NOBODY])
    first.knob("refuse", times=1)
    first.program.hand_in(1)
    await_that(lambda: lab.standing("delivery='refused'") == 1, 60, "the refusal", tell=lambda: _where(lab))
    _let_one_go(lab, first)
    lab.hub.stop()
    _disallow_emails(lab, second)
    _die(lab, "kept", lambda: first.program.hand_in(1))
    _remove_newest_note(first)
    _run(lab)
    await_that(lambda: lab.standing("seen='missing'") == 1, 120, "the missing one", tell=lambda: _where(lab))
    second.program.hand_in(6)
    lab.await_quiet()
    lab.hub.kill()
    _die(lab, "pms.after_write", lambda: first.program.hand_in(1))
    _die(lab, "pms.before_write", lambda: first.program.hand_in(3))
    second.knob("delay", seconds=8.0, times=None)
    lab.hub = lab.make_hub(quick=1.0, die_at="kept")
    lab.hub.launch()
    await_that(lab.hub.answers, 60, "the hub's answer")
    second.program.hand_in(4)
    sends = f"delivery='sending' AND practice_id={second.practice_id}"
    await_that(lambda: lab.standing(sends) > 0, 60, "a slow request", tell=lambda: _where(lab))
    first.program.hand_in(3)
    lab.hub.await_end(60)


def _die(lab: Lab, step: str, meanwhile: Callable[[], object]) -> None:
    """Let the hub end at a step of what is handed in. It waits as long as the product does before it looks."""
    lab.hub = lab.make_hub(quick=1.0, die_at=step)
    lab.hub.launch()
    await_that(lab.hub.answers, 60, "the hub's answer")
    meanwhile()
    lab.hub.await_end(60)


def _run(lab: Lab) -> None:
    lab.hub = lab.make_hub()
    lab.hub.launch()
    await_that(lab.hub.answers, 60, "the hub's answer")


def _let_one_go(lab: Lab, office: Office) -> None:
    office.knob("refuse", times=1)
    office.program.hand_in(1)
    await_that(lambda: lab.standing("delivery='refused'") == 2, 60, "the second refusal")
    ((newest,),) = lab.rows("SELECT MAX(id) FROM store_writeback WHERE delivery='refused'")
    lab.run("tests.faults.desk", {"practice_id": office.practice_id, "dismiss": [newest]})


def _disallow_emails(lab: Lab, office: Office) -> None:
    with closing(sqlite3.connect(lab.data / "chartbridge.sqlite3")) as store, store:
        store.execute(
            "UPDATE store_notesetting SET allow=0 WHERE kind='outgoing_email' AND connection_id=?",
            (office.connection_id,),
        )


def _remove_newest_note(office: Office) -> None:
    newest = connect_value(office.database, "SELECT MAX(CommlogNum) FROM commlog")
    with closing(sqlite3.connect(office.database)) as pms, pms:
        pms.execute("DELETE FROM commlog WHERE CommlogNum=?", (newest,))


def _where(lab: Lab) -> str:
    return str(lab.rows("SELECT delivery, seen, reason_code, COUNT(*) FROM store_writeback GROUP BY 1, 2, 3"))


def _keep(lab: Lab, folder: Path) -> None:
    found = set(lab.rows("SELECT DISTINCT delivery, seen FROM store_writeback"))
    assert found >= STATES, f"missing {STATES - found}: {_where(lab)}"
    for office in lab.offices:
        office.sandbox.stop()
    folder.mkdir(parents=True)
    told = [
        {
            "practice_id": office.practice_id,
            "connection_id": office.connection_id,
            "api_port": office.api.port,
            "token": office.program.token,
            "acknowledged": office.program.acknowledged,
        }
        for office in lab.offices
    ]
    (folder / "told.json").write_text(json.dumps(told, indent=1) + "\n")
    _dump(lab.data / "chartbridge.sqlite3", folder / "hub.sql.xz")
    for number, office in enumerate(lab.offices):
        _dump(Path(office.database), folder / f"practice{number}.sql.xz")


def _dump(database: Path, file: Path) -> None:
    with closing(sqlite3.connect(database)) as store:
        file.write_bytes(lzma.compress("\n".join(store.iterdump()).encode(), preset=9))


@dataclass(frozen=True, kw_only=True)
class OldFolder:
    """A kept folder."""

    folder: Path

    @property
    def practices(self) -> list[dict[str, Any]]:
        """`practice_id`, `connection_id`, `api_port`, `token`, `acknowledged` of each."""
        return list(json.loads((self.folder / "told.json").read_text()))

    def unpack_store(self, data: Path) -> None:
        """Put the hub's store as it was into a data folder."""
        with closing(sqlite3.connect(data / "chartbridge.sqlite3")) as store:
            store.executescript(self._sql("hub"))
            store.execute("PRAGMA journal_mode=WAL")

    def unpack_practice(self, number: int, database: Path) -> None:
        """Put what a practice's tables held into those that the sandbox has made today."""
        with closing(sqlite3.connect(":memory:")) as old, closing(sqlite3.connect(database)) as now, now:
            old.executescript(self._sql(f"practice{number}"))
            tables = [name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            for table in tables:
                rows = old.execute(f'SELECT * FROM "{table}"')
                columns = ", ".join(f'"{each[0]}"' for each in rows.description)
                marks = ", ".join("?" * len(rows.description))
                now.execute(f'DELETE FROM "{table}"')
                now.executemany(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', rows)

    def _sql(self, name: str) -> str:
        return lzma.decompress((self.folder / f"{name}.sql.xz").read_bytes()).decode()


def kept_folders() -> list[OldFolder]:
    """All of them, the oldest first."""
    return [OldFolder(folder=each) for each in sorted(KEPT.iterdir()) if each.is_dir()]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
