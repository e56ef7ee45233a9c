"""What is Eaglesoft's alone: the gate, lost columns, documents that wait, the lists."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chartbridge.connectors.eaglesoft.connector import connect
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import SetClock, SystemClock
from chartbridge.domain.schedule import Appointment, BookingState
from chartbridge.pms.commands import CommandKind, SetAppointmentStatus
from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured, Refused, Uncertain, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.sync import brake
from chartbridge.testing.steps import read_on
from tests.connectors.eaglesoft.rig import EaglesoftRig
from tests.connectors.odbc_desk import DeskContract
from tests.connectors.odbc_versions import VersionsContract

MARKER = "CB-7K2QM9XD"


def test_trying_whether_writing_is_let_through_leaves_nothing(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    connector = rig.connect()
    before = rig.practice.rows("SELECT * FROM operatory_notes_type ORDER BY note_type, id")
    assert [f.ok for f in connector.examine() if f.ability == "add_note"] == [True]
    assert rig.practice.rows("SELECT * FROM operatory_notes_type ORDER BY note_type, id") == before
    rig.expire_sign_in()
    assert [f.ok for f in connector.examine() if f.ability == "add_note"] == [False]


@pytest.mark.parametrize("hours", [5, 24, 80])
def test_a_hub_s_clock_that_was_set_right_is_not_taken_for_the_server_s(
    eaglesoft_rig: EaglesoftRig, hours: int
) -> None:
    rig = eaglesoft_rig
    connector = rig.connect()
    rig.clock.ahead = timedelta(hours=hours)
    known = brake.as_known(connector.identify())
    rig.clock.ahead = timedelta()
    brake.look_at(known, {}, connector.identify())


@pytest.mark.parametrize("hours", [-5, 5, 30])
def test_a_hub_s_clock_that_is_set_does_not_move_the_server_s(
    eaglesoft_rig: EaglesoftRig, hours: int
) -> None:
    clock = SetClock(SystemClock().now())
    database = connect(eaglesoft_rig.settings(), clock)._open().database  # type: ignore[attr-defined]
    before = database.local_now()
    clock.jump(clock.now() + timedelta(hours=hours))
    assert abs(database.local_now() - before) < timedelta(minutes=20)


def test_a_version_without_a_column_loses_that_ability_and_says_so(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    rig.lose("document.ref_table", "chairs.chair_name")
    connector = rig.connect()
    with pytest.raises(Unreadable):
        connector.read(Stream.DOCUMENTS, None)
    assert connector.lookups(LookupKind.OPERATORIES) == []
    assert connector.read(Stream.PATIENTS, None).cursor
    said = [finding.sentence for finding in connector.examine() if finding.ok is False]
    assert any("document.ref_table" in sentence for sentence in said)
    assert any("Chairs are listed: no" in sentence for sentence in said)


def test_a_version_without_groups_still_has_its_documents_read(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    rig.lose("document.document_group_id")
    connector = rig.connect()
    assert set(read_on(connector, Stream.DOCUMENTS, None).latest()) == rig.present(Stream.DOCUMENTS)
    assert any(
        "document_group_id" in finding.sentence for finding in connector.examine() if finding.ok is False
    )


def test_a_version_without_arrival_statuses_loses_them_and_nothing_else(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    visit, other = rig.book(), rig.book()
    rig.lose("appointment.arrival_status")
    connector = rig.connect()
    assert connector.identify().busy == ""
    for stream in connector.manifest.streams.keys() - {Stream.LOOKUPS}:
        assert set(read_on(connector, stream, None).latest()) == rig.present(stream)
    assert not any(
        item.key.startswith("arrival") for item in connector.lookups(LookupKind.APPOINTMENT_STATUSES)
    )
    connector.write(
        SetAppointmentStatus(patient_key=rig.patient, appointment_key=visit, status_key="confirmation:1")
    )
    shown = read_on(connector, Stream.APPOINTMENT_STATUS, None).latest()[visit]
    assert getattr(shown, "status_key", "") == "confirmation:1"
    with pytest.raises(Unreadable, match=r"appointment\.arrival_status"):
        connector.write(
            SetAppointmentStatus(patient_key=rig.patient, appointment_key=other, status_key="arrival:4")
        )
    said = [finding.sentence for finding in connector.examine() if finding.ok is False]
    assert any("walked out can be written: no, this version lacks" in sentence for sentence in said)


class TestDeskOfEaglesoft(DeskContract):
    setting, wished, others = b"UPDATE PPM.appointment", "confirmation:1", ("confirmation:3", "arrival:2")
    logged = "SELECT * FROM appt_log"
    no_status = (
        "UPDATE appointment SET confirmation_status = NULL, arrival_status = NULL WHERE appointment_id = %s"
    )
    off, who = ({"authorisation": ""},), "Patterson"
    asked = "Patterson"

    @pytest.fixture
    def rig(self, eaglesoft_rig: EaglesoftRig) -> EaglesoftRig:
        return eaglesoft_rig


class TestOlderEaglesoft(VersionsContract):
    lost_of_writing = {
        "operatory_notes.color": CommandKind.ADD_NOTE,
        "appt_log.old_slot": CommandKind.SET_APPOINTMENT_STATUS,
        "appointment.date_confirmed": CommandKind.SET_APPOINTMENT_STATUS,
        "document.ref_table": CommandKind.ADD_DOCUMENT,
    }
    lost_list = ("document_group.description", LookupKind.DOCUMENT_TYPES)
    vanishing = ("patient.email_address", frozenset({Stream.PATIENTS}))

    @pytest.fixture
    def rig(self, eaglesoft_rig: EaglesoftRig) -> EaglesoftRig:
        return eaglesoft_rig


def test_another_programs_database_is_said_to_be_one(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    connector = connect(rig.settings(owner="nobody"), rig.clock)
    with pytest.raises(Misconfigured, match="Eaglesoft's tables"):
        connector.read(Stream.PATIENTS, None)


def test_a_program_may_provide_the_connection_string(eaglesoft_rig: EaglesoftRig, tmp_path: Path) -> None:
    rig = eaglesoft_rig
    kept = tmp_path / "string"
    kept.write_text(rig.settings().secrets["connection_string"])
    connector = connect(rig.settings(connection_string="", connection_program=f"cat {kept}"), rig.clock)
    assert connector.identify().version
    with pytest.raises(Misconfigured) as caught:
        connect(Settings(values={}, secrets={}), rig.clock).identify()
    assert caught.value.setting == "connection_string"


def test_documents_wait_in_the_folder_and_are_found_when_they_were_imported(
    eaglesoft_rig: EaglesoftRig, tmp_path: Path
) -> None:
    rig = eaglesoft_rig
    folder = tmp_path / "waiting"
    folder.mkdir()
    connector = connect(rig.settings(document_program="", handoff_folder=str(folder)), rig.clock)
    command = rig.command(CommandKind.ADD_DOCUMENT, MARKER)
    assert connector.landed(command) is None
    receipt = connector.write(command)
    assert receipt.handed_over
    assert json.loads((folder / f"{MARKER}.json").read_text())["patient"] == rig.patient
    waiting = connector.landed(command)
    assert waiting is not None
    assert waiting.handed_over
    assert not waiting.seen
    assert connector.landed(rig.aside(command)) is None
    rig.knobs.add_document(rig.patient, f"Statement {MARKER}")
    seen = connector.landed(command)
    assert seen is not None
    assert seen.seen
    assert not seen.handed_over


@pytest.mark.parametrize(("code", "means"), [(1, Uncertain), (2, Refused), (63, Refused), (64, Uncertain)])
def test_an_importer_that_only_broke_has_refused_nothing(
    eaglesoft_rig: EaglesoftRig, code: int, means: type[Exception]
) -> None:
    rig = eaglesoft_rig
    connector = connect(rig.settings(document_program=f"sh -c 'exit {code}'"), rig.clock)
    with pytest.raises(means):
        connector.write(rig.command(CommandKind.ADD_DOCUMENT, MARKER))


def test_without_a_way_for_documents_that_is_said(eaglesoft_rig: EaglesoftRig) -> None:
    connector = connect(eaglesoft_rig.settings(document_program=""), eaglesoft_rig.clock)
    with pytest.raises(Misconfigured) as caught:
        connector.write(eaglesoft_rig.command(CommandKind.ADD_DOCUMENT, MARKER))
    assert caught.value.setting == "handoff_folder"


def test_arrival_statuses_in_use_are_listed_and_never_written(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    visit = rig.book()
    rig.knobs.set_visit(visit, arrival_status=2)
    items = {item.key: item for item in rig.connect().lookups(LookupKind.APPOINTMENT_STATUSES)}
    assert items["arrival:2"].name == "Arrival status 2"
    assert not items["arrival:2"].meaning
    wish = SetAppointmentStatus(patient_key=rig.patient, appointment_key=visit, status_key="arrival:3")
    with pytest.raises(Refused):
        rig.connect().write(wish)


def test_a_status_goes_with_a_row_of_the_log(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    visit = rig.book()
    wish = SetAppointmentStatus(patient_key=rig.patient, appointment_key=visit, status_key="confirmation:1")
    rig.connect().write(wish)
    assert [str(row["appt_id"]) for row in rig.practice.rows("SELECT appt_id FROM appt_log")] == [visit]


def test_a_visit_off_the_schedule_is_unscheduled_and_a_walked_out_one_complete(
    eaglesoft_rig: EaglesoftRig,
) -> None:
    rig = eaglesoft_rig
    off, out = rig.book(), rig.book()
    rig.knobs.unschedule(off)
    rig.knobs.set_visit(out, arrival_status=4)
    found = read_on(rig.connect(), Stream.APPOINTMENTS, None).latest()
    states = {key: visit.state for key in (off, out) if isinstance(visit := found[key], Appointment)}
    assert states == {off: BookingState.UNSCHEDULED, out: BookingState.COMPLETE}


def test_edits_of_people_without_a_visit_today_are_found_by_the_scan(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    away = rig.knobs.add_patient("Away", "Ann")
    connector = rig.connect()
    cursor = read_on(connector, Stream.PATIENTS, None).cursor
    cursor = read_on(connector, Stream.PATIENTS, cursor).cursor
    rig.knobs.edit_patient(away, cell_phone="(555)019-1111")
    assert away not in read_on(connector, Stream.PATIENTS, cursor).keys
    assert away in read_on(connector, Stream.PATIENTS, cursor, thorough=True).keys


def test_many_keys_are_read_in_pieces(eaglesoft_rig: EaglesoftRig) -> None:
    rig = eaglesoft_rig
    begin = datetime(2026, 1, 1, 9)  # noqa: DTZ001
    rig.practice.insert_many(
        "patient",
        [
            {"patient_id": str(20000 + n), "last_name": f"N{n}", "first_name": "A", "status": "A"}
            for n in range(900)
        ],
    )
    rig.practice.insert_many(
        "appointment",
        [
            {
                "patient_id": "20000", "start_time": begin + timedelta(days=n % 900), "classification": 1,
                "end_time": begin + timedelta(days=n % 900, minutes=30), "location_id": 1,
            }
            for n in range(1800)
        ],
    )  # fmt: skip
    for stream in (Stream.PATIENTS, Stream.APPOINTMENTS):
        heard = read_on(rig.connect(), stream, None)
        assert set(heard.latest()) == rig.present(stream)
        assert max(page.rows_read for page in heard.pages) <= 1000


@pytest.mark.parametrize("expected", ["", "arrival:2"])
def test_a_confirmation_that_could_not_be_seen_beside_an_arrival_is_refused_and_not_written(
    eaglesoft_rig: EaglesoftRig, expected: str
) -> None:
    rig = eaglesoft_rig
    visit = rig.book()
    rig.knobs.set_visit(visit, arrival_status=2)
    wish = SetAppointmentStatus(
        patient_key=rig.patient, appointment_key=visit, status_key="confirmation:1", expected_key=expected
    )
    with pytest.raises(Refused, match="Take the arrival back in Eaglesoft first"):
        rig.connect().write(wish)
    row = rig.practice.rows(
        "SELECT confirmation_status AS c FROM appointment WHERE appointment_id = %s", (visit,)
    )
    assert row == [{"c": 0}]
    assert rig.practice.rows("SELECT * FROM appt_log") == []
