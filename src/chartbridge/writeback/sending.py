"""Sends a claimed batch: in order per patient, as many at once as the PMS allows, and stops at a wall.

Where the PMS allows one at a time, a thread of its own goes from one to the next, so that the answers of one batch can
be kept and the next one claimed meanwhile. Must not be in it: the store, what an answer means.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from datetime import datetime
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
_WALLS = (Unavailable, Unauthorised, Misconfigured)


def send(
    connector: Connector,
    jobs: Sequence[Job],
    *,
    parallel: int,
    pool: Executor,
    may_send: Callable[[], bool],
    may_go_out: Callable[[], bool],
) -> Iterator[tuple[Row, Answer]]:
    """Yield each row with its answer as it comes. After a wall the rest is not sent, and said so.

    `may_send` is asked before each write begins, `may_go_out` in the writing thread directly before its bytes.
    """

    write = _writing(connector, may_go_out)
    if parallel <= 1 or len(jobs) == 1:
        return _one_by_one(write, jobs, may_send)
    return _side_by_side(write, jobs, parallel, pool, may_send)


class Threads(Executor):
    """A thread for each job. Like the threads that deliver, none of them keeps the process from ending."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Begin a job; what it raises is kept for who asks for its result."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, name="write", daemon=True).start()
        return future


class Flight:
    """A batch that a job of `pool` sends, one after the other. Leaving its block ends it after the write at hand.

    Before each write, `may_go_on` is asked in that job and answers from memory; where it says no, and before the
    first write, `may_send` is asked by whoever waits, and may ask the PMS.
    """

    def __init__(
        self,
        connector: Connector,
        jobs: Sequence[Job],
        *,
        pool: Executor,
        now: Callable[[], datetime],
        may_send: Callable[[], bool],
        may_go_on: Callable[[], bool],
        may_go_out: Callable[[], bool],
    ) -> None:
        self.wall = False
        self._write = _writing(connector, may_go_out)
        self._waiting, self._pool, self._now = deque(jobs), pool, now
        self._may_send, self._may_go_on = may_send, may_go_on
        self._blocked: set[str] = set()
        self._answers: deque[Answered] = deque()
        self._ended = False
        self._running: Future[None] | None = None

    def __enter__(self) -> Flight:
        self._go_on()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._ended = True
        if self._running is not None:
            wait([self._running])

    def landed(self, within: float) -> bool:
        """Wait at most so long for the end of it. Returns whether it has ended."""
        while self._running is not None:
            if not wait([self._running], timeout=within).done:
                return False
            self._running.result()
            self._running = None
            self._go_on()
        return True

    def answers(self) -> list[Answered]:
        """Return what has come since it was asked last. Of what was not sent, that is said at the end."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def _go_on(self) -> None:
        if self._waiting and not self.wall and self._may_send():
            self._running = self._pool.submit(self._fly)
            return
        while self._waiting:
            self._answers.append((self._waiting.popleft()[0], NOT_SENT, self._now()))

    def _fly(self) -> None:
        asked = True
        while self._waiting and not self.wall and not self._ended:
            row, command = self._waiting[0]
            answer: Answer = NOT_SENT
            if row.patient_key not in self._blocked:
                if not asked and not self._may_go_on():
                    return
                asked = False
                answer = self._write(command)
            self.wall = isinstance(answer, _WALLS)
            if isinstance(answer, Uncertain):
                self._blocked.add(row.patient_key)
            self._waiting.popleft()
            self._answers.append((row, answer, self._now()))


def _writing(connector: Connector, may_go_out: Callable[[], bool]) -> _Write:
    def write(command: Command) -> Answer:
        try:
            with fenced(may_go_out):
                return connector.write(command)
        except Exception as error:  # judged by its class; only a dying process passes through
            return error

    return write


def _one_by_one(
    write: _Write, jobs: Sequence[Job], may_send: Callable[[], bool]
) -> Iterator[tuple[Row, Answer]]:
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


def _side_by_side(
    write: _Write, jobs: Sequence[Job], parallel: int, pool: Executor, may_send: Callable[[], bool]
) -> Iterator[tuple[Row, Answer]]:
    waiting, busy, blocked = deque(jobs), set[str](), set[str]()
    running: dict[Future[Answer], Row] = {}
    wall = False
    while waiting or running:
        for _ in range(len(waiting)):
            row, command = waiting.popleft()
            if wall or row.patient_key in blocked or not may_send():
                yield row, NOT_SENT
            elif row.patient_key in busy or len(running) >= parallel:
                waiting.append((row, command))
                busy.add(row.patient_key)  # what comes later for this patient stays behind it
            else:
                busy.add(row.patient_key)
                running[pool.submit(write, command)] = row
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in [each for each in running if each in done]:
            row, answer = running.pop(future), future.result()
            wall = wall or isinstance(answer, _WALLS)
            if isinstance(answer, Uncertain):
                blocked.add(row.patient_key)
            yield row, answer
        busy = {row.patient_key for row in running.values()}
