"""Plays a day at the front desk of such a practice: people arrive, are seated, leave, are booked, moved and edited.

Seeded; speed in events a minute. What it tells has no names in it, only numbers.
Must not be in it: a vendor's column or status.
"""

from __future__ import annotations

from datetime import timedelta

from chartbridge.sandbox.by_odbc.knobs import Knobs, Stage, Visit
from chartbridge.sandbox.playing import Playing, Tell

_WORDS = {
    Stage.HERE: "is here",
    Stage.ROOM: "is in the chair",
    Stage.LEAVING: "is at check-out",
    Stage.DONE: "is complete",
}


class Day(Playing):
    """A day's doings, one event at a time by `step`, or in a thread by `start`."""

    def __init__(self, knobs: Knobs, *, seed: int = 7, tell: Tell | None = None) -> None:
        super().__init__(seed=seed, tell=tell)
        self._knobs = knobs

    def step(self) -> str:
        """Let one thing happen and return what it was, or empty if there was nothing to do."""
        ways = [self._go_on, self._edit, self._move, self._walk_in]
        chosen = self._chance.choices(ways, (12, 3, 1, 1))[0]
        told = chosen() or self._walk_in()
        if told:
            self._tell(told)
        return told

    def _go_on(self) -> str:
        """The earliest who can goes one place on; nobody comes more than an hour early."""
        soon = self._knobs.at.now() + timedelta(hours=1)
        able = [
            (visit, onward)
            for visit in self._knobs.visits_today()
            if (onward := self._onward(visit.stage)) and (visit.stage is not Stage.BOOKED or visit.at < soon)
        ]
        if not able:
            return ""
        visit, onward = self._chance.choice(able[:6])
        self._knobs.set_status(visit.key, self._knobs.stages[onward])
        return f"patient {visit.patient} {_WORDS[onward]}: appointment {visit.key}"

    def _onward(self, stage: Stage) -> Stage | None:
        """The next stage that this PMS has a status for."""
        after = list(Stage)[list(Stage).index(stage) + 1 :]
        return next((each for each in after if each in self._knobs.stages), None)

    def _edit(self) -> str:
        visit = self._some_visit()
        if visit is None:
            return ""
        self._knobs.give_phone(visit.patient, f"(503)555-01{self._chance.randrange(100):02}")
        return f"patient {visit.patient} has a new phone number"

    def _move(self) -> str:
        visit = self._some_visit()
        if visit is None or visit.stage is not Stage.BOOKED:
            return ""
        self._knobs.move(visit.key, visit.at + timedelta(minutes=self._chance.choice((-30, 10, 20))))
        return f"appointment {visit.key} was moved"

    def _walk_in(self) -> str:
        visit = self._some_visit()
        if visit is None:
            return ""
        now = self._knobs.at.now()
        key = self._knobs.book(visit.patient, now.replace(minute=now.minute // 10 * 10, second=0))
        return f"patient {visit.patient} walked in: appointment {key}"

    def _some_visit(self) -> Visit | None:
        visits = self._knobs.visits_today()
        return self._chance.choice(visits) if visits else None
