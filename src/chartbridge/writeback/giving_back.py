"""A right that the PMS took away may be given back without a word to us: now and then one write tries it.

Whether it was given back can't be seen in every PMS without writing. So what was refused for want of a right is sent
once more, after growing times; what waits behind it follows as soon as it is taken. A refusal that is final until a
person or a saved setting asks again is left alone. Must not be in it: sending.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from chartbridge.domain.clock import Clock
from chartbridge.store.desk import EVERYTHING
from chartbridge.store.models import Connection, Delivery, Writeback, WritebackEvent
from chartbridge.writeback import mend
from chartbridge.writeback.outcomes import UNTIL_ASKED
from chartbridge.writeback.states import Event

WHO = "chartbridge"
FIRST = timedelta(minutes=5)
LONGEST = timedelta(hours=1)


def try_what_was_refused(clock: Clock) -> int:
    """Try where it is time. Returns how many writes go on."""
    links = Connection.objects.filter(write_hold_code__startswith="unauthorised", on=True, hold="")
    return sum(
        mend.retry_many(link.practice_id, ids, WHO, clock=clock)
        for link in links
        if (ids := _by_itself(link)) and _is_time(ids[0], clock.now())
    )


def try_now(connection_id: int, who: str, clock: Clock) -> int:
    """Try at once, because something says that the right is there. Returns how many writes go on."""
    practice_id = Connection.objects.values_list("practice_id", flat=True).get(pk=connection_id)
    return mend.retry_many(practice_id, _refused(connection_id), who, clock=clock)


def _is_time(oldest: int, now: datetime) -> bool:
    """After 5 minutes, then after twice as long each time, up to an hour; by how often the oldest was tried."""
    tries = WritebackEvent.objects.filter(
        writeback_id=oldest, move=Event.PARK.value, detail__code="unauthorised"
    )
    times = list(tries.order_by("id").values_list("at", flat=True))
    return bool(times) and now >= times[-1] + min(LONGEST, FIRST * 2 ** min(len(times) - 1, 8))


def _refused(connection_id: int) -> list[int]:
    return list(_standing(connection_id).values_list("pk", flat=True))


def _by_itself(link: Connection) -> list[int]:
    """Those whose pause ends with them: no other of the same pause waits to be asked for."""
    parkings = WritebackEvent.objects.filter(writeback=OuterRef("pk"), move=Event.PARK.value)
    last = Subquery(parkings.order_by("-id").values("detail")[:1])
    rows = list(_standing(link.pk).annotate(parking=last).values_list("pk", "command", "parking"))
    waiting = {command for _, command, parking in rows if parking and parking.get(UNTIL_ASKED)}
    if waiting and link.write_hold_code.partition(":")[2] == EVERYTHING:
        return []
    return [pk for pk, command, _ in rows if command not in waiting]


def _standing(connection_id: int) -> QuerySet[Writeback]:
    rows = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    return rows.order_by("id")
