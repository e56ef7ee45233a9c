"""Plays a sandbox practice's day: seeded, one event at a time or in a thread, at so many events a minute.

Must not be in it: what happens.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

Tell = Callable[[str], None]


class Playing(ABC):
    """A day's doings. What is told has no names in it, only numbers."""

    def __init__(self, *, seed: int = 7, tell: Tell | None = None) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a made-up day needs no secrecy
        self._tell = tell or (lambda _line: None)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, events_per_minute: float) -> None:
        """Play on in a thread until `stop`."""
        self._over.clear()
        pause = 60.0 / events_per_minute
        self._thread = threading.Thread(target=self._play, args=(pause,), name="sandbox-day", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    @abstractmethod
    def step(self) -> str:
        """Let one thing happen and return what it was, or empty if there was nothing to do."""

    def _play(self, pause: float) -> None:
        while not self._over.wait(pause):
            self.step()
