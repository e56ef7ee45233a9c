"""From when a lost answer may be looked for: once the attempt can't land any more, by a clock that nobody can set.

The moment stands in the row by the wall clock. From when a process first sees it, it counts on by its own steady
clock: set forward in between, the wall clock would have it look too early, and send what is still to land again.
Must not be in it: looking.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.pms.registry import registry
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
        known = self._settled_at.get(connection_id, {})
        fresh: dict[_Seen, float] = {}
        for seen in deliveries.uncertain(connection_id):
            fresh[seen] = known[seen] if seen in known else self._steady(seen[1])
        if fresh:
            self._settled_at[connection_id] = fresh
        else:
            self._settled_at.pop(connection_id, None)

    def _steady(self, due_at: datetime) -> float:
        """The moment by the steady clock. One that is farther off than any is of a clock that was set back since."""
        left = (due_at - self._clock.now()).total_seconds()
        return self._clock.monotonic() + min(max(0.0, left), _longest())

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


def _longest() -> float:
    """For so long any attempt may still land, at any PMS."""
    manifests = registry().manifests.values()
    return max((claim.settle_after for each in manifests for claim in each.commands.values()), default=0.0)
