"""Sends a claimed batch: in order per patient, as many at once as the PMS allows, and stops at a wall.

Must not be in it: the store, what an answer means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from chartbridge.pms.commands import Command
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Uncertain
from chartbridge.pms.fence import fenced
from chartbridge.store.deliveries import Row
from chartbridge.writeback.outcomes import NOT_SENT, Answer

Job = tuple[Row, Command]
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

    def write(command: Command) -> Answer:
        try:
            with fenced(may_go_out):
                return connector.write(command)
        except Exception as error:  # judged by its class; only a dying process passes through
            return error

    if parallel <= 1 or len(jobs) == 1:
        return _one_by_one(write, jobs, may_send)
    return _side_by_side(write, jobs, parallel, pool, may_send)


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
