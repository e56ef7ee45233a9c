"""What one wrong setting wrote: writebacks by type, note type, provider, source and time.

Must not be in it: undoing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import dropwhile

from django.db.models import Max, QuerySet

from chartbridge.pms.commands import CommandKind
from chartbridge.store import deliveries
from chartbridge.store.deliveries import Row
from chartbridge.store.models import Delivery, StatusSighting, Writeback

Moves = Mapping[tuple[int, str], Sequence[Row]]
"""The moves of appointments that may be set back, oldest first, by connection and appointment."""
_STANDS = (Delivery.TAKEN, Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN, Delivery.HELD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is asked for: came in from `since` to before `until`. Empty texts ask for nothing in particular; what came
    in after number `up_to` is left out where that is not 0."""

    since: datetime
    until: datetime
    kind: str = ""
    type_key: str = ""
    provider_key: str = ""
    source: str = ""
    up_to: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One of them, with what its receipt says and whether a correction names it already."""

    row: Row
    record: str
    corrected: bool


def standing(practice_id: int, wanted: Wanted, *, after: int = 0, limit: int) -> list[Standing]:
    """Return them, oldest first, from behind number `after` on. Corrections themselves are left out."""
    rows = _rows(practice_id, wanted).filter(pk__gt=after).order_by("pk")
    return standing_of(practice_id, list(rows.values_list("pk", flat=True)[:limit]))


def standing_of(practice_id: int, ids: Sequence[int]) -> list[Standing]:
    """Return these as they stand now, oldest first."""
    records = dict(Writeback.objects.filter(pk__in=ids).values_list("pk", "record"))
    rows = deliveries.read_rows(practice_id, ids)
    named, moved_back = corrections_of(ids), _moved_back(rows)
    return [
        Standing(
            row=row,
            record=records[row.id],
            corrected=row.id in moved_back or bool(named.keys() & {(row.id, records[row.id]), (row.id, "")}),
        )
        for row in rows
    ]


def moves(practice_id: int, wanted: Wanted, rows: Sequence[Row]) -> Moves:
    """Return what is asked for, in the PMS and not set back yet of the appointments that these rows moved: of each the
    last ones, behind any move that somebody else made."""
    mine = [row for row in rows if row.command == CommandKind.SET_APPOINTMENT_STATUS]
    if not mine:
        return {}
    patients = {row.patient_key for row in mine}
    asked_for = (
        _rows(practice_id, wanted)
        .filter(command=CommandKind.SET_APPOINTMENT_STATUS, patient_key__in=patients)
        .values_list("pk", "delivery")
    )
    standing_at = dict(asked_for)
    taken = [pk for pk, delivery in standing_at.items() if delivery == Delivery.TAKEN]
    found: dict[tuple[int, str], list[Row]] = defaultdict(list)
    all_of_them = deliveries.read_rows(practice_id, taken)
    moved_back = _moved_back(all_of_them)
    for row in all_of_them:
        if row.id not in moved_back:
            found[row.connection_id or 0, row.payload.get("appointment_key", "")].append(row)
    others = _others(practice_id, patients, standing_at)
    seen = _sightings(found)
    return {visit: _last_run(run, others.get(visit, ()), seen.get(visit, ())) for visit, run in found.items()}


def _others(
    practice_id: int, patients: set[str], asked_for: Mapping[int, str]
) -> dict[tuple[int, str], list[int]]:
    """Return the moves that nobody asked to undo, made or still wished for, by connection and appointment."""
    rows = Writeback.objects.filter(
        practice_id=practice_id,
        command=CommandKind.SET_APPOINTMENT_STATUS,
        patient_key__in=patients,
        delivery__in=_STANDS,
    )
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, connection_id, payload in rows.values_list("pk", "connection_id", "payload"):
        if pk not in asked_for:
            found[connection_id or 0, str(payload.get("appointment_key", ""))].append(pk)
    return found


_Sighting = tuple[str, datetime]
"""A status that the PMS showed, and when that was stored."""


def _sightings(found: Mapping[tuple[int, str], Sequence[Row]]) -> dict[tuple[int, str], list[_Sighting]]:
    rows = StatusSighting.objects.filter(
        connection__in={connection_id for connection_id, _ in found},
        appointment_key__in={key for _, key in found},
        stored_at__gte=min(
            (run[0].created_at for run in found.values()), default=datetime.max.replace(tzinfo=UTC)
        ),
    )
    seen: dict[tuple[int, str], list[_Sighting]] = defaultdict(list)
    for connection_id, key, status, at in rows.order_by("pk").values_list(
        "connection_id", "appointment_key", "status_key", "stored_at"
    ):
        seen[connection_id, key].append((status, at))
    return seen


def _last_run(run: Sequence[Row], others: Sequence[int], seen: Sequence[_Sighting]) -> list[Row]:
    """Return the moves behind the last one that somebody else made of this appointment: none where that is the last."""
    last: list[Row] = []
    for row in run:
        if last and not _follows(row, last[-1], others, seen):
            last = []
        last.append(row)
    if last and (any(pk > last[-1].id for pk in others) or _moved_away(last[-1], seen, None)):
        return []
    return last


def _follows(row: Row, earlier: Row, others: Sequence[int], seen: Sequence[_Sighting]) -> bool:
    """Whether a move began where the one before it had ended, with nobody's move between the two."""
    from_there = row.payload.get("expected_key") == earlier.payload["status_key"]
    between = any(earlier.id < pk < row.id for pk in others)
    return from_there and not between and not _moved_away(earlier, seen, row.created_at)


def _moved_away(row: Row, seen: Sequence[_Sighting], until: datetime | None) -> bool:
    """Whether the PMS has shown another status behind the one that this move set: somebody moved it, even if back."""
    since = row.taken_at or row.created_at
    later = [status for status, at in seen if at >= since and (until is None or at < until)]
    behind = dropwhile(lambda status: status != row.payload["status_key"], later)
    return any(status != row.payload["status_key"] for status in behind)


def newest(practice_id: int) -> int:
    """Return the number of the newest writeback."""
    last = Writeback.objects.filter(practice_id=practice_id).aggregate(last=Max("pk"))["last"]
    return int(last or 0)


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


def _moved_back(rows: Sequence[Row]) -> set[int]:
    """Which of these moves a later one has undone: it set their appointment back to before the one that it corrects,
    and so to before whatever was moved between the two."""
    mine = [row for row in rows if row.command == CommandKind.SET_APPOINTMENT_STATUS]
    backs = Writeback.objects.filter(
        command=CommandKind.SET_APPOINTMENT_STATUS,
        corrects__isnull=False,
        connection__in={row.connection_id for row in mine},
        patient_key__in={row.patient_key for row in mine},
    ).exclude(delivery=Delivery.RETRACTED)
    spans: dict[tuple[int | None, str], list[tuple[int, int]]] = defaultdict(list)
    for connection_id, payload, first, back in backs.values_list(
        "connection_id", "payload", "corrects_id", "pk"
    ):
        spans[connection_id, str(payload.get("appointment_key", ""))].append((first or 0, back))
    return {
        row.id
        for row in mine
        for first, back in spans[row.connection_id, row.payload.get("appointment_key", "")]
        if first <= row.id < back
    }


def _rows(practice_id: int, wanted: Wanted) -> QuerySet[Writeback]:
    rows = Writeback.objects.filter(
        practice_id=practice_id, created_at__gte=wanted.since, created_at__lt=wanted.until, corrects=None
    ).exclude(delivery=Delivery.RETRACTED)
    if wanted.up_to:
        rows = rows.filter(pk__lte=wanted.up_to)
    for column, value in (
        ("kind", wanted.kind),
        ("sent_type", wanted.type_key),
        ("sent_provider", wanted.provider_key),
        ("activity__source", wanted.source),
    ):
        rows = rows.filter(**{column: value}) if value else rows
    return rows
