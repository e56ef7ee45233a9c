"""Which PMSs are away just now: while one is, all turns of its connection together ask only now and then.

In memory only: after a restart the first turn finds out again. Must not be in it: how a stream or a write backs off.
"""

from __future__ import annotations

from chartbridge.store.wake import Lane

ASK_EVERY = 4.0
"""Seconds between two turns of one lane while the PMS is away: reading and writing together ask every two seconds.

Each lane has its own time, so that neither keeps the other from asking."""
JUST_NOW = 2.0
"""Seconds after an answer within which a turn that got none found a line broken, not the PMS away: when it is back, the
lines from before its restart are found broken one by one."""
ONE_LINE = 1.0
"""Seconds after which such a lane asks again."""


class Outages:
    """By connection and lane, in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._not_before: dict[tuple[int, Lane], float] = {}
        self._answered_at: dict[int, float] = {}

    def heard(self, connection_id: int, lane: Lane, answered: bool | None, now: float) -> bool:
        """Note what a turn found: the PMS answered, or was away; None where the turn does not tell: it may not have
        asked, so its lane may soon ask again.

        Returns whether it is back: what waits for it in either lane need not wait any longer.
        """
        if answered:
            self._answered_at[connection_id] = now
            waited = [self._not_before.pop((connection_id, each), None) for each in Lane]
            return any(each is not None for each in waited)
        if answered is False and now - self._answered_at.get(connection_id, float("-inf")) < JUST_NOW:
            self._not_before.setdefault((connection_id, lane), now + ONE_LINE)
        elif answered is False:
            for each in Lane:
                self._not_before.setdefault((connection_id, each), now + ASK_EVERY)
        elif (connection_id, lane) in self._not_before:
            self._not_before[connection_id, lane] = now + ONE_LINE
        return False

    def ask(self, connection_id: int, lane: Lane, now: float) -> float | None:
        """Take leave to ask: None where a turn may run now, else the time at which to come again."""
        not_before = self._not_before.get((connection_id, lane))
        if not_before is None:
            return None
        if now < not_before:
            return not_before
        self._not_before[connection_id, lane] = now + ASK_EVERY
        return None
