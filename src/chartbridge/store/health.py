"""What the Health page tells: streams, the queue, rows that could not be read, the PMS behind it all.

Must not be in it: judging (the page's words do that), setting anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from chartbridge.store.models import (
    Connection,
    Delivery,
    MirrorAppointment,
    MirrorBadRow,
    MirrorPatient,
    Seen,
    Writeback,
)

SHOWN_BAD_ROWS = 50
_NEEDS_ATTENTION = (Delivery.PARKED, Delivery.REFUSED, Delivery.HELD)
_OPEN = (*_NEEDS_ATTENTION, Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN)
_NOT_SEEN = (Seen.OWED, Seen.MISSING)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    """How many writebacks stand where, and since when the oldest that has not gone out waits."""

    waiting: int
    looking: int
    reading_back: int
    attention: int
    oldest_waiting: datetime | None
    oldest_attention: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRows:
    """Rows of a stream that could not be understood: the latest of them, and how many there are."""

    rows: list[MirrorBadRow]
    count: int


def queue_state(connection: Connection) -> QueueState:
    """Count what is not in the chart yet; what is done is left out, so that the cost doesn't grow with it."""
    mine = Writeback.objects.filter(practice_id=connection.practice_id)
    on_way = mine.filter(delivery__in=_OPEN).values_list("delivery").annotate(n=Count("pk")).order_by()
    owed = Writeback.objects.filter(connection=connection, delivery=Delivery.TAKEN, seen__in=_NOT_SEEN)
    n: dict[str, int] = dict(on_way)
    n |= dict(owed.values_list("seen").annotate(n=Count("pk")).order_by())
    waiting = mine.filter(delivery__in=(Delivery.QUEUED, Delivery.SENDING))
    return QueueState(
        waiting=n.get(Delivery.QUEUED, 0) + n.get(Delivery.SENDING, 0),
        looking=n.get(Delivery.UNCERTAIN, 0),
        reading_back=n.get(Seen.OWED, 0),
        attention=sum(n.get(each, 0) for each in (*_NEEDS_ATTENTION, Seen.MISSING)),
        oldest_waiting=waiting.aggregate(at=Min("created_at"))["at"],
        oldest_attention=mine.filter(delivery__in=_NEEDS_ATTENTION).aggregate(at=Min("created_at"))["at"],
    )


def bad_rows_by_stream(connection_id: int) -> dict[str, BadRows]:
    """The rows that could not be understood, latest first, by stream."""
    rows = MirrorBadRow.objects.filter(connection_id=connection_id)
    counts = dict(rows.values_list("stream").annotate(Count("pk")).order_by())
    found: dict[str, list[MirrorBadRow]] = {}
    for row in rows.order_by("-last_seen_at", "-pk")[: SHOWN_BAD_ROWS * 4]:
        if len(held := found.setdefault(row.stream, [])) < SHOWN_BAD_ROWS:
            held.append(row)
    return {stream: BadRows(rows=held, count=counts[stream]) for stream, held in found.items()}


def standing_for(practice_id: int, reason_code: str) -> int:
    """How many writebacks are missing in the chart for this reason."""
    rows = Writeback.objects.filter(practice_id=practice_id, delivery=Delivery.TAKEN, seen=Seen.MISSING)
    return rows.filter(reason_code=reason_code).count()


def mirrored(connection: Connection) -> tuple[int, int]:
    """How many patients and appointments the mirror holds."""
    return (
        MirrorPatient.objects.filter(connection=connection, gone_at=None).count(),
        MirrorAppointment.objects.filter(connection=connection, gone_at=None).count(),
    )
