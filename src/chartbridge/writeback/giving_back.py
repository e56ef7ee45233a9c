"""A right that the PMS took away may be given back without a word to us: now and then one write tries it.

Whether it was given back can't be seen in every PMS without writing. So what was refused for want of a right is sent
once more, after growing times; what waits behind it follows as soon as it is taken. Must not be in it: sending.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.store.models import Connection, Delivery, Writeback, WritebackEvent
from chartbridge.writeback import mend
from chartbridge.writeback.states import Event

WHO = "chartbridge"
FIRST = timedelta(minutes=5)
LONGEST = timedelta(hours=1)


def try_what_was_refused(clock: Clock) -> int:
    """Try where it is time. Returns how many writes go on."""
    links = Connection.objects.filter(write_hold_code__startswith="unauthorised", on=True, hold="")
    return sum(try_now(link.pk, WHO, clock) for link in links if _is_time(link.pk, clock.now()))


def try_now(connection_id: int, who: str, clock: Clock) -> int:
    """Try at once, because something says that the right is there. Returns how many writes go on."""
    practice_id = Connection.objects.values_list("practice_id", flat=True).get(pk=connection_id)
    return mend.retry_many(practice_id, _refused(connection_id), who, clock=clock)


def _is_time(connection_id: int, now: datetime) -> bool:
    """After 5 minutes, then after twice as long each time, up to an hour; by how often the oldest was tried."""
    tries = WritebackEvent.objects.filter(
        writeback_id__in=_refused(connection_id)[:1], move=Event.PARK.value, detail__code="unauthorised"
    )
    times = list(tries.order_by("id").values_list("at", flat=True))
    return bool(times) and now >= times[-1] + min(LONGEST, FIRST * 2 ** min(len(times) - 1, 8))


def _refused(connection_id: int) -> list[int]:
    rows = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    return list(rows.order_by("id").values_list("pk", flat=True))
