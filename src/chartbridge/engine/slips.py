"""How late jobs begin: the engine's own health. Must not be in it: how late changes are (that is lag, in sync)."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Slip:
    """Milliseconds between a job's time and its beginning, over the last jobs."""

    jobs: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Slips:
    """Keeps the last some thousand slips."""

    def __init__(self, kept: int = 20_000) -> None:
        self._last: deque[float] = deque(maxlen=kept)
        self._lock = threading.Lock()
        self.total = 0

    def note(self, seconds: float) -> None:
        """Remember one."""
        with self._lock:
            self._last.append(max(0.0, seconds))
            self.total += 1

    def summary(self) -> Slip:
        """Return what the last ones say; zeros while there are none."""
        with self._lock:
            ordered = sorted(self._last)
        if not ordered:
            return Slip(jobs=0, p50_ms=0.0, p99_ms=0.0, worst_ms=0.0)
        last = len(ordered) - 1
        return Slip(
            jobs=len(ordered),
            p50_ms=1000 * ordered[last // 2],
            p99_ms=1000 * ordered[min(last, int(0.99 * len(ordered)))],
            worst_ms=1000 * ordered[last],
        )
