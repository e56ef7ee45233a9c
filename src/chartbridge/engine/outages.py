"""Which PMSs are away just now: while one is, all turns of its connection together ask only now and then.

In memory only: after a restart the first turn finds out again. Must not be in it: how a stream or a write backs off.
"""

from __future__ import annotations

from chartbridge.store.wake import Lane

ASK_EVERY = 2.2
"""Seconds between two turns while the PMS is away. Reading and writing take places in one line, the first to come
first: so neither keeps the other from asking, and one alone need not wait for the other."""
JUST_NOW = 2.0
"""Seconds after an answer within which the first turn that gets none found a line broken, not the PMS away: when it is
back, a line from before its restart may be found broken."""
ONE_LINE = 1.0
"""Seconds after which such a lane asks again."""


class Outages:
    """By connection and lane, in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, Lane], float] = {}
        self._next_place: dict[int, float] = {}
        self._answered_at: dict[int, float] = {}

    def heard(self, connection_id: int, lane: Lane, answered: bool | None, now: float) -> bool:
        """Note what a turn found: the PMS answered, or was away; None where the turn does not tell: it may not have
        asked, so its lane may soon ask again.

        Returns whether it is back: what waits for it in either lane need not wait any longer.
        """
        if answered:
            self._answered_at[connection_id] = now
            waited = [self._places.pop((connection_id, each), None) for each in Lane]
            waited.append(self._next_place.pop(connection_id, None))
            return any(each is not None for each in waited)
        if answered is None:
            if connection_id in self._next_place:
                self._places[connection_id, lane] = now + ONE_LINE
        elif now - self._answered_at.pop(connection_id, float("-inf")) < JUST_NOW:
            self._places.setdefault((connection_id, lane), now + ONE_LINE)
        elif connection_id not in self._next_place:
            self._next_place[connection_id] = now + ASK_EVERY
            for each in Lane:
                self._places.pop((connection_id, each), None)
        return False

    def ask(self, connection_id: int, lane: Lane, now: float) -> float | None:
        """Take leave to ask: None where a turn may run now, else the time at which to come again."""
        place = self._places.get((connection_id, lane))
        next_place = self._next_place.get(connection_id)
        if next_place is not None and (place is None or place <= now - ASK_EVERY):  # none, or one left unused
            place = max(now, next_place)
            self._next_place[connection_id] = place + ASK_EVERY
        if place is not None and now < place:
            self._places[connection_id, lane] = place
            return place
        self._places.pop((connection_id, lane), None)
        return None
