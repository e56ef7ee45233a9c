"""How long it really is since something happened to a writeback, whatever the wall clock was set to meanwhile.

Counted by the time that this process has lived through. What happened before it began counts from its beginning: what
the wall clock did in between, nobody knows. Must not be in it: what follows from it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta

from chartbridge.domain.clock import Clock

_FORGET_AFTER_S = 3600.0
_MANY = 1000


class Lived:
    """One a process; safe to ask from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._since: dict[int, float] = {}
        self._tidy_from = _MANY
        self._guard = threading.Lock()

    def begin(self, writeback_ids: Iterable[int]) -> None:
        """From now on the time of these is counted."""
        now = self._clock.monotonic()
        with self._guard:
            self._since.update(dict.fromkeys(writeback_ids, now))
            if len(self._since) > self._tidy_from:  # what is that old counts from the beginning as well
                self._since = {pk: at for pk, at in self._since.items() if now - at < _FORGET_AFTER_S}
                self._tidy_from = max(_MANY, 2 * len(self._since))

    def since(self, writeback_id: int) -> timedelta:
        """Return how long ago that was, at the least."""
        begun = self._since.get(writeback_id, self._began)
        return timedelta(seconds=self._clock.monotonic() - begun)
