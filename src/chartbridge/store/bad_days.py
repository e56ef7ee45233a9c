"""What one wrong setting wrote: writebacks by type, note type, provider, source and time.

Must not be in it: undoing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from chartbridge.store import deliveries
from chartbridge.store.deliveries import Row
from chartbridge.store.models import Delivery, Writeback


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is asked for: came in from `since` to before `until`. Empty texts ask for nothing in particular."""

    since: datetime
    until: datetime
    kind: str = ""
    type_key: str = ""
    provider_key: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One of them, with what its receipt says and whether a correction names it already."""

    row: Row
    record: str
    corrected: bool


def standing(practice_id: int, wanted: Wanted, *, after: int = 0, limit: int) -> list[Standing]:
    """Return them, oldest first, from behind number `after` on. Corrections themselves are left out."""
    told = _rows(practice_id, wanted).filter(pk__gt=after).order_by("pk")
    records = dict(told.values_list("pk", "record")[:limit])
    named = corrections_of(list(records))
    return [
        Standing(
            row=row,
            record=records[row.id],
            corrected=bool(named.keys() & {(row.id, records[row.id]), (row.id, "")}),
        )
        for row in deliveries.rows_of(practice_id, list(records))
    ]


def count(practice_id: int, wanted: Wanted) -> int:
    """Count them."""
    return _rows(practice_id, wanted).count()


def sources(practice_id: int) -> list[str]:
    """Return by whom or what activities came in."""
    rows = Writeback.objects.filter(practice_id=practice_id, activity__isnull=False)
    return sorted(set(rows.values_list("activity__source", flat=True).distinct()))


def corrections_of(writeback_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    """Return which records are named by a correction already: (first, its record) → the correction's number.

    A status that was set back names no record.
    """
    rows = Writeback.objects.filter(corrects__in=writeback_ids).exclude(delivery=Delivery.RETRACTED)
    return {
        (first, str(payload.get("correction", ""))): pk
        for pk, first, payload in rows.values_list("pk", "corrects_id", "payload")
        if first is not None
    }


def _rows(practice_id: int, wanted: Wanted) -> QuerySet[Writeback]:
    rows = Writeback.objects.filter(
        practice_id=practice_id, created_at__gte=wanted.since, created_at__lt=wanted.until, corrects=None
    ).exclude(delivery=Delivery.RETRACTED)
    for column, value in (
        ("kind", wanted.kind),
        ("sent_type", wanted.type_key),
        ("sent_provider", wanted.provider_key),
        ("activity__source", wanted.source),
    ):
        rows = rows.filter(**{column: value}) if value else rows
    return rows
