"""The ledger: every move of every writeback, chained by hash per practice, so that a change is noticed.

Each entry's hash covers the hash before it and its own content. Whoever keeps the last hash elsewhere can later
prove that nothing was altered, left out or cut off. Must not be in it: which moves there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection

from chartbridge.store.database import writing
from chartbridge.store.models import Writeback, WritebackEvent

START = "0" * 64
_LOCK_SPACE = 0x4342_0000_0000_0000
_INSERT = (
    "INSERT INTO store_writebackevent (practice_id, writeback_id, at, who, move, delivery, seen, attempt, detail,"
    " prev_hash, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One move to be written down. `detail` holds codes and numbers only."""

    writeback_id: int
    move: str
    delivery: str
    seen: str
    attempt: int = 0
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReport:
    """What a look through the whole ledger found. `broken_at` is the first entry that doesn't fit, or None.

    `astray` are writebacks whose row doesn't stand where their last entry says.
    """

    entries: int
    last_hash: str
    broken_at: int | None
    astray: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Nothing was altered, as far as the ledger itself can tell."""
        return self.broken_at is None and not self.astray


@contextmanager
def turn(practice_id: int) -> Iterator[None]:
    """Open a transaction in which entries of a practice may be appended; others of that practice wait."""
    with writing():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_SPACE | practice_id])
        yield


def append(practice_id: int, entries: Sequence[Entry], *, who: str, at: datetime) -> None:
    """Append entries in their order; inside `turn`. Reads the last hash once."""
    if not entries:
        return
    stamp = connection.ops.adapt_datetimefield_value(at)
    moment = _moment(at)
    last = last_hash(practice_id)
    rows = []
    for each in entries:
        detail = _canonical(each.detail)
        made = _hash(last, practice_id, moment, who, each, detail)
        told = (each.writeback_id, stamp, who, each.move, each.delivery, each.seen, each.attempt)
        rows.append((practice_id, *told, detail, last, made))
        last = made
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)


def last_hash(practice_id: int) -> str:
    """Return the hash of a practice's newest entry: keep it elsewhere to prove later that nothing was cut off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM store_writebackevent WHERE practice_id = %s ORDER BY id DESC LIMIT 1",
            [practice_id],
        )
        row: tuple[str] | None = cursor.fetchone()
    return row[0] if row else START


def verify(practice_id: int) -> LedgerReport:
    """Look through a practice's whole ledger."""
    last, count, stands = START, 0, dict[int, tuple[str, str]]()
    fields = (
        "id",
        "writeback_id",
        "at",
        "who",
        "move",
        "delivery",
        "seen",
        "attempt",
        "detail",
        "prev_hash",
        "hash",
    )
    broken: int | None = None
    for row in (
        WritebackEvent.objects.filter(practice_id=practice_id).order_by("id").values_list(*fields).iterator()
    ):
        number, writeback_id, at, who, move, delivery, seen, attempt, detail, before, kept = row
        entry = Entry(
            writeback_id=writeback_id, move=move, delivery=delivery, seen=seen, attempt=attempt, detail=detail
        )
        fits = before == last and kept == _hash(
            last, practice_id, _moment(at), who, entry, _canonical(detail)
        )
        broken = number if broken is None and not fits else broken
        stands[writeback_id] = (delivery, seen)
        last, count = kept, count + 1
    rows = Writeback.objects.filter(practice_id=practice_id).values_list("id", "delivery", "seen")
    astray = tuple(pk for pk, delivery, seen in rows.iterator() if stands.get(pk) != (delivery, seen))
    return LedgerReport(entries=count, last_hash=last, broken_at=broken, astray=astray)


def _hash(before: str, practice_id: int, moment: str, who: str, entry: Entry, detail: str) -> str:
    told = [before, practice_id, entry.writeback_id, moment, who, entry.move, entry.delivery, entry.seen]
    return hashlib.sha256(_canonical([*map(str, told), entry.attempt, detail]).encode()).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
