"""Wake-ups for what is sent to programs: one turn at a time for each receiver, several receivers at once.

What is due is asked of the rows twice a second; nothing is lost with this process. A receiver that is slow or
silent holds its own turn only. Must not be in it: what is sent, when it is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

import structlog
from django.db import connection

from chartbridge.engine.faults import Spells
from chartbridge.engine.workers import Workers
from chartbridge.sync.faults import place_of

log = structlog.get_logger("chartbridge.engine")

LOOK_EVERY = 0.5
FORGET_EVERY = 3600.0
SENDERS = 8
FAILED_REST = 30.0


class Poster(Protocol):
    """Sends: `chartbridge.api.webhooks.Sender`."""

    def due(self) -> Sequence[int]: ...
    def send(self, endpoint_id: int) -> float: ...
    def forget_old(self) -> None: ...


class Posting:
    """Gives every receiver its turns."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._rests: dict[int, float] = {}
        self._ended = threading.Event()
        self._workers = Workers("webhooks", SENDERS, _close_database)
        self._thread = threading.Thread(target=self._keep_looking, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin. What was due while nobody looked is due now."""
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Finish what is in flight, at most so long. Returns whether everything was finished."""
        until = monotonic() + seconds
        self._ended.set()
        finished = self._workers.stop(until)
        if self._thread.is_alive():
            self._thread.join(max(0.1, until - monotonic()))
        return finished

    def _keep_looking(self) -> None:
        forget_at, spells = monotonic(), Spells("webhooks_look")
        while not self._ended.wait(LOOK_EVERY):
            try:
                if monotonic() >= forget_at:
                    forget_at = monotonic() + FORGET_EVERY
                    self._poster.forget_old()
                self._give(self._poster.due())
            except Exception as error:
                spells.failed("look", error)
                connection.close()
            else:
                spells.went_well("look")
        connection.close()

    def _give(self, endpoint_ids: Sequence[int]) -> None:
        now = monotonic()
        with self._lock:
            for each in endpoint_ids:
                if each not in self._busy and self._rests.get(each, 0.0) <= now:
                    self._busy.add(each)
                    self._workers.give(now, lambda each=each: self._turn(each))  # type: ignore[misc]

    def _turn(self, endpoint_id: int) -> None:
        rest = FAILED_REST
        try:
            rest = self._poster.send(endpoint_id)
        except Exception as error:
            log.error(
                "webhook_turn_failed", endpoint=endpoint_id, error=type(error).__name__, place=place_of(error)
            )
            connection.close()
        finally:
            with self._lock:
                self._rests[endpoint_id] = monotonic() + rest
                self._busy.discard(endpoint_id)


def _close_database() -> None:
    """Close this thread's own database connection."""
    connection.close()
