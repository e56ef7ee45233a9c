"""What the Writebacks page lists: filtered, grouped by reason, a page at a time.

Must not be in it: what a state is called, moving a writeback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Min, Q, QuerySet

from chartbridge.store.models import Delivery, MirrorPatient, Seen, Writeback


class Show(StrEnum):
    """The tabs."""

    ATTENTION = "attention"
    WAITING = "waiting"
    WRITTEN = "written"
    SKIPPED = "skipped"
    ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What is asked for. Empty strings and None ask for nothing in particular."""

    show: Show = Show.ATTENTION
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    patient_key: str = ""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The writebacks that stand for one reason."""

    reason: str
    count: int
    retryable: int
    oldest: datetime


_NEEDS = Q(delivery__in=(Delivery.PARKED, Delivery.REFUSED, Delivery.HELD)) | Q(
    delivery=Delivery.TAKEN, seen=Seen.MISSING
)
_CAN_RETRY = Q(delivery__in=(Delivery.PARKED, Delivery.REFUSED)) | Q(
    delivery=Delivery.TAKEN, seen=Seen.MISSING
)
_WAITS = Q(delivery__in=(Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN)) | Q(
    delivery=Delivery.TAKEN, seen=Seen.OWED
)
_SHOWN = {
    Show.ATTENTION: _NEEDS,
    Show.WAITING: _WAITS,
    Show.WRITTEN: Q(delivery=Delivery.TAKEN, seen=Seen.SEEN),
    Show.SKIPPED: Q(delivery=Delivery.SKIPPED),
    Show.ALL: Q(),
}
_AT_ONCE = 500
_OLDEST_FIRST = (Show.ATTENTION, Show.WAITING)


def listing(practice_id: int, wanted: Filter, *, limit: int, offset: int = 0) -> list[Writeback]:
    """A page of them: problems and what waits oldest first, everything else newest first."""
    order = "id" if wanted.show in _OLDEST_FIRST else "-id"
    rows = _matching(practice_id, wanted).select_related("activity").order_by(order)
    return list(rows[offset : offset + limit])


def amount(practice_id: int, wanted: Filter) -> int:
    """How many a filter finds."""
    return _matching(practice_id, wanted).count()


def groups(practice_id: int, wanted: Filter) -> list[Group]:
    """The reasons, the one that waits longest first."""
    rows = (
        _matching(practice_id, wanted)
        .values_list("reason_code")
        .annotate(n=Count("pk"), retryable=Count("pk", filter=_CAN_RETRY), oldest=Min("created_at"))
        .order_by("oldest", "reason_code")
    )
    return [Group(reason=code, count=n, retryable=again, oldest=at) for code, n, again, at in rows]


def totals(practice_id: int) -> dict[str, int]:
    """How many stand for each reason, whatever is filtered: a mended setting frees them all."""
    rows = Writeback.objects.filter(_NEEDS, practice_id=practice_id).order_by()
    return dict(rows.values_list("reason_code").annotate(n=Count("pk")))


def kinds_of(practice_id: int, reason: str) -> dict[str, int]:
    """How many of each kind stand for a reason."""
    rows = Writeback.objects.filter(_NEEDS, practice_id=practice_id, reason_code=reason).order_by()
    return dict(rows.values_list("kind").annotate(n=Count("pk")))


def ids_of(practice_id: int, wanted: Filter, *, retryable: bool) -> list[int]:
    """The numbers of all that are listed, oldest first; only what can be tried again where that is asked."""
    rows = _matching(practice_id, wanted).order_by("id")
    return list((rows.filter(_CAN_RETRY) if retryable else rows).values_list("id", flat=True))


def waiting_for_a_person(practice_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Which of these wait for a person, and why."""
    found: dict[int, str] = {}
    for at in range(0, len(ids), _AT_ONCE):
        rows = Writeback.objects.filter(_NEEDS, practice_id=practice_id, pk__in=ids[at : at + _AT_ONCE])
        found |= dict(rows.values_list("pk", "reason"))
    return found


def counts(practice_id: int) -> dict[Show, int]:
    """How many need attention and how many wait; the others only grow and are not counted."""
    mine = Writeback.objects.filter(practice_id=practice_id)
    return {show: mine.filter(_SHOWN[show]).count() for show in (Show.ATTENTION, Show.WAITING)}


def names_of(rows: Sequence[Writeback]) -> dict[int, str]:
    """The patients' names, by writeback; without those that were never read."""
    by_connection: dict[int, set[str]] = {}
    for row in rows:
        if row.connection_id:
            by_connection.setdefault(row.connection_id, set()).add(row.patient_key)
    found: dict[tuple[int, str], str] = {}
    for connection_id, keys in by_connection.items():
        for each in MirrorPatient.objects.filter(connection_id=connection_id, key__in=keys):
            found[connection_id, each.key] = each.display_name
    return {
        row.pk: found[row.connection_id, row.patient_key]
        for row in rows
        if row.connection_id and (row.connection_id, row.patient_key) in found
    }


def _matching(practice_id: int, wanted: Filter) -> QuerySet[Writeback]:
    rows = Writeback.objects.filter(_SHOWN[wanted.show], practice_id=practice_id)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.since:
        rows = rows.filter(created_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(created_at__lt=wanted.until)
    if wanted.patient_key:
        rows = rows.filter(patient_key=wanted.patient_key)
    if wanted.reason is not None:
        rows = rows.filter(reason_code=wanted.reason)
    return rows
