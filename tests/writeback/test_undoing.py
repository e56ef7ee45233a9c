"""Undoing what one wrong setting wrote: the dry run says what will be, and doing it twice corrects nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import markers_in
from chartbridge.store import ledger
from chartbridge.store.bad_days import Wanted
from chartbridge.store.models import Delivery, MirrorAppointment, NoteSetting, Writeback
from chartbridge.writeback import undoing
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.undoing import Way
from tests.writeback.conftest import NOON, Office

WHO = "owner@example.com"


def wanted(**given: str) -> Wanted:
    return Wanted(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=5), **given)


def undo(office: Office, **given: str) -> dict[Way, int]:
    return undoing.undo(office.practice.pk, wanted(**given), WHO, clock=office.clock)


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


def test_a_crash_in_the_middle_corrects_nothing_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "AT_ONCE", 2)
    for number in range(5):
        office.enqueue(patient=str(number % 3 + 1))
    office.settle()
    real, calls = undoing._do, []

    def dies_at_the_second(*args: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(undoing, "_do", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        undo(office)
    monkeypatch.setattr(undoing, "_do", real)
    undo(office)
    office.settle()
    assert Writeback.objects.filter(corrects__isnull=False).count() == 5
    office.check()


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
