"""Wake-ups for one office: one timetable and a bounded set of threads in this process.

For each connection one turn of reading and one of writing run at a time. What is due comes from the rows
(`checker.due`, `deliverer.due`), again every few seconds and at each wake, so nothing is lost with this process.
Must not be in it: a rule of the business, how often something is read or sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog
from django.db import connection

from chartbridge.domain.clock import Clock
from chartbridge.engine.faults import Spells
from chartbridge.engine.outages import Outages
from chartbridge.engine.slips import Slip, Slips
from chartbridge.engine.timetable import Job, Timetable, next_on_grid, phase
from chartbridge.engine.workers import Workers
from chartbridge.pms.errors import PmsError
from chartbridge.pms.reading import Stream
from chartbridge.store.room import is_full
from chartbridge.store.tending import tended
from chartbridge.store.wake import Lane, listen
from chartbridge.sync.faults import place_of

log = structlog.get_logger("chartbridge.engine")

REFRESH_EVERY = 5.0
FLUSH_EVERY = 1.0
READERS = 24
WRITERS = 16
FAILED_REST = 4.0
"""Seconds of rest after a first failure of our own; doubled with each further one, at most five minutes."""
FULL_REST = 30.0
"""No longer rest than this while the disk is full: once there is room, everything is to go on."""
READER_FIRST = 3.0
"""So many seconds later than whoever reads a connection, others begin what the rows say is to be written: by then it is
done or at it. A wake begins it at once, wherever it is heard."""
APART = 0.15
"""Seconds between the beginnings of two connections, so that at a start what is to be written does not wait for all."""
LONGEST_SPREAD = 10.0
MANY = 50
"""From so many overdue jobs on (a restart of a large hub) they are spread instead of begun all at once."""


class CheckDone(Protocol):
    """What a check says when it is over."""

    @property
    def again(self) -> bool: ...
    @property
    def next_in(self) -> float: ...
    @property
    def error_code(self) -> str: ...
    @property
    def answered(self) -> bool | None: ...


class DueCheck(Protocol):
    """One line of the reading timetable."""

    @property
    def connection_id(self) -> int: ...
    @property
    def stream(self) -> Stream: ...
    @property
    def at(self) -> datetime: ...


class Checker(Protocol):
    """Reads: `chartbridge.sync.checks.Checker`."""

    def check(self, connection_id: int, stream: Stream) -> CheckDone: ...
    def due(self, connection_ids: Sequence[int]) -> Sequence[DueCheck]: ...
    def flush(self) -> None: ...


class DeliverDone(Protocol):
    """What a delivery says when it is over."""

    @property
    def again(self) -> bool: ...
    @property
    def next_in(self) -> float | None: ...
    @property
    def answered(self) -> bool | None: ...


class Deliverer(Protocol):
    """Writes: `chartbridge.writeback.deliver.Deliverer`."""

    def deliver(self, connection_id: int) -> DeliverDone: ...
    def due(self, connection_ids: Sequence[int]) -> dict[int, datetime]: ...


class Pool(Protocol):
    """Does jobs, those of the lowest rank first: `chartbridge.engine.workers.Workers`."""

    def give(self, rank: float, job: Callable[[], None]) -> None: ...
    def stop(self, until: float) -> bool: ...


class Engine:
    """Gives every connection its turns.

    `begin` is called once per connection and process, before its checks; `keep` every few seconds. `share` says which
    connections this process reads, where others read the rest.

    Without `start` nothing runs by itself: whoever has `listen`ed calls `hand_out` and `keep_house` as time passes,
    and `workers` are its own.
    """

    def __init__(
        self,
        checker: Checker,
        deliverer: Deliverer,
        clock: Clock,
        *,
        begin: Callable[[int], None] | None = None,
        connections: Callable[[], Sequence[int]] = tended,
        share: Callable[[Sequence[int]], Sequence[int]] = lambda connection_ids: connection_ids,
        workers: Callable[[str, int], Pool] | None = None,
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        self._checker = checker
        self._deliverer = deliverer
        self._clock = clock
        self._begin = begin
        self._connections = connections
        self._share = share
        self._keep = keep
        self._timetable = Timetable()
        self._turn = threading.Condition()
        self._busy: dict[tuple[int, Lane], Job] = {}
        self._waiting: dict[tuple[int, Lane], dict[Job, float]] = {}
        self._again: set[Job] = set()
        self._failures: dict[Job, int] = {}
        self._spells = Spells("housekeeping")
        self._begun: set[int] = set()
        self._begins_at: dict[int, float] = {}
        self._woken: set[int] = set()
        self._housekeeping_wanted = threading.Event()
        self._slips = Slips()
        self._outages = Outages()
        self._stopping = False
        self._deaf: Callable[[], None] = lambda: None
        make = workers or _threads
        self._readers = make("reader", READERS)
        self._writers = make("writer", WRITERS)
        self._refresh_at = self._flush_at = float("-inf")
        self._own_threads = [
            threading.Thread(target=self._keep_time, name="timetable", daemon=True),
            threading.Thread(target=self._keep_house, name="housekeeping", daemon=True),
        ]

    def start(self) -> None:
        """Begin. What was due while nobody looked is due now."""
        global _running
        _running = self
        self.listen()
        for thread in self._own_threads:
            thread.start()

    def listen(self) -> None:
        """Take notice of wakes, until `stop`."""
        self._deaf = listen(self._on_wake)

    def stop(self, seconds: float = 5.0) -> bool:
        """Finish what is in flight, at most so long. Returns whether everything was finished."""
        global _running
        _running = None
        until = monotonic() + seconds
        self._deaf()
        self._deaf = lambda: None
        with self._turn:
            self._stopping = True
            self._turn.notify_all()
        self._housekeeping_wanted.set()
        finished = [workers.stop(until) for workers in (self._readers, self._writers)]
        for thread in self._own_threads:
            if thread.ident is not None:
                thread.join(max(0.1, until - monotonic()))
        return all(finished)

    def slip(self) -> Slip:
        """Return how late jobs begin."""
        return self._slips.summary()

    # the timetable's thread: no store, no waiting for anything but time

    def _keep_time(self) -> None:
        while True:
            with self._turn:
                if self._stopping:
                    return
                wait = self.hand_out()
                if wait > 0:
                    self._turn.wait(wait)

    def hand_out(self) -> float:
        """Give the workers what is due; return the seconds until something may be due next."""
        with self._turn:
            for job, at in self._timetable.take_due(self._clock.monotonic()):
                self._give(job, at)
            next_at = self._timetable.next_at()
            wait = REFRESH_EVERY if next_at is None else next_at - self._clock.monotonic()
            return min(wait, REFRESH_EVERY)

    def _give(self, job: Job, at: float) -> None:
        lane = (job.connection_id, job.lane)
        if lane in self._busy:
            self._waiting.setdefault(lane, {}).setdefault(job, at)
            return
        later = self._outages.ask(job.connection_id, job.lane, self._clock.monotonic())
        if later is not None:
            self._timetable.put(job, later)
            return
        self._busy[lane] = job
        workers = self._writers if job.lane is Lane.WRITE else self._readers
        workers.give(job.rank(at), lambda: self._run(job, at))

    # the workers' threads

    def _run(self, job: Job, at: float) -> None:
        self._slips.note(self._clock.monotonic() - at)
        next_in: float | None
        try:
            next_in = self._do(job)
            failed = False
        except Exception as error:
            self._tell(job, error)
            next_in, failed = None, True
        _tidy_database(failed=failed)
        with self._turn:
            self._settle(job, next_in, failed=failed)
            self._turn.notify()

    def _do(self, job: Job) -> float | None:
        if job.lane is Lane.WRITE:
            delivered = self._deliverer.deliver(job.connection_id)
            if delivered.answered is not None:  # else it may have looked in vain: its lane has its full rest
                self._heard(job, delivered.answered)
            return 0.0 if delivered.again else delivered.next_in
        if job.stream is None:
            if self._begin:
                self._begin(job.connection_id)
            self._woken.add(job.connection_id)
            self._housekeeping_wanted.set()
            return None
        checked = self._checker.check(job.connection_id, job.stream)
        self._heard(job, checked.answered)
        if checked.again:
            return 0.0
        now = self._clock.monotonic()
        return checked.next_in if checked.error_code else next_on_grid(job, now, checked.next_in) - now

    def _heard(self, job: Job, answered: bool | None) -> None:
        with self._turn:
            back = self._outages.heard(job.connection_id, job.lane, answered, self._clock.monotonic())
        if back:
            self._woken.add(job.connection_id)
            self._housekeeping_wanted.set()

    def _tell(self, job: Job, error: Exception) -> None:
        """Log what went wrong by type and place: an error's own words may hold a patient's."""
        if isinstance(error, PmsError):
            log.warning(
                "turn_refused", connection=job.connection_id, lane=job.lane, error=type(error).__name__
            )
        else:
            log.error(
                "turn_failed",
                connection=job.connection_id,
                lane=job.lane,
                stream=job.stream,
                error=type(error).__name__,
                place=place_of(error),
            )

    def _settle(self, job: Job, next_in: float | None, *, failed: bool) -> None:
        now = self._clock.monotonic()
        if failed:
            count = self._failures[job] = self._failures.get(job, 0) + 1
            longest = FULL_REST if is_full() else 300.0
            rest = min(longest, FAILED_REST * 2 ** min(count - 1, 8)) * (0.75 + 0.5 * phase(job))
            self._timetable.hold_off(job, now + rest)
        else:
            self._failures.pop(job, None)
            self._timetable.trust(job)
            if job in self._again:
                self._timetable.put(job, now)
            elif next_in is not None:
                self._timetable.put(job, now + next_in)
        self._again.discard(job)
        lane = (job.connection_id, job.lane)
        self._busy.pop(lane, None)
        waiting = self._waiting.pop(lane, {})
        if waiting:
            first = min(waiting, key=lambda each: each.rank(waiting[each]))
            at = waiting.pop(first)
            if waiting:
                self._waiting[lane] = waiting
            self._give(first, at)

    # the housekeeping thread: the store's rows, regularly and at wakes

    def _on_wake(self, connection_id: int, lane: Lane) -> None:
        if lane is Lane.WRITE:
            job = Job(connection_id=connection_id, lane=lane)
            with self._turn:
                self._timetable.trust(job)
                self._want(job, self._clock.monotonic())
                self._turn.notify()
        else:
            self._woken.add(connection_id)
            self._housekeeping_wanted.set()

    def _keep_house(self) -> None:
        while not self._stopping:
            self._housekeeping_wanted.wait(max(0.01, self.keep_house()))
            self._housekeeping_wanted.clear()
        self._last_flush()

    def keep_house(self) -> float:
        """Flush, and look at the rows, where it is time; return the seconds until it is time again."""
        now = self._clock.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_EVERY
            self._try("flush", self._checker.flush)
        if now >= self._refresh_at:
            self._refresh_at = now + REFRESH_EVERY
            self._try("look", self._look_at_all)
        elif self._woken:
            self._try("look_at_woken", self._look_at_woken)
        return min(self._flush_at, self._refresh_at) - self._clock.monotonic()

    def _try(self, part: str, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:
            self._spells.failed(part, error)
            _tidy_database(failed=True)
        else:
            self._spells.went_well(part)
            _tidy_database(failed=False)

    def _look_at_all(self) -> None:
        self._refresh()
        self._keep()

    def _last_flush(self) -> None:
        try:
            self._checker.flush()
        except Exception as error:
            log.error("last_flush_failed", error=type(error).__name__, place=place_of(error))
        connection.close()

    def _refresh(self) -> None:
        self._woken.clear()
        ids = list(self._connections())
        mine = list(self._share(ids))
        reads, writes = self._due(mine, ids)
        with self._turn:
            now = self._clock.monotonic()
            known = {Lane.READ: set(mine), Lane.WRITE: set(ids)}
            stay = set(reads) | set(writes)
            for job in self._timetable.jobs():
                if job.connection_id not in known[job.lane] or (job.stream and job not in stay):
                    self._timetable.drop(job)
            self._begun &= known[Lane.WRITE]
            self._begin_new(known[Lane.READ], now)
            self._enter(reads, writes, now)

    def _look_at_woken(self) -> None:
        woken = set(self._woken)
        self._woken -= woken
        known = sorted(woken & set(self._connections()))
        mine = list(self._share(known))
        reads, writes = self._due(mine, known)
        with self._turn:
            now = self._clock.monotonic()
            self._begin_new(set(mine), now)
            for connection_id in mine:  # what was wrong may just have been set right
                for stream in (None, *Stream):
                    self._timetable.trust(
                        job := Job(connection_id=connection_id, lane=Lane.READ, stream=stream)
                    )
                    if job in self._failures:
                        self._want(job, now)
            self._enter(reads, writes, now)

    def _begin_new(self, known: set[int], now: float) -> None:
        new = sorted(known - self._begun)
        apart = min(APART, LONGEST_SPREAD / max(1, len(new)))
        self._begins_at |= {pk: now + place * apart for place, pk in enumerate(new)}
        if self._begin:
            for pk in new:
                self._want(Job(connection_id=pk, lane=Lane.READ), now)
        self._begun |= known

    def _due(self, mine: Sequence[int], ids: Sequence[int]) -> tuple[dict[Job, float], dict[Job, float]]:
        """Return jobs of reading `mine` and of writing `ids`, and the seconds until their times, below zero where
        overdue."""
        if not ids:
            return {}, {}
        now, ours = self._clock.now(), set(mine)
        reads = {
            Job(connection_id=due.connection_id, lane=Lane.READ, stream=due.stream): (
                due.at - now
            ).total_seconds()
            for due in self._checker.due(mine)
        }
        writes = {
            Job(connection_id=pk, lane=Lane.WRITE): (at - now).total_seconds()
            if pk in ours
            else max(0.0, (at - now).total_seconds()) + READER_FIRST
            for pk, at in self._deliverer.due(ids).items()
        }
        return reads, writes

    def _enter(self, reads: dict[Job, float], writes: dict[Job, float], now: float) -> None:
        overdue = sum(1 for seconds in reads.values() if seconds <= 0)
        spread = min(LONGEST_SPREAD, overdue * 0.005) if overdue > MANY else 0.0
        for job, seconds in reads.items():
            self._want(job, now + (seconds if seconds > 0 else spread * phase(job)))
        for job, seconds in writes.items():
            self._want(job, now + max(0.0, seconds))
        self._turn.notify()

    def _want(self, job: Job, at: float) -> None:
        """Have the job run at that time at the latest, no reading before the connection has begun; where it runs just
        now, once more after it if overdue."""
        lane = (job.connection_id, job.lane)
        if job.lane is Lane.READ:
            at = max(at, self._begins_at.get(job.connection_id, at))
        if self._busy.get(lane) == job:
            if at <= self._clock.monotonic():
                self._again.add(job)
        elif job not in self._waiting.get(lane, {}):
            self._timetable.bring_forward(job, at)


_running: Engine | None = None


def running() -> Engine | None:
    """Return this process's engine, for the Health page; None where none runs (tests, a web-only process)."""
    return _running


def _tidy_database(*, failed: bool) -> None:
    """Leave this thread's database connection fit for the next job: open, unless something went wrong on it."""
    if failed or connection.in_atomic_block:
        connection.close()
    elif connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()


def _threads(name: str, most: int) -> Pool:
    return Workers(name, most, _close_database)


def _close_database() -> None:
    """Close this thread's own database connection."""
    connection.close()
