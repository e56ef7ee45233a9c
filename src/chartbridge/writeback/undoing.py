"""Undoes what one wrong setting wrote: first as a dry run that says what would happen to each, then for real.

What has not gone out is taken back; what stands in the chart is corrected or set back as the manifest says that the PMS
allows. Pressing twice, or a crash in the middle, corrects nothing twice. Must not be in it: SQL, a vendor's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.pms.manifest import Retract
from chartbridge.store import bad_days, deliveries, ledger
from chartbridge.store.bad_days import Standing, Wanted
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.mirror import appointment
from chartbridge.store.models import Delivery
from chartbridge.store.wake import Lane, wake
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.correcting import ToCorrect, correct, text_of
from chartbridge.writeback.enqueue import UnknownAppointment, enqueue_status_move
from chartbridge.writeback.mend import may_be_taken
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event, allows, state_of

AT_ONCE = 200
MOST_SHOWN = 100
UNDONE = "undone"


class Way(StrEnum):
    """What becomes of one writeback."""

    TAKE_BACK = "take_back"  # it has not gone out
    CORRECT = "correct"  # a correction note names it
    SET_BACK = "set_back"  # the status that was there before
    WAIT = "wait"  # it is on its way or being looked for: undo again in a minute
    MOVED_ON = "moved_on"  # the PMS shows another status by now
    CORRECTED = "corrected"  # a correction names it already
    UNSURE = (
        "unsure"  # it may be in the chart, or under another patient: settle that at the failure desk first
    )
    CANNOT = "cannot"  # the PMS has no way back


ACTS = frozenset({Way.TAKE_BACK, Way.CORRECT, Way.SET_BACK})


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One writeback and what would happen to it. `example` is the exact text of a correction, its marker left open."""

    row: Row
    record: str
    way: Way
    example: str = ""

    @property
    def label(self) -> str:
        """What its type is called."""
        return kind_label(self.row.kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """All of it. `steps` are the first `MOST_SHOWN`, `counts` of all."""

    steps: tuple[Step, ...]
    counts: dict[Way, int]

    @property
    def acts(self) -> int:
        """How many would be changed."""
        return sum(n for way, n in self.counts.items() if way in ACTS)


def dry_run(practice_id: int, wanted: Wanted) -> DryRun:
    """Say what would happen. Changes nothing."""
    steps: list[Step] = []
    counts: Counter[Way] = Counter()
    after = 0
    desks: dict[int, Desk] = {}
    while piece := bad_days.standing(practice_id, wanted, after=after, limit=AT_ONCE):
        after = piece[-1].row.id
        for each in piece:
            step = _step(each, desks)
            counts[step.way] += 1
            if len(steps) < MOST_SHOWN:
                steps.append(step)
    return DryRun(steps=tuple(steps), counts=dict(counts))


def undo(practice_id: int, wanted: Wanted, who: str, *, clock: Clock | None = None) -> dict[Way, int]:
    """Do it, a piece at a time, each durable before the next. Returns how many went which way."""
    clock = clock or SystemClock()
    counts: Counter[Way] = Counter()
    after = 0
    desks: dict[int, Desk] = {}
    while piece := bad_days.standing(practice_id, wanted, after=after, limit=AT_ONCE):
        after = piece[-1].row.id
        steps = [_step(each, desks) for each in piece]
        counts.update(step.way for step in steps)
        _do(practice_id, steps, desks, who, clock)
    for connection_id in desks:
        wake(connection_id, Lane.WRITE)
    return dict(counts)


def _do(practice_id: int, steps: Sequence[Step], desks: dict[int, Desk], who: str, clock: Clock) -> None:
    now = clock.now()
    fields = {**CLEAR, "reason_code": UNDONE, "reason": sentence(UNDONE)}
    with ledger.turn(practice_id):
        # Rows are read anew inside the turn: what has gone out meanwhile is not taken back but waits.
        fresh = {
            row.id: row
            for row in deliveries.rows_of(practice_id, [s.row.id for s in steps if s.way is Way.TAKE_BACK])
        }
        takes = [
            change(row, Event.DISMISS, fields=fields)
            for row in fresh.values()
            if allows(state_of(row), Event.DISMISS) and _way_of_state(row) is Way.TAKE_BACK
        ]
        deliveries.apply(practice_id, takes, who=who, at=now)
        for connection_id, desk in desks.items():
            those = [
                ToCorrect(row=step.row, record=step.record, patient_key=step.row.patient_key)
                for step in steps
                if step.way is Way.CORRECT and step.row.connection_id == connection_id
            ]
            correct(desk, those, who, now)
    for step in steps:
        if step.way is Way.SET_BACK and step.row.connection_id:
            _set_back(step.row, who, clock)


def _set_back(row: Row, who: str, clock: Clock) -> None:
    try:
        enqueue_status_move(
            row.connection_id or 0,
            row.payload["appointment_key"],
            row.payload["expected_key"],
            row.payload["status_key"],
            who,
            corrects=row.id,
            clock=clock,
        )
    except UnknownAppointment:
        return  # it has gone from the PMS: there is nothing to set back


def _step(each: Standing, desks: dict[int, Desk]) -> Step:
    row = each.row
    way = _way_of_state(row)
    example = ""
    if way is Way.CORRECT and row.connection_id:
        if row.connection_id not in desks:
            desks[row.connection_id] = read_desk(row.connection_id)
        desk = desks[row.connection_id]
        way = Way.CORRECTED if each.corrected else _way_of_pms(row, desk)
        if way is Way.CORRECT:
            named = ToCorrect(row=row, record=each.record, patient_key=row.patient_key)
            example = text_of(named, desk, "CB-…")
    return Step(row=row, record=each.record, way=way, example=example)


def _way_of_state(row: Row) -> Way:
    if row.delivery in (Delivery.SENDING, Delivery.UNCERTAIN):
        return Way.WAIT
    if may_be_taken(row):
        return Way.UNSURE
    return Way.CORRECT if row.delivery == Delivery.TAKEN else Way.TAKE_BACK


def _way_of_pms(row: Row, desk: Desk) -> Way:
    claim = desk.claim(row.command)
    if claim is None or claim.retract is Retract.NEVER:
        return Way.CANNOT
    if claim.retract is Retract.CORRECT:
        return Way.CORRECT
    if row.kind != APPOINTMENT_STATUS or not row.payload.get("expected_key"):
        return Way.CANNOT
    visit = appointment(row.connection_id or 0, row.payload["appointment_key"])
    shows = visit is not None and not visit.gone_at and visit.status_key == row.payload["status_key"]
    return Way.SET_BACK if shows else Way.MOVED_ON
