"""Writebacks on their way: which are next, and where they stand.

Must not be in it: moving them (`moving`), queries for pages (`queue`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from chartbridge.pms.commands import CommandKind
from chartbridge.store.board import STATUS_MOVE
from chartbridge.store.models import (
    Delivery,
    MirrorPatient,
    Seen,
    Writeback,
    WritebackEvent,
)

WAITING_FOR_IMPORT = "waiting_for_import"
"""The reason at what was handed over and stands in the chart only once somebody has imported it."""
LOOKS_WITHIN = timedelta(minutes=10)
"""Reading back is never put off for longer: a moment farther ahead is of a clock that has been set back since."""
ALONE = "alone"
"""In the ledger entry of a restart: nothing else of the connection was being sent when the process ended."""
_FIELDS = (
    "id",
    "practice_id",
    "connection_id",
    "kind",
    "command",
    "patient_key",
    "parts",
    "text",
    "marker",
    "payload",
    "delivery",
    "seen",
    "attempts",
    "created_at",
    "due_at",
    "sending_at",
    "taken_at",
    "reason_code",
    "record",
    "activity_id",
    "activity__occurred_at",
    "activity__verified_on",
)

_PAYLOAD = _FIELDS.index("payload")
_MOMENTS = tuple(at for at, name in enumerate(_FIELDS) if name.endswith("_at"))
_DAY = _FIELDS.index("activity__verified_on")
_IN_ONE = f"SELECT json_group_array(json_array({', '.join(_FIELDS)})) FROM ({{}})"


class Row(NamedTuple):
    """A writeback as delivery needs it. `occurred_at` and `verified_on` are the activity's."""

    id: int
    practice_id: int
    connection_id: int | None
    kind: str
    command: str
    patient_key: str
    parts: int
    text: str
    marker: str
    payload: Mapping[str, str]
    delivery: str
    seen: str
    attempts: int
    created_at: datetime
    due_at: datetime
    sending_at: datetime | None
    taken_at: datetime | None
    reason_code: str
    record: str
    activity_id: int | None
    occurred_at: datetime | None
    verified_on: date | None

    def __repr__(self) -> str:
        return f"Row({self.id}, {self.delivery}/{self.seen}, attempts={self.attempts})"


def claimable(connection_id: int, limit: int, *, paused: frozenset[str]) -> list[Row]:
    """Return what may be sent next, oldest first; locked on PostgreSQL until the transaction ends.

    A patient with a write whose outcome is not known yet waits; others don't.
    """
    return _rows(_locked(_next(connection_id, paused)).order_by("id")[:limit])


def anything_claimable(connection_id: int, *, paused: frozenset[str]) -> bool:
    """Whether something may be sent next."""
    return _next(connection_id, paused).exists()


def _next(connection_id: int, paused: frozenset[str]) -> QuerySet[Writeback]:
    ours = Writeback.objects.filter(connection_id=connection_id)
    open_ones = ours.filter(delivery__in=[Delivery.SENDING, Delivery.UNCERTAIN])
    rows = ours.filter(delivery=Delivery.QUEUED).exclude(patient_key__in=open_ones.values("patient_key"))
    return rows.exclude(command__in=paused) if paused else rows


def in_flight(connection_id: int) -> list[Row]:
    """Return what stands at `sending`: another deliverer's, or left behind by one that ended."""
    return _rows(
        Writeback.objects.filter(connection_id=connection_id, delivery=Delivery.SENDING).order_by("id")
    )


def uncertain(connection_id: int) -> list[tuple[int, datetime]]:
    """Return each uncertain write and when it is time to look for it."""
    rows = Writeback.objects.filter(connection_id=connection_id, delivery=Delivery.UNCERTAIN)
    return list(rows.values_list("id", "due_at"))


def uncertain_among(connection_id: int, ids: Sequence[int]) -> list[Row]:
    """Return those of these writes that are uncertain, oldest first."""
    rows = Writeback.objects.filter(connection_id=connection_id, delivery=Delivery.UNCERTAIN, pk__in=ids)
    return _rows(rows.order_by("id"))


def owed_due(connection_id: int, now: datetime, limit: int) -> list[Row]:
    """Return taken writes that were not read back yet and for which it is time to look."""
    due = Q(due_at__lte=now) | Q(due_at__gt=now + LOOKS_WITHIN)
    rows = _owed(connection_id).filter(due)
    return _rows(rows.order_by("id")[:limit])


def shown(
    connection_id: int, *, limit: int, before: int | None = None, taken_before: datetime | None = None
) -> list[Row]:
    """Return notes and documents that were read back from the chart, newest first."""
    rows = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.TAKEN, seen=Seen.SEEN
    ).exclude(Q(marker="") | Q(reason_code="imported"))
    rows = rows.filter(command__in=(CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if taken_before is not None:
        rows = rows.filter(taken_at__lt=taken_before)
    return _rows(rows.order_by("-id")[:limit])


def owed_count(connection_id: int) -> tuple[int, datetime | None]:
    """Return how many taken writes were not read back yet, and when the oldest of them was taken."""
    rows = _owed(connection_id)
    oldest = rows.order_by("id").values_list("taken_at", flat=True).first()
    return rows.count(), oldest


def rows_of(practice_id: int, ids: Sequence[int]) -> list[Row]:
    """Return these writebacks of a practice, oldest first, locked until the transaction ends."""
    return _rows(_locked(Writeback.objects.filter(practice_id=practice_id, pk__in=ids)).order_by("id"))


def read_rows(practice_id: int, ids: Sequence[int]) -> list[Row]:
    """As `rows_of`, for who only looks: locks nothing, and needs no transaction."""
    return _rows(Writeback.objects.filter(practice_id=practice_id, pk__in=ids).order_by("id"))


def standing(
    *,
    practice_id: int | None = None,
    connection_id: int | None = None,
    deliveries: Sequence[str],
    seen: Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Return writebacks that stand somewhere, by cause, oldest first, locked until the transaction ends."""
    rows = Writeback.objects.filter(delivery__in=deliveries)
    given = {
        "practice_id": practice_id,
        "connection_id": connection_id,
        "reason_code__in": codes,
        "kind": kind,
        "seen__in": seen,
    }
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if since is not None:
        rows = rows.filter(activity__occurred_at__gte=since)
    return _rows(_locked(rows).order_by("id")[:limit])


def nameless(activity_ids: Sequence[int]) -> list[Row]:
    """Return what is held of these activities from before it was known whose they are."""
    rows = Writeback.objects.filter(activity_id__in=activity_ids, patient_key="", delivery=Delivery.HELD)
    return _rows(_locked(rows))


def without_connection(practice_id: int) -> list[Row]:
    """Return what was enqueued before the practice had a connection."""
    return _rows(
        _locked(
            Writeback.objects.filter(practice_id=practice_id, connection__isnull=True, delivery=Delivery.HELD)
        )
    )


def whose_patient_came(connection_id: int, limit: int = 500) -> list[Row]:
    """Return writes held for an unknown patient whom the mirror knows by now."""
    known = MirrorPatient.objects.filter(connection_id=connection_id, key=OuterRef("patient_key"))
    rows = Writeback.objects.filter(
        Exists(known), connection_id=connection_id, delivery=Delivery.HELD, reason_code="unknown_patient"
    )
    return _rows(_locked(rows).order_by("id")[:limit])


def status_moves(connection_id: int, patient_key: str) -> list[Row]:
    """Return a patient's latest status moves, newest first."""
    rows = Writeback.objects.filter(connection_id=connection_id, patient_key=patient_key, kind=STATUS_MOVE)
    return _rows(_locked(rows).order_by("-id")[:20])


def restarted(ids: Sequence[int]) -> set[int]:
    """Return those of these during whose sending a process has ended."""
    events = WritebackEvent.objects.filter(writeback_id__in=ids, move="restart")
    return set(events.values_list("writeback_id", flat=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """What a writeback has behind it since a person last sent it.

    `ends` of the process while it was being sent, and of its connection nothing else; `absent`, how often its answer
    was lost and it was then provably not there, `since` the first time; `others`, how many writes of its connection
    the PMS has taken from then on.
    """

    ends: int = 0
    absent: int = 0
    since: datetime | None = None
    others: int = 0


def tries(connection_id: int, ids: Sequence[int]) -> dict[int, Tries]:
    """Return what each of these writebacks of one connection has behind it; nothing for those that went out once."""
    found: dict[int, Tries] = defaultdict(Tries)
    events = WritebackEvent.objects.filter(
        writeback_id__in=ids, move__in=("restart", "absent", "retry", "look")
    )
    for pk, move, at, detail in events.order_by("id").values_list("writeback_id", "move", "at", "detail"):
        held = found[pk]
        if move == "restart":
            found[pk] = replace(held, ends=held.ends + bool(detail.get(ALONE)))
        elif move == "absent":
            found[pk] = replace(held, absent=held.absent + 1, since=held.since or at)
        else:
            found[pk] = Tries()
    taken = Writeback.objects.filter(connection_id=connection_id)
    return {
        pk: replace(held, others=taken.filter(taken_at__gt=held.since).count()) if held.since else held
        for pk, held in found.items()
    }


def say_why(ids: Sequence[int], *, code: str, reason: str) -> None:
    """Say why writes that are looked for have not come further. What moved meanwhile keeps its reason, and so does
    what waits until it is imported."""
    looked_for = Q(delivery=Delivery.UNCERTAIN) | Q(delivery=Delivery.TAKEN, seen=Seen.OWED)
    rows = Writeback.objects.filter(looked_for, pk__in=ids).exclude(reason_code=WAITING_FOR_IMPORT)
    rows.update(reason_code=code, reason=reason)


def look_again(ids: Sequence[int], at: datetime) -> None:
    """Set when writes that stay where they are, are looked for again."""
    Writeback.objects.filter(pk__in=ids).update(due_at=at)


def _owed(connection_id: int) -> QuerySet[Writeback]:
    return Writeback.objects.filter(Q(connection_id=connection_id), seen=Seen.OWED, delivery=Delivery.TAKEN)


def _locked(rows: QuerySet[Writeback]) -> QuerySet[Writeback]:
    if connection.vendor == "postgresql":
        return rows.select_for_update(of=("self",), no_key=True)
    return rows


def _rows(rows: QuerySet[Writeback]) -> list[Row]:
    """Read the columns as the database has them: Django's own way from there to Python costs more than the query.

    From SQLite all at once, as JSON: row by row, it would change places with the other threads at each.
    """
    try:
        statement, given = rows.values_list(*_FIELDS).query.sql_with_params()
    except EmptyResultSet:
        return []
    in_one = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(_IN_ONE.format(statement) if in_one else statement, given)
        found = json.loads(cursor.fetchone()[0]) if in_one else cursor.fetchall()
    return [_row(values) for values in found]


def _row(values: Sequence[Any]) -> Row:
    given = list(values)
    given[_PAYLOAD] = json.loads(given[_PAYLOAD])
    for at in _MOMENTS:
        if isinstance(given[at], str):  # SQLite has them without their zone, which is UTC
            given[at] = datetime.fromisoformat(given[at]).replace(tzinfo=UTC)
    if isinstance(given[_DAY], str):
        given[_DAY] = date.fromisoformat(given[_DAY])
    return Row(*given)
