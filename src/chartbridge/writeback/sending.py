"""Sends a claimed batch: in order per patient, as many at once as the PMS allows, and stops at a wall.

Threads of their own go from one write to the next, so that the answers to one batch can be kept and the next one
claimed meanwhile. Must not be in it: the store, what an answer means.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from datetime import datetime
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from chartbridge.pms.commands import Command
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Uncertain
from chartbridge.pms.fence import fenced
from chartbridge.store.deliveries import Row
from chartbridge.writeback.outcomes import NOT_SENT, Answer

T = TypeVar("T")
Job = tuple[Row, Command]
Answered = tuple[Row, Answer, datetime]
"""A row, what came of it, and when."""
_Write = Callable[[Command], Answer]
_KEPT_S = 10.0
_WALLS = (Unavailable, Unauthorised, Misconfigured)


def send(
    connector: Connector, jobs: Sequence[Job], *, may_send: Callable[[], bool], may_go_out: Callable[[], bool]
) -> Iterator[tuple[Row, Answer]]:
    """Yield each row with its answer as it comes. After a wall the rest is not sent, and said so.

    `may_send` is asked before each write begins, `may_go_out` directly before its bytes.
    """
    write = _writing(connector, may_go_out)
    blocked: set[str] = set()
    wall = False
    for row, command in jobs:
        if wall or row.patient_key in blocked or not may_send():
            yield row, NOT_SENT
            continue
        answer = write(command)
        wall = isinstance(answer, _WALLS)
        if isinstance(answer, Uncertain):
            blocked.add(row.patient_key)
        yield row, answer


class Threads(Executor):
    """A thread for each job at hand, kept for the next one for a while. Like the threads that deliver, none of them
    keeps the process from ending."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Begin a job; what it raises is kept for who asks for its result."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._jobs.put(run)
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._work, name="write", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_KEPT_S)
            except Empty:
                if self._idle.acquire(blocking=False):  # nobody counts on this thread any more
                    return
                continue
            job()
            del job
            self._idle.release()


class Flight:
    """A batch that `lanes` jobs of `pool` send, each one after the other; all of a patient's writes are in one lane.
    Leaving its block ends it after the writes at hand.

    Before each write, `may_go_on` is asked in its job and answers from memory; where it says no, and before the
    first write, `may_send` is asked by whoever waits, and may ask the PMS.
    """

    def __init__(
        self,
        connector: Connector,
        jobs: Sequence[Job],
        *,
        lanes: int,
        pool: Executor,
        now: Callable[[], datetime],
        may_send: Callable[[], bool],
        may_go_on: Callable[[], bool],
        may_go_out: Callable[[], bool],
    ) -> None:
        self.wall = False
        self._write = _writing(connector, may_go_out)
        self._lanes, self._pool, self._now = _in_lanes(jobs, lanes), pool, now
        self._may_send, self._may_go_on = may_send, may_go_on
        self._blocked: set[str] = set()
        self._answers: deque[Answered] = deque()
        self._ended = False
        self._running: list[Future[None]] = []

    def __enter__(self) -> Flight:
        self._go_on()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._ended = True
        wait(self._running)

    def landed(self, within: float) -> bool:
        """Wait at most so long for the end of it. Returns whether it has ended."""
        while self._running:
            if wait(self._running, timeout=within).not_done:
                return False
            ended, self._running = self._running, []
            for each in ended:
                each.result()
            self._go_on()
        return True

    def answers(self) -> list[Answered]:
        """Return what has come since it was asked last. Of what was not sent, that is said at the end."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def _go_on(self) -> None:
        waiting = [lane for lane in self._lanes if lane]
        if waiting and not self.wall and self._may_send():
            first, answered = waiting[0], threading.Event()
            self._running = [self._pool.submit(self._fly, lane, answered, lane is first) for lane in waiting]
            return
        for lane in waiting:
            while lane:
                self._answers.append((lane.popleft()[0], NOT_SENT, self._now()))

    def _fly(self, lane: deque[Job], answered: threading.Event, leads: bool) -> None:
        """Send a lane. The others begin when the leading one has its first answer: a PMS that is away is asked once."""
        if not leads:
            answered.wait()
        try:
            self._send(lane, answered)
        finally:
            answered.set()

    def _send(self, lane: deque[Job], answered: threading.Event) -> None:
        asked = True
        while lane and not self.wall and not self._ended:
            row, command = lane[0]
            answer: Answer = NOT_SENT
            if row.patient_key not in self._blocked:
                if not asked and not self._may_go_on():
                    return
                asked = False
                answer = self._write(command)
            self.wall = self.wall or isinstance(answer, _WALLS)
            if isinstance(answer, Uncertain):
                self._blocked.add(row.patient_key)
            lane.popleft()
            self._answers.append((row, answer, self._now()))
            answered.set()


def _in_lanes(jobs: Sequence[Job], most: int) -> list[deque[Job]]:
    lanes: list[deque[Job]] = [deque() for _ in range(most)]
    lane_of: dict[str, int] = {}
    for job in jobs:
        lanes[lane_of.setdefault(job[0].patient_key, len(lane_of) % most)].append(job)
    return lanes


def _writing(connector: Connector, may_go_out: Callable[[], bool]) -> _Write:
    def write(command: Command) -> Answer:
        try:
            with fenced(may_go_out):
                return connector.write(command)
        except Exception as error:  # judged by its class; only a dying process passes through
            return error

    return write
