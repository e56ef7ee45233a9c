"""Which PMSs are away just now: while one is, all turns of its connection together ask only now and then.

In memory only: after a restart the first turn finds out again. Must not be in it: how a stream or a write backs off.
"""

from __future__ import annotations

from chartbridge.store.wake import Lane

ASK_EVERY = 4.0
"""Seconds between two turns of one lane while the PMS is away: reading and writing together ask every two seconds.

Each lane has its own time, so that neither keeps the other from asking."""


class Outages:
    """By connection and lane, in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._not_before: dict[tuple[int, Lane], float] = {}

    def heard(self, connection_id: int, answered: bool | None, now: float) -> None:
        """Note what a turn found: the PMS answered, or was away; None where the turn does not tell."""
        for lane in Lane:
            if answered:
                self._not_before.pop((connection_id, lane), None)
            elif answered is False:
                self._not_before.setdefault((connection_id, lane), now + ASK_EVERY)

    def ask(self, connection_id: int, lane: Lane, now: float) -> float | None:
        """Take leave to ask: None where a turn may run now, else the time at which to come again."""
        not_before = self._not_before.get((connection_id, lane))
        if not_before is None:
            return None
        if now < not_before:
            return not_before
        self._not_before[connection_id, lane] = now + ASK_EVERY
        return None
