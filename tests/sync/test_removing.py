"""What is removed, and what is not: tombstones, full passes, the brake."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chartbridge.domain.charts import Document, Photo
from chartbridge.domain.schedule import Appointment, BookingState
from chartbridge.pms.reading import Stream
from chartbridge.store.models import (
    AuditEntry,
    Connection,
    MirrorBadRow,
    MirrorDocument,
    MirrorPatient,
    StreamState,
)
from chartbridge.sync.buttons import full_sync, resume_after_brake
from tests.sync.conftest import Office, appointment, patient

PATIENTS, APPOINTMENTS, STATUS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS


def run_full_sync(office: Office, stream: Stream) -> None:
    full_sync(office.pk, stream)
    office.settle(stream)
    office.clock.advance(61)
    office.settle(stream)


def test_a_tombstone_marks_and_being_read_again_brings_back(office: Office) -> None:
    office.pms.put(PATIENTS, patient("1"), patient("2"))
    office.settle(PATIENTS)
    office.pms.delete(PATIENTS, "1")
    assert office.check(PATIENTS).changes == 1
    assert set(office.patients()) == {"2"}
    assert MirrorPatient.objects.get(key="1").gone_at == office.clock.now()
    office.pms.put(PATIENTS, patient("1"))
    assert office.check(PATIENTS).changes == 1
    assert set(office.patients()) == {"1", "2"}


def test_what_vanished_without_trace_goes_only_with_a_completed_full_sync(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(10)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    office.pms.vanish(PATIENTS, "4")
    office.clock.advance(31)
    office.settle(PATIENTS)
    assert "4" in office.patients()
    run_full_sync(office, PATIENTS)
    assert "4" not in office.patients()
    assert len(office.patients()) == 9


def test_a_row_that_was_never_understood_and_vanished_is_no_longer_told_of_after_a_full_sync(
    office: Office,
) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(10)))
    office.pms.corrupt(PATIENTS, "4")
    office.settle(PATIENTS)
    assert list(MirrorBadRow.objects.values_list("key", flat=True)) == ["4"]
    office.pms.corrupt(PATIENTS, "5")
    office.pms.vanish(PATIENTS, "4")
    run_full_sync(office, PATIENTS)
    assert MirrorBadRow.objects.filter(key="5").exists()
    office.pms.corrupt(PATIENTS, "5", mended=True)
    run_full_sync(office, PATIENTS)
    assert not MirrorBadRow.objects.exists()
    assert len(office.patients()) == 9


def test_a_full_sync_tells_its_progress_and_survives_a_restart(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(30)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    office.pms.vanish(PATIENTS, "7")
    office.pms.page_takes_s = 0.3
    full_sync(office.pk, PATIENTS)
    assert office.check(PATIENTS).again
    under_way = office.state(PATIENTS)
    assert under_way.pass_state == "reading"
    assert 0 < under_way.pass_records < 29
    office.restart()
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    assert "7" not in office.patients()
    assert office.state(PATIENTS).pass_state == ""


def test_who_is_added_during_a_full_sync_stays(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(f"{n:02}") for n in range(30)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    office.pms.page_takes_s = 0.3
    full_sync(office.pk, PATIENTS)
    office.check(PATIENTS)
    office.pms.put(PATIENTS, patient("000"), patient("001"))  # where the pass has been already
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    assert {"000", "001"} <= set(office.patients())


def test_a_full_sync_with_a_row_that_cannot_be_read_removes_nothing(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(9)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    office.pms.vanish(PATIENTS, "4")
    office.pms.books[PATIENTS].bad.add("5")
    run_full_sync(office, PATIENTS)
    assert set(office.patients()) == {str(n) for n in range(9)}


def test_appointments_outside_of_what_a_full_sync_read_stay(office: Office) -> None:
    office.pms.put(APPOINTMENTS, *(appointment(str(n), day=n) for n in range(10, 20)))
    office.settle(APPOINTMENTS)
    office.clock.advance(61)
    office.settle(APPOINTMENTS)
    office.pms.put(APPOINTMENTS, appointment("x", day=14, state=BookingState.UNSCHEDULED))
    office.settle(APPOINTMENTS)
    office.pms.vanish(APPOINTMENTS, "10", "15", "x")  # 10 was the earliest: nothing proves that it is gone
    run_full_sync(office, APPOINTMENTS)
    gone = {"15"}
    assert {str(n) for n in range(10, 20)} - set(office.appointments()) == gone
    assert "x" in office.appointments()


@pytest.mark.parametrize("how", ["nearly", "wholly"])
@pytest.mark.parametrize("stream", [PATIENTS, APPOINTMENTS])
def test_a_pass_that_is_suddenly_empty_pulls_the_brake(office: Office, stream: Stream, how: str) -> None:
    make = patient if stream is PATIENTS else appointment
    office.pms.page_size = 50
    office.pms.put(stream, *(make(str(n)) for n in range(60)))
    office.settle(stream)
    office.clock.advance(61)
    office.settle(stream)
    office.pms.vanish(stream, *(str(n) for n in range(60 if how == "wholly" else 50)))
    run_full_sync(office, stream)
    connection = Connection.objects.get(pk=office.pk)
    assert connection.hold_code == "brake"
    assert "are suddenly missing" in connection.hold
    alive = office.patients() if stream is PATIENTS else office.appointments()
    assert len(alive) == 60
    assert office.checker.due([office.pk]) == []
    asked = len(office.pms.calls)
    assert office.check(stream).error_code == "brake"
    assert len(office.pms.calls) == asked

    assert resume_after_brake(office.pk, "ann@example.com")
    office.settle(stream)
    office.clock.advance(61)
    office.settle(stream)
    alive = office.patients() if stream is PATIENTS else office.appointments()
    expected = 0 if how == "wholly" else 10
    # an empty schedule proves nothing about any day: appointments stay until one is read again
    assert len(alive) == (60 if stream is APPOINTMENTS and how == "wholly" else expected)
    assert AuditEntry.objects.get().who == "ann@example.com"


def test_not_even_a_handful_of_patients_is_suddenly_gone(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(3)))
    office.settle(PATIENTS)
    office.clock.advance(61)
    office.settle(PATIENTS)
    office.pms.vanish(PATIENTS, "0", "1", "2")
    run_full_sync(office, PATIENTS)
    assert Connection.objects.get(pk=office.pk).hold_code == "brake"
    assert set(office.patients()) == {"0", "1", "2"}
    assert resume_after_brake(office.pk, "ann@example.com")
    run_full_sync(office, PATIENTS)
    assert office.patients() == {}


def full_sync_of_an_emptied_schedule(office: Office, *visits: Appointment) -> str:
    """A schedule of these is read, and vanishes; returns what then holds the connection."""
    office.pms.put(APPOINTMENTS, *visits)
    office.settle(APPOINTMENTS)
    office.clock.advance(61)
    office.settle(APPOINTMENTS)
    office.pms.vanish(APPOINTMENTS, *(visit.key for visit in visits))
    run_full_sync(office, APPOINTMENTS)
    assert set(office.appointments()) == {visit.key for visit in visits}
    return Connection.objects.get(pk=office.pk).hold_code


@pytest.mark.parametrize("day", [23, 27])
def test_not_even_one_visit_from_today_on_is_suddenly_gone(office: Office, day: int) -> None:
    assert (
        full_sync_of_an_emptied_schedule(office, appointment("1", day=day), appointment("2", day=3))
        == "brake"
    )
    assert "2 of 2 appointments are suddenly missing" in Connection.objects.get(pk=office.pk).hold
    assert resume_after_brake(office.pk, "ann@example.com")
    office.settle(APPOINTMENTS)
    for _ in range(2):  # a person has said that it is right, and is not asked again about these
        run_full_sync(office, APPOINTMENTS)
        assert Connection.objects.get(pk=office.pk).hold_code == ""
    office.pms.put(APPOINTMENTS, appointment("3", day=28))
    office.settle(APPOINTMENTS)
    office.pms.vanish(APPOINTMENTS, "3")
    run_full_sync(office, APPOINTMENTS)
    assert Connection.objects.get(pk=office.pk).hold_code == "brake"


def test_a_schedule_that_was_emptied_before_the_next_visit_was_booked_pulls_the_brake(office: Office) -> None:
    office.pms.page_size = 50
    office.pms.put(APPOINTMENTS, *(appointment(str(n), day=24 + n % 4) for n in range(40)))
    office.settle(APPOINTMENTS)
    office.clock.advance(61)
    office.settle(APPOINTMENTS)
    office.pms.vanish(APPOINTMENTS, *(str(n) for n in range(40)))
    office.pms.put(APPOINTMENTS, appointment("new", day=23))  # it stands on none of the others' days
    run_full_sync(office, APPOINTMENTS)
    connection = Connection.objects.get(pk=office.pk)
    assert connection.hold_code == "brake"
    assert "40 of 41 appointments are suddenly missing" in connection.hold
    assert len(office.appointments()) == 41
    assert resume_after_brake(office.pk, "ann@example.com")
    office.settle(APPOINTMENTS)
    for _ in range(2):
        run_full_sync(office, APPOINTMENTS)
        assert Connection.objects.get(pk=office.pk).hold_code == ""


def test_a_schedule_that_is_over_may_be_empty(office: Office) -> None:
    assert full_sync_of_an_emptied_schedule(office, appointment("1", day=22), appointment("2", day=3)) == ""


def test_the_one_visit_that_the_pms_says_was_deleted_goes_without_a_question(office: Office) -> None:
    office.pms.put(APPOINTMENTS, appointment("1", day=27))
    office.settle(APPOINTMENTS)
    office.clock.advance(61)
    office.settle(APPOINTMENTS)
    full_sync(office.pk, APPOINTMENTS)
    office.pms.delete(APPOINTMENTS, "1")
    run_full_sync(office, APPOINTMENTS)
    assert office.appointments() == {}
    assert Connection.objects.get(pk=office.pk).hold_code == ""


def test_a_page_of_very_many_tombstones_pulls_the_brake(office: Office) -> None:
    office.pms.page_size = 100
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(60)))
    office.settle(PATIENTS)
    office.pms.delete(PATIENTS, *(str(n) for n in range(50)))
    assert office.check(PATIENTS).error_code == "brake"
    assert len(office.patients()) == 60


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("numbers", "numbering went backwards"),
        ("clock", "clock"),
        ("practice", "“Grin”"),
        ("vendor", "Another PMS"),
    ],
)
def test_a_restored_backup_or_another_practice_pulls_the_brake(office: Office, what: str, words: str) -> None:
    pms = office.pms
    pms.put(PATIENTS, patient("1"))
    office.settle(PATIENTS)
    office.checker.flush()
    office.restart()
    pms.put(PATIENTS, patient("2"))
    office.clock.advance(700)
    if what == "numbers":
        pms.identity = replace(pms.identity, highest={"signal": 99})
    elif what == "clock":
        pms.clock_is_off = timedelta(minutes=-15)
    elif what == "practice":
        pms.identity = replace(pms.identity, practice_name="Grin")
    else:
        pms.identity = replace(pms.identity, vendor="Somebody")
    assert office.check(PATIENTS).error_code == "brake"
    assert words in Connection.objects.get(pk=office.pk).hold
    assert set(office.patients()) == {"1"}

    office.restart()
    assert office.check(STATUS).error_code == "brake"
    assert not resume_after_brake(office.pk + 1000, "ann@example.com")
    assert resume_after_brake(office.pk, "ann@example.com")
    assert not resume_after_brake(office.pk, "ann@example.com")
    office.settle(PATIENTS)
    assert set(office.patients()) == {"1", "2"}
    office.checker.flush()
    assert Connection.objects.get(pk=office.pk).highest == dict(pms.identity.highest)


def test_a_busy_pms_is_left_alone_and_asked_again_by_itself(office: Office) -> None:
    office.settle(PATIENTS)
    office.pms.identity = replace(office.pms.identity, busy="Open Dental is being updated.")
    office.clock.advance(700)
    assert office.check(PATIENTS).error_code == "busy"
    assert Connection.objects.get(pk=office.pk).hold == "Open Dental is being updated."
    due = office.checker.due([office.pk])
    assert len(due) == 1
    assert due[0].stream is STATUS
    office.pms.identity = replace(office.pms.identity, busy="")
    office.clock.advance(31)
    office.check(due[0].stream)
    assert Connection.objects.get(pk=office.pk).hold_code == ""
    assert len(office.checker.due([office.pk])) == 6


def test_a_document_that_is_gone_and_a_photo_that_is_gone(office: Office) -> None:
    office.pms.put(
        Stream.DOCUMENTS, *(Document(key=str(n), patient_key="1", name=f"paper {n}") for n in (1, 2))
    )
    office.pms.put(Stream.PHOTOS, Photo(key="p1", patient_key="1", version="a", ref="r"))
    office.settle(PATIENTS)
    office.settle(Stream.APPOINTMENTS)
    for stream in (Stream.DOCUMENTS, Stream.PHOTOS):
        office.settle(stream)
        office.clock.advance(301)
        office.settle(stream)
    office.pms.put(PATIENTS, patient("1"))
    office.settle(PATIENTS)
    assert MirrorPatient.objects.get(key="1").photo_ref == "r"  # the photo was read before its patient
    office.pms.vanish(Stream.DOCUMENTS, "1")
    office.pms.delete(Stream.PHOTOS, "p1")
    full_sync(office.pk, Stream.DOCUMENTS)
    for stream in (Stream.DOCUMENTS, Stream.PHOTOS):
        office.settle(stream)
        office.clock.advance(301)
        office.settle(stream)
    from chartbridge.store import mirror

    assert [d.key for d in mirror.documents_of_patient(office.pk, "1", every_type=True)] == ["2"]
    assert mirror.documents_of_patient(office.pk, "1") == []
    assert MirrorPatient.objects.get(key="1").photo_ref == ""


def test_papers_of_patients_whom_a_full_sync_did_not_come_to_stay(office: Office) -> None:
    """Open Dental's API lists papers of today's patients only: of the others it says nothing."""
    papers = [Document(key=f"{n:02}", patient_key=str(n // 2), name="paper") for n in range(60)]
    office.pms.put(Stream.DOCUMENTS, *papers)
    for stream in (PATIENTS, Stream.APPOINTMENTS, Stream.DOCUMENTS):
        office.settle(stream)
    office.clock.advance(301)
    office.settle(Stream.DOCUMENTS)
    office.pms.vanish(Stream.DOCUMENTS, *(f"{n:02}" for n in range(60) if n != 10))
    run_full_sync(office, Stream.DOCUMENTS)
    office.clock.advance(301)
    office.settle(Stream.DOCUMENTS)
    gone = MirrorDocument.objects.exclude(gone_at=None)
    assert [d.key for d in gone] == ["11"]  # of the same patient as 10, and not there any more


def test_a_full_sync_of_everything_leaves_streams_without_passes_to_an_ordinary_check(office: Office) -> None:
    for stream in Stream:
        office.settle(stream)
    assert full_sync(office.pk) == 6
    for stream in Stream:
        office.settle(stream)
        office.clock.advance(301)
        office.settle(stream)
    assert not StreamState.objects.exclude(wanted="").exists()
    assert not StreamState.objects.exclude(pass_state="").exists()


def test_numbers_that_went_back_pull_the_brake_at_the_first_check_and_what_is_left_is_looked_for(
    office: Office,
) -> None:
    looked: list[int] = []
    office.restart_with(at_restore=lambda link, _connector: looked.append(link.pk))
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.settle(Stream.PATIENTS)
    office.pms.went_back = True
    office.clock.advance(31)
    assert office.check(Stream.PATIENTS).error_code == "brake"
    assert "went backwards" in Connection.objects.get().hold
    assert looked == [office.pk]


def test_writes_of_which_none_is_left_pull_the_brake(office: Office) -> None:
    gone = 0
    office.settle(Stream.PATIENTS)
    office.checker.flush()
    office.restart_with(newest_gone=lambda _link, _connector: gone)
    office.settle(Stream.PATIENTS)
    gone = 5
    office.clock.advance(601)
    assert office.check(Stream.PATIENTS).error_code == "brake"
    assert "5 entries in a row" in Connection.objects.get().hold


def test_writes_are_looked_for_every_half_minute_where_that_costs_no_calls(office: Office) -> None:
    looked: list[float] = []

    def newest_gone(_link: Connection, _connector: object) -> int:
        looked.append(office.clock.monotonic())
        return 0

    def looks_within_ten_minutes() -> int:
        looked.clear()
        for _ in range(60):
            office.clock.advance(10)
            office.check(Stream.PATIENTS)
        return len(looked)

    office.pms.identity = replace(office.pms.identity, highest={})
    office.settle(Stream.PATIENTS)
    office.checker.flush()
    Connection.objects.update(highest={})
    office.restart_with(newest_gone=newest_gone)
    assert 1 <= looks_within_ten_minutes() <= 2, "by calls: no oftener than it is asked who it is"
    office.pms.identity = replace(office.pms.identity, highest={"signal": 100})
    office.clock.advance(601)
    office.check(Stream.PATIENTS)
    assert 15 <= looks_within_ten_minutes() <= 20


def test_after_the_brake_writing_waits_until_the_patients_were_read_anew(office: Office) -> None:
    office.pms.put(Stream.PATIENTS, *(patient(str(n)) for n in range(8)))
    office.settle(Stream.PATIENTS)
    office.pms.went_back = True
    office.clock.advance(31)
    office.check(Stream.PATIENTS)
    office.pms.went_back = False
    # the backup's number 3 is somebody else's
    office.pms.books[Stream.PATIENTS].rows["3"] = patient("3", "Jones", first_name="Bob")
    assert resume_after_brake(office.pk, "mary@example.com")
    assert Connection.objects.get().rereading
    office.clock.advance(4)
    office.settle(Stream.PATIENTS)
    assert not Connection.objects.get().rereading
    others = MirrorPatient.objects.exclude(other_since=None)
    assert [row.key for row in others] == ["3"]


def test_visits_farther_ahead_than_any_full_read_goes_are_not_missed(office: Office) -> None:
    """They were told as changes."""
    office.pms.page_size = 50
    in_two_years = datetime.fromisoformat("2028-11-20 09:00")
    office.pms.put(APPOINTMENTS, *(appointment(f"far{n}", starts_local=in_two_years) for n in range(25)))
    office.pms.put(APPOINTMENTS, *(appointment(str(n), day=24 + n % 4) for n in range(40)))
    office.settle(APPOINTMENTS)
    office.clock.advance(61)
    office.settle(APPOINTMENTS)
    office.pms.vanish(APPOINTMENTS, *(f"far{n}" for n in range(25)))
    run_full_sync(office, APPOINTMENTS)
    assert Connection.objects.get(pk=office.pk).hold_code == ""
    assert len(office.appointments()) == 65
