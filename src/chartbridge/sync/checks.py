"""The checks: one look at one stream, when it is due, and what is remembered of it.

A check with nothing to say costs no query and no commit: its result waits in memory for `flush`, which
stores many together. What a page moved is stored with the page, before anything else is read.
Must not be in it: threads (that is the engine), how a page is applied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import PmsError, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.store import holds, mirror_indexes, observations
from chartbridge.store.database import drop_broken, writing, writing_what_may_be_lost
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection
from chartbridge.store.notices import notice
from chartbridge.store.observations import Seen
from chartbridge.store.one_hub import OneHub
from chartbridge.store.streams import (
    clear_wanted,
    idle_row,
    prune_notices,
    save_idle,
)
from chartbridge.store.wake import Lane, listen
from chartbridge.sync import brake, drift
from chartbridge.sync.budget import Spending
from chartbridge.sync.desks import NO_PASS, READING, Desk, Desks, Tended
from chartbridge.sync.faults import LEAST_GAP_S, Fault, judge, place_of
from chartbridge.sync.reading import SCAN_PIECE_S, begin_pass, read_changes, read_pass
from chartbridge.sync.turns import Turn

log = structlog.get_logger("chartbridge.sync")

IDENTIFY_EVERY_S = 600.0
IDENTIFY_WHERE_IT_COSTS_S = 3600.0
WITNESS_EVERY_S = 30.0
BUSY_EVERY_S = 30.0
_OWN_CLOCKS_MAY_DIFFER = timedelta(seconds=2)
_PAUSED = (
    "Something that was read before is no longer in the PMS's tables. Reading this waits until somebody has looked "
    "at the change on the Health page."
)
_PASS_TRIES = 5
_SCAN_AGAIN_S = 300.0
_IDENTITIES_AT_ONCE = 50
_PRUNE_EVERY_S = 600.0
_SOON_S = 0.02
_AFTER_PEOPLE_S = 1.0
_IDLE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOutcome:
    """What a check came to. `again`: there is more to do at once, after others have had a turn.

    `next_in` is in seconds; `changes` are records that moved in the mirror. `answered`: whether the PMS answered, or
    was away; None where it was neither, above all where nothing was asked.
    """

    again: bool
    next_in: float
    changes: int = 0
    error_code: str = ""
    answered: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """One line of the timetable."""

    connection_id: int
    stream: Stream
    at: datetime


class Checker:
    """Checks streams; one at a time per connection, whoever calls."""

    def __init__(
        self,
        live: LiveConnectors,
        clock: Clock,
        *,
        budget_s: float = 1.0,
        one_hub: OneHub | None = None,
        newest_gone: Callable[[Connection, Connector], int] = lambda _link, _connector: 0,
        at_restore: Callable[[Connection, Connector], object] = lambda _link, _connector: None,
    ) -> None:
        """`newest_gone` says how many of the newest writes are no longer in the PMS, where none of them is;
        `at_restore` is called when the PMS looks restored, after everything has stopped."""
        self._live = live
        self._newest_gone, self._at_restore = newest_gone, at_restore
        self._one_hub = one_hub or OneHub(clock)
        self._spending = Spending(clock)
        self._clock = clock
        self._budget_s = budget_s
        self._desks = Desks(clock)
        self._waiting: dict[tuple[int, Stream], tuple[Any, ...]] = {}
        self._known: dict[int, Desk] = {}
        self._told: set[int] = set()
        self._flushing = threading.Lock()
        self._prune_at = clock.monotonic() + _PRUNE_EVERY_S
        self.close = listen(self._on_wake)

    def check(self, connection_id: int, stream: Stream) -> CheckOutcome:
        """Look at one stream once, for at most the budget; never twice at once per connection."""
        desk = self._desks.of(connection_id)
        if desk is None:
            return CheckOutcome(again=False, next_in=_IDLE_S)
        if not desk.lock.acquire(blocking=False):
            return CheckOutcome(again=True, next_in=_SOON_S)
        try:
            self._desks.freshen(desk)
            tended = desk.streams.get(stream)
            if tended is None or not desk.active(tended) or not desk.connection.on:
                return CheckOutcome(again=False, next_in=_IDLE_S)
            return self._check(desk, tended)
        finally:
            desk.lock.release()

    def due(self, connection_ids: Sequence[int]) -> list[Due]:
        """Return when each stream of these connections is to be checked next, soonest first."""
        now, mono = self._clock.now(), self._clock.monotonic()
        found: list[Due] = []
        for desk in self._desks.of_all(connection_ids):
            for tended in desk.streams.values():
                at = desk.next_at(tended)
                if at is not None:
                    when = now + timedelta(seconds=at - mono)
                    found.append(Due(connection_id=desk.connection.pk, stream=tended.stream, at=when))
        return sorted(found, key=lambda due: due.at)

    def leave(self, connection_ids: Iterable[int]) -> None:
        """Others read these: forget how far they were. Whoever takes one up again goes on from its rows."""
        self._desks.forget(connection_ids)

    def flush(self) -> None:
        """Store the results that wait in memory, of all connections in one transaction."""
        with self._flushing:
            waiting, told = dict(self._waiting), set(self._told)
            known = dict(list(self._known.items())[:_IDENTITIES_AT_ONCE])
            now = self._clock.now()
            if waiting or known or told:
                keeping = writing if known or told else writing_what_may_be_lost
                with keeping():
                    save_idle(list(waiting.values()))
                    for pk, desk in known.items():
                        holds.keep_identity(pk, desk.connection.identity, desk.connection.highest, now)
                    for practice_id in told:
                        notice(practice_id, "streams", [], now)
            for key, row in waiting.items():
                if self._waiting.get(key) is row:
                    self._waiting.pop(key, None)
            for pk in known:
                self._known.pop(pk, None)
            self._told -= told
            if self._clock.monotonic() >= self._prune_at:
                self._prune_at = self._clock.monotonic() + _PRUNE_EVERY_S
                with writing():
                    prune_notices(now)
                mirror_indexes.restore()  # of a first read that was broken off

    def _check(self, desk: Desk, tended: Tended) -> CheckOutcome:
        mono, now, state = self._clock.monotonic(), self._clock.now(), tended.state
        if desk.connection.hold_code == brake.BUSY and mono < desk.identify_at:
            return CheckOutcome(again=False, next_in=desk.identify_at - mono, error_code=brake.BUSY)
        if desk.connection.hold_code not in ("", brake.BUSY):
            return CheckOutcome(again=False, next_in=_IDLE_S, error_code=desk.connection.hold_code)
        rest = self._rest(desk, tended, mono, now)
        if rest > 0:
            return CheckOutcome(again=False, next_in=rest, error_code=state.error_code)
        if desk.waits_for_people(tended):
            tended.next_at = mono + _AFTER_PEOPLE_S
            return CheckOutcome(again=False, next_in=_AFTER_PEOPLE_S)
        state.checks += 1
        state.last_check_at = now
        turn = None
        try:
            connector = self._live.of(desk.connection)
            all_states = [each.state for each in desk.streams.values()]
            desk.stretch = self._spending.before(desk.connection, connector, all_states)
            if tended.stream is Stream.LOOKUPS:
                desk.identify_at = mono  # what the PMS is, is compared along with its lists
            self._identify_if_due(desk, connector, mono)
            self._ask_witnesses_if_due(desk, connector, mono)
            _refuse_if_paused(desk, tended)
            if desk.connection.writing_on:
                self._one_hub.keep(desk.connection, connector)
            turn = Turn(
                desk=desk,
                tended=tended,
                connector=connector,
                clock=self._clock,
                until=mono + self._budget_s,
                failed_before=state.failures > 0,
            )
            self._take_button(turn)
            try:
                self._read(turn, mono)
            finally:
                self._spending.count(desk.connection, connector)
        except brake.Braked as braked:
            outcome = self._brake(desk, braked.sentence, brake.CODE)
            if braked.restored:
                self._look_what_is_left(desk)
            return outcome
        except _Busy as busy:
            return self._brake(desk, busy.sentence, brake.BUSY)
        except Exception as error:
            return self._failed(desk, tended, error, turn.changes if turn else 0)
        return self._succeeded(turn)

    def _rest(self, desk: Desk, tended: Tended, mono: float, now: datetime) -> float:
        """Seconds for which a connection or stream that failed is still to be left alone."""
        if tended.state.not_before is None and mono >= desk.attempt_at:
            return 0.0
        stream_rest = 0.0
        if tended.state.not_before and not tended.state.wanted:
            stream_rest = min((tended.state.not_before - now).total_seconds(), tended.next_at - mono)
        return max(stream_rest, desk.attempt_at - mono)

    def _identify_if_due(self, desk: Desk, connector: Connector, mono: float) -> None:
        """Ask who is there: at the start, every ten minutes, after errors. Raises `Braked`."""
        if mono < desk.identify_at:
            return
        identity = connector.identify()
        connection = desk.connection
        if identity.busy:
            raise _Busy(identity.busy)
        brake.look_at(connection.identity, connection.highest, identity)
        if drift.identity_seen(connection, connector.manifest, identity, self._clock.now()):
            desk.paused = observations.paused(connection.pk)
        if connection.hold_code == brake.BUSY:
            holds.let_go(connection, brake.BUSY, self._clock.now())
            observations.record(connection, [Seen(what=drift.UPDATE, event="ended")], self._clock.now())
        skew = identity.server_now - self._clock.now()
        desk.skew = skew if abs(skew) >= _OWN_CLOCKS_MAY_DIFFER else timedelta(0)
        connection.identity = brake.as_known(identity)
        connection.highest = {**connection.highest, **identity.highest}
        costs = connector.manifest.call_budget
        desk.identify_at = mono + (IDENTIFY_WHERE_IT_COSTS_S if costs else IDENTIFY_EVERY_S)
        self._known[connection.pk] = desk

        if connection.rereading and not self._reads_patients(desk):
            with writing():
                holds.reread(connection)

    def _ask_witnesses_if_due(self, desk: Desk, connector: Connector, mono: float) -> None:
        """Look whether the newest writes are still there. Raises `Braked`.

        A backup from before them need not show in any number of the PMS's own: theirs may be all that it lacks.
        """
        if mono < desk.witness_at or not desk.connection.connected_at:
            return
        if gone := self._newest_gone(desk.connection, connector):
            raise brake.lost_what_was_written(gone)
        cheap = bool(desk.connection.highest)  # its own tables are read; without them each look costs calls
        desk.witness_at = mono + (WITNESS_EVERY_S if cheap else IDENTIFY_EVERY_S)

    def _reads_patients(self, desk: Desk) -> bool:
        tended = desk.streams.get(Stream.PATIENTS)
        return tended is not None and desk.active(tended)

    def _look_what_is_left(self, desk: Desk) -> None:
        """List what was written and has vanished. Where that can't be had now, a person can ask for it later."""
        try:
            self._at_restore(desk.connection, self._live.of(desk.connection))
        except PmsError as error:
            log.warning("left_unlisted", connection=desk.connection.pk, error=type(error).__name__)

    def _take_button(self, turn: Turn) -> None:
        state = turn.tended.state
        if not state.wanted:
            return
        if state.wanted == "full":
            begin_pass(turn)
        clear_wanted(state.pk, turn.tended.button)
        state.wanted = ""

    def _read(self, turn: Turn, mono: float) -> None:
        """The ordinary check goes first; a full pass has what is left of the time."""
        tended, state = turn.tended, turn.tended.state
        if state.pass_state != READING or mono >= tended.check_at or tended.scanning:
            read_changes(turn)
            if not turn.more:
                tended.check_at = mono + _interval(turn)
        if state.pass_state == READING and not turn.more and self._clock.monotonic() >= tended.pass_at:
            try:
                read_pass(turn)
                tended.pass_failures = 0
            except (PmsError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                self._pass_failed(turn, error)

    def _pass_failed(self, turn: Turn, error: Exception) -> None:
        """A pass that fails does not stop the ordinary checks; after some tries it is given up, visibly."""
        tended = turn.tended
        tended.pass_failures += 1
        if isinstance(error, Unavailable) or tended.pass_failures >= _PASS_TRIES:
            if tended.pass_failures >= _PASS_TRIES:
                turn.save({"pass_state": NO_PASS, "pass_started_at": None, "pass_cursor": ""})
                tended.pass_failures = 0
            raise error
        tended.pass_at = self._clock.monotonic() + judge(error, tended.pass_failures, 0.0).wait_s

    def _succeeded(self, turn: Turn) -> CheckOutcome:
        desk, tended, state = turn.desk, turn.tended, turn.tended.state
        after = self._clock.monotonic()
        turn.remember(turn.good())
        key = (desk.connection.pk, tended.stream)
        if turn.loose:
            self._waiting[key] = idle_row(state)
        else:
            self._waiting.pop(key, None)
        if turn.failed_before:
            self._told.add(desk.connection.practice_id)
            self._try_the_others(desk, after)
        if tended.scanning:
            tended.next_at = after + SCAN_PIECE_S
            return CheckOutcome(again=False, next_in=SCAN_PIECE_S, changes=turn.changes, answered=True)
        passing = state.pass_state == READING and after >= tended.pass_at
        again = turn.more or passing
        tended.next_at = after if again else tended.check_at
        if state.pass_state == READING and not passing:
            tended.next_at = min(tended.check_at, tended.pass_at)
        next_in = max(0.0, tended.next_at - after)
        return CheckOutcome(again=again, next_in=next_in, changes=turn.changes, answered=True)

    def _try_the_others(self, desk: Desk, mono: float) -> None:
        """The PMS is there again: what waited for it need not wait longer."""
        for other in desk.streams.values():
            if other.state.not_before is not None:
                other.state.not_before = None
                other.check_at = other.next_at = mono

    def _failed(self, desk: Desk, tended: Tended, error: Exception, changes: int) -> CheckOutcome:
        fault = judge(error, tended.state.failures + 1, tended.state.interval_s)
        if fault.code == "internal":
            log.error(
                "check_failed",
                connection=desk.connection.pk,
                stream=tended.stream.value,
                error=type(error).__name__,
                place=place_of(error),
            )
            drop_broken()
        mono = self._clock.monotonic()
        if fault.code == "unavailable":
            desk.witness_at = mono  # while it was away, a backup may have been restored
            desk.attempt_at = mono + LEAST_GAP_S
        desk.identify_at = mono
        for each in desk.streams.values() if fault.whole_connection else [tended]:
            self._note_fault(desk, each, fault, mono)
        return CheckOutcome(
            again=False,
            next_in=fault.wait_s,
            changes=changes,
            error_code=fault.code,
            answered=False if fault.code == "unavailable" else None,
        )

    def _note_fault(self, desk: Desk, tended: Tended, fault: Fault, mono: float) -> None:
        state = tended.state
        if state.error_code != fault.code:
            self._told.add(desk.connection.practice_id)
        state.failures += 1
        state.error_code, state.error = fault.code, fault.sentence
        state.not_before = self._clock.now() + timedelta(seconds=fault.wait_s)
        tended.check_at = tended.next_at = mono + fault.wait_s
        if tended.scanning:  # a scan that fails must not stop the cheap checks
            tended.scanning = tended.scan_begun = False
            tended.scan_at = mono + _SCAN_AGAIN_S
        self._waiting[desk.connection.pk, tended.stream] = idle_row(state)

    def _brake(self, desk: Desk, sentence: str, code: str) -> CheckOutcome:
        """Hold the connection. A busy PMS is asked again by itself; the brake waits for a person."""
        if (desk.connection.hold_code, desk.connection.hold) != (code, sentence):
            holds.hold(desk.connection, code, sentence, self._clock.now())
            what = (drift.UPDATE, "began") if code == brake.BUSY else (drift.BRAKE, "stopped")
            observations.record(
                desk.connection, [Seen(what=what[0], event=what[1], paused=["all"])], self._clock.now()
            )
            desk.setting_row = ()  # so that its end is noticed, however soon it comes
        desk.identify_at = self._clock.monotonic() + BUSY_EVERY_S
        return CheckOutcome(again=False, next_in=BUSY_EVERY_S, error_code=code)

    def _on_wake(self, _connection_id: int, lane: Lane) -> None:
        if lane is Lane.READ:
            self._desks.look_again()


def _interval(turn: Turn) -> float:
    """A stream's interval, stretched where a month's calls run short."""
    state, stretch = turn.tended.state, turn.desk.stretch
    if stretch <= 1.0:
        return float(state.interval_s)
    return max(
        float(state.interval_s), min(float(turn.tended.claim.most_interval), state.interval_s * stretch)
    )


def _refuse_if_paused(desk: Desk, tended: Tended) -> None:
    """Raise where something that the stream reads is no longer in the PMS and nobody has said to go on without."""
    if tended.state.wanted:
        desk.paused = observations.paused(desk.connection.pk)
    if tended.stream.value in desk.paused:
        raise Unreadable(_PAUSED, evidence="columns")


class _Busy(Exception):
    """The PMS must be left alone for now."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
