"""What was seen to change, kept and put away. Must not be in it: comparing, what a change means (sync.drift)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from chartbridge.store.database import writing
from chartbridge.store.models import AuditEntry, Connection, Observation, PmsShape
from chartbridge.store.notices import notice
from chartbridge.store.wake import Lane, wake

Reads = dict[str, dict[str, str]]
"""Ability → column → its type as the PMS says it."""
_SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Something that has changed. See `Observation` for the fields."""

    what: str
    event: str
    key: str = ""
    before: str = ""
    after: str = ""
    paused: Sequence[str] = ()
    told: bool = False


def record(connection: Connection, seen: Sequence[Seen], now: datetime) -> None:
    """Keep what was seen and tell the pages. What was told of the same thing before is over with it."""
    if not seen:
        return
    with writing():
        for each in seen:
            _open(connection.pk).filter(what=each.what, key=each.key).update(over_at=now)
        Observation.objects.bulk_create(
            Observation(
                connection=connection,
                at=now,
                what=each.what,
                event=each.event,
                key=each.key[:40],
                before=each.before[:255],
                after=each.after[:255],
                paused=list(each.paused),
                told=each.told,
            )
            for each in seen
        )
        if any(each.told for each in seen):
            notice(connection.practice_id, "settings", [], now)


def over(connection: Connection, what: str, keys: Collection[str], now: datetime) -> None:
    """What was told of these is as it was before."""
    _open(connection.pk).filter(what=what, key__in=list(keys)).update(over_at=now)


def standing(connection_id: int, whats: Collection[str] = ()) -> list[Observation]:
    """What is told and neither over nor put away, newest first; of some subjects or of all."""
    rows = _open(connection_id)
    return list((rows.filter(what__in=whats) if whats else rows).order_by("-id")[:_SHOWN])


def history(connection_id: int, limit: int = 30) -> list[Observation]:
    """The latest changes, told or not, newest first."""
    return list(Observation.objects.filter(connection_id=connection_id).order_by("-id")[:limit])


def paused(connection_id: int) -> frozenset[str]:
    """The streams and commands that wait until a person has looked at a change of the PMS's tables."""
    return paused_of([connection_id]).get(connection_id, frozenset())


def paused_of(connection_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """The same of many connections, of those where anything waits; by one query."""
    rows = _standing().filter(what="columns")
    if len(connection_ids) == 1:
        rows = rows.filter(connection_id=connection_ids[0])
    found: dict[int, frozenset[str]] = {}
    for pk, names in rows.values_list("connection_id", "paused"):
        found[pk] = found.get(pk, frozenset()) | frozenset(names)
    return found


def put_away(practice_id: int, observation_id: int, who: str, now: datetime) -> Observation | None:
    """A person has read it. None where it was put away before."""
    with writing():
        row = Observation.objects.filter(
            pk=observation_id, connection__practice_id=practice_id, put_away_at=None, told=True
        ).first()
        if row is None:
            return None
        row.put_away_at, row.put_away_by = now, who
        row.save(update_fields=["put_away_at", "put_away_by"])
        AuditEntry.objects.create(
            practice_id=practice_id,
            who=who,
            what="drift.put_away",
            detail={"observation": row.pk, "what": row.what, "event": row.event},
        )
        notice(practice_id, "settings", [], now)
        wake(row.connection_id, Lane.READ)
        wake(row.connection_id, Lane.WRITE)
    return row


def shape_of(connection_id: int) -> Reads:
    """The columns as they were last found."""
    return PmsShape.objects.filter(pk=connection_id).values_list("reads", flat=True).first() or {}


def keep_shape(connection_id: int, reads: Mapping[str, Mapping[str, str]]) -> None:
    """Keep the columns as they are now."""
    kept = {ability: dict(columns) for ability, columns in reads.items()}
    with writing():
        PmsShape.objects.update_or_create(connection_id=connection_id, defaults={"reads": kept})


def _open(connection_id: int) -> QuerySet[Observation]:
    return _standing().filter(connection_id=connection_id)


def _standing() -> QuerySet[Observation]:
    return Observation.objects.filter(told=True, over_at=None, put_away_at=None)
