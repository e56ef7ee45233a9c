"""A type as a dry run: what would have been written over the last days, exactly, and what would fail. Writes nothing.

Must not be in it: storing, sending.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.store.desk import read_desk
from chartbridge.store.queue import activities_of_kind
from chartbridge.writeback.enqueue import given_of
from chartbridge.writeback.planning import plan
from chartbridge.writeback.states import Event

MOST = 5000
_SAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why some would not go through, and how many."""

    code: str
    sentence: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """What would happen. `samples` are exact texts but for their markers; `cut` where there were more than `MOST`."""

    kind: str
    days: int
    activities: int
    writebacks: int
    would_go: int
    problems: tuple[Problem, ...]
    samples: tuple[str, ...]
    cut: bool


def rehearse(connection_id: int, kind: str, days: int = 30, *, clock: Clock | None = None) -> Rehearsal:
    """Rehearse a type on the activities of the last `days`, as if its Allow box were ticked."""
    now = (clock or SystemClock()).now()
    desk = read_desk(connection_id)
    activities = activities_of_kind(desk.practice_id, kind, since=now - timedelta(days=days), limit=MOST + 1)
    cut, activities = len(activities) > MOST, activities[:MOST]
    givens = given_of(activities, desk)
    planned = [each for one in activities for each in plan(one, desk, givens[one.pk], as_if_allowed=True)]
    stuck = Counter(
        (each.verdict.code, each.verdict.reason) for each in planned if each.verdict.event != Event.QUEUE
    )
    return Rehearsal(
        kind=kind,
        days=days,
        activities=len(activities),
        writebacks=len(planned),
        would_go=len(planned) - stuck.total(),
        problems=tuple(Problem(code=c, sentence=s, count=n) for (c, s), n in stuck.most_common()),
        samples=tuple(each.text for each in planned if each.text)[:_SAMPLES],
        cut=cut,
    )
