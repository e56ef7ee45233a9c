"""A month's calls where a vendor counts them: what is used, what it comes to, and when to ask less or not at all.

Until four fifths are used, checks come at their intervals. Then they are stretched so that the rest lasts until the
month turns, as far as their longest interval goes; and when all is used, nothing is asked before the month turns or the
budget is raised. Months are those of UTC. Must not be in it: making calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from weakref import WeakKeyDictionary

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, Metered
from chartbridge.pms.errors import Unavailable
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Stream
from chartbridge.store import call_uses
from chartbridge.store.models import Connection, StreamState

EASE_FROM = 0.8
_LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One month of one connection. `per_second` is what checks cost at their intervals as set."""

    pms: str
    most: int
    used: int
    per_second: float
    now: datetime
    turns_at: datetime

    @property
    def left_s(self) -> float:
        """Seconds until the month turns."""
        return (self.turns_at - self.now).total_seconds()

    @property
    def percent(self) -> int:
        """How much is used."""
        return round(100 * self.used / self.most) if self.most else 100

    @property
    def is_used_up(self) -> bool:
        """Whether nothing may be asked any more."""
        return self.used >= self.most

    @property
    def by_month_end(self) -> int:
        """What it will come to at the intervals as set."""
        return round(self.used + self.per_second * self.left_s)

    @property
    def stretch(self) -> float:
        """By what intervals are to be multiplied."""
        if self.used < EASE_FROM * self.most or self.is_used_up:
            return 1.0
        return max(1.0, self.per_second * self.left_s / (self.most - self.used))

    @property
    def sentence(self) -> str:
        """What is said where nothing may be asked any more."""
        return (
            f"This month's {self.most:,} calls to {self.pms} are used up. Reading goes on by itself on "
            f"{self.turns_at:%B} {self.turns_at.day}; or raise the number on the PMS Connection page."
        )


def budget_of(
    connection: Connection, manifest: Manifest, states: Iterable[StreamState], now: datetime
) -> Budget | None:
    """A connection's budget as it stands, or None where calls are not counted or no number is entered."""
    if not manifest.call_budget:
        return None
    usual = next((each.default for each in manifest.settings if each.name == manifest.call_budget), "")
    entered = str(connection.values.get(manifest.call_budget) or usual)
    if not entered.isdecimal():
        return None
    claims = manifest.streams
    return Budget(
        pms=manifest.label,
        most=int(entered),
        used=call_uses.used(connection.pk, now),
        per_second=sum(
            claim.metered_calls / max(1, state.interval_s)
            for state in states
            if state.on and (claim := claims.get(Stream(state.stream)))
        ),
        now=now,
        turns_at=_turn_of_month(now),
    )


class Spending:
    """Counts what connectors call, and holds back where a month's calls are used up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: WeakKeyDictionary[Connector, int] = WeakKeyDictionary()

    def before(self, connection: Connection, connector: Connector, states: Iterable[StreamState]) -> float:
        """By what intervals are to be multiplied. Raises `Unavailable` where nothing may be asked any more.

        From here on the connector sends no call that would pass the budget, in the middle of a list either.
        """
        if not connector.manifest.call_budget:
            return 1.0
        self.count(connection, connector)
        budget = budget_of(connection, connector.manifest, states, self._clock.now())
        if budget is None:
            return 1.0
        if budget.is_used_up:
            raise Unavailable(budget.sentence, retry_after=min(_LONGEST_WAIT_S, budget.left_s))
        cast("Metered", connector).allow_calls(budget.most - budget.used)
        return budget.stretch

    def count(self, connection: Connection, connector: Connector) -> None:
        """Store how many calls it has made since it was last asked."""
        if not connector.manifest.call_budget:
            return
        made = cast("Metered", connector).calls_made()
        new = made - self._counted.get(connector, 0)
        if new > 0:
            call_uses.add(connection.pk, new, self._clock.now())
            self._counted[connector] = made


def _turn_of_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.replace(year=now.year + now.month // 12, month=now.month % 12 + 1)
