"""A day's look at the PMS: finds what is missing, twice, under another patient or changed; goes on after a crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.errors import Unavailable
from chartbridge.store import ledger, reconciliations
from chartbridge.store.models import (
    Delivery,
    FindingKind,
    Reconciliation,
    ReconciliationFinding,
    Seen,
    Writeback,
)
from chartbridge.writeback import mend, reconcile
from tests.writeback.conftest import NOON, Office


def look(office: Office) -> Reconciliation:
    return reconcile.whole_day(office.practice.pk, NOON.date(), office.live, office.clock)


def found(run: Reconciliation) -> list[tuple[int, str]]:
    return [(each.writeback_id, each.kind) for each in reconciliations.findings(run.pk)]


def written(office: Office, count: int = 3) -> list[Writeback]:
    for number in range(count):
        office.enqueue(patient=str(number % 3 + 1))
    office.settle()
    return list(Writeback.objects.order_by("pk"))


def test_a_day_that_is_as_it_was_written_is_green(office: Office) -> None:
    written(office)
    run = look(office)
    assert (run.looked, run.in_chart, run.total) == (3, 3, 3)
    assert run.finished_at is not None
    assert run.everywhere
    assert found(run) == []


def test_what_was_deleted_is_missing_and_goes_to_the_failure_desk_and_is_written_again_once(
    office: Office,
) -> None:
    first, *_ = written(office)
    office.pms.records = [r for r in office.pms.records if r.marker != first.marker]
    run = look(office)
    assert found(run) == [(first.pk, FindingKind.MISSING)]
    first.refresh_from_db()
    assert (first.delivery, first.seen, first.reason_code) == (Delivery.TAKEN, Seen.MISSING, "gone_since")
    assert mend.retry(office.practice.pk, [first.pk], "mary@example.com", clock=office.clock) == 1
    office.settle()
    assert office.pms.markers().count(first.marker) == 1
    assert found(look(office)) == []
    office.check()


def test_what_comes_back_by_itself_leaves_the_failure_desk(office: Office) -> None:
    first, *_ = written(office)
    kept, office.pms.records = office.pms.records, []
    look(office)
    office.pms.records = kept
    assert found(look(office)) == []
    first.refresh_from_db()
    assert first.seen == Seen.SEEN
    office.check()


def test_a_copy_a_misfiled_note_and_an_edited_one_are_told_apart(office: Office) -> None:
    copied, misfiled, edited = written(office)
    by_marker = {record.marker: record for record in office.pms.records}
    office.pms.records.append(replace(by_marker[copied.marker], number=77))
    by_marker[misfiled.marker].patient_key = "3"
    by_marker[edited.marker].text += " And another sentence by the desk."
    run = look(office)
    assert found(run) == [
        (copied.pk, FindingKind.TWICE),
        (misfiled.pk, FindingKind.WRONG_PATIENT),
        (edited.pk, FindingKind.CHANGED),
    ]
    assert ReconciliationFinding.objects.get(kind=FindingKind.TWICE).records == [
        ["note 1", "1"],
        ["note 77", "1"],
    ]
    assert run.in_chart == 0
    assert {row.seen for row in Writeback.objects.all()} == {Seen.SEEN}


def test_what_is_not_written_is_counted_and_not_called_missing(office: Office) -> None:
    written(office, 1)
    office.enqueue(patient="unknown-to-the-pms")
    run = look(office)
    assert (run.looked, run.not_written) == (1, 1)
    assert found(run) == []


def test_a_pms_that_cannot_be_asked_is_said_and_the_look_goes_on_from_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "AT_ONCE", 2)
    written(office, 5)
    reconciler = reconcile.Reconciler(office.live, office.clock)
    run = reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    assert reconciler()

    def away() -> None:
        raise Unavailable("Scripted Dental can't be reached.")

    office.pms.looking = away
    reconciler()
    run.refresh_from_db()
    assert (run.looked, run.error) == (2, "Scripted Dental can't be reached.")
    office.pms.looking = lambda: None
    assert not reconciler(), "it rests before it asks again"
    office.clock.advance(reconcile.REST_S + 1)
    again = reconcile.Reconciler(office.live, office.clock)  # as after a restart
    while again():
        pass
    run.refresh_from_db()
    assert (run.looked, run.in_chart, run.error) == (5, 5, "")
    assert run.finished_at
    assert reconcile.begin(office.practice.pk, NOON.date(), "x", clock=office.clock).pk != run.pk


def test_two_presses_are_one_look(office: Office) -> None:
    written(office, 1)
    one = reconcile.begin(office.practice.pk, NOON.date(), "a", clock=office.clock)
    assert reconcile.begin(office.practice.pk, NOON.date(), "b", clock=office.clock).pk == one.pk


def test_another_days_activities_are_left_alone(office: Office) -> None:
    written(office, 1)
    run = reconcile.whole_day(office.practice.pk, NOON.date() - timedelta(days=1), office.live, office.clock)
    assert run.looked == 0


def test_documents_and_verifications_are_looked_for_too(office: Office) -> None:
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=NOON.date())
    office.settle()
    assert look(office).in_chart == Writeback.objects.count() == 2
    office.pms.records.clear()
    assert {kind for _, kind in found(look(office))} == {FindingKind.MISSING}
    assert ledger.verify(office.practice.pk).whole
