"""Jobs that are done once a day per practice, at an hour of its own clock: which are due, and that they were done.

Must not be in it: what a job does, timers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError

from chartbridge.store.database import writing
from chartbridge.store.models import DailyRun, Practice

FIRST_PAUSE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A job that is to be done now. `day` is the practice's own day."""

    practice_id: int
    job: str
    day: date


def due(hours: Mapping[str, Mapping[int, int]], now: datetime) -> list[Due]:
    """Return what is due of `hours`, by job and practice the hour from which on it is: today's, once, not yet done."""
    wanted: list[Due] = []
    practices = dict(Practice.objects.values_list("id", "time_zone"))
    local = {zone: now.astimezone(ZoneInfo(zone)) for zone in set(practices.values())}
    for job, of_practice in hours.items():
        for practice_id, hour in of_practice.items():
            here = local[practices[practice_id]] if practice_id in practices else None
            if here is not None and here.hour >= hour:
                wanted.append(Due(practice_id=practice_id, job=job, day=here.date()))
    # one question for all practices: this is asked every few seconds
    begun = DailyRun.objects.filter(day__in={each.day for each in wanted}, job__in=hours)
    rest = begun.exclude(done_at=None, not_before__lte=now).values_list("practice_id", "job", "day")
    held = set(rest)
    return [each for each in wanted if (each.practice_id, each.job, each.day) not in held]


def begin(job: Due, now: datetime) -> bool:
    """Note durably that a job is begun; False where another process has just done so."""
    row = DailyRun.objects.filter(practice_id=job.practice_id, job=job.job, day=job.day).first()
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.tries if row else 0, 6))
    with writing():
        if row is not None:
            mine = DailyRun.objects.filter(pk=row.pk, tries=row.tries, done_at=None)
            return bool(mine.update(tries=row.tries + 1, not_before=now + pause))
        try:
            DailyRun.objects.create(
                practice_id=job.practice_id, job=job.job, day=job.day, tries=1, not_before=now + pause
            )
        except IntegrityError:
            return False
    return True


def done(job: Due, now: datetime) -> None:
    """Note that it was done."""
    DailyRun.objects.filter(practice_id=job.practice_id, job=job.job, day=job.day).update(done_at=now)
