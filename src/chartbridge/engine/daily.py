"""Wake-ups for what is done once a day, and for longer work that a person has asked for.

One thread; what is due is asked of the rows every few seconds, so a day's job that was missed while the machine was off
is done when it is on again. Must not be in it: what a job does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import structlog
from django.db import connection

from chartbridge.domain.clock import Clock
from chartbridge.engine.faults import Spells
from chartbridge.store import daily
from chartbridge.sync.faults import place_of

log = structlog.get_logger("chartbridge.engine")

LOOK_EVERY = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyJob:
    """A job: at which hour of its own clock each practice wants it, and how it is done.

    `run` may raise: then it is tried again later the same day.
    """

    hours: Callable[[], Mapping[int, int]]
    run: Callable[[int, date], None]


class Daily:
    """Does the jobs one after the other. `asked` does a piece of what people have asked for; True if there is more."""

    def __init__(
        self, jobs: Mapping[str, DailyJob], clock: Clock, *, asked: Callable[[], bool] = lambda: False
    ) -> None:
        self._jobs, self._clock, self._asked = jobs, clock, asked
        self._spells = Spells("daily_look")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="daily", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """End after the present piece, at most so long. Returns whether it ended."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(max(0.1, seconds))
        return not self._thread.is_alive()

    def look(self) -> None:
        """Do what is due now."""
        hours = {name: job.hours() for name, job in self._jobs.items()}
        for each in daily.due(hours, self._clock.now()):
            if self._ended.is_set() or not daily.begin(each, self._clock.now()):
                continue
            try:
                self._jobs[each.job].run(each.practice_id, each.day)
            except Exception as error:
                log.warning(
                    "daily_failed", job=each.job, practice=each.practice_id, error=type(error).__name__,
                    place=place_of(error),
                )  # fmt: skip
                if connection.errors_occurred:
                    connection.close()
            else:
                daily.done(each, self._clock.now())

    def _keep_looking(self) -> None:
        more = False
        while not self._ended.wait(0.01 if more else LOOK_EVERY):
            more = self._kept_safe("asked", self._asked)
            if not more:  # also where that failed: the day's jobs must not suffer for it
                self._kept_safe("look", self.look)
        connection.close()

    def _kept_safe(self, part: str, job: Callable[[], bool | None]) -> bool:
        try:
            more = bool(job())
        except Exception as error:
            self._spells.failed(part, error)
            connection.close()
            return False
        self._spells.went_well(part)
        return more
