"""Open Dental's API: pages, throttle, versions, permissions, and settings that are wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chartbridge.connectors.open_dental.client import Item, OpenDentalApi
from chartbridge.connectors.open_dental.connector import connect
from chartbridge.connectors.open_dental.written import AHEAD, MOST, Written
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import SystemClock
from chartbridge.domain.people import Patient
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Sought
from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured, Refused, Unauthorised, Unavailable, Uncertain, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.sandbox.open_dental.sandbox import Sandbox
from chartbridge.sync import brake
from chartbridge.testing.steps import read_on
from chartbridge.transport import http
from tests.connectors.open_dental.rig import OpenDentalRig

MARKER = "CB-7K2QM9XD"


def test_a_practice_of_many_pages_is_read_whole_in_remote_mode(tmp_path: Path) -> None:
    """Remote mode gives 100 rows a page; neighbouring pages overlap, nothing is left out."""
    with Sandbox(
        database=str(tmp_path / "p.sqlite3"), patients=130, mode="remote", throttle_s=0.0
    ) as sandbox:
        settings = Settings(
            values={"read_mode": "api", "api_mode": "remote", "api_address": sandbox.base_url},
            secrets={"developer_key": sandbox.developer_key, "customer_key": sandbox.customer_key},
        )
        connector = connect(settings, SystemClock())
        began = time.monotonic()
        heard = read_on(connector, Stream.PATIENTS, None)
        spent = time.monotonic() - began
        there = sandbox.db.rows("SELECT PatNum FROM patient WHERE PatStatus<>4")
        assert heard.keys == {str(row["PatNum"]) for row in there}
        assert len(heard.pages) == 2
        assert spent >= 3 * 1.1, "the throttle of remote mode was not kept"
        connector.close()


@pytest.fixture
def rig(sqlite_rig: OpenDentalRig) -> OpenDentalRig:
    return sqlite_rig


@pytest.mark.parametrize(
    ("version", "kind", "says"),
    [
        ("24.1.16", CommandKind.MARK_INSURANCE_VERIFIED, "24.1.17"),
        ("21.4.0", CommandKind.ADD_DOCUMENT, "22.1"),
        ("21.1.0", CommandKind.SET_APPOINTMENT_STATUS, "21.2"),
    ],
)
def test_too_old_a_version_is_named_and_nothing_is_sent(
    rig: OpenDentalRig, version: str, kind: CommandKind, says: str
) -> None:
    rig.knobs.set_version(version)
    connector, before = rig.connect(), rig.writes_received()
    with pytest.raises(Unauthorised) as error:
        connector.write(rig.command(kind, MARKER))
    assert says in error.value.safe_message
    assert error.value.ability == kind.value
    assert rig.writes_received() == before


def test_an_office_that_was_updated_is_written_to_without_a_restart(rig: OpenDentalRig) -> None:
    rig.knobs.set_version("24.1.16")
    connector = rig.connect()
    command = rig.command(CommandKind.MARK_INSURANCE_VERIFIED, MARKER)
    with pytest.raises(Unauthorised):
        connector.write(command)
    rig.knobs.set_version("24.3.10")
    rig.clock.passed += 1200
    assert connector.identify().version.startswith("24.3.10")
    assert connector.write(command).patient_key == command.patient_key


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(hours=-1)])
def test_what_is_read_first_after_the_hub_s_clock_was_set_misses_nothing_that_comes_then(
    rig: OpenDentalRig, ahead: timedelta
) -> None:
    connector = rig.connect()
    assert connector.identify().practice_name
    rig.clock.ahead = ahead
    first = connector.read(Stream.PATIENTS, None)
    assert first.complete
    email = rig.edit_patient(rig.patient_of_today())
    later = connector.read(Stream.PATIENTS, first.cursor)
    assert email in {record.email for record in later.records if isinstance(record, Patient)}


def test_a_hub_s_clock_that_was_set_right_is_not_taken_for_the_practice_s(rig: OpenDentalRig) -> None:
    connector = rig.connect()
    rig.clock.ahead = timedelta(hours=5)
    known = brake.as_known(connector.identify())
    rig.clock.ahead = timedelta()
    rig.clock.passed += 1200  # by then the server's clock has been asked again
    brake.look_at(known, {}, connector.identify())


@pytest.mark.parametrize("hours", [-50, -24, 20, 24, 80])
def test_a_hub_s_clock_that_is_days_wrong_keeps_nobody_from_saying_who_answers(
    rig: OpenDentalRig, hours: int
) -> None:
    connector = rig.connect()
    known = brake.as_known(connector.identify())
    rig.clock.ahead = timedelta(hours=hours)
    rig.clock.passed += 1200
    brake.look_at(known, {}, connector.identify())


@pytest.mark.parametrize("minutes", [5, 22, 50])
def test_a_practice_s_clock_that_was_set_back_pulls_the_brake(rig: OpenDentalRig, minutes: int) -> None:
    connector = rig.connect()
    known = brake.as_known(connector.identify())
    rig.knobs.jump_clock(-60 * minutes)
    rig.clock.ahead = timedelta(minutes=minutes)
    rig.clock.passed += 1200
    with pytest.raises(brake.Braked, match="went backwards"):
        brake.look_at(known, {}, connector.identify())


@pytest.mark.parametrize(("version", "shown"), [("24.2.32", True), ("24.2.31", False)])
def test_a_document_that_was_moved_to_another_patient_is_found_there(
    rig: OpenDentalRig, version: str, *, shown: bool
) -> None:
    rig.knobs.set_version(version)
    connector = rig.connect()
    command = rig.command(CommandKind.ADD_DOCUMENT, MARKER)
    assert isinstance(command, AddDocument)
    connector.write(command)
    record = rig.truth(MARKER)[0].record
    stranger = rig.misfile(record)
    sought, since = [Sought(command=command, record=record)], rig.clock.now() - timedelta(hours=1)
    finds = connector.find(sought, since)
    assert [(each.record, each.patient_key) for each in finds.records] == [(record, stranger)] * shown
    assert not finds.everyone
    rig.delete_paper(record.rpartition(" ")[2])
    assert connector.find(sought, since).records == ()


def test_an_old_version_s_answer_without_a_number_is_found_by_its_marker(rig: OpenDentalRig) -> None:
    rig.knobs.set_version("23.2.0")
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER)
    assert connector.write(command).record == ""
    seen = connector.landed(command)
    assert seen is not None
    assert seen.record == rig.truth(MARKER)[0].record


def test_a_new_version_s_list_of_everybody_s_notes_is_used_and_gives_the_same(rig: OpenDentalRig) -> None:
    rig.knobs.set_version("25.1.20")
    connector = rig.connect()
    people, commands = _notes_for_three(rig)
    for command in commands:
        connector.write(command)
    before = rig.sandbox.service.requests
    found = connector.landed_all(commands)
    assert [each.patient_key for each in found if each] == people
    assert rig.sandbox.service.requests - before <= 2


def test_notes_are_looked_for_from_the_time_on_at_which_they_were_sent(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.knobs.set_version("25.1.20")
    connector = rig.connect()
    _, commands = _notes_for_three(rig)
    for command in commands:
        connector.write(command)
    stamps = rig.sandbox.db.rows("SELECT DateTStamp FROM commlog WHERE Note LIKE '%CB-0000000%'")
    first = min(datetime.fromisoformat(str(row["DateTStamp"])) for row in stamps)
    asked = _asked(monkeypatch)
    assert all(connector.landed_all(commands))
    assert len(asked) == 1
    assert timedelta() <= first - datetime.fromisoformat(asked[0]["DateTStamp"]) <= timedelta(seconds=5)
    again = rig.connect()  # as in another process: it has sent nothing
    asked.clear()
    assert all(again.landed_all(commands))
    assert len(asked) == 1
    assert first - datetime.fromisoformat(asked[0]["DateTStamp"]) > timedelta(minutes=5)


def test_a_note_whose_time_in_the_chart_is_another_one_is_found_all_the_same(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.knobs.set_version("25.1.20")
    connector = rig.connect()
    people, commands = _notes_for_three(rig)
    for command in commands:
        connector.write(command)
    rig.sandbox.db.run("UPDATE commlog SET DateTStamp='2020-01-01 00:00:00' WHERE Note LIKE '%CB-00000001%'")
    asked = _asked(monkeypatch)
    found = connector.landed_all(commands)
    assert [each.patient_key for each in found if each] == people
    assert [each.get("PatNum") for each in asked] == [None, people[1]]


def _notes_for_three(rig: OpenDentalRig) -> tuple[list[str], list[AddNote]]:
    people = [rig.patient_of_today(), str(rig.neighbour), "4"]
    commands = []
    for place, person in enumerate(people):
        base = rig.command(CommandKind.ADD_NOTE, f"CB-0000000{place}")
        assert isinstance(base, AddNote)
        commands.append(replace(base, patient_key=person))
    return people, commands


def _asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What is asked of the API's list of notes, call by call."""
    asked: list[dict[str, str]] = []
    plain = OpenDentalApi.items

    def items(self: OpenDentalApi, path: str, *, ability: str, **params: str) -> list[Item]:
        if path == "commlogs":
            asked.append(params)
        return plain(self, path, ability=ability, **params)

    monkeypatch.setattr(OpenDentalApi, "items", items)
    return asked


def test_a_revoked_permission_pauses_that_ability_only(rig: OpenDentalRig) -> None:
    rig.knobs.take_permission("Comm")
    connector = rig.connect()
    with pytest.raises(Unauthorised) as error:
        connector.write(rig.command(CommandKind.ADD_NOTE, MARKER))
    assert error.value.ability == "add_note"
    connector.write(rig.command(CommandKind.ADD_DOCUMENT, MARKER))
    assert len(rig.truth(MARKER)) == 1


def test_a_patient_number_that_is_not_there_is_refused(rig: OpenDentalRig) -> None:
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER)
    assert isinstance(command, AddNote)
    for key in ("999999", "0", "abc", "-1", "9" * 30):
        other = AddNote(
            patient_key=key,
            text=command.text,
            marker=command.marker,
            note_type_key="239",
            provider_key="1",
            occurred_at=command.occurred_at,
            medium=command.medium,
            direction=command.direction,
        )
        with pytest.raises(Refused):
            connector.write(other)
    assert rig.truth(MARKER) == []


def test_a_deleted_note_type_is_refused_or_misconfigured_by_name(rig: OpenDentalRig) -> None:
    rig.knobs.delete_note_type(239)
    with pytest.raises((Refused, Misconfigured)) as error:
        rig.connect().write(rig.command(CommandKind.ADD_NOTE, MARKER))
    assert "CommType" in getattr(error.value, "reason", "CommType")


def test_a_failure_of_the_server_is_uncertain_and_html_is_unreadable(rig: OpenDentalRig) -> None:
    connector = rig.connect()
    connector.identify()
    rig.knobs.answer_error(502, html=True, reads=False)
    with pytest.raises(Uncertain):
        connector.write(rig.command(CommandKind.ADD_NOTE, MARKER))
    rig.knobs.answer_error(200, html=True)
    with pytest.raises(Unreadable):
        connector.read(Stream.PATIENTS, None)


@pytest.mark.parametrize("body", ["x" * 100_001, "[" * 100_000], ids=["too large", "too deep"])
def test_a_write_whose_answer_can_t_be_taken_is_looked_up(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 100_000)
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER)
    connector.identify()
    rig.knobs.answer_error(201, after=True, reads=False, text=body)
    with pytest.raises(Uncertain):
        connector.write(command)
    assert len(rig.truth(MARKER)) == 1
    assert connector.landed(command) is not None


@pytest.mark.parametrize(
    ("status", "html"), [(404, False), (404, True), (400, True)], ids=["404", "404 page", "400 page"]
)
def test_something_else_at_the_address_is_told_as_a_wrong_address(
    rig: OpenDentalRig, status: int, html: bool
) -> None:
    rig.knobs.answer_error(status, html=html, times=None)
    with pytest.raises(Misconfigured) as error:
        rig.connect().identify()
    assert error.value.setting == "api_address"
    assert "address" in error.value.safe_message


def test_an_address_without_the_api_s_path_is_told_as_a_wrong_address(rig: OpenDentalRig) -> None:
    connector = connect(rig.settings(api_address=f"http://127.0.0.1:{rig.api_line.port}/"), rig.clock)
    with pytest.raises(Misconfigured) as error:
        connector.identify()
    assert error.value.setting == "api_address"
    assert [f.ability for f in connector.examine() if f.ok is False] == ["api_address"]


def test_something_else_in_the_place_of_an_api_that_has_answered_is_asked_again(rig: OpenDentalRig) -> None:
    connector = rig.connect()
    connector.identify()
    rig.knobs.answer_error(404, html=True)
    with pytest.raises(Unavailable):
        connector.identify()
    connector.identify()


def test_a_write_whose_answer_is_rubbish_is_uncertain(rig: OpenDentalRig) -> None:
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER)
    connector.identify()
    rig.knobs.answer_error(200, html=True, reads=False, after=True)
    with pytest.raises(Uncertain):
        connector.write(command)
    assert connector.landed(command) is not None


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"developer_key": ""}, "developer_key"),
        ({"customer_key": ""}, "customer_key"),
        ({"customer_key": "two words"}, "customer_key"),
        ({"api_address": ""}, "api_address"),
        ({"api_address": "server"}, "api_address"),
        ({"api_mode": "by post"}, "api_mode"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_sent(
    rig: OpenDentalRig, change: dict[str, str], setting: str
) -> None:
    before = rig.sandbox.service.requests
    connector = connect(rig.settings(**change), rig.clock)
    with pytest.raises(Misconfigured) as error:
        connector.identify()
    assert error.value.setting == setting
    findings = connector.examine()
    assert [finding.ability for finding in findings if finding.ok is False] == [setting]
    assert rig.sandbox.service.requests == before


def test_a_wrong_key_says_where_to_switch_it_on(rig: OpenDentalRig) -> None:
    connector = connect(rig.settings(customer_key="NotThisOne"), rig.clock)
    with pytest.raises(Unauthorised, match="Setup > Advanced Setup > API"):
        connector.read(Stream.PATIENTS, None)


def test_a_long_note_with_everything_in_it_is_stored(rig: OpenDentalRig) -> None:
    text = ("Mm'\"\\<b>李</b>\t" * 1300)[:19_900]
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER, text=text)
    connector.write(command)
    seen = connector.landed(command)
    assert seen is not None
    assert " ".join(seen.text.split()) == " ".join(f"{text} {MARKER}".split())


def test_the_time_of_a_note_is_the_practice_s_own(rig: OpenDentalRig) -> None:
    """01:50 in New York is 05:50 in UTC on 1 November 2026."""
    connector, command = rig.connect(), rig.command(CommandKind.ADD_NOTE, MARKER)
    connector.write(command)
    row = rig.db.row(
        "SELECT CommDateTime, Mode_, SentOrReceived, CommType FROM commlog WHERE Note LIKE ?", f"%{MARKER}%"
    )
    assert row is not None
    assert str(row["CommDateTime"])[:15] == "2026-11-01 01:5"
    assert (row["Mode_"], row["SentOrReceived"], row["CommType"]) == (5, 1, 239)


NOON = datetime.fromisoformat("2026-11-03 12:00:00")


def test_a_note_is_looked_for_from_the_newest_time_on_that_was_shown_before_it_was_sent() -> None:
    now = NOON
    written = Written(lambda: now)
    written.begin("CB-1")
    written.heard(["2026-11-03 11:59:59", None, "2026-11-03 12:00:01", ""])
    written.begin("CB-2")
    for odd in (["soon"], ["0001-01-01 00:00:00"], [], ["2027-01-01 00:00:00"]):
        written.heard(odd)
    written.begin("CB-3")
    now += timedelta(minutes=1)
    written.begin("CB-4")
    assert written.since(["CB-1", "CB-2", "CB-3", "CB-4", "CB-other"]) == {
        "CB-1": NOON - AHEAD,
        "CB-2": NOON + timedelta(seconds=1),
        "CB-3": NOON + timedelta(seconds=1),
        "CB-4": now - AHEAD,
    }


def test_of_what_was_sent_only_so_much_is_remembered() -> None:
    written = Written(lambda: NOON)
    for n in range(MOST + 1):
        written.begin(f"CB-{n}")
    assert list(written.since(["CB-0", f"CB-{MOST}"])) == [f"CB-{MOST}"]


def _with(monkeypatch: pytest.MonkeyPatch, path: str, **odd: object) -> None:
    """Let the first entry of every list at `path` come with other values."""
    answered = OpenDentalApi.items

    def items(api: OpenDentalApi, asked: str, *, ability: str, **params: str) -> list[Item]:
        found = answered(api, asked, ability=ability, **params)
        return [found[0] | odd, *found[1:]] if asked == path and found else found

    monkeypatch.setattr(OpenDentalApi, "items", items)


@pytest.mark.parametrize(
    ("path", "field", "kind"),
    [
        ("definitions", "ItemName", LookupKind.NOTE_TYPES),
        ("providers", "Abbr", LookupKind.PROVIDERS),
        ("operatories", "OpName", LookupKind.OPERATORIES),
    ],
)
def test_a_list_with_an_entry_of_another_shape_is_unreadable(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch, path: str, field: str, kind: LookupKind
) -> None:
    _with(monkeypatch, path, **{field: {"text": "Xyzzyowski"}})
    with pytest.raises(Unreadable, match="another shape"):
        rig.connect().lookups(kind)


@pytest.mark.parametrize("version", ["24.3.10", "25.1.20"])
def test_a_look_among_notes_of_another_shape_says_that_it_can_t_tell(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Neither there nor not there: said to be absent, it would be sent once more."""
    rig.knobs.set_version(version)
    command = rig.command(CommandKind.ADD_NOTE, MARKER)
    rig.connect().write(command)
    _with(monkeypatch, "commlogs", Note=["Xyzzyowski"])
    with pytest.raises(Unreadable, match="another shape"):
        rig.connect().landed(command)


def test_a_note_of_nobody_is_neither_there_nor_not_there(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = rig.command(CommandKind.ADD_NOTE, MARKER)
    rig.connect().write(command)
    _with(monkeypatch, "commlogs", PatNum=None)
    with pytest.raises(Unreadable, match="whose it is"):
        rig.connect().landed(command)
    assert rig.connect().landed(rig.command(CommandKind.ADD_NOTE, "CB-22222222")) is None


@pytest.mark.parametrize(("path", "field"), [("definitions", "ItemName"), ("appointments", "PatNum")])
def test_photos_are_unreadable_where_what_leads_to_them_has_another_shape(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch, path: str, field: str
) -> None:
    _with(monkeypatch, path, **{field: {"text": "Xyzzyowski"}})
    with pytest.raises(Unreadable, match="another shape"):
        read_on(rig.connect(), Stream.PHOTOS, None)


def test_a_document_of_another_shape_is_a_bad_row_and_the_others_are_read(
    rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_on(rig.connect(), Stream.DOCUMENTS, None)
    assert whole.keys
    _with(monkeypatch, "documents", Description=["Xyzzyowski"])
    heard = read_on(rig.connect(), Stream.DOCUMENTS, None)
    bad = [row for page in heard.pages for row in page.bad]
    assert bad
    assert all(row.key for row in bad)
    assert heard.keys == whole.keys - {row.key for row in bad}
