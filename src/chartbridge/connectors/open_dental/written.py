"""From when on, by the server's clock, notes are looked for that were written here: so that none older is asked for.

The API's answer to a note doesn't say its time. It is not before what the clock showed when the note was sent, and not
before any time that the server had shown until then. Kept in memory only, and no more than a help: clocks are set, so
what isn't found from there on is looked for as if nothing were known. Must not be in it: looking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from chartbridge.connectors.open_dental.codec import moment

MOST = 20_000
INEXACT = timedelta(seconds=2)
"""So far the server's time may be off: its API shows whole seconds, and its answer takes a while."""
AHEAD = timedelta(seconds=0.5)
"""So far it may be ahead of the server: what is shown was true before it is noted, so it is rather behind."""


class Written:
    """One an office; may be used from several threads. `server_local` is the server's time now, as far as known."""

    def __init__(self, server_local: Callable[[], datetime]) -> None:
        self._server_local = server_local
        self._newest: datetime | None = None
        self._since: dict[str, datetime] = {}
        self._guard = threading.Lock()

    def begin(self, marker: str) -> None:
        """A note with this marker is about to be sent."""
        at = self._server_local() - AHEAD
        with self._guard:
            self._since.pop(marker, None)
            self._since[marker] = max(at, self._newest or at)
            if len(self._since) > MOST:
                for old in list(self._since)[: MOST // 2]:
                    del self._since[old]

    def heard(self, stamps: Iterable[str | None]) -> None:
        """The server has shown rows with these DateTStamps. One that lies ahead of its clock is no time of it."""
        try:
            newest = moment(max((each or "" for each in stamps), default=""))
        except ValueError:
            return
        if newest is not None and newest <= self._server_local() + INEXACT:
            with self._guard:
                self._newest = max(newest, self._newest or newest)

    def since(self, markers: Iterable[str]) -> dict[str, datetime]:
        """Return, of those of these markers that are known, from when on their notes must be looked for."""
        with self._guard:
            return {each: self._since[each] for each in markers if each in self._since}
