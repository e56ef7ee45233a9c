"""Which job is due when, in memory. Derived from the rows, so it may be lost at any time.

Must not be in it: threads, the store, what a job does.
"""

from __future__ import annotations

import heapq
import zlib
from dataclasses import dataclass
from itertools import count

from chartbridge.pms.reading import Stream
from chartbridge.store.wake import Lane


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One kind of turn for one connection: a check of one stream, or (READ without a stream) its beginning,
    or (WRITE) a delivery."""

    connection_id: int
    lane: Lane
    stream: Stream | None = None

    @property
    def goes_first(self) -> bool:
        """Status checks and deliveries are what people wait for."""
        return self.lane is Lane.WRITE or self.stream in (None, Stream.APPOINTMENT_STATUS)

    def rank(self, at: float) -> float:
        """Order among those that wait: by time, and what goes first has two seconds' start, so nobody starves."""
        return at - 2.0 if self.goes_first else at


def phase(job: Job) -> float:
    """A fraction from 0 to 1 that is the same for this job in every process and different for its neighbours."""
    return zlib.crc32(f"{job.connection_id}:{job.lane}:{job.stream}".encode()) / 2**32


def next_on_grid(job: Job, now: float, interval: float) -> float:
    """Return the job's next time, at most `interval` from now, spread over the interval by the job's phase.

    A thousand practices that started together stay apart, and a late check does not make the next one late.
    """
    step = round(interval)
    if step < 1 or abs(step - interval) > 0.2:
        return now + interval
    offset = phase(job) * step
    steps_done = (now - offset) // step
    return float(offset + (steps_done + 1) * step)


class Timetable:
    """Jobs and their times, in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[Job, float] = {}
        self._heap: list[tuple[float, int, Job]] = []
        self._not_before: dict[Job, float] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._at)

    def jobs(self) -> list[Job]:
        """Return every job that has a time."""
        return list(self._at)

    def put(self, job: Job, at: float) -> None:
        """Set a job's time, whatever it was; never before what `hold_off` said."""
        at = max(at, self._not_before.get(job, at))
        self._at[job] = at
        heapq.heappush(self._heap, (at, next(self._order), job))

    def bring_forward(self, job: Job, at: float) -> None:
        """Set a job's time if it has none or a later one."""
        if at < self._at.get(job, float("inf")):
            self.put(job, at)

    def hold_off(self, job: Job, until: float) -> None:
        """Let the job rest until then, whatever the rows say: it failed for a reason of our own."""
        self._not_before[job] = until
        self.put(job, until)

    def trust(self, job: Job) -> None:
        """End the job's rest."""
        self._not_before.pop(job, None)

    def drop(self, job: Job) -> None:
        """Take a job off the timetable."""
        self._at.pop(job, None)
        self._not_before.pop(job, None)

    def take_due(self, now: float) -> list[tuple[Job, float]]:
        """Take off and return what is due, with the time for which it was set."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, _, job = heapq.heappop(self._heap)
            if self._at.get(job) == at:
                del self._at[job]
                due.append((job, at))
        return due

    def next_at(self) -> float | None:
        """Return when something is due next."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
