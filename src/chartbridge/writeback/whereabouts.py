"""At the start: a store that is a copy, or was put back from a backup, looks before it sends anything it already had.

What it holds as waiting, the store it was copied from may have sent since; what programs hand in again, too. Must not
be in it: how a copy is told (store.place), looking.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from chartbridge.domain.clock import Clock
from chartbridge.pms.registry import registry
from chartbridge.store import observations, place
from chartbridge.store.accounts import add_audit_entry
from chartbridge.store.database import writing
from chartbridge.store.models import Connection
from chartbridge.store.observations import Seen
from chartbridge.store.one_hub import look_first
from chartbridge.store.place import Moved

log = structlog.get_logger("chartbridge.writeback")
WHO = "chartbridge"
_MARGIN = timedelta(seconds=5)


def settle_in(clock: Clock) -> Moved:
    """Find out how the store came here, and be careful with what it holds. Returns how it came."""
    now = clock.now()
    with writing():  # together: a process that ends in between would take the new place for granted
        moved = place.settle_in(now)
        _be_careful(moved, now)
    if moved in (Moved.COPIED, Moved.SET_BACK):
        place.keep_mark(anew=True)
    log.info("settled_in", how=moved.value)
    return moved


def keep_watch(clock: Clock) -> None:
    """Now and then: keep the mark beside the store; notice a store that was set back while this process runs."""
    if place.is_behind():
        settle_in(clock)
    else:
        place.keep_mark()


def _be_careful(moved: Moved, now: datetime) -> None:
    if moved in (Moved.NEW, Moved.SAME):
        return
    copied = moved is not Moved.BOOTED
    for link in Connection.objects.order_by("id"):
        look_first(link, now, wait=_longest_settle(link) if copied else timedelta(), restored=copied)
        if copied:
            detail = {"connection": link.pk, "how": moved.value}
            add_audit_entry(practice_id=link.practice_id, who=WHO, what="store.moved", detail=detail)
            observations.record(link, [Seen(what="store", event=moved.value, told=True)], now)


def _longest_settle(link: Connection) -> timedelta:
    """So long a last request of the other store could still land."""
    manifest = registry().manifests.get(link.connector)
    claims = manifest.commands.values() if manifest else ()
    return timedelta(seconds=max((claim.settle_after for claim in claims), default=0.0)) + _MARGIN
