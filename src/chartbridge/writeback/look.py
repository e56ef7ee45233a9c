"""Looks in the PMS for what may be there: settles lost answers, and reads back what was taken.

Many at once in one call; where that fails for a reason of one of them, one by one. When the PMS can't be asked,
everything stays as it is and is asked again later. Must not be in it: sending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import Command, Receipt
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Uncertain
from chartbridge.store import deliveries, ledger, moving
from chartbridge.store.database import writing
from chartbridge.store.deliveries import Row, Tries
from chartbridge.store.desk import Desk
from chartbridge.store.models import Connection, Delivery
from chartbridge.store.moving import Change
from chartbridge.writeback import outcomes
from chartbridge.writeback.commands import command_of
from chartbridge.writeback.lived import Lived
from chartbridge.writeback.outcomes import (
    after_look,
    after_read_back,
    next_look,
    not_understood,
)
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.settling import ROUNDING, Settling
from chartbridge.writeback.states import Event

WHO = "chartbridge"
AT_ONCE = 2000
_LONGEST = 60.0
_OWED_EVERY = 10.0
Found = Sequence[Receipt | Exception | None]
Look = tuple[Sequence[Row], Future[Found]]
"""What is being looked for, and what will be found."""
CANT_ASK = (Unavailable, Uncertain, Unauthorised, Misconfigured)


@dataclass(frozen=True, slots=True)
class _Wait:
    """Looking at a connection has failed so often in a row; not before this moment again."""

    until: datetime
    failures: int


class Looker:
    """Looks for any connection. How long to wait after a failure is kept in memory only: after a restart it asks."""

    def __init__(self, clock: Clock, at_step: Callable[[str], None]) -> None:
        self._clock = clock
        self._step = at_step
        self._settling = Settling(clock)
        self._waits: dict[int, _Wait] = {}
        self._owed_at: dict[int, float] = {}
        self._lived = Lived(clock)

    def moved(self, changes: Sequence[Change]) -> None:
        """Take notice of what was sent just now: from here on its time is counted. What was parked with an answer that
        says nothing may be on its way like what lost it."""
        begun = (Event.TAKE, Event.LOSE, Event.RESTART, Event.PARK)
        self._lived.begin(each.row.id for each in changes if each.move in begun)

    def not_before(self, connection_id: int, at: datetime) -> datetime:
        """Return the later of `at` and the moment until which looking is to wait."""
        wait = self._waits.get(connection_id)
        return max(at, wait.until) if wait else at

    def look(self, connector: Connector, desk: Desk) -> None:
        """Look for everything that is due, as long as the PMS can be asked."""
        now = self._clock.now()
        if self.not_before(desk.connection_id, now) > now:
            return
        while rows := self._settled(desk.connection_id):
            ripe = self._ripe(desk, rows, now)
            if (ripe and not self._look_for(connector, desk, ripe)) or len(rows) < AT_ONCE:
                break
        while rows := deliveries.owed_due(desk.connection_id, now, AT_ONCE):
            if not self._look_for(connector, desk, rows) or len(rows) < AT_ONCE:
                break

    def begin(self, connector: Connector, desk: Desk, taken: Sequence[Row], pool: Executor) -> Look | None:
        """Have what was taken be looked for by a job of `pool`; None where nothing is due or the PMS can't be asked.

        `taken` was so just now, and needs not be read again where all of it is due. The store is asked for the rest
        as well, every few seconds.
        """
        pk, now = desk.connection_id, self._clock.now()
        if self.not_before(pk, now) > now:
            return None
        rows, steady = taken, self._clock.monotonic()
        late = steady - self._owed_at.setdefault(pk, steady) > _OWED_EVERY
        if late or any(row.due_at > now for row in rows):
            self._owed_at[pk] = steady
            rows = deliveries.owed_due(pk, now, AT_ONCE)
        if not rows:
            return None
        commands = [command_of(row, desk, to_send=False) for row in rows]
        self._step("before_looking")
        return rows, pool.submit(ask, connector, commands)

    def finish(self, desk: Desk, look: Look) -> None:
        """Wait for it, and keep what follows."""
        rows, found = look
        self._settle(desk, rows, found.result)

    def look_at(self, connection_id: int) -> datetime | None:
        """Return when the next lost answer may be looked for."""
        self._settling.note(connection_id)
        return self._settling.next_at(connection_id)

    def _settled(self, connection_id: int) -> list[Row]:
        self._settling.note(connection_id)
        ids = self._settling.settled(connection_id)[:AT_ONCE]
        return deliveries.uncertain_among(connection_id, ids) if ids else []

    def _ripe(self, desk: Desk, rows: Sequence[Row], now: datetime) -> list[Row]:
        """Without what an earlier process sent so lately that it may still land, whatever the clock was set to between:
        that waits for as long as this process has not lived through yet."""
        lacks = {row.id: outcomes.settle_time(desk, row) - self._lived.since(row.id) for row in rows}
        early = {pk: lack for pk, lack in lacks.items() if lack > ROUNDING}
        if early:
            with writing():
                for pk, lack in early.items():
                    deliveries.look_again([pk], now + lack)
        return [row for row in rows if row.id not in early]

    def _look_for(self, connector: Connector, desk: Desk, rows: Sequence[Row]) -> bool:
        """Look for rows of one kind of standing and keep what follows. False where the PMS can't be asked."""
        commands = [command_of(row, desk, to_send=False) for row in rows]
        self._step("before_looking")
        return self._settle(desk, rows, lambda: ask(connector, commands))

    def _settle(self, desk: Desk, rows: Sequence[Row], asked: Callable[[], Found]) -> bool:
        try:
            found = asked()
        except CANT_ASK as error:
            self._wait(desk, rows, error)
            return False
        self._step("looked")
        self._waits.pop(desk.connection_id, None)
        self._keep(desk, rows, found)
        self._step("looks_kept")
        return True

    def _keep(self, desk: Desk, rows: Sequence[Row], found: Found) -> None:
        now = self._clock.now()
        unsure = [row.id for row in rows if row.delivery == Delivery.UNCERTAIN]
        tries = deliveries.tries(desk.connection_id, unsure)
        with ledger.turn(desk.practice_id):
            if not Connection.objects.filter(pk=desk.connection_id, connector=desk.connector).exists():
                return  # another PMS is connected: what this one says of what is sent there means nothing
            changes: list[Change] = []
            for row, answer in zip(rows, found, strict=True):
                follows = self._follows(row, desk, answer, now, tries.get(row.id, Tries()))
                changes += follows
                if not follows:
                    deliveries.look_again([row.id], next_look(row, now))
            moving.apply(desk.practice_id, changes, who=WHO, at=now)

    def _follows(
        self, row: Row, desk: Desk, answer: Receipt | Exception | None, now: datetime, tries: Tries
    ) -> tuple[Change, ...]:
        if isinstance(answer, Exception):
            return (not_understood(row, answer),)
        if row.delivery == Delivery.UNCERTAIN:
            return after_look(row, desk, answer, now, tries)
        return after_read_back(row, desk, answer, now, self._lived.since(row.id))

    def _wait(self, desk: Desk, rows: Sequence[Row], error: PmsError) -> None:
        earlier = self._waits.get(desk.connection_id)
        failures = earlier.failures + 1 if earlier else 1
        delay = min(_LONGEST, 2.0 ** min(failures, 10))
        self._waits[desk.connection_id] = _Wait(self._clock.now() + timedelta(seconds=delay), failures)
        reason = sentence("cannot_look", why=error.safe_message)
        with ledger.turn(desk.practice_id):
            deliveries.say_why([row.id for row in rows], code="cannot_look", reason=reason)


def ask(connector: Connector, commands: Sequence[Command]) -> Found:
    """Look for all of them. Raises only where the PMS can't be asked at all."""
    try:
        return connector.landed_all(commands)
    except CANT_ASK:
        raise
    except Exception:  # one of them can't be looked for; the others must not suffer for it
        return [_ask_one(connector, command) for command in commands]


def _ask_one(connector: Connector, command: Command) -> Receipt | Exception | None:
    try:
        return connector.landed(command)
    except CANT_ASK:
        raise
    except Exception as error:  # judged by its class
        return error
