"""From when a lost answer may be looked for: once the attempt can't land any more, by a clock that nobody can set.

The moment stands in the row by the wall clock. From when a process first sees it, it counts on by its own steady
clock: set forward in between, the wall clock would have it look too early, and send what is still to land again.
Must not be in it: looking.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.store import deliveries

_Seen = tuple[int, datetime]
"""A writeback and the moment in its row: after another attempt it has another one."""

ROUNDING = timedelta(milliseconds=1)
"""The moments of rows are kept to a microsecond."""


class Settling:
    """What is uncertain at each connection, as far as this process has seen. Kept in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._settled_at: dict[int, dict[_Seen, float]] = {}

    def note(self, connection_id: int) -> None:
        """See what is uncertain now. To be called soon after anything has become so."""
        now, steady = self._clock.now(), self._clock.monotonic()
        known = self._settled_at.get(connection_id, {})
        fresh: dict[_Seen, float] = {}
        for pk, due_at in deliveries.uncertain(connection_id):
            left = max(0.0, (due_at - now).total_seconds())
            fresh[pk, due_at] = known.get((pk, due_at), steady + left)
        if fresh:
            self._settled_at[connection_id] = fresh
        else:
            self._settled_at.pop(connection_id, None)

    def settled(self, connection_id: int) -> Sequence[int]:
        """Return the writebacks that may be looked for, oldest first."""
        steady = self._clock.monotonic()
        of_it = self._settled_at.get(connection_id, {})
        return sorted(pk for (pk, _), at in of_it.items() if at - steady < ROUNDING.total_seconds())

    def next_at(self, connection_id: int) -> datetime | None:
        """Return when the next one may be looked for, by the wall clock as it goes now."""
        of_it = self._settled_at.get(connection_id)
        if not of_it:
            return None
        left = min(of_it.values()) - self._clock.monotonic()
        return self._clock.now() + timedelta(seconds=max(0.0, left))
