"""Notices of what moved, for live pages: leaving one, since when, and what. Must not be in it: who is told (web).

A notice also rings the bells of its own process once it is committed: a hint only, which saves waiting for the next
look.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from chartbridge.store.models import Notice

AT_ONCE = 500
MOST_KEYS = 50
_bells: list[threading.Event] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """One notice. `keys` are the PMS's numbers; empty means many."""

    id: int
    practice_id: int
    topic: str
    keys: list[str]


def notice(practice_id: int, topic: str, keys: Sequence[str], at: datetime) -> None:
    """Say that something moved, in the caller's transaction; more than some keys are "many"."""
    kept = list(keys) if len(keys) <= MOST_KEYS else []
    Notice.objects.create(practice_id=practice_id, topic=topic, keys=kept, at=at)
    transaction.on_commit(_ring)


def bell() -> threading.Event:
    """An event that is set whenever this process has committed a notice."""
    new = threading.Event()
    _bells.append(new)
    return new


def unhang(gone: threading.Event) -> None:
    """Set this one no more."""
    _bells.remove(gone)


def _ring() -> None:
    for each in list(_bells):
        each.set()


def newest() -> int:
    """The number of the newest notice, 0 without one."""
    return Notice.objects.order_by("-id").values_list("id", flat=True).first() or 0


def oldest() -> int:
    """The number of the oldest notice that is still kept, 0 without one."""
    return Notice.objects.order_by("id").values_list("id", flat=True).first() or 0


def after(last: int, gaps: Collection[int] = ()) -> list[Moved]:
    """The notices with a higher number, and those of `gaps` that are there now; in order, of all practices."""
    wanted = Q(id__gt=last) | Q(id__in=list(gaps)) if gaps else Q(id__gt=last)
    rows = Notice.objects.filter(wanted).order_by("id").values_list("id", "practice_id", "topic", "keys")
    return [
        Moved(id=i, practice_id=p, topic=t, keys=[str(k) for k in keys]) for i, p, t, keys in rows[:AT_ONCE]
    ]


def of_practice(practice_id: int, last: int) -> list[Moved]:
    """What one practice has missed since that number."""
    rows = Notice.objects.filter(practice_id=practice_id, id__gt=last).order_by("id")
    return [
        Moved(id=i, practice_id=practice_id, topic=t, keys=[str(k) for k in keys])
        for i, t, keys in rows.values_list("id", "topic", "keys")[:AT_ONCE]
    ]
