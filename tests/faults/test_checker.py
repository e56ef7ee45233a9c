"""The checker finds each fault when it is there: a checker that can't say no proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chartbridge.store.models import Activity, Delivery, Practice, Seen, Writeback
from tests.faults.checker import Verdict, judge

pytestmark = pytest.mark.django_db
MARKER = "CB-7K2QM9XD"
NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)


def one(
    delivery: str = Delivery.TAKEN,
    seen: str = Seen.SEEN,
    *,
    markers: dict[str, list[str]] | None = None,
    kept: bool = True,
    **fields: str,
) -> Verdict:
    """Judge one acknowledged activity that stands so, while the PMS holds `markers`."""
    practice = Practice.objects.create(name="Maple Street Dental")
    activity = Activity.objects.create(
        practice=practice, kind="outgoing_text", patient_key="7", occurred_at=NOW, accepted_at=NOW
    )
    told = [{"activity": str(activity.pk), "patient": "7"}]
    if kept:
        Writeback.objects.create(
            practice=practice,
            activity=activity,
            kind="outgoing_text",
            command="add_note",
            patient_key="7",
            marker=MARKER,
            delivery=delivery,
            seen=seen,
            created_at=NOW,
            due_at=NOW,
            **{"record": "commlog 1", **fields},
        )
    return judge(practice.pk, told, {MARKER: ["7"]} if markers is None else markers)


def faults(verdict: Verdict) -> set[str]:
    return {name for name in ("lost", "twice", "wrong_patient", "unknown") if getattr(verdict, name)}


def test_what_is_there_once_at_its_patient_with_a_receipt_is_in_the_chart() -> None:
    verdict = one()
    assert (faults(verdict), verdict.in_chart, verdict.ops) == (set(), 1, 1)


@pytest.mark.parametrize(
    ("fault", "given"),
    [
        ("lost", {"markers": {}}),
        ("lost", {"record": ""}),
        ("lost", {"kept": False, "markers": {}}),
        ("unknown", {"kept": False}),
        ("twice", {"markers": {MARKER: ["7", "7"]}}),
        ("twice", {"delivery": Delivery.PARKED, "markers": {MARKER: ["7", "7"]}, "reason": "x"}),
        ("wrong_patient", {"markers": {MARKER: ["8"]}}),
        ("wrong_patient", {"markers": {MARKER: ["7", "8"]}}),
        ("unknown", {"markers": {MARKER: ["7"], "CB-00000000": ["7"]}}),
        ("unknown", {"delivery": Delivery.QUEUED, "seen": Seen.OWED, "markers": {}}),
        ("unknown", {"delivery": Delivery.SENDING, "seen": Seen.OWED}),
        ("unknown", {"delivery": Delivery.UNCERTAIN, "seen": Seen.OWED}),
        ("unknown", {"seen": Seen.OWED}),
        ("unknown", {"delivery": Delivery.PARKED, "seen": Seen.OWED, "markers": {}}),
        ("unknown", {"delivery": Delivery.SKIPPED, "seen": Seen.OWED, "markers": {}}),
        ("unknown", {"delivery": Delivery.RETRACTED, "seen": Seen.OWED}),
    ],
)
def test_each_fault_is_found(fault: str, given: dict[str, object]) -> None:
    verdict = one(**given)  # type: ignore[arg-type]
    assert fault in faults(verdict)
    assert not verdict.clean({})


def test_what_needs_attention_with_a_reason_stands_in_the_desk() -> None:
    verdict = one(Delivery.REFUSED, Seen.OWED, markers={}, reason="The PMS said no.", reason_code="refused")
    assert (faults(verdict), verdict.in_desk, verdict.reasons) == (set(), 1, {"refused": 1})


@pytest.mark.parametrize(
    ("at_desk", "clean"),
    [
        ({}, False),
        ({"crashed": 5}, False),
        ({"refused": 1}, False),
        ({"refused": 2}, True),
        ({"refused": 3, "crashed": 1}, True),
    ],
)
def test_a_run_in_which_more_ends_at_the_desk_than_may_is_not_clean(
    at_desk: dict[str, int], clean: bool
) -> None:
    verdict = Verdict(ops=2, writes=2, in_chart=0, in_desk=2, reasons={"refused": 2})
    assert verdict.clean(at_desk) is clean


def test_a_ledger_that_does_not_fit_is_no_clean_verdict() -> None:
    assert not one().ledger_whole, "this row was made without an entry in the ledger"
