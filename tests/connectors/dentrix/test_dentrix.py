"""What is Dentrix's alone: the licence, stamps and history, lost columns, the practice's own statuses, staff."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chartbridge.connectors.by_odbc.cursors import OVERLAP, Cursor, Stamped, parse
from chartbridge.connectors.dentrix.connector import connect
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.people import Patient
from chartbridge.domain.schedule import Appointment, BookingState
from chartbridge.pms.commands import AddNote, CommandKind, SetAppointmentStatus
from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured, Refused, Unauthorised, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.testing.steps import read_on
from tests.connectors.dentrix.rig import DentrixRig
from tests.connectors.odbc_desk import DeskContract
from tests.connectors.odbc_versions import VersionsContract

MARKER = "CB-7K2QM9XD"


def _note(rig: DentrixRig) -> AddNote:
    command = rig.command(CommandKind.ADD_NOTE, MARKER)
    assert isinstance(command, AddNote)
    return command


def test_the_switch_is_a_boolean_that_is_off() -> None:
    setting = next(
        each
        for each in connect(Settings(values={}, secrets={}), _NoClock()).manifest.settings
        if each.name == "write_licence"
    )
    assert (setting.type, setting.default) == ("boolean", "false")


class _NoClock:
    def now(self) -> datetime:
        raise AssertionError

    def monotonic(self) -> float:
        raise AssertionError


def test_trying_whether_writing_is_let_through_touches_nothing(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    connector = rig.connect()
    connector.write(_note(rig))
    before = rig.practice.rows("SELECT * FROM contact")
    assert [f.ok for f in connector.examine() if f.ability == "add_note"] == [True]
    assert rig.practice.rows("SELECT * FROM contact") == before
    rig.expire_sign_in()
    assert [f.ok for f in connector.examine() if f.ability == "add_note"] == [False]


def test_a_note_is_an_entry_of_the_office_journal_and_its_text(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    command = replace(_note(rig), note_type_key="3", provider_key="FD1")
    receipt = rig.connect().write(command)
    entry = rig.practice.rows("SELECT * FROM contact")[0]
    text = rig.practice.rows("SELECT * FROM fullnotes")[0]
    assert receipt.record == f"journal {entry['contactid']}"
    assert (entry["contacttype"], entry["provtype"], entry["patid"]) == (3, 2, int(rig.patient))
    assert entry["title"] == f"Text message sent {MARKER}"
    assert (text["notetype"], text["noteid"], text["notetext"]) == (49, entry["contactid"], command.text)
    there = datetime.combine(entry["contactdate"], datetime.min.time()) + timedelta(
        seconds=entry["contacttime"]
    )
    assert abs(there - rig.practice.now()) < timedelta(minutes=2)


def test_a_trigger_that_refuses_leaves_neither_half_of_an_entry(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    with pytest.raises(Refused) as caught:
        rig.connect().write(replace(_note(rig), provider_key=""))
    assert "-20148" in caught.value.reason
    assert rig.practice.rows("SELECT * FROM contact") == []
    assert rig.practice.rows("SELECT * FROM fullnotes") == []


def test_a_note_type_that_is_not_dentrixs_names_the_setting(dentrix_rig: DentrixRig) -> None:
    with pytest.raises(Misconfigured) as caught:
        dentrix_rig.connect().write(replace(_note(dentrix_rig), note_type_key="99"))
    assert caught.value.setting == "note_type"


def test_a_status_goes_with_a_row_of_the_history(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    visit = rig.book()
    before = len(rig.practice.rows("SELECT * FROM appthist"))
    rig.connect().write(SetAppointmentStatus(patient_key=rig.patient, appointment_key=visit, status_key="3"))
    added = rig.practice.rows("SELECT * FROM appthist ORDER BY apptid")[before:]
    assert [(row["parentapptid"], row["status"], row["deletedflag"]) for row in added] == [
        (int(visit), "EMERGEN", 0)
    ]


@pytest.mark.parametrize("status", ["4242", "-106", "here"])
def test_only_the_practices_own_statuses_are_set(dentrix_rig: DentrixRig, status: str) -> None:
    rig = dentrix_rig
    rig.practice.insert("fulldef", deftype=25, defid=-106, descript="COMPLETE")
    wish = SetAppointmentStatus(patient_key=rig.patient, appointment_key=rig.book(), status_key=status)
    with pytest.raises(Refused):
        rig.connect().write(wish)


def test_statuses_are_the_practices_own_and_nothing_is_guessed_of_them(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    rig.practice.run("UPDATE fulldef SET descript = 'IN THE HOUSE' WHERE deftype = 25 AND defid = 4")
    items = {item.key: item for item in rig.connect().lookups(LookupKind.APPOINTMENT_STATUSES)}
    assert items["4"].name == "IN THE HOUSE"
    assert not any(item.meaning for item in items.values())


def test_broken_completed_and_nobodys_visits(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    broken, done = rig.book(), rig.book()
    nobodys = rig.knobs.book("", rig.today() + timedelta(hours=15))
    rig.knobs.set_visit(broken, apptbroken=1)
    rig.knobs.set_visit(done, status=-106)
    found = read_on(rig.connect(), Stream.APPOINTMENTS, None).latest()
    states = {key: visit.state for key in (broken, done) if isinstance(visit := found[key], Appointment)}
    assert states == {broken: BookingState.BROKEN, done: BookingState.COMPLETE}
    assert nobodys not in found


def test_a_change_and_a_deletion_of_another_day_are_found_by_stamp_and_history(
    dentrix_rig: DentrixRig,
) -> None:
    rig = dentrix_rig
    far, gone = (
        rig.knobs.book(rig.neighbour, rig.today() + timedelta(days=days, hours=9)) for days in (30, 31)
    )
    connector = rig.connect()
    cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
    rig.set_status(far, "6")
    rig.delete(gone)
    heard = read_on(connector, Stream.APPOINTMENTS, cursor)
    assert getattr(heard.latest()[far], "status_key", "") == "6"
    assert gone in heard.gone


def test_a_visit_that_was_deleted_and_is_there_again_is_not_gone(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    connector = rig.connect()
    cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
    visit = rig.book()
    rig.practice.insert("appthist", parentapptid=int(visit), deletedflag=1)
    heard = read_on(connector, Stream.APPOINTMENTS, cursor)
    assert visit in heard.latest()
    assert visit not in heard.gone


def test_many_changes_at_once_come_in_pieces_and_all_of_them(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    day = (rig.today() + timedelta(days=20)).date()
    rows = [
        {
            "patid": int(rig.neighbour),
            "apptdate": day,
            "timehr": 9,
            "timemin": 0,
            "apptlen": 30,
            "provid": "DDS1",
        }
        for _ in range(1000)
    ]
    rig.practice.insert_many("appt", rows)
    connector = rig.connect()
    cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
    rig.practice.run("UPDATE appt SET status = 7 WHERE apptdate = %s", (day,))
    heard = read_on(rig.connect, Stream.APPOINTMENTS, cursor)
    told = [key for key, each in heard.latest().items() if getattr(each, "status_key", "") == "7"]
    assert len(told) == 1000
    assert max(page.rows_read for page in heard.pages) <= 500


def test_a_version_without_stamps_still_finds_new_ones_and_says_what_it_lacks(
    dentrix_rig: DentrixRig,
) -> None:
    rig = dentrix_rig
    rig.lose("v_appt.modified_time_stamp", "v_patient.modifiedtimestamp")
    connector = rig.connect()
    visits = read_on(connector, Stream.APPOINTMENTS, None).cursor
    people = read_on(connector, Stream.PATIENTS, None).cursor
    far = rig.knobs.book(rig.neighbour, rig.today() + timedelta(days=30, hours=9))
    new = rig.add_patient()
    assert far in read_on(connector, Stream.APPOINTMENTS, visits).keys
    assert new in read_on(connector, Stream.PATIENTS, people).keys
    rig.edit_patient(rig.patient)
    assert rig.patient in read_on(connector, Stream.PATIENTS, people, thorough=True).keys
    said = [finding.sentence for finding in connector.examine() if finding.ok is False]
    assert any("v_appt" in sentence for sentence in said)
    assert any("v_patient" in sentence for sentence in said)


def test_a_version_without_a_column_loses_that_ability_and_says_so(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    rig.lose("v_provider.inactive", "docattach.attachtotype")
    connector = rig.connect()
    assert {item.active for item in connector.lookups(LookupKind.PROVIDERS)} == {True}
    with pytest.raises(Unreadable):
        connector.read(Stream.DOCUMENTS, None)
    assert connector.read(Stream.PATIENTS, None).cursor
    said = [finding.sentence for finding in connector.examine() if finding.ok is False]
    assert any("docattach.attachtotype" in sentence for sentence in said)


class TestDeskOfDentrix(DeskContract):
    setting, wished, others = b"UPDATE admin.appt", "1", ("6", "4")
    logged = "SELECT * FROM appthist WHERE note = 'Chartbridge'"
    no_status = "UPDATE appt SET status = NULL WHERE apptid = %s"
    off, who = ({"write_licence": "false"}, {"write_licence": ""}), "Write licence"
    asked = "Henry Schein One"

    @pytest.fixture
    def rig(self, dentrix_rig: DentrixRig) -> DentrixRig:
        return dentrix_rig


class TestOlderDentrix(VersionsContract):
    lost_of_writing = {
        "contact.refid": CommandKind.ADD_NOTE,
        "appthist.lastflag": CommandKind.SET_APPOINTMENT_STATUS,
        "docattach.attachtotype": CommandKind.ADD_DOCUMENT,
    }
    lost_list = ("v_operatory.op_title", LookupKind.OPERATORIES)
    vanishing = ("document.createdate", frozenset({Stream.DOCUMENTS}))

    @pytest.fixture
    def rig(self, dentrix_rig: DentrixRig) -> DentrixRig:
        return dentrix_rig


def test_staff_is_listed_beside_providers(dentrix_rig: DentrixRig) -> None:
    items = {item.key: item for item in dentrix_rig.connect().lookups(LookupKind.PROVIDERS)}
    assert items["FD1"].meaning == {"staff"}
    assert not items["DDS1"].meaning
    assert not items["OLD"].active


def test_privacy_flags_say_whether_texts_are_wanted(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    rig.knobs.edit_patient(rig.patient, privacyflags=3)
    rig.knobs.edit_patient(rig.neighbour, privacyflags=1)
    found = read_on(rig.connect(), Stream.PATIENTS, None).latest()
    wants = {key: each.text_ok for key, each in found.items() if isinstance(each, Patient)}
    assert wants[rig.patient] is False
    assert wants[rig.neighbour] is True


def test_a_document_of_two_patients_stands_with_both(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    first = rig.add_paper(rig.patient)
    document = rig.practice.rows("SELECT docid FROM docattach WHERE attachid = %s", (first,))[0]["docid"]
    second = rig.knobs.attach(int(document), rig.neighbour)
    found = read_on(rig.connect(), Stream.DOCUMENTS, None).latest()
    assert {first, second} <= set(found)


def test_the_uploader_is_told_the_name_of_the_type_and_documents_can_wait_in_a_folder(
    dentrix_rig: DentrixRig, tmp_path: Path
) -> None:
    rig = dentrix_rig
    command = rig.command(CommandKind.ADD_DOCUMENT, MARKER)
    rig.connect().write(command)
    assert rig.practice.rows("SELECT doctypeid FROM document WHERE descript LIKE %s", (f"%{MARKER}%",)) == [
        {"doctypeid": 2}
    ]
    folder = tmp_path / "waiting"
    folder.mkdir()
    waiting = connect(rig.settings(document_program="", handoff_folder=str(folder)), rig.clock)
    other = rig.aside(command)
    receipt = waiting.write(other)
    assert receipt.handed_over
    assert json.loads((folder / f"{MARKER}.json").read_text())["type"] == "Insurance"
    assert connect(rig.settings(document_program=""), rig.clock).examine()[-1].ok is False


def test_another_programs_database_and_a_missing_string_are_named(dentrix_rig: DentrixRig) -> None:
    rig = dentrix_rig
    with pytest.raises((Misconfigured, Unauthorised)):  # MariaDB won't say whether there is such a table
        connect(rig.settings(owner="nobody"), rig.clock).read(Stream.PATIENTS, None)
    with pytest.raises(Misconfigured) as caught:
        connect(Settings(values={}, secrets={}), rig.clock).identify()
    assert caught.value.setting == "connection_string"


def test_a_practice_says_its_name_and_version(dentrix_rig: DentrixRig) -> None:
    who = dentrix_rig.connect().identify()
    assert (who.practice_name, who.version) == ("Maple Street Dental", "24.6")
    assert who.highest["appthist"] > 0


NOON = datetime(2026, 11, 1, 1, 30)  # noqa: DTZ001  the night of the repeated hour, New York


@pytest.mark.parametrize(
    ("offset", "since"),
    [
        (-240, NOON),  # nothing happened to the clock
        (-300, NOON - timedelta(hours=1)),  # it was put back: 01:00 comes once more
        (-180, NOON),  # it was put forward
    ],
)
def test_stamps_are_read_again_where_the_clock_was_put_back(offset: int, since: datetime) -> None:
    assert Stamped(wall=NOON, offset=-240).since(offset) == since - OVERLAP


def test_a_cursor_is_the_same_after_it_was_stored_and_another_connectors_is_not_understood() -> None:
    cursor = Cursor(top=7, stamped=Stamped(wall=NOON, offset=-240, after=3, then=(NOON, -300)))
    assert parse("dx", cursor.text("dx")) == cursor
    assert parse("es", cursor.text("dx")) is None
