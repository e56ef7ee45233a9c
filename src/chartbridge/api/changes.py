"""Waiting for something to move: a long poll on notices.

Must not be in it: what moved; the answer says where to look.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Query, Router, Schema

from chartbridge.api.access import caller
from chartbridge.api.errors import ERRORS, ErrorOut
from chartbridge.store.notices import Moved, after, newest, oldest

router = Router(tags=["Changes"])
LOOK_EVERY = 0.05
GAP_LIVES = 1.0  # a skipped number may still be committed; after this it was rolled back


class ChangeOut(Schema):
    """That something moved: `topic` says what, `keys` which (the PMS's numbers; empty means many)."""

    id: int
    topic: str
    keys: list[str]


class ChangesOut(Schema):
    """What moved after the number that was asked for. `last` is the next `after`.

    `missed`: older changes are no longer kept; read what you need afresh.
    """

    last: int
    missed: bool
    changes: list[ChangeOut]


@router.get("/changes", response={200: ChangesOut, ERRORS: ErrorOut}, summary="Wait for changes")
async def get_changes(
    request: HttpRequest,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
) -> ChangesOut:
    """Answer as soon as something moves, or after `wait` seconds. Without `after`: the number to begin with."""
    practice_id = caller(request).practice_id
    if after is None:
        return ChangesOut(last=await sync_to_async(newest)(), missed=False, changes=[])
    until = time.monotonic() + wait
    while True:
        found = await sync_to_async(_look)(practice_id, after)
        if found.changes or found.missed or time.monotonic() >= until:
            return found
        after = found.last
        await asyncio.sleep(LOOK_EVERY)


def _look(practice_id: int, last: int) -> ChangesOut:
    rows = after(last)
    missed = bool(rows) and rows[0].id > last + 1 and oldest() > last + 1
    settled = _gaps.settled(rows, rows[0].id - 1 if missed else last, time.monotonic())
    mine = [r for r in settled if r.practice_id == practice_id]
    return ChangesOut(
        last=settled[-1].id if settled else last,
        missed=missed and last > 0,
        changes=[ChangeOut(id=r.id, topic=r.topic, keys=r.keys) for r in mine],
    )


class _Gaps:
    """Numbers that were skipped: what comes behind one waits until it is filled or was rolled back."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def settled(self, rows: list[Moved], last: int, now: float) -> list[Moved]:
        """Return the rows up to the first gap that may still be filled."""
        for index, row in enumerate(rows):
            if row.id > last + 1 and now - self._since.setdefault(row.id, now) < GAP_LIVES:
                return rows[:index]
            last = row.id
        if len(self._since) > 10_000:
            self._since.clear()
        return rows


_gaps = _Gaps()
