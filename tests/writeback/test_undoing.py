"""Undoing what one wrong setting wrote: the dry run says what will be, and doing it twice corrects nothing twice."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import timedelta

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import markers_in
from chartbridge.pms.commands import AddNote, Command
from chartbridge.pms.errors import Refused, Unauthorised
from chartbridge.store import ledger, undoings
from chartbridge.store.bad_days import Wanted
from chartbridge.store.models import (
    Delivery,
    MirrorAppointment,
    NoteSetting,
    StatusSighting,
    Undoing,
    Writeback,
    WritebackEvent,
)
from chartbridge.writeback import correcting, mend, undoing
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.undoing import Way
from tests.writeback.conftest import NOON, Office, undo_whole
from tests.writeback.scripted_pms import lose_answer

WHO, OTHER = "owner@example.com", "manager@example.com"


def wanted(**given: object) -> Wanted:
    return Wanted(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=5), **given)  # type: ignore[arg-type]


def begin(office: Office, **given: object) -> Undoing:
    return undoing.begin(office.practice.pk, wanted(**given), WHO, clock=office.clock)


def undo(office: Office, **given: object) -> dict[Way, int]:
    run = undo_whole(begin(office, **given), office.clock)
    assert run.finished_at
    return Counter(Way(step.way) for step in run.steps.all())


def test_a_dry_run_says_each_and_changes_nothing(office: Office) -> None:
    office.enqueue()
    office.settle()
    office.enqueue(patient="2")
    before = list(Writeback.objects.order_by("pk").values())
    told = undoing.dry_run(office.practice.pk, wanted())
    assert told.counts == {Way.CORRECT: 1, Way.TAKE_BACK: 1}
    assert told.acts == 2
    assert "note 1" in told.steps[0].example
    assert list(Writeback.objects.order_by("pk").values()) == before


def test_what_is_written_is_corrected_once_however_often_it_is_asked_for(office: Office) -> None:
    office.enqueue()
    office.settle()
    first = office.only()
    assert undo(office) == {Way.CORRECT: 1}
    assert undo(office) == {Way.CORRECTED: 1}
    office.settle()
    assert undo(office) == {Way.CORRECTED: 1}
    correction = Writeback.objects.get(corrects=first)
    assert correction.patient_key == "1"
    stored = next(r.text for r in office.pms.records if r.marker == correction.marker)
    assert "note 1" in stored
    assert "disregard" in stored
    assert markers_in(stored) == [correction.marker], "a correction carries its own marker only"
    assert len(office.pms.records) == 2
    office.check()
    assert ledger.verify(office.practice.pk).whole


def test_a_correction_goes_out_although_the_box_is_off_by_now(office: Office) -> None:
    office.enqueue()
    office.settle()
    NoteSetting.objects.update(allow=False)
    undo(office)
    office.settle()
    assert Writeback.objects.get(corrects__isnull=False).delivery == Delivery.TAKEN


def test_what_has_not_gone_out_is_taken_back(office: Office) -> None:
    office.change(writing_on=False)
    office.enqueue()
    assert undo(office) == {Way.TAKE_BACK: 1}
    office.change(writing_on=True)
    office.settle()
    assert office.pms.records == []
    assert office.only().delivery == Delivery.RETRACTED


@pytest.mark.parametrize("dies_at", range(1, 8))
def test_a_crash_anywhere_corrects_nothing_twice_and_the_next_process_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    monkeypatch.setattr(undoing, "AT_ONCE", 2)
    for number in range(5):
        office.enqueue(patient=str(number % 3 + 1))
    office.settle()
    office.change(writing_on=False)
    office.enqueue()
    office.change(writing_on=True)
    begin(office)
    real, calls = undoings.come_to, []

    def dies(*args: object) -> bool:
        calls.append(1)
        if len(calls) == dies_at:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(undoings, "come_to", dies)
    go = undoing.Undoer(office.clock)
    with contextlib.suppress(KeyboardInterrupt):
        while go():
            pass
    again = undoing.Undoer(office.clock)  # as after a restart
    while again():
        pass
    run = Undoing.objects.get()
    assert run.stage == "done"
    office.settle()
    assert Writeback.objects.filter(corrects__isnull=False).count() == 5
    assert Writeback.objects.filter(delivery=Delivery.RETRACTED).count() == 1
    assert undoings.progress(run).done == 6
    office.check()


def test_what_is_really_done_is_counted_and_what_failed_with_its_reason(office: Office) -> None:
    for patient in ("1", "2", "3"):
        office.enqueue(patient=patient)
    office.settle()
    run = undo_whole(begin(office), office.clock)
    told = undoings.progress(run)
    assert (told.total, told.done, told.on_way) == (3, 0, 3), (
        "nothing is corrected before it stands in the chart"
    )
    refused = Writeback.objects.get(corrects__isnull=False, patient_key="2").marker

    def refuses(command: Command) -> None:
        if isinstance(command, AddNote) and command.marker == refused:
            raise Refused("The PMS says no.", reason="")

    office.pms.before = refuses
    office.settle()
    told = undoings.progress(run)
    assert (told.done, told.on_way, dict(told.stuck)) == (2, 0, {"The PMS says no.": 1})


def test_one_that_fails_is_said_and_stops_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for patient in ("1", "2", "3"):
        office.enqueue(patient=patient)
    office.settle()
    bad = Writeback.objects.get(patient_key="2").pk
    real = correcting.text_of

    def broken(each: correcting.ToCorrect, *rest: object) -> str:
        if each.row.id == bad and len(str(rest[-1])) > 4:
            raise ValueError
        return real(each, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(correcting, "text_of", broken)
    run = undo_whole(begin(office), office.clock)
    office.settle()
    told = undoings.progress(run)
    assert (told.done, dict(told.stuck)) == (2, {undoing.FAULT: 1})


def test_what_is_on_its_way_is_undone_once_that_is_settled(office: Office) -> None:
    office.enqueue()
    office.pms.after = lose_answer
    office.deliver()
    assert office.only().delivery == Delivery.UNCERTAIN
    run = begin(office)
    go = undoing.Undoer(office.clock)
    while go():
        pass
    run.refresh_from_db()
    assert (run.finished_at, undoings.progress(run).open) == (None, 1)
    assert not go(), "it rests"
    office.pms.after = lambda _command: None
    office.settle()
    while go():
        pass
    office.settle()
    assert undoings.progress(run).done == 1
    run.refresh_from_db()
    assert run.stage == "done"


def test_what_comes_in_after_the_dry_run_is_left_alone(office: Office) -> None:
    office.enqueue()
    office.settle()
    told = undoing.dry_run(office.practice.pk, wanted())
    office.enqueue(patient="2")
    office.settle()
    assert undo(office, up_to=told.up_to) == {Way.CORRECT: 1}


def test_undoing_what_was_paused_for_want_of_a_right_lifts_the_pause(office: Office) -> None:
    office.enqueue()

    def denies(_command: Command) -> None:
        raise Unauthorised("The key may not write notes.", ability="add_note")

    office.pms.before = denies
    office.settle()
    assert office.only().reason_code == "unauthorised"
    office.pms.before = lambda _command: None
    assert undo(office) == {Way.TAKE_BACK: 1}
    office.connection.refresh_from_db()
    assert office.connection.write_hold == ""
    office.enqueue(patient="2")
    office.settle()
    assert len(office.pms.records) == 1, "what was paused with it goes on"


def test_an_undoing_is_taken_back_as_far_as_it_is_not_sent(office: Office) -> None:
    office.enqueue(patient="1")
    office.settle()
    run = undo_whole(begin(office), office.clock)
    office.settle()  # the first correction is sent
    office.enqueue(patient="2")
    office.settle()
    office.change(writing_on=False)
    office.enqueue(patient="3")
    run = undo_whole(begin(office), office.clock)
    assert Writeback.objects.get(corrects__isnull=True, patient_key="3").delivery == Delivery.RETRACTED
    assert undoings.can_be_taken_back(run)
    assert undoing.take_back(run, OTHER)
    run.refresh_from_db()
    undo_whole(run, office.clock)
    told = undoings.progress(run)
    assert (run.stage, told.back) == ("taken_back", 2)
    assert set(WritebackEvent.objects.filter(who=OTHER).values_list("move", flat=True)) >= {
        "dismiss",
        "reopen",
    }
    assert not undoings.can_be_taken_back(run)
    assert Writeback.objects.get(corrects__isnull=False, patient_key="2").delivery == Delivery.RETRACTED
    assert Writeback.objects.get(patient_key="3").delivery == Delivery.HELD
    office.change(writing_on=True)
    mend.free_after_setting(office.connection.pk, WHO, clock=office.clock)
    office.settle()
    assert sorted(each.patient_key for each in office.pms.records) == ["1", "1", "2", "3"]
    assert undo(office) == {Way.CORRECTED: 1, Way.CORRECT: 2}, "it can be undone after all"
    office.settle()
    office.check()


def test_taking_back_in_the_middle_leaves_the_rest_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "AT_ONCE", 1)
    for patient in ("1", "2", "3"):
        office.enqueue(patient=patient)
    office.settle()
    run = begin(office)
    while not Writeback.objects.filter(corrects__isnull=False).exists():
        undoing.go_on(run, office.clock)
        run.refresh_from_db()
    assert undoing.take_back(run, OTHER)
    run.refresh_from_db()
    undo_whole(run, office.clock)
    office.settle()
    assert len(office.pms.records) == 3
    assert undoings.progress(run).back == 3


def test_several_moves_of_one_visit_go_back_to_before_the_first_with_one_move(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "AT_ONCE", 1)
    office.appointment("700", status="21")
    for status, expected in (("22", "21"), ("25", "22"), ("22", "25"), ("25", "22")):
        enqueue_status_move(office.connection.pk, "700", status, expected, WHO, clock=office.clock)
        office.settle()
        MirrorAppointment.objects.filter(key="700").update(status_key=status)
    assert undo(office) == {Way.SET_BACK: 1, Way.WITH_FIRST: 3}
    back = Writeback.objects.get(corrects__isnull=False)
    assert (back.payload["status_key"], back.payload["expected_key"]) == ("21", "25")
    assert undo(office) == {Way.CORRECTED: 4}, "the mirror is behind: still nothing is undone twice"
    office.settle()
    assert office.pms.statuses["700"] == "21"
    MirrorAppointment.objects.filter(key="700").update(status_key="21")
    assert undo(office) == {Way.CORRECTED: 4}
    assert undoings.progress(Undoing.objects.order_by("pk")[0]).done == 4


def test_the_filter_finds_what_one_setting_wrote(office: Office) -> None:
    office.enqueue(ActivityKind.PATIENT_NOTE)
    office.settle()
    NoteSetting.objects.filter(kind=ActivityKind.TASK_NOTE).update(note_type_key="236")
    office.change(provider_key="8")
    office.enqueue(ActivityKind.TASK_NOTE, source="api:phones")
    office.settle()

    def count(**given: str) -> int:
        return sum(undoing.dry_run(office.practice.pk, wanted(**given)).counts.values())

    assert count() == 2
    assert count(kind=ActivityKind.TASK_NOTE) == count(type_key="236") == count(provider_key="8") == 1
    assert count(source="api:phones") == 1
    assert count(type_key="236", provider_key="9") == 0


@pytest.mark.parametrize(("shows", "expected"), [("22", Way.SET_BACK), ("25", Way.MOVED_ON)])
def test_a_status_is_set_back_only_where_nobody_moved_on(office: Office, shows: str, expected: Way) -> None:
    office.appointment("700", status="21")
    enqueue_status_move(office.connection.pk, "700", "22", "21", WHO, clock=office.clock)
    office.settle()
    MirrorAppointment.objects.filter(key="700").update(status_key=shows)
    assert undo(office) == {expected: 1}
    office.settle()
    assert office.pms.statuses["700"] == ("21" if expected is Way.SET_BACK else "22")


def shows(office: Office, status: str) -> None:
    """The PMS shows another status, and a check has read it."""
    office.pms.statuses["700"] = status
    MirrorAppointment.objects.filter(key="700").update(status_key=status)
    StatusSighting.objects.create(
        connection=office.connection,
        appointment_key="700",
        seen_key=str(StatusSighting.objects.count()),
        state="scheduled",
        status_key=status,
        at_local=office.clock.now().replace(tzinfo=None),
        stored_at=office.clock.now(),
    )


def moves(office: Office, status: str, expected: str) -> None:
    office.clock.advance(60)
    enqueue_status_move(office.connection.pk, "700", status, expected, WHO, clock=office.clock)
    office.settle()
    office.clock.advance(60)
    shows(office, status)
    office.clock.advance(60)


def test_what_a_person_moved_in_between_is_gone_back_to_and_not_behind(office: Office) -> None:
    office.appointment("700", status="21")
    moves(office, "22", "21")
    shows(office, "25")  # at the desk
    moves(office, "22", "25")
    told = undoing.dry_run(office.practice.pk, wanted())
    assert told.counts == {Way.MOVED_ON: 1, Way.SET_BACK: 1}
    assert undo(office) == {Way.MOVED_ON: 1, Way.SET_BACK: 1}
    office.settle()
    assert office.pms.statuses["700"] == "25"


def test_a_status_that_a_person_chose_again_stays(office: Office) -> None:
    """Away and back at the desk: what it shows is not the wrong setting's any more."""
    office.appointment("700", status="21")
    moves(office, "22", "21")
    for status in ("25", "22"):
        office.clock.advance(60)
        shows(office, status)
    assert undoing.dry_run(office.practice.pk, wanted()).counts == {Way.MOVED_ON: 1}
    assert undo(office) == {Way.MOVED_ON: 1}
    office.settle()
    assert office.pms.statuses["700"] == "22"


@pytest.mark.parametrize("sent", [True, False])
def test_a_later_move_that_nobody_asks_to_undo_stays(office: Office, *, sent: bool) -> None:
    office.appointment("700", status="21")
    moves(office, "22", "21")
    hour = Wanted(since=NOON - timedelta(hours=1), until=office.clock.now())
    if sent:
        moves(office, "25", "22")
        moves(office, "22", "25")
    else:
        enqueue_status_move(office.connection.pk, "700", "25", "22", OTHER, clock=office.clock)
    assert undoing.dry_run(office.practice.pk, hour).counts == {Way.MOVED_ON: 1}
    run = undoing.begin(office.practice.pk, hour, WHO, clock=office.clock)
    undo_whole(run, office.clock)
    office.settle()
    assert office.pms.statuses["700"] == ("22" if sent else "25")


def test_a_visit_that_was_set_back_and_moved_wrongly_again_is_set_back_again(office: Office) -> None:
    office.appointment("700", status="21")
    for status in ("22", "25"):
        enqueue_status_move(office.connection.pk, "700", status, "21", WHO, clock=office.clock)
        office.settle()
        MirrorAppointment.objects.filter(key="700").update(status_key=status)
        assert undo(office)[Way.SET_BACK] == 1
        office.settle()
        assert office.pms.statuses["700"] == "21"
        MirrorAppointment.objects.filter(key="700").update(status_key="21")
        office.clock.advance(120)


def test_a_status_that_was_set_back_is_never_undone_itself(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "AT_ONCE", 1)
    office.appointment("700", status="21")
    enqueue_status_move(office.connection.pk, "700", "22", "21", WHO, clock=office.clock)
    office.settle()
    MirrorAppointment.objects.filter(key="700").update(status_key="22")
    assert undo(office) == {Way.SET_BACK: 1}
    office.settle()
    assert office.pms.statuses["700"] == "21"
    MirrorAppointment.objects.filter(key="700").update(status_key="21")
    assert undo(office) == {Way.CORRECTED: 1}
    office.settle()
    assert office.pms.statuses["700"] == "21"


def test_a_second_record_that_was_corrected_leaves_the_first_to_be_undone(office: Office) -> None:
    office.enqueue()
    office.settle()
    first = office.only()
    undo(office)
    Writeback.objects.filter(corrects=first).update(payload={"correction": "note 99"})
    assert undoing.dry_run(office.practice.pk, wanted()).counts == {Way.CORRECT: 1}


def test_a_long_day_reads_the_settings_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        office.enqueue(patient=str(number % 3 + 1))
    office.settle()
    real, calls = undoing.read_desk, []

    def counted(connection_id: int) -> object:
        calls.append(connection_id)
        return real(connection_id)

    monkeypatch.setattr(undoing, "read_desk", counted)
    assert undoing.dry_run(office.practice.pk, wanted()).counts == {Way.CORRECT: 4}
    assert len(calls) == 1


def test_what_has_no_way_back_is_said(office: Office) -> None:
    office.appointment("700", status="21")
    enqueue_status_move(office.connection.pk, "700", "22", "", WHO, clock=office.clock)
    office.settle()
    assert undoing.dry_run(office.practice.pk, wanted()).counts == {Way.CANNOT: 1}


def test_what_may_be_in_the_chart_is_left_to_the_failure_desk(office: Office) -> None:
    office.enqueue()
    office.settle()
    Writeback.objects.update(delivery=Delivery.PARKED, reason_code="uncertain", seen="owed")
    assert undo(office) == {Way.UNSURE: 1}
    assert office.only().delivery == Delivery.PARKED


def test_a_correction_without_a_record_number_is_still_one_when_it_is_claimed(office: Office) -> None:
    office.enqueue()
    office.settle()
    Writeback.objects.update(record="")
    undo(office)
    NoteSetting.objects.update(allow=False)
    office.settle()
    assert Writeback.objects.get(corrects__isnull=False).delivery == Delivery.TAKEN
