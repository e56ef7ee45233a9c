"""Moving writebacks in bulk, together with their ledger entries, the outbox and the notices.

Must not be in it: which move is allowed or when (that is `writeback`), asking for rows (that is `deliveries`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection, transaction

from chartbridge.store import ledger, outbox
from chartbridge.store.board import STATUS_MOVE
from chartbridge.store.deliveries import Row
from chartbridge.store.models import Delivery, Writeback
from chartbridge.store.notices import notice
from chartbridge.store.outbox import Standing

AT_ONCE = 250
"""So many rows are moved by one statement."""
_NOTHING: Mapping[str, Any] = {}


class Change(NamedTuple):
    """A row's move to where it stands next. `fields` are further columns; `detail` goes into the ledger."""

    row: Row
    move: str
    delivery: str
    seen: str
    fields: Mapping[str, Any] = _NOTHING
    detail: Mapping[str, object] = _NOTHING


class Moving:
    """Moves rows in one transaction; what was moved is written down once, when it ends."""

    def __init__(self) -> None:
        self._done: list[Change] = []

    def apply(self, changes: Sequence[Change]) -> list[Change]:
        """Move rows. Returns the changes whose row stood where it was read."""
        done = _update_all(changes) if changes else []
        self._done += done
        return done

    def write_down(self, practice_id: int, *, who: str, at: datetime) -> None:
        """Append the moves to the ledger and leave one notice for all of them."""
        entries = [
            ledger.Entry(
                writeback_id=each.row.id,
                move=each.move,
                delivery=each.delivery,
                seen=each.seen,
                attempt=_attempt(each),
                detail=_told(each),
            )
            for each in self._done
        ]
        ledger.append(practice_id, entries, who=who, at=at)
        outbox.put_writebacks(practice_id, [_moved(each) for each in self._done], at)
        tell(practice_id, [each.row for each in self._done], at)


@contextmanager
def turn(practice_id: int, *, who: str, at: datetime) -> Iterator[Moving]:
    """Open a transaction in which rows are moved."""
    with ledger.turn(practice_id):
        moves = Moving()
        yield moves
        moves.write_down(practice_id, who=who, at=at)


def apply(practice_id: int, changes: Sequence[Change], *, who: str, at: datetime) -> list[Change]:
    """Move rows and write it down; inside `ledger.turn`. Returns the changes whose row stood where it was read."""
    moves = Moving()
    done = moves.apply(changes)
    moves.write_down(practice_id, who=who, at=at)
    return done


def add(practice_id: int, made: Sequence[tuple[Writeback, str]], *, who: str, at: datetime) -> None:
    """Insert new writebacks, each with the move that made it, and write it down; inside `ledger.turn`."""
    rows = Writeback.objects.bulk_create([writeback for writeback, _ in made])
    entries = [
        ledger.Entry(
            writeback_id=row.pk,
            move=move,
            delivery=row.delivery,
            seen=row.seen,
            detail={"code": row.reason_code} if row.reason_code else {},
        )
        for row, (_, move) in zip(rows, made, strict=True)
    ]
    ledger.append(practice_id, entries, who=who, at=at)
    born = [(row.pk, None, Standing(row.delivery, row.seen, row.reason_code)) for row in rows]
    outbox.put_writebacks(practice_id, born, at)
    tell(practice_id, rows, at)


def tell(practice_id: int, moved: Sequence[Row | Writeback], at: datetime) -> None:
    """Leave one notice of whose writebacks moved, and one of the visits whose status is to be moved by them."""
    if moved:
        notice(practice_id, "writebacks", sorted({row.patient_key for row in moved}), at)
    wished = (row.payload.get("appointment_key") for row in moved if row.kind == STATUS_MOVE)
    if visits := {key for key in wished if key}:
        notice(practice_id, "moves", sorted(visits), at)


def _moved(change: Change) -> tuple[int, Standing, Standing]:
    row, code = change.row, str(change.fields.get("reason_code", change.row.reason_code))
    return (
        row.id,
        Standing(row.delivery, row.seen, row.reason_code),
        Standing(change.delivery, change.seen, code),
    )


class _Stale(Exception):
    """A row no longer stood where it was read."""


def _update_all(changes: Sequence[Change]) -> list[Change]:
    groups: dict[tuple[object, ...], list[Change]] = defaultdict(list)
    for each in changes:
        groups[(*_stood(each.row), each.delivery, each.seen, *sorted(each.fields))].append(each)
    try:
        with transaction.atomic():
            for group in groups.values():
                for at in range(0, len(group), AT_ONCE):
                    piece = group[at : at + AT_ONCE]
                    if _update(piece) != len(piece):
                        raise _Stale
    except _Stale:
        return [each for each in changes if _update([each])]
    return list(changes)


def _stood(row: Row) -> tuple[str, str, int]:
    return row.delivery, row.seen, row.attempts


_STOOD = {
    "sqlite": "delivery = %s AND seen = %s AND attempts = %s",
    "postgresql": "CASE WHEN delivery = %s AND seen = %s AND attempts = %s THEN true ELSE false END",
}
"""Which stand as they were read. PostgreSQL takes a queue for as short as it was when it last counted: to find rows by
how they stand, it would go through all that wait, at all practices, for each of the batch. As a case, it can't."""


def _update(changes: Sequence[Change]) -> int:
    """Move rows that stand and are to stand alike, in one statement: each time that one is carried out, SQLite and the
    other threads change places. Returns how many stood where they were read."""
    first = changes[0]
    names = sorted(first.fields)
    own = tuple(name for name in names if any(c.fields[name] != first.fields[name] for c in changes))
    same = tuple(name for name in names if name not in own)
    given = [str(first.delivery), str(first.seen), *[_adapted(first.fields[name]) for name in same]]
    for each in changes:
        given += [each.row.id, *[_adapted(each.fields[name]) for name in own]]
    with connection.cursor() as cursor:
        cursor.execute(_statement(same, own, len(changes)), [*given, *_stood(first.row)])
        return int(cursor.rowcount)


@lru_cache(maxsize=64)
def _statement(same: tuple[str, ...], own: tuple[str, ...], count: int) -> str:
    sets = [f'"{name}" = %s' for name in ("delivery", "seen", *same)]
    sets += [f'"{name}" = {_typed(name, at)}' for at, name in enumerate(own, 2)]
    row = f"({', '.join(['%s'] * (1 + len(own)))})"
    rows = ", ".join([row] * count)
    which = f"FROM (VALUES {rows}) AS was WHERE id = was.column1" if own else f"WHERE id IN (VALUES {rows})"
    return f"UPDATE store_writeback SET {', '.join(sets)} {which} AND {_STOOD[connection.vendor]}"


def _typed(name: str, at: int) -> str:
    """PostgreSQL has to be told the types of values that stand in a list."""
    if connection.vendor == "sqlite":
        return f"was.column{at}"
    return f"CAST(was.column{at} AS {Writeback._meta.get_field(name).db_type(connection)})"


def _adapted(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, datetime):
        return _moment(value)
    return json.dumps(value) if isinstance(value, dict) else value


@lru_cache(maxsize=64)
def _moment(value: datetime) -> Any:
    """As the database takes it. The rows of a batch share theirs."""
    return connection.ops.adapt_datetimefield_value(value)


def _told(change: Change) -> Mapping[str, object]:
    """The detail of a move's entry: where the PMS has taken it, with a digest of what was written."""
    row = change.row
    if Delivery.TAKEN not in (change.delivery, row.delivery):
        return change.detail
    now = change.fields.get
    wrote = ledger.written(
        command=row.command,
        patient_key=now("patient_key", row.patient_key),
        text=now("text", row.text),
        marker=now("marker", row.marker),
        status_key=str(now("payload", row.payload).get("status_key", "")),
        record=now("record", row.record),
    )
    return {**change.detail, ledger.WROTE: wrote}


def _attempt(change: Change) -> int:
    given = change.fields.get("attempts", change.row.attempts)
    return given if isinstance(given, int) else change.row.attempts
