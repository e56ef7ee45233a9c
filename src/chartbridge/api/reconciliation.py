"""The look at a day: what the newest one found, and asking for one.

Must not be in it: asking the PMS (the engine goes on with what is begun here).
"""

from __future__ import annotations

from datetime import date, datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict

from chartbridge.api.access import caller
from chartbridge.api.errors import ERRORS, ErrorOut, bad_field, not_found
from chartbridge.domain.clock import SystemClock
from chartbridge.store import reconciliations
from chartbridge.store.models import FindingKind, Reconciliation
from chartbridge.writeback import reconcile

router = Router(tags=["Reconciliation"])


class RecordOut(Schema):
    """A record of the PMS that carries the write's marker, and the number of the patient on whom it stands."""

    record: str
    patient_key: str


class FindingOut(Schema):
    """One write that the chart does not show as it was written. `changes` says what of it was changed: its `text`,
    `type_key`, `medium`, `direction` or the time `at` which it is dated. `decision` is set once somebody has dealt with
    it."""

    writeback_id: int
    kind: FindingKind
    records: list[RecordOut]
    changes: list[str]
    decision: str


class ReconciliationOut(Schema):
    """A look at a day: `looked` of `total` were compared, `in_chart` are as they were written, `not_written` are not
    written yet. `everywhere` is false where other patients' charts could not be searched; `error` says why a look does
    not come further at present."""

    day: date
    started_at: datetime
    finished_at: datetime | None
    total: int
    looked: int
    in_chart: int
    not_written: int
    everywhere: bool
    error: str
    findings: list[FindingOut]


class ReconcileIn(Schema):
    """The day, of the practice's calendar; left out, today."""

    model_config = ConfigDict(extra="forbid")
    day: date | None = None


@router.get(
    "/reconciliation", response={200: ReconciliationOut, ERRORS: ErrorOut}, summary="The newest look at a day"
)
def newest(request: HttpRequest) -> ReconciliationOut:
    """Tell how far the newest look is and what it has found."""
    found = reconciliations.newest(caller(request).practice_id)
    if not found:
        raise not_found("reconciliation")
    return _out(found[0])


@router.post(
    "/reconciliation", response={202: ReconciliationOut, ERRORS: ErrorOut}, summary="Look at a day now"
)
def begin(request: HttpRequest, payload: ReconcileIn) -> Status[ReconciliationOut]:
    """Have every write of a day looked for in the PMS. A look that is under way is gone on with."""
    who = caller(request)
    today = reconciliations.today(who.practice_id, SystemClock().now())
    day = payload.day or today
    if day > today:
        raise bad_field("day", "That day is still to come.")
    return Status(202, _out(reconcile.begin(who.practice_id, day, who.who, clock=SystemClock())))


def _out(run: Reconciliation) -> ReconciliationOut:
    return ReconciliationOut(
        day=run.day,
        started_at=run.started_at,
        finished_at=run.finished_at,
        total=run.total,
        looked=run.looked,
        in_chart=run.in_chart,
        not_written=run.not_written,
        everywhere=run.everywhere,
        error=run.error,
        findings=[
            FindingOut(
                writeback_id=each.writeback_id,
                kind=FindingKind(each.kind),
                records=[RecordOut(record=record, patient_key=patient) for record, patient in each.records],
                changes=[what for what, *_ in each.changes],
                decision=each.decision,
            )
            for each in reconciliations.findings(run.pk)
        ],
    )
