"""What a soak watches beside its faults: the hub's resident memory, and how late the PMS's changes are seen by REST.

Must not be in it: faults, what became of activities (checker).
"""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

import httpx2
import pymysql

from chartbridge.sandbox.open_dental.database import open_database
from chartbridge.sandbox.open_dental.day import ARRIVED, CONFIRMED
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.sandbox.open_dental.schema import schema_of
from tests.faults.lab import Office
from tests.faults.program import client

_SAMPLE_EVERY = 0.5
_BANDS = (8.0, 16.0, 32.0, math.inf)
"""Ages of a hub's process in seconds, each band up to the next; younger ones are warming up."""
_ENOUGH = 5
FLAT = 1.3


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no such process")


@dataclass(frozen=True)
class Sample:
    """The hub's memory once: when, at which age of its process (seconds), and how much (MB)."""

    at: float
    age: float
    mb: float


def growth(samples: Sequence[Sample]) -> float | None:
    """The median in the last fifth of the time, in those of the second fifth, of processes of the same age.

    The most of the bands of ages of which both fifths have enough; None where there is no such band.
    """
    ratios = []
    for youngest, eldest in itertools.pairwise(_BANDS):
        early, late = ([s.mb for s in _fifth(samples, n) if youngest <= s.age < eldest] for n in (1, 4))
        if min(len(early), len(late)) >= _ENOUGH:
            ratios.append(median(late) / median(early))
    return max(ratios, default=None)


def _fifth(samples: Sequence[Sample], number: int) -> list[Sample]:
    if not samples:
        return []
    began, lasted = samples[0].at, samples[-1].at - samples[0].at
    return [s for s in samples if number <= 5 * (s.at - began) / (lasted or 1.0) <= number + 1]


class Memory(threading.Thread):
    """Samples the memory of whichever process is the hub just now."""

    def __init__(self, pid: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self._born: dict[int, float] = {}
        self.samples: list[Sample] = []
        self.start()

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_EVERY):
            pid, now = self._pid(), time.monotonic()
            with suppress(OSError, AssertionError):  # the process has ended
                self.samples.append(Sample(now, now - self._born.setdefault(pid, now), resident_mb(pid)))

    def stop(self) -> None:
        """Sample no more."""
        self._over.set()
        self.join()

    def figures(self) -> dict[str, object]:
        """Megabytes in the first and in the last fifth (medians, of processes that have warmed up) and the highest."""
        warm = [[s.mb for s in _fifth(self.samples, n) if s.age >= _BANDS[0]] for n in (0, 4)]
        grown = growth(self.samples)
        return {
            "beginning_mb": round(median(warm[0]), 1) if warm[0] else None,
            "end_mb": round(median(warm[1]), 1) if warm[1] else None,
            "highest_mb": round(max((s.mb for s in self.samples), default=0.0), 1),
            "processes": len(self._born),
            "growth": None if grown is None else round(grown, 3),
            "flat": None if grown is None else grown <= FLAT,
        }


@dataclass
class Span:
    """Something that lasted: from, until (monotonic seconds), and at which office, or at all where it is None."""

    since: float
    office: int | None = None
    until: float = math.inf

    def touches(self, since: float, until: float, office: int) -> bool:
        """Whether any of that time is within it, at that office."""
        return self.office in (None, office) and self.since <= until and since <= self.until


@dataclass
class Change:
    """A visit's status that the front desk set; `seen` by REST, if it was."""

    office: int
    visit: str
    status: str
    made: float
    ask_at: float
    seen: float = math.inf


@dataclass
class FrontDesks:
    """People who set statuses of today's visits in one practice after the other, and a program that asks for them.

    Each is asked for every second until REST shows it, so a lag may be told up to a second too long.
    """

    offices: Sequence[Office]
    address: str
    interval: float
    every: float
    seed: int
    down: list[Span] = field(default_factory=list)
    """When a practice's database could not be read."""
    away: list[Span] = field(default_factory=list)
    """From an end of the hub until it answered again."""
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._visits: dict[int, dict[str, str]] = {}
        self._chance = random.Random(self.seed)
        self._closing, self._thread = threading.Event(), threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Set no more; returns when all that was set is seen, or four intervals later."""
        self._closing.set()
        self._thread.join()

    def have_ended(self) -> bool:
        """Let no more be set; whether all that was set is seen, or four intervals have passed."""
        self._closing.set()
        return not self._thread.is_alive()

    def _work(self) -> None:
        following: list[Change] = []
        next_at, until = time.monotonic(), math.inf
        with client(self.address, "") as web:
            web.timeout = 5
            while time.monotonic() < until and (following or not self._closing.is_set()):
                if self._closing.is_set():
                    until = min(until, time.monotonic() + 4 * self.interval)
                elif time.monotonic() >= next_at:
                    next_at = max(next_at + self.every, time.monotonic())
                    following += self._set(web, following)
                for change in following:
                    self._ask(web, change)
                following = [change for change in following if change.seen == math.inf]
                time.sleep(0.05)

    def _set(self, web: httpx2.Client, following: Sequence[Change]) -> list[Change]:
        """Set a status of a visit that nobody is waiting for; nothing where the hub or the PMS is not there."""
        number = self._chance.randrange(len(self.offices))
        office = self.offices[number]
        taken = {c.visit for c in following if self.offices[c.office].database == office.database}
        known = self._visits_of(web, number)
        free = [visit for visit in known if visit not in taken]
        if not free:
            return []
        visit = self._chance.choice(free)
        status = CONFIRMED if known[visit] == str(ARRIVED) else ARRIVED
        try:
            db = open_database(office.database, schema_of((24, 3, 10)))
            try:
                FrontDesk(db).set_status(int(visit), status)
            finally:
                db.close()
        except (pymysql.MySQLError, OSError):
            del self._visits[number]  # whether it was set is not known
            return []
        now = time.monotonic()
        for other, each in self._visits.items():
            if self.offices[other].database == office.database:
                each[visit] = str(status)
        change = Change(number, visit, str(status), now, ask_at=now + 0.1)
        self.changes.append(change)
        return [change]

    def _visits_of(self, web: httpx2.Client, number: int) -> dict[str, str]:
        """Today's visits and their statuses."""
        if number not in self._visits:
            day = f"{datetime.now().astimezone():%Y-%m-%d}"
            answer = self._get(web, number, f"/appointments?day={day}")
            if answer is None:
                return {}
            rows = [row for row in answer.json() if row["state"] == "scheduled" and row["status_key"]]
            if not rows:
                return {}
            self._visits[number] = {row["key"]: row["status_key"] for row in rows}
        return self._visits[number]

    def _ask(self, web: httpx2.Client, change: Change) -> None:
        if time.monotonic() < change.ask_at:
            return
        change.ask_at = time.monotonic() + 1.0
        answer = self._get(web, change.office, f"/appointments/{change.visit}")
        if answer is not None and answer.json()["status_key"] == change.status:
            change.seen = time.monotonic()

    def _get(self, web: httpx2.Client, number: int, path: str) -> httpx2.Response | None:
        token = self.offices[number].program.token
        try:
            answer = web.get(path, headers={"Authorization": f"Bearer {token}"})
        except httpx2.HTTPError:
            return None
        return answer if answer.status_code == 200 else None

    def figures(self) -> dict[str, object]:
        """See `lags`."""
        return lags(self.changes, self.down, self.away, interval=self.interval, now=time.monotonic())


def lags(
    changes: Sequence[Change], down: Sequence[Span], away: Sequence[Span], *, interval: float, now: float
) -> dict[str, object]:
    """Seconds from a change to its being seen, where then and in the interval before nothing held reading up.

    Its database was not down and the hub had not ended. `over_ends` tells of those that only an end of the hub touched.
    What was never seen counts with the time it was waited for.
    """
    waits: list[float] = []
    over_ends: list[float] = []
    for change in changes:
        seen = min(change.seen, now)
        if any(span.touches(change.made - interval, seen, change.office) for span in down):
            continue
        ended = any(span.touches(change.made - interval, seen, change.office) for span in away)
        (over_ends if ended else waits).append(seen - change.made)
    waits.sort()
    over_ends.sort()
    p99 = percentile(waits, 0.99)
    return {
        "changes": len(waits),
        "over_ends": len(over_ends),
        "over_ends_p99_s": percentile(over_ends, 0.99),
        "set_aside": len(changes) - len(waits) - len(over_ends),
        "never_seen": sum(change.seen == math.inf for change in changes),
        "p50_s": percentile(waits, 0.5),
        "p99_s": p99,
        "highest_s": percentile(waits, 1.0),
        "allowed_s": 2 * interval,
        "within": None if p99 is None else p99 <= 2 * interval,
    }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of the ordered numbers that at least this share of them do not exceed."""
    return round(ordered[math.ceil(share * len(ordered)) - 1], 2) if ordered else None
