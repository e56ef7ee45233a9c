"""Keeping below what a vendor allows: calls are spaced by a least interval, shared by everyone with one key.

Must not be in it: what the allowance is (the connector knows), retrying.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256


class Throttle:
    """Lets one call start per `interval` seconds, in the order in which they came."""

    def __init__(
        self,
        interval: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.interval = interval
        self._monotonic, self._sleep = monotonic, sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the caller may send."""
        if self.interval <= 0:
            return
        with self._lock:
            now = self._monotonic()
            mine = max(now, self._next)
            self._next = mine + self.interval
        if mine > now:
            self._sleep(mine - now)


unthrottled = Throttle(0)
_shared: dict[str, Throttle] = {}
_lock = threading.Lock()


def shared_throttle(key: str, interval: float) -> Throttle:
    """Return the one throttle of this process for `key` (a secret is fine: only its hash is kept)."""
    name = sha256(key.encode()).hexdigest()
    with _lock:
        held = _shared.get(name)
        if held is None or held.interval != interval:
            held = _shared[name] = Throttle(interval)
        return held
