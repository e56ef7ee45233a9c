"""Undoes what one wrong setting wrote: first as a dry run that says what would happen to each, then for real.

What has not gone out is taken back; what stands in the chart is corrected or set back as the manifest says that the PMS
allows. It is planned and done in pieces, each durable with what it did, by whoever calls `Undoer`: pressing twice, or a
crash in the middle, corrects nothing twice. Must not be in it: SQL, a vendor's name, when it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from django.db import DatabaseError

from chartbridge.domain.clock import Clock
from chartbridge.pms.manifest import Retract
from chartbridge.store import bad_days, deliveries, ledger, moving, undoings
from chartbridge.store.bad_days import Moves, Standing, Wanted
from chartbridge.store.deliveries import WAITING_FOR_IMPORT, Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.mirror import appointment
from chartbridge.store.models import Delivery, Seen, Undoing
from chartbridge.store.undoings import BACK, DOING, DONE, FAILED, LEFT, OPEN, PLANNING, TAKING_BACK
from chartbridge.store.wake import Lane, wake
from chartbridge.writeback import mend
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.correcting import ToCorrect, correct, text_of
from chartbridge.writeback.enqueue import UnknownAppointment, enqueue_status_move
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event, allows, state_of

log = structlog.get_logger("chartbridge.writeback")

AT_ONCE = 200
MOST_SHOWN = 100
REST_S = 5.0
FAULT_REST_S = 30.0
UNDONE, NOT_UNDONE = "undone", "not_undone"
FAULT = "Something went wrong in Chartbridge while it undid this. It is in the log of the hub."
NO_VISIT = "The appointment is not in the PMS any more: there is nothing to set back."


class Way(StrEnum):
    """What becomes of one writeback."""

    TAKE_BACK = "take_back"  # it has not gone out
    CORRECT = "correct"  # a correction note names it
    SET_BACK = "set_back"  # the status that was there before
    WITH_FIRST = "with_first"  # a later move of an appointment that is set back to before the first one
    WAIT = "wait"  # it is on its way or being looked for: it is undone as soon as that is settled
    MOVED_ON = "moved_on"  # somebody has moved the appointment since
    CORRECTED = "corrected"  # it is undone already
    UNSURE = (
        "unsure"  # it may be in the chart, or under another patient: settle that at the failure desk first
    )
    CANNOT = "cannot"  # the PMS has no way back


ACTS = frozenset({Way.TAKE_BACK, Way.CORRECT, Way.SET_BACK, Way.WITH_FIRST, Way.WAIT})


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
    """All of it. `steps` are the first `MOST_SHOWN`, `counts` of all; `up_to` is the newest that was there."""

    steps: tuple[Step, ...]
    counts: dict[Way, int]
    up_to: int

    @property
    def acts(self) -> int:
        """How many would be changed."""
        return sum(n for way, n in self.counts.items() if way in ACTS)


def dry_run(practice_id: int, wanted: Wanted) -> DryRun:
    """Say what would happen. Changes nothing."""
    steps: list[Step] = []
    counts: Counter[Way] = Counter()
    after, up_to = 0, bad_days.newest(practice_id)
    desks: dict[int, Desk] = {}
    while piece := bad_days.standing(practice_id, wanted, after=after, limit=AT_ONCE):
        after = piece[-1].row.id
        for step in _steps(practice_id, piece, wanted, desks):
            counts[step.way] += 1
            if len(steps) < MOST_SHOWN:
                steps.append(step)
    return DryRun(steps=tuple(steps), counts=dict(counts), up_to=up_to)


def begin(practice_id: int, wanted: Wanted, who: str, *, clock: Clock) -> Undoing:
    """Begin to undo it, or return the undoing that is under way."""
    return undoings.begin(practice_id, wanted, who, clock.now())


def take_back(run: Undoing, who: str) -> bool:
    """Take back as much of an undoing as is not sent yet. False where there is nothing to take back."""
    return undoings.can_be_taken_back(run) and undoings.enter(run, TAKING_BACK, taken_by=who)


def go_on(run: Undoing, clock: Clock) -> bool:
    """Do one piece. Returns whether there is more to do at once."""
    return _STAGES[run.stage](run, clock)


class Undoer:
    """Goes on with what was begun, a piece a call. An undoing that must wait, or at which something fails, rests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rests: dict[int, float] = {}

    def __call__(self) -> bool:
        """Do one piece of one undoing. Returns whether there is more to do at once."""
        now = self._clock.monotonic()
        run = next((each for each in undoings.unfinished() if self._rests.get(each.pk, now) <= now), None)
        if run is None:
            return False
        try:
            more = go_on(run, self._clock)
        except Exception as error:  # one practice's fault must stop neither the others nor what is done daily
            log.error("undo_failed", practice=run.practice_id, error=type(error).__name__)
            self._rests[run.pk] = self._clock.monotonic() + FAULT_REST_S
            undoings.say_why(run, FAULT)
            return False
        if more:
            self._rests.pop(run.pk, None)
        else:
            self._rests[run.pk] = self._clock.monotonic() + REST_S
        return more


def _plan(run: Undoing, _clock: Clock) -> bool:
    wanted = undoings.wanted_of(run)
    piece = bad_days.standing(run.practice_id, wanted, after=run.after, limit=AT_ONCE)
    if not piece:
        return undoings.enter(run, DOING)
    steps = _steps(run.practice_id, piece, wanted, {})
    undoings.plan(run, [(step.row.id, step.way, OPEN if step.way in ACTS else LEFT) for step in steps])
    return True


def _do(run: Undoing, clock: Clock) -> bool:
    steps = undoings.next_steps(run, AT_ONCE)
    if not steps:
        if undoings.from_the_start(run):
            return False  # something is on its way: it is asked for again after a rest
        undoings.finish(run, clock.now())
        return True
    _each_durable(run, steps, clock, _undo)
    return True


def _take_back(run: Undoing, clock: Clock) -> bool:
    steps = undoings.next_steps(run, AT_ONCE)
    if not steps:
        undoings.finish(run, clock.now())
        return True
    _each_durable(run, steps, clock, _redo)
    return True


_STAGES: dict[str, Callable[[Undoing, Clock], bool]] = {
    PLANNING: _plan,
    DOING: _do,
    TAKING_BACK: _take_back,
}


_Act = Callable[[Undoing, Sequence[int], Clock], None]


def _each_durable(run: Undoing, steps: Sequence[int], clock: Clock, act: _Act) -> None:
    """Do a piece in one transaction; where one step of it fails, each by itself."""
    try:
        _durable(run, steps, clock, act)
    except DatabaseError:
        raise
    except Exception:
        for step in steps:
            _alone(run, step, clock, act)


def _alone(run: Undoing, step: int, clock: Clock, act: _Act) -> None:
    try:
        _durable(run, [step], clock, act)
    except DatabaseError:
        raise
    except Exception as error:
        log.error("undo_step_failed", practice=run.practice_id, step=step, error=type(error).__name__)
        told = undoings.steps_of(run, [step], [OPEN, DONE])
        undoings.settle(run, [each.writeback_id for each in told], state=FAILED, reason=FAULT)


def _durable(run: Undoing, steps: Sequence[int], clock: Clock, act: _Act) -> None:
    with ledger.turn(run.practice_id):
        run.refresh_from_db()
        act(run, steps, clock)
        undoings.come_to(run, steps[-1])


def _undo(run: Undoing, ids: Sequence[int], clock: Clock) -> None:
    """Undo these; inside `ledger.turn`. Each is judged anew: what has gone out since it was planned is corrected."""
    if run.stage != DOING:
        return  # it is being taken back
    numbers = [step.writeback_id for step in undoings.steps_of(run, ids, [OPEN])]
    wanted, desks = undoings.wanted_of(run), dict[int, Desk]()
    piece = bad_days.standing_of(run.practice_id, numbers)
    moves = bad_days.moves(run.practice_id, wanted, [each.row for each in piece])
    steps = [_step(each, desks, moves) for each in piece]
    _withdraw(run, [step.row for step in steps if step.way is Way.TAKE_BACK], clock)
    for connection_id, desk in desks.items():
        _correct(
            run,
            [s for s in steps if s.way is Way.CORRECT and s.row.connection_id == connection_id],
            desk,
            clock,
        )
        wake(connection_id, Lane.WRITE)
    for visit in dict.fromkeys(_visit_of(s.row) for s in steps if s.way in (Way.SET_BACK, Way.WITH_FIRST)):
        _set_back(run, moves[visit], clock)
    for step in steps:
        if step.way not in ACTS:
            undoings.settle(run, [step.row.id], state=LEFT, way=step.way)


def _withdraw(run: Undoing, rows: Sequence[Row], clock: Clock) -> None:
    fields = {**CLEAR, "reason_code": UNDONE, "reason": sentence(UNDONE)}
    takes = [
        change(row, Event.DISMISS, fields=fields) for row in rows if allows(state_of(row), Event.DISMISS)
    ]
    done = moving.apply(run.practice_id, takes, who=run.who, at=clock.now())
    undoings.settle(run, [each.row.id for each in done], state=DONE, way=Way.TAKE_BACK)
    for connection_id in {row.connection_id for row in rows if row.reason_code == "unauthorised"}:
        mend.resume(connection_id or 0)


def _correct(run: Undoing, steps: Sequence[Step], desk: Desk, clock: Clock) -> None:
    those = [ToCorrect(row=step.row, record=step.record, patient_key=step.row.patient_key) for step in steps]
    for made in correct(desk, those, run.who, clock.now()):
        undoings.settle(run, [made.corrects_id or 0], state=DONE, way=Way.CORRECT, made=made.pk)


def _set_back(run: Undoing, moved: Sequence[Row], clock: Clock) -> None:
    """One move back, to the status before the first of them."""
    first, last = moved[0], moved[-1]
    numbers = [row.id for row in moved]
    try:
        made = enqueue_status_move(
            first.connection_id or 0,
            first.payload["appointment_key"],
            first.payload["expected_key"],
            last.payload["status_key"],
            run.who,
            corrects=first.id,
            clock=clock,
        )
    except UnknownAppointment:
        undoings.settle(run, numbers, state=FAILED, reason=NO_VISIT)
        return
    undoings.settle(run, numbers, state=DONE, way=Way.WITH_FIRST, made=made.pk)
    undoings.settle(run, [first.id], state=DONE, way=Way.SET_BACK, made=made.pk)


def _redo(run: Undoing, ids: Sequence[int], clock: Clock) -> None:
    """Take back the undoing of these as far as nothing was sent; inside `ledger.turn`."""
    steps = undoings.steps_of(run, ids, [OPEN, DONE])
    made = [step.made_id for step in steps if step.made_id]
    unsent = [
        row
        for row in deliveries.rows_of(run.practice_id, made)
        if row.attempts == 0 and allows(state_of(row), Event.DISMISS)
    ]
    fields = {**CLEAR, "reason_code": NOT_UNDONE, "reason": sentence(NOT_UNDONE)}
    changes = [change(row, Event.DISMISS, fields=fields) for row in unsent]
    moving.apply(run.practice_id, changes, who=run.taken_by, at=clock.now())
    withdrawn = [step.writeback_id for step in steps if step.state == DONE and step.made_id is None]
    mend.reopen(run.practice_id, withdrawn, run.taken_by, clock=clock)
    stopped = {row.id for row in unsent}
    stands = {
        row.id
        for row in deliveries.read_rows(run.practice_id, withdrawn)
        if row.delivery != Delivery.RETRACTED
    }
    back = [
        step.writeback_id
        for step in steps
        if step.state == OPEN or step.made_id in stopped or step.writeback_id in stands
    ]
    undoings.settle(run, back, state=BACK)


def _steps(practice_id: int, piece: Sequence[Standing], wanted: Wanted, desks: dict[int, Desk]) -> list[Step]:
    moves = bad_days.moves(practice_id, wanted, [each.row for each in piece])
    return [_step(each, desks, moves) for each in piece]


def _step(each: Standing, desks: dict[int, Desk], moves: Moves) -> Step:
    row = each.row
    way = _way_of_state(row)
    example = ""
    if way is Way.CORRECT and row.connection_id:
        if row.connection_id not in desks:
            desks[row.connection_id] = read_desk(row.connection_id)
        desk = desks[row.connection_id]
        way = Way.CORRECTED if each.corrected else _way_of_pms(row, desk, moves)
        if way is Way.CORRECT:
            named = ToCorrect(row=row, record=each.record, patient_key=row.patient_key)
            example = text_of(named, desk, "CB-…")
    return Step(row=row, record=each.record, way=way, example=example)


def _way_of_state(row: Row) -> Way:
    if row.delivery in (Delivery.SENDING, Delivery.UNCERTAIN):
        return Way.WAIT
    if row.delivery == Delivery.RETRACTED:
        return Way.CORRECTED
    not_in_chart = row.seen == Seen.MISSING or row.reason_code == WAITING_FOR_IMPORT
    if mend.may_be_taken(row) or (row.delivery == Delivery.TAKEN and not_in_chart):
        return Way.UNSURE
    return Way.CORRECT if row.delivery == Delivery.TAKEN else Way.TAKE_BACK


def _way_of_pms(row: Row, desk: Desk, moves: Moves) -> Way:
    claim = desk.claim(row.command)
    if claim is None or claim.retract is Retract.NEVER:
        return Way.CANNOT
    if claim.retract is Retract.CORRECT:
        return Way.CORRECT
    moved = moves.get(_visit_of(row), ())
    if row.kind != APPOINTMENT_STATUS:
        return Way.CANNOT
    if row.id not in {each.id for each in moved}:
        return Way.MOVED_ON
    if not moved[0].payload.get("expected_key"):
        return Way.CANNOT
    visit = appointment(row.connection_id or 0, row.payload["appointment_key"])
    if visit is None or visit.gone_at or visit.status_key != moved[-1].payload["status_key"]:
        return Way.MOVED_ON
    return Way.SET_BACK if row.id == moved[0].id else Way.WITH_FIRST


def _visit_of(row: Row) -> tuple[int, str]:
    return row.connection_id or 0, row.payload.get("appointment_key", "")
