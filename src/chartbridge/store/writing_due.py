"""When each connection next has something to write, to look for or to read back: one question for all of them.

Must not be in it: doing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection as database

from chartbridge.store.deliveries import anything_claimable
from chartbridge.store.desk import EVERYTHING
from chartbridge.store.models import Delivery, Seen, Writeback


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
    found: list[Pending] = []
    for start in range(0, len(connection_ids), _PIECE):
        piece = list(connection_ids[start : start + _PIECE])
        with database.cursor() as cursor:
            cursor.execute(_SQL.format(ids=", ".join(["%s"] * len(piece))), piece)
            found += [_pending(_Asked(*row)) for row in cursor.fetchall()]
    return found


_PIECE = 500
_OURS = "SELECT {what} FROM store_writeback w WHERE w.connection_id = c.id AND "
_SQL = (
    "SELECT c.id, c.writing_on, c.write_hold, c.write_hold_code, c.write_not_before,"
    f" EXISTS ({_OURS.format(what=1)} w.delivery = '{Delivery.QUEUED}'),"
    f" EXISTS ({_OURS.format(what=1)} w.delivery = '{Delivery.SENDING}'),"
    f" EXISTS ({_OURS.format(what=1)} w.delivery = '{Delivery.HELD}' AND w.reason_code = 'unknown_patient'"
    " AND EXISTS (SELECT 1 FROM store_mirrorpatient p WHERE p.connection_id = c.id AND p.key = w.patient_key)),"
    f" ({_OURS.format(what='MIN(w.due_at)')} w.delivery = '{Delivery.UNCERTAIN}'),"
    f" ({_OURS.format(what='MIN(w.due_at)')} w.delivery = '{Delivery.TAKEN}' AND w.seen = '{Seen.OWED}')"
    " FROM store_connection c WHERE c.id IN ({ids}) AND c.\"on\" AND c.hold = '' AND NOT c.rereading ORDER BY c.id"
)
"""Written out: it is asked for all connections every few seconds, and before and after each delivery."""


class _Asked(NamedTuple):
    """A row of it."""

    pk: int
    writing_on: bool
    write_hold: str
    write_hold_code: str
    write_not_before: datetime | str | None
    queued: bool
    left_behind: bool
    freed: bool
    look_at: datetime | str | None
    read_back_at: datetime | str | None


def _pending(row: _Asked) -> Pending:
    stopped = bool(row.write_hold) and (row.write_hold_code.partition(":")[2] or EVERYTHING) == EVERYTHING
    sendable = bool(row.queued and row.writing_on and not stopped)
    if sendable and (row.write_hold or row.look_at or row.left_behind):
        sendable = anything_claimable(row.pk, paused=_paused(row.pk))
    return Pending(
        connection_id=row.pk,
        sendable=sendable,
        left_behind=bool(row.left_behind),
        freed=bool(row.freed),
        not_before=_aware(row.write_not_before),
        look_at=_aware(row.look_at),
        read_back_at=_aware(row.read_back_at),
    )


def _aware(value: datetime | str | None) -> datetime | None:
    """SQLite has moments as text or without their zone, which is UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _paused(connection_id: int) -> frozenset[str]:
    parked = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    return frozenset(parked.values_list("command", flat=True).distinct())
