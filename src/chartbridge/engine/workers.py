"""A bounded set of threads that take jobs in the order of their rank.

They are daemon threads: a PMS that hangs can't keep the process from ending, and whatever it was doing is
found again from the rows. Must not be in it: what a job is.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count
from time import monotonic


class Workers:
    """Threads, made as they are needed, up to `most`."""

    def __init__(self, name: str, most: int, at_end: Callable[[], None]) -> None:
        self._name = name
        self._most = most
        self._at_end = at_end
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._turn = threading.Condition()
        self._stopping = False

    def give(self, rank: float, job: Callable[[], None]) -> None:
        """Queue a job; the lowest rank is taken first. Jobs given after `stop` are dropped."""
        with self._turn:
            if self._stopping:
                return
            heapq.heappush(self._waiting, (rank, next(self._order), job))
            if self._idle < len(self._waiting) and len(self._threads) < self._most:
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self._threads) + 1}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._turn.notify()

    def stop(self, until: float) -> bool:
        """Drop what waits, let what runs finish until then (monotonic). Returns whether all finished."""
        with self._turn:
            self._stopping = True
            self._waiting.clear()
            self._turn.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        try:
            while (job := self._take()) is not None:
                job()
        finally:
            self._at_end()

    def _take(self) -> Callable[[], None] | None:
        with self._turn:
            self._idle += 1
            try:
                while not self._waiting:
                    if self._stopping:
                        return None
                    self._turn.wait()
                return heapq.heappop(self._waiting)[2]
            finally:
                self._idle -= 1
