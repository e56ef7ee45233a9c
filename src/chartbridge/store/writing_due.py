"""When each connection next has something to write, to look for or to read back: one question for all of them.

Must not be in it: doing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import DateTimeField, Exists, Min, OuterRef, QuerySet, Subquery

from chartbridge.store.deliveries import anything_claimable
from chartbridge.store.desk import EVERYTHING
from chartbridge.store.models import Connection, Delivery, MirrorPatient, Seen, Writeback


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """What a connection has to do. `sendable` and `freed`: at once, or from `not_before` on."""

    connection_id: int
    sendable: bool
    left_behind: bool
    freed: bool
    not_before: datetime | None
    look_at: datetime | None
    read_back_at: datetime | None


def pending(connection_ids: Sequence[int]) -> list[Pending]:
    """Return what each of these connections has to do, for those that are on and not on hold."""
    ours = Writeback.objects.filter(connection_id=OuterRef("pk"))
    queued, sending = ours.filter(delivery=Delivery.QUEUED), ours.filter(delivery=Delivery.SENDING)
    known = MirrorPatient.objects.filter(connection_id=OuterRef("connection_id"), key=OuterRef("patient_key"))
    held = ours.filter(Exists(known), delivery=Delivery.HELD, reason_code="unknown_patient")
    rows = Connection.objects.filter(pk__in=connection_ids, on=True, hold="").annotate(
        queued=Exists(queued),
        left_behind=Exists(sending),
        freed=Exists(held),
        look_at=_first_due(ours.filter(delivery=Delivery.UNCERTAIN)),
        read_back_at=_first_due(ours.filter(delivery=Delivery.TAKEN, seen=Seen.OWED)),
    )
    return [_pending(row) for row in rows.order_by("pk")]


class _Asked(Protocol):
    """A connection's row with what was asked of it."""

    pk: int
    writing_on: bool
    write_hold: str
    write_hold_code: str
    write_not_before: datetime | None
    queued: bool
    left_behind: bool
    freed: bool
    look_at: datetime | None
    read_back_at: datetime | None


def _pending(row: _Asked) -> Pending:
    stopped = bool(row.write_hold) and (row.write_hold_code.partition(":")[2] or EVERYTHING) == EVERYTHING
    sendable = row.queued and row.writing_on and not stopped
    if sendable and (row.write_hold or row.look_at or row.left_behind):
        sendable = anything_claimable(row.pk, paused=_paused(row.pk))
    return Pending(
        connection_id=row.pk,
        sendable=sendable,
        left_behind=row.left_behind,
        freed=row.freed,
        not_before=row.write_not_before,
        look_at=row.look_at,
        read_back_at=row.read_back_at,
    )


def _paused(connection_id: int) -> frozenset[str]:
    parked = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    return frozenset(parked.values_list("command", flat=True).distinct())


def _first_due(rows: QuerySet[Writeback]) -> Subquery:
    first = rows.order_by().values("connection_id").annotate(first=Min("due_at")).values("first")
    return Subquery(first, output_field=DateTimeField())
