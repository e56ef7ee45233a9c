"""Time, chance and the record of what happened, for one seed. Must not be in it: what is done with them."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

T = TypeVar("T")
EPOCH = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


class Died(BaseException):
    """The process ended here. No `except Exception` catches it, as nothing catches kill -9."""


class World:
    """One seed's time and chance. `lines` is the record; equal seeds give equal records."""

    def __init__(self, seed: int, *, keep_lines: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.t = 0.0
        self.offset = timedelta(0)
        self.dead = False
        self.dies_in: int | None = None
        self.deaths = 0
        self.statements = 0
        self.lines: list[str] = []
        self._keep = keep_lines
        self._digest = hashlib.sha256()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, among: Sequence[T]) -> T:
        return among[self.rng.randrange(len(among))]

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.rng.random()

    def log(self, *words: object) -> None:
        line = f"{self.t:.3f} {' '.join(map(str, words))}"
        self._digest.update(line.encode())
        if self._keep:
            self.lines.append(line)

    @property
    def trace(self) -> str:
        return self._digest.hexdigest()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Let something happen outside the hub after so many seconds."""
        heapq.heappush(self._coming, (self.t + seconds, next(self._order), what))

    def pass_time(self, seconds: float) -> None:
        until = self.t + max(0.0, seconds)
        while self._coming and self._coming[0][0] <= until:
            self.t, _, what = heapq.heappop(self._coming)
            what()
        self.t = until

    def die(self) -> None:
        """End the hub's process: from here on it reads, writes and sends nothing."""
        self.dead = True
        self.dies_in = None
        self.deaths += 1
        self.log("died")
        raise Died

    def alive(self) -> None:
        if self.dead:
            raise Died


class HubClock:
    """The hub's own clock: people and NTP may set it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._world.t) + self._world.offset

    def monotonic(self) -> float:
        return self._world.t


class PmsClock:
    """The clock of the PMS's server, a constant distance from the truth."""

    def __init__(self, world: World, off: timedelta) -> None:
        self._world = world
        self._off = off

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._world.t) + self._off

    def monotonic(self) -> float:
        return self._world.t
