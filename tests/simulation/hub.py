"""The hub's process, put together from the real rooms; its threads are a list from which chance takes the next turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from chartbridge.engine.threads import Engine
from chartbridge.flow.mapping import default_mappings
from chartbridge.store import leases
from chartbridge.store.live_connectors import LiveConnectors, install_live
from chartbridge.sync.checks import Checker
from chartbridge.sync.connect import start_connection
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.recover import recover
from tests.simulation.world import HubClock, World

MOST_RESTLESS = 100


class Spinning(Exception):
    """So many turns in a row had nothing to do with the PMS and left no time: it would burn a processor."""


class Turns:
    """In the place of the engine's threads: what they were given waits here."""

    def __init__(self, waiting: list[Callable[[], None]]) -> None:
        self._waiting = waiting

    def give(self, rank: float, job: Callable[[], None]) -> None:
        self._waiting.append(job)

    def stop(self, until: float) -> bool:
        return True


class AtOnce(Executor):
    """In the place of the deliverer's threads: each job is done when it is handed in. A death is not caught."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Hub:
    """One process. What it has only in memory goes with it."""

    def __init__(self, world: World, names: itertools.count[int]) -> None:
        self._world = world
        self.clock = HubClock(world)
        self.turns: list[Callable[[], None]] = []
        self.live = LiveConnectors(self.clock)
        install_live(self.live)
        leases.new_holder = lambda: f"simulated:1:{next(names)}"  # type: ignore[assignment]
        self.checker = Checker(self.live, self.clock)
        self.deliverer = Deliverer(self.live, self.clock, pool=AtOnce(), at_step=self._step)
        self.engine = Engine(
            self.checker,
            self.deliverer,
            self.clock,
            begin=self._begin,
            workers=lambda _name, _most: Turns(self.turns),
        )
        self.engine.listen()
        self._house_at = world.t
        self._names = names
        self._standing_still = False
        self._moved_at, self._restless = world.t, 0

    def begin(self) -> None:
        """Take up what an earlier process left."""
        recover(self.clock)

    def turn(self) -> None:
        """Do the next thing that is due; where nothing is, let time pass until something may be."""
        world = self._world
        self._restless = self._restless + 1 if world.t == self._moved_at else 0
        self._moved_at = world.t
        if self._restless > MOST_RESTLESS:
            raise Spinning
        if world.t >= self._house_at:
            self._house_at = world.t + self.engine.keep_house()
        wait = self.engine.hand_out()
        if self.turns:
            self.turns.pop(world.rng.randrange(min(3, len(self.turns))))()
        else:
            # A wake may have asked for the rows to be looked at; the real housekeeping looks within 10 ms.
            wait = max(0.01, min(wait, self._house_at - world.t))
            world.pass_time(wait)

    def stop(self) -> None:
        """End as `chartbridge serve` ends when it is asked to."""
        for _ in range(len(self.turns)):
            self.turns.pop(0)()
        self.checker.flush()

    def gone(self) -> None:
        """The process is no more: nothing of it hears a wake."""
        self.engine.stop(0)
        self.checker.close()

    def _begin(self, connection_id: int) -> None:
        start_connection(connection_id, self.clock)
        default_mappings(connection_id)

    def _step(self, name: str) -> None:
        """Now and then the thread that writes stands still so long that another process takes over."""
        world = self._world
        if self._standing_still or name in ("kept", "looks_kept") or not world.chance(0.01):
            return
        world.log("stands still", name)
        self._standing_still = True
        world.pass_time(world.pick((20.0, 60.0, 100.0)))
        other = Deliverer(self.live, self.clock, pool=AtOnce())
        for pk in _connections():
            for _ in range(3):
                other.deliver(pk)
        world.pass_time(world.pick((0.0, 30.0)))
        self._standing_still = False


def _connections() -> list[int]:
    from chartbridge.store.tending import tended

    return tended()
