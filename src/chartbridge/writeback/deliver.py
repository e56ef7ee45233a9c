"""Delivers what is queued for a connection: claims, sends, keeps the answers, and has them read back.

One deliverer at a time tends a connection: a lock within the process, a lease between processes. `sending` with its
attempt number is durable before the first byte goes out; the answers to one batch are kept in the same transaction
that claims the next. Must not be in it: what an answer means (`outcomes`), looking (`look`), SQL.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import PmsError, Unavailable
from chartbridge.pms.manifest import CommandClaim
from chartbridge.store import deliveries, leases, moving
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, desk_of, set_backoff, set_write_hold
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection
from chartbridge.store.moving import Change, Moving
from chartbridge.store.one_hub import OneHub
from chartbridge.store.writing_due import Pending, pending
from chartbridge.writeback.claiming import Claimer
from chartbridge.writeback.commands import command_of
from chartbridge.writeback.handed_in import maybe_sent
from chartbridge.writeback.look import CANT_ASK, Looker, ask
from chartbridge.writeback.outcomes import NOT_SENT, Hold, Outcome, after_first_look, after_write
from chartbridge.writeback.reading_back import ReadingBack
from chartbridge.writeback.recover import left_behind
from chartbridge.writeback.sending import Answered, Flight, Job, Threads, send
from chartbridge.writeback.states import Event
from chartbridge.writeback.unasked import parted

WHO = "chartbridge"
BATCH = 16
LARGEST_BATCH = 256
QUICK = 0.25
"""A batch grows while it goes through within this time: after a crash all of it must be looked for."""
SLOW = 2.0
"""After a batch that took longer, none is claimed ahead. One that was is not begun so long after the turn's time."""
KEEP_EVERY = 0.25
LONGEST_BACKOFF = 60.0
_NONSENSE = timedelta(hours=2)
_ROUNDING = 0.001
_OF_A_ROW = frozenset(Row._fields)
_RENEW_AFTER = 15.0
STAND_BY = 3.0
"""Seconds between two looks whether another hub has gone, or whether the PMS can be asked again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverOutcome:
    """`again`: there is more to do at once. `next_in`: seconds until there is something to do, if that is known.

    `answered`: whether the PMS took something, or was away; None where it was neither.
    """

    again: bool
    next_in: float | None
    answered: bool | None = None


@dataclass(kw_only=True, slots=True)
class _Turn:
    """What one call of `deliver` goes by."""

    link: Connection
    desk: Desk
    connector: Connector
    until: float
    taken: int = 0
    leased_at: float = float("-inf")
    failures: int = 0
    not_before: datetime | None = None
    stopped: bool = False
    replaced: bool = False
    answered: bool | None = None
    elsewhere: bool = False
    size: int = 0
    answers: list[Answered] = field(default_factory=list)
    finished: list[Outcome] = field(default_factory=list)


class Deliverer:
    """Delivers for any connection; one instance a process.

    `pool` is where writes run side by side. `at_step` is told each step by name (tests stop there).
    """

    def __init__(
        self,
        live: LiveConnectors,
        clock: Clock,
        *,
        pool: Executor | None = None,
        one_hub: OneHub | None = None,
        at_step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._live = live
        self._clock = clock
        self._pool = pool or Threads()
        self._holder = leases.new_holder()
        self._busy: set[int] = set()
        self._guard = threading.Lock()
        self._one_hub = one_hub or OneHub(clock)
        self._step = at_step
        self._looker = Looker(clock, at_step)
        self._reading_back = ReadingBack(self._looker, clock, self._pool)
        self._claimer = Claimer()
        self._sizes: dict[int, int] = {}
        self._slow: dict[int, bool] = {}
        self._rests: dict[int, tuple[datetime, float]] = {}

    def due(self, connection_ids: Sequence[int]) -> dict[int, datetime]:
        """Return when each of these connections next has something to do; those with nothing are left out."""
        now = self._clock.now()
        times = {each.connection_id: self._due_at(each, now) for each in pending(connection_ids)}
        others = leases.others_hold(times, self._holder, now)
        found = {pk: max(at, others.get(pk, at)) for pk, at in times.items() if at is not None}
        return found | {each: now for each in times if self._one_hub.overdue(each)}

    def deliver(self, connection_id: int, budget_s: float = 2.0) -> DeliverOutcome:
        """Deliver for about `budget_s` seconds. Safe to call at any time and from any thread."""
        with self._guard:
            if connection_id in self._busy:
                return DeliverOutcome(again=False, next_in=0.2)
            self._busy.add(connection_id)
        try:
            return self._deliver(connection_id, budget_s)
        finally:
            with self._guard:
                self._busy.discard(connection_id)

    def _deliver(self, connection_id: int, budget_s: float) -> DeliverOutcome:
        if self._leave_alone(connection_id):
            return _left_to_another()
        turn = self._begin(connection_id, budget_s)
        if turn is None:
            return DeliverOutcome(again=False, next_in=None)
        ours = self._is_ours(turn)
        work = next(iter(pending([connection_id])), None)
        if ours and work and (work.left_behind or work.freed or (work.sendable and not self._waits(turn))):
            self._drain(turn)
            if turn.elsewhere:
                return _left_to_another()
        more = ours and self._has_more(turn)
        if (
            not more
            or self._reading_back.presses(connection_id)
            or self._reading_back.long_ago(connection_id)
        ):
            looked = self._look_alone(turn)
            if ours and not looked:
                return _left_to_another()
            more = ours and self._has_more(turn)
        if not ours:
            return DeliverOutcome(again=False, next_in=STAND_BY, answered=turn.answered)
        return self._end(turn, more)

    def _leave_alone(self, connection_id: int) -> bool:
        """Whether another one delivers, and this hub has nothing to ask the PMS: whether it still has the practice, or
        could have it."""
        if not leases.others_hold([connection_id], self._holder, self._clock.now()):
            return False
        return not (self._one_hub.overdue(connection_id) or self._one_hub.stands_by(connection_id))

    def _is_ours(self, turn: _Turn) -> bool:
        """Whether this hub may write to the practice. Where the PMS can't say so, nothing is written."""
        try:
            ours = self._one_hub.ours(turn.link, turn.connector)
        except PmsError as error:
            turn.answered = False if isinstance(error, Unavailable) else None
            return False
        if ours:  # having just taken over, there may be something to wait or look for
            turn.taken = self._one_hub.taken(turn.link.pk)  # before what was stored at the taking is read
            fresh = Connection.objects.values_list("look_first_until", "restored_at", "write_not_before")
            until, restored_at, turn.not_before = fresh.get(pk=turn.link.pk)
            turn.desk = replace(turn.desk, look_first_until=until, restored_at=restored_at)
        return ours

    def _may_send(self, turn: _Turn) -> bool:
        """Asked before each request: the lease and the practice are still this deliverer's, and nobody said stop."""
        self._notice(turn)
        if turn.stopped or self._clock.monotonic() - turn.leased_at >= leases.SEND_WITHIN:
            return False
        try:
            ours = self._one_hub.ours(turn.link, turn.connector)
        except PmsError:
            ours = False
        turn.stopped = turn.stopped or not (ours and self._never_left(turn))
        return not turn.stopped

    def _never_left(self, turn: _Turn) -> bool:
        """Whether the practice was this hub's all the time. Taken anew, what waits must be looked for by a new turn."""
        return self._one_hub.taken(turn.link.pk) == turn.taken

    def _notice(self, turn: _Turn) -> None:
        """Stop where people, the brake or a restored PMS have stopped it since the turn began."""
        held = Connection.objects.filter(pk=turn.link.pk).values_list(
            "on", "writing_on", "hold", "rereading", "settings_version", "connector"
        )
        on, writing_on, hold, rereading, version, connector = held.get()
        turn.replaced = connector != turn.desk.connector
        may = on and writing_on and not hold and not rereading and version == turn.link.settings_version
        turn.stopped = turn.stopped or not may

    def _may_go_on(self, turn: _Turn) -> bool:
        """Whether `_may_send` would say yes from memory; asked in the thread that sends."""
        late = self._clock.monotonic() - turn.leased_at >= leases.SEND_WITHIN
        ours = self._one_hub.known_ours(turn.link.pk) and self._never_left(turn)
        return ours and not late and not turn.stopped

    def _may_go_out(self, turn: _Turn) -> bool:
        """Asked directly before the bytes of a write, in its thread: from memory only."""
        late = self._clock.monotonic() - turn.leased_at >= leases.GO_OUT_WITHIN
        return not late and self._one_hub.still_ours(turn.link.pk) and self._never_left(turn)

    def _begin(self, connection_id: int, budget_s: float) -> _Turn | None:
        link = Connection.objects.select_related("practice").filter(pk=connection_id).first()
        if link is None or not link.on or link.hold or link.rereading:
            return None
        try:
            connector = self._live.of(link)
        except PmsError as error:
            set_write_hold(connection_id, code="misconfigured:all", sentence=error.safe_message)
            return None
        desk = desk_of(link)
        return _Turn(
            link=link,
            desk=desk,
            connector=connector,
            until=self._clock.monotonic() + budget_s,
            failures=desk.write_failures,
            not_before=desk.write_not_before,
            size=self._sizes.get(connection_id, 0)
            or BATCH * max((claim.parallel for claim in _claims(desk)), default=1),
        )

    def _drain(self, turn: _Turn) -> None:
        """Send batch after batch while there is time; leave the lease when there is nothing more to send."""
        claimed = self._exchange(turn, claim=True)
        while claimed:
            claimed = self._send(turn, claimed) or self._exchange(turn, claim=True)

    def _in_time(self, turn: _Turn) -> bool:
        over = turn.stopped or self._waits(turn) or self._clock.monotonic() >= turn.until
        return not over and not self._reading_back.presses(turn.desk.connection_id)

    def _exchange(self, turn: _Turn, *, claim: bool, ahead: bool = False) -> list[Row]:
        """Keep the answers and claim what is next, in one durable step. `ahead`: while another batch is being sent."""
        self._judge(turn)
        began, now = self._clock.monotonic(), self._clock.now()
        claimed: list[Row] = []
        with moving.turn(turn.desk.practice_id, who=WHO, at=now) as moves:
            first = turn.leased_at == float("-inf")
            self._notice(turn)
            if not self._renew(turn, began, now):
                turn.stopped, turn.elsewhere = True, first
                claim = False
            elif first:
                self._take_over(turn.desk, moves, now)
            self._keep(turn, moves, now)
            if claim and self._in_time(turn):
                claimed = self._claimer.claim(turn.desk, moves, turn.size, now, ahead=ahead)
                if not claimed and not ahead and not turn.elsewhere:
                    leases.give_back(turn.desk.connection_id, self._holder)
                    turn.leased_at = float("-inf")
        self._step("claimed" if claimed else "kept")
        return claimed

    def _renew(self, turn: _Turn, began: float, now: datetime) -> bool:
        if began - turn.leased_at < _RENEW_AFTER:
            return True
        hold = leases.take if turn.leased_at == float("-inf") else leases.renew
        held = hold(turn.desk.connection_id, self._holder, now)
        if held:
            turn.leased_at = began
        return held

    def _take_over(self, desk: Desk, moves: Moving, now: datetime) -> None:
        """With the lease comes what an ended deliverer left behind; and patients who have come are written to."""
        left = left_behind(deliveries.in_flight(desk.connection_id), desk, now)
        self._looker.moved(moves.apply(left))
        self._claimer.free_arrived(desk, moves, now)

    def _keep(self, turn: _Turn, moves: Moving, now: datetime) -> None:
        desk, finished = turn.desk, turn.finished
        turn.finished = []
        done = moves.apply([each for outcome in finished for each in outcome.changes])
        if turn.replaced:
            moves.apply(parted(deliveries.rows_of(desk.practice_id, [each.row.id for each in done]), desk))
            return
        self._looker.moved(done)
        taken = [_as_moved(each) for each in done if each.move == Event.TAKE]
        if taken:
            turn.answered = True
            self._reading_back.owe(desk.connection_id, taken)
        for hold in (outcome.hold for outcome in finished if outcome.hold):
            self._hold(turn, hold)
        away = next((outcome.away for outcome in finished if outcome.away), None)
        if away:
            self._back_off(turn, away, now)
        elif taken and turn.failures:
            turn.failures, turn.not_before = 0, None
            set_backoff(desk.connection_id, until=None, failures=0)

    def _hold(self, turn: _Turn, hold: Hold) -> None:
        set_write_hold(turn.desk.connection_id, code=hold.code, sentence=hold.sentence)
        ability = hold.code.partition(":")[2]
        turn.desk = replace(
            turn.desk,
            paused=turn.desk.paused | {ability},
            write_hold=hold.sentence,
            write_hold_code=hold.code,
        )
        turn.stopped = turn.stopped or turn.desk.closed

    def _back_off(self, turn: _Turn, away: Unavailable, now: datetime) -> None:
        turn.failures, turn.answered = turn.failures + 1, False
        delay = min(LONGEST_BACKOFF, 2.0 ** min(turn.failures - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
        if away.retry_after is not None:
            delay = min(3600.0, max(delay, away.retry_after))
        turn.not_before, turn.stopped = now + timedelta(seconds=delay), True
        self._rests[turn.desk.connection_id] = turn.not_before, self._clock.monotonic() + delay
        set_backoff(turn.desk.connection_id, until=turn.not_before, failures=turn.failures)

    def _send(self, turn: _Turn, claimed: Sequence[Row]) -> list[Row]:
        """Send a batch. Returns the next one, where that was claimed meanwhile."""
        jobs = self._jobs(turn, self._not_there_yet(turn, claimed))
        if not jobs:
            return []
        began = self._clock.monotonic()
        self._step("before_sending")
        long = any(row.command == CommandKind.ADD_DOCUMENT for row, _ in jobs)
        ahead = self._fly(turn, jobs) if len(jobs) > 1 or long else self._send_here(turn, jobs)
        took = self._clock.monotonic() - began
        self._slow[turn.desk.connection_id] = took > SLOW
        quick = took < QUICK
        turn.size = min(LARGEST_BATCH, turn.size * 2) if quick else max(BATCH, turn.size // 2)
        self._sizes[turn.desk.connection_id] = turn.size
        return ahead

    def _fly(self, turn: _Turn, jobs: Sequence[Job]) -> list[Row]:
        """Have a batch sent, and meanwhile keep the answers to the one before and claim the next one."""
        with Flight(
            turn.connector,
            jobs,
            lanes=min(self._parallel(turn.desk, row) for row, _ in jobs),
            pool=self._pool,
            now=self._clock.now,
            may_send=lambda: self._may_send(turn),
            may_go_on=lambda: self._may_go_on(turn),
            may_go_out=lambda: self._may_go_out(turn),
        ) as flight:
            ahead = self._exchange(turn, claim=not self._slow.get(turn.desk.connection_id), ahead=True)
            self._reading_back.look_beside(turn.connector, turn.desk)
            while not flight.landed(within=KEEP_EVERY):
                turn.answers += flight.answers()
                self._exchange(turn, claim=False)
                if not self._one_hub.known_ours(turn.link.pk):  # a document may be on its way for minutes
                    self._may_send(turn)
        turn.answers += flight.answers()
        if flight.wall or turn.stopped or self._clock.monotonic() - turn.until > SLOW:
            now = self._clock.now()
            turn.answers += [(row, NOT_SENT, now) for row in ahead]
            return []
        return ahead

    def _send_here(self, turn: _Turn, jobs: Sequence[Job]) -> list[Row]:
        answers = send(
            turn.connector,
            jobs,
            may_send=lambda: self._may_send(turn),
            may_go_out=lambda: self._may_go_out(turn),
        )
        for row, answer in answers:
            turn.answers.append((row, answer, self._clock.now()))
            self._judge(turn)
        return []

    def _judge(self, turn: _Turn) -> None:
        answers, turn.answers = turn.answers, []
        for row, answer, at in answers:
            self._step("answered")
            turn.finished.append(after_write(row, turn.desk, answer, at))

    def _not_there_yet(self, turn: _Turn, claimed: Sequence[Row]) -> Sequence[Row]:
        """Of what another copy of this store may have sent, leave out what is in the chart already."""
        doubtful = maybe_sent(turn.desk, claimed)
        if not doubtful:
            return claimed
        self._step("before_looking_first")
        try:
            commands = [command_of(row, turn.desk, to_send=False) for row in doubtful]
            found = ask(turn.connector, commands)
        except CANT_ASK as error:
            away = error if isinstance(error, Unavailable) else Unavailable(error.safe_message)
            now = self._clock.now()
            self._sizes[turn.desk.connection_id] = max(
                1, turn.size // 4
            )  # a line that breaks may carry fewer
            turn.finished += [after_write(row, turn.desk, NOT_SENT, now) for row in claimed[1:]]
            turn.finished.append(after_write(claimed[0], turn.desk, away, now))
            return ()
        kept: set[int] = {row.id for row in claimed}
        for row, answer in zip(doubtful, found, strict=True):
            outcome = after_first_look(row, turn.desk, answer, self._clock.now())
            if outcome:
                turn.finished.append(outcome)
                kept.discard(row.id)
        return [row for row in claimed if row.id in kept]

    def _jobs(self, turn: _Turn, claimed: Sequence[Row]) -> list[Job]:
        jobs: list[Job] = []
        for row in claimed:
            try:
                jobs.append((row, command_of(row, turn.desk, to_send=True)))
            except Exception as error:  # one row that can't be made into a command must not stop the others
                turn.finished.append(after_write(row, turn.desk, error, self._clock.now()))
        return jobs

    def _parallel(self, desk: Desk, row: Row) -> int:
        claim = desk.claim(row.command)
        return claim.parallel if claim else 1

    def _waits(self, turn: _Turn) -> bool:
        return self._until(turn.desk.connection_id, turn.not_before, self._clock.now()) is not None

    def _until(self, connection_id: int, not_before: datetime | None, now: datetime) -> datetime | None:
        """Until when nothing is to be sent: by the steady clock where this process has said so, else as it stands."""
        known, steady_until = self._rests.get(connection_id, (None, 0.0))
        if not_before is None or known != not_before:
            return not_before if not_before and _still(not_before, now) else None
        left = steady_until - self._clock.monotonic()
        return now + timedelta(seconds=left) if left > _ROUNDING else None

    def _has_more(self, turn: _Turn) -> bool:
        """Whether something may be sent right now."""
        return not turn.stopped and not self._waits(turn) and self._claimer.any(turn.desk)

    def _look_alone(self, turn: _Turn) -> bool:
        """Look, where no other hub does: what one reads back, the others need not ask for."""
        pk, now, keep = turn.link.pk, self._clock.now(), turn.leased_at != float("-inf")
        with leases.looking(pk, self._holder, now, keep=keep) as may:
            if may:
                self._reading_back.look(turn.connector, turn.desk)
        return may

    def _end(self, turn: _Turn, more: bool) -> DeliverOutcome:
        now = self._clock.now()
        work = next(iter(pending([turn.desk.connection_id])), None)
        look_at = self._look_at(work, now) if work else None
        if more or (work and work.freed) or (look_at and look_at <= now):
            return DeliverOutcome(again=True, next_in=0.0, answered=turn.answered)
        waits = self._until(work.connection_id, turn.not_before, now) if work and work.sendable else None
        at = min((each for each in (waits, look_at) if each is not None), default=None)
        next_in = None if at is None else (at - now).total_seconds()
        return DeliverOutcome(again=False, next_in=next_in, answered=turn.answered)

    def _due_at(self, work: Pending, now: datetime) -> datetime | None:
        send_at = now if work.sendable or work.freed or work.left_behind else None
        if send_at and not work.freed:
            send_at = self._until(work.connection_id, work.not_before, now) or send_at
        look_at = self._look_at(work, now)
        return min((at for at in (send_at, look_at) if at is not None), default=None)

    def _look_at(self, work: Pending, now: datetime) -> datetime | None:
        look_at = self._looker.look_at(work.connection_id) if work.look_at else None
        read_back_at = work.read_back_at
        if read_back_at and read_back_at > now + deliveries.LOOKS_WITHIN:
            read_back_at = now
        looks = [at for at in (look_at, read_back_at) if at is not None]
        return self._looker.not_before(work.connection_id, max(now, min(looks))) if looks else None


def _left_to_another() -> DeliverOutcome:
    return DeliverOutcome(again=False, next_in=leases.SECONDS / 6)


def _claims(desk: Desk) -> Collection[CommandClaim]:
    return desk.manifest.commands.values() if desk.manifest else ()


def _as_moved(change: Change) -> Row:
    """The row as it stands after its change."""
    known = {name: value for name, value in change.fields.items() if name in _OF_A_ROW}
    return change.row._replace(**known, delivery=str(change.delivery), seen=str(change.seen))


def _still(not_before: datetime, now: datetime) -> bool:
    """Whether a time to wait for lies ahead; one that lies absurdly far ahead is a clock that was set back."""
    return now < not_before < now + _NONSENSE
