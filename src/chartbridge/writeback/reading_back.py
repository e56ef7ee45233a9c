"""When what was taken is looked for: beside the sending while there is much of it, otherwise behind it.

Must not be in it: how one looks and what follows (`look`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk
from chartbridge.writeback.look import Look, Looker

BESIDE = 1250
"""So many are looked for in one go while others are sent."""
MANY = 2000
WITHIN = 2.0
"""Seconds after which reading back has its turn, however much is left to send."""


class ReadingBack:
    """What any connection owes to be read back; looks run in `pool` beside the sending."""

    def __init__(self, looker: Looker, clock: Clock, pool: Executor) -> None:
        self._looker = looker
        self._clock = clock
        self._pool = pool
        self._owed: dict[int, list[Row]] = defaultdict(list)
        self._owed_since: dict[int, float] = {}
        self._looked_at: dict[int, float] = {}
        self._begun: dict[int, Look] = {}

    def owe(self, connection_id: int, taken: Sequence[Row]) -> None:
        """Take notice of what the PMS took just now."""
        self._owed[connection_id] += taken
        self._owed_since.setdefault(connection_id, self._clock.monotonic())

    def presses(self, connection_id: int) -> bool:
        """Whether so much or for so long was not read back that nothing more is to be sent first."""
        since = self._owed_since.get(connection_id)
        long = since is not None and self._clock.monotonic() - since > WITHIN
        return long or len(self._owed[connection_id]) >= MANY

    def long_ago(self, connection_id: int) -> bool:
        """Whether the last look was long ago."""
        last = self._looked_at.setdefault(connection_id, self._clock.monotonic())
        return self._clock.monotonic() - last > WITHIN

    def look(self, connector: Connector, desk: Desk) -> None:
        """Look for everything that is due, and wait for what comes of it."""
        begun = self._begun.pop(desk.connection_id, None)
        if begun:
            self._looker.finish(desk, begun)
        self._note(desk.connection_id)
        self._looker.look(connector, desk)

    def look_beside(self, connector: Connector, desk: Desk) -> None:
        """Begin to look for what was taken where that is much; keep what an earlier look has found."""
        pk = desk.connection_id
        look = self._begun.get(pk)
        if look and look[1].done():
            self._looker.finish(desk, self._begun.pop(pk))
        if pk not in self._begun and len(self._owed[pk]) >= BESIDE:
            rows = self._owed[pk]
            self._note(pk)
            begun = self._looker.begin(connector, desk, rows, self._pool)
            if begun:
                self._begun[pk] = begun

    def _note(self, connection_id: int) -> None:
        self._looked_at[connection_id] = self._clock.monotonic()
        self._owed.pop(connection_id, None)
        self._owed_since.pop(connection_id, None)
