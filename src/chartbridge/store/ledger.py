"""The ledger: every move of every writeback, chained by hash per practice, so that a change is noticed.

Each entry's hash covers the hash before it and its own content. Whoever keeps the last hash elsewhere can later
prove that nothing was altered, left out or cut off. Must not be in it: which moves there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple

from django.db import connection, transaction

from chartbridge.store.database import writing
from chartbridge.store.models import WritebackEvent

START = "0" * 64
_LOCK_SPACE = 0x4342_0000_0000_0000
MOST_BREAKS = 20
MOST_ASTRAY = 100
_AT_ONCE = 2000
_ROWS_AT_ONCE = 500
_INSERT = (
    "INSERT INTO store_writebackevent (practice_id, writeback_id, at, who, move, delivery, seen, attempt, detail,"
    " prev_hash, hash) VALUES {}"
)
_ENTRY = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_SELECT = (
    "SELECT id, writeback_id, {at}, who, move, delivery, seen, attempt, detail, prev_hash, hash"
    " FROM store_writebackevent WHERE practice_id = %s AND id > %s ORDER BY id LIMIT %s"
)
_ROWS = (
    "SELECT id, delivery, seen, command, patient_key, text, marker, payload, record FROM store_writeback"
    " WHERE +practice_id = %s AND id > %s ORDER BY id LIMIT %s"
)
"""The plus keeps the databases from an index by practice, along which they would sort all the rest for each piece."""
_LAST = (
    "SELECT writeback_id, id, practice_id, delivery, seen, detail FROM store_writebackevent"
    " WHERE writeback_id IN ({})"
)
_GONE = (
    "SELECT DISTINCT e.writeback_id FROM store_writebackevent e WHERE e.practice_id = %s AND NOT EXISTS"
    " (SELECT 1 FROM store_writeback w WHERE w.id = e.writeback_id) ORDER BY 1 LIMIT %s"
)
_BOTH = (
    "SELECT w.delivery, w.seen, w.command, w.patient_key, w.text, w.marker, w.payload, w.record,"
    " e.delivery, e.seen, e.detail FROM store_writeback w LEFT JOIN store_writebackevent e ON"
    " e.practice_id = w.practice_id AND e.id ="
    " (SELECT MAX(last.id) FROM store_writebackevent last WHERE last.writeback_id = w.id) WHERE w.id = %s"
)
WROTE = "wrote"
"""In an entry's detail: the digest of what was written, to whom, and as which record."""


class Entry(NamedTuple):
    """One move to be written down. `detail` holds codes and numbers only."""

    writeback_id: int
    move: str
    delivery: str
    seen: str
    attempt: int = 0
    detail: Mapping[str, object] = {}


class Wrong(StrEnum):
    """What is wrong at an entry."""

    CHANGED = "changed"  # its own content does not give its hash
    MISSING = "missing"  # what it was chained to is gone, or was written anew
    INSERTED = "inserted"  # it stands between two that are chained to each other
    MOVED = "moved"  # what it is chained to stands after it
    CUT = "cut"  # the kept hash is nowhere: the end was cut off or written anew


_SENTENCES = {
    Wrong.CHANGED: "Entry {entry} was changed.",
    Wrong.MISSING: "What stood before entry {entry} is missing or was changed.",
    Wrong.INSERTED: "Entry {entry} was put in later.",
    Wrong.MOVED: "Entry {entry} does not stand in its place.",
    Wrong.CUT: "The entry whose hash was kept is no longer there: the ledger ends at entry {entry}.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A place at which the ledger does not hold. `entry` is the number of an entry."""

    entry: int
    wrong: Wrong

    @property
    def sentence(self) -> str:
        """Say it to people."""
        return _SENTENCES[self.wrong].format(entry=self.entry)


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReport:
    """What a look through the whole ledger found.

    `breaks` are at most `MOST_BREAKS`, oldest first; those after the first may only follow from it. `astray` are
    writebacks whose row doesn't stand where their last entry says, at most `MOST_ASTRAY`; `rewritten` those whose row
    says another text, patient or record than that entry; oldest first, and not more of both together. `gone` are
    those of which there are entries and no row, at most `MOST_ASTRAY`.
    """

    entries: int
    last_hash: str
    breaks: tuple[Break, ...]
    astray: tuple[int, ...]
    rewritten: tuple[int, ...]
    gone: tuple[int, ...]

    @property
    def broken_at(self) -> int | None:
        """The first entry that doesn't fit, or None."""
        return self.breaks[0].entry if self.breaks else None

    @property
    def only_cut(self) -> bool:
        """Nothing is wrong but that the kept hash is not in it."""
        rest = replace(self, breaks=())
        return rest.whole and [each.wrong for each in self.breaks] == [Wrong.CUT]

    @property
    def whole(self) -> bool:
        """Nothing was altered, as far as the ledger itself (and a kept hash) can tell."""
        return not self.breaks and not self.astray and not self.rewritten and not self.gone


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
    rows: list[tuple[Any, ...]] = []
    for each in entries:
        detail = _canonical(each.detail)
        made = _hash(last, practice_id, moment, who, each, detail)
        told = (each.writeback_id, stamp, who, each.move, each.delivery, each.seen, each.attempt)
        rows.append((practice_id, *told, detail, last, made))
        last = made
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            piece = rows[start : start + _ROWS_AT_ONCE]
            statement = _INSERT.format(", ".join([_ENTRY] * len(piece)))
            cursor.execute(statement, [value for row in piece for value in row])


def last_hash(practice_id: int) -> str:
    """Return the hash of a practice's newest entry: keep it elsewhere to prove later that nothing was cut off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM store_writebackevent WHERE practice_id = %s ORDER BY id DESC LIMIT 1",
            [practice_id],
        )
        row: tuple[str] | None = cursor.fetchone()
    return row[0] if row else START


def verify(practice_id: int, *, kept_hash: str = "") -> LedgerReport:
    """Look through a practice's whole ledger, a few thousand entries in memory at a time.

    `kept_hash` is what `last_hash` once said and somebody kept elsewhere: it must still be in the chain.
    """
    last, number, count, kept_seen = START, 0, 0, kept_hash in ("", START)
    breaks: list[Break] = []
    while rows := _piece(practice_id, number):
        for number, writeback_id, at, who, move, delivery, seen, attempt, detail, before, kept in rows:
            told = [before, practice_id, writeback_id, _stored_moment(at), who, move, delivery, seen]
            fits = kept == _digest(told, attempt, _stored_detail(detail))
            if (before != last or not fits) and len(breaks) < MOST_BREAKS:
                breaks += _named(practice_id, number, before, last, fits=fits)
            kept_seen = kept_seen or kept == kept_hash
            last = kept
        count += len(rows)
    if not kept_seen:
        breaks.append(Break(entry=number, wrong=Wrong.CUT))
    astray, rewritten = _compared(practice_id)
    return LedgerReport(
        entries=count,
        last_hash=last,
        breaks=tuple(breaks),
        astray=astray,
        rewritten=rewritten,
        gone=tuple(number for (number,) in _asked(_GONE, [practice_id, MOST_ASTRAY])),
    )


def written(*, command: str, patient_key: str, text: str, marker: str, status_key: str, record: str) -> str:
    """Return the digest of what was written, to whom, and as which record of the PMS."""
    told = "\0".join((command, patient_key, text, marker, status_key, record))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _piece(practice_id: int, after: int) -> list[tuple[Any, ...]]:
    at = "at || ''" if connection.vendor == "sqlite" else "at"  # as text: nothing needs to be parsed
    return _asked(_SELECT.format(at=at), [practice_id, after, _AT_ONCE])


def _named(practice_id: int, number: int, before: str, last: str, *, fits: bool) -> list[Break]:
    """Say what is wrong at an entry: with itself, and with its place in the chain."""
    named = [] if fits else [Break(entry=number, wrong=Wrong.CHANGED)]
    if before == last:
        return named
    mine = WritebackEvent.objects.filter(practice_id=practice_id)
    link = (
        0 if before == START else mine.filter(hash=before).order_by("id").values_list("id", flat=True).first()
    )
    if link is None:
        return [*named, Break(entry=number, wrong=Wrong.MISSING)]
    if link > number:
        return [*named, Break(entry=number, wrong=Wrong.MOVED)]
    between = mine.filter(id__gt=link, id__lt=number).order_by("id").values_list("id", flat=True).first()
    return [*named, Break(entry=between or number, wrong=Wrong.INSERTED)]


def _compared(practice_id: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Compare rows with their last entries. What differs is read again, both in one statement: a move that was made
    between the two readings is no difference."""
    astray: list[int] = []
    rewritten: list[int] = []
    after = 0
    while rows := _asked(_ROWS, [practice_id, after, _ROWS_AT_ONCE]):
        after = rows[-1][0]
        last = _last_entries(practice_id, [row[0] for row in rows])
        for number, *row in rows:
            if _differs(row, last.get(number)) and len(astray) + len(rewritten) < MOST_ASTRAY:
                ((*now, delivery, seen, detail),) = _asked(_BOTH, [number])
                wrong = _differs(now, (delivery, seen, detail) if delivery else None)
                if wrong:
                    (rewritten if wrong == WROTE else astray).append(number)
    return tuple(astray), tuple(rewritten)


_Told = tuple[str, str, str]
"""Of an entry: delivery, seen, detail."""


def _last_entries(practice_id: int, numbers: Sequence[int]) -> dict[int, _Told]:
    found: dict[int, tuple[int, _Told]] = {}
    for number, entry, practice, *told in _asked(_LAST.format(", ".join(["%s"] * len(numbers))), numbers):
        if practice == practice_id and entry > found.get(number, (0,))[0]:
            found[number] = entry, (told[0], told[1], told[2])
    return {number: told for number, (_, told) in found.items()}


def _differs(row: Sequence[Any], told: _Told | None) -> str:
    """In what a row differs from its last entry: where it stands, or what was written (`WROTE`), or nothing."""
    delivery, seen, *content = row
    if told is None or (delivery, seen) != told[:2]:
        return "standing"
    return "" if _is_as_told(told[2], *content) else WROTE


def _asked(statement: str, given: Sequence[int]) -> list[tuple[Any, ...]]:
    """Ask by index: PostgreSQL, as long as it has no statistics of a table, would read the whole of it each time."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _is_as_told(
    detail: str, command: str, patient_key: str, text: str, marker: str, payload: str, record: str
) -> bool:
    """Whether a row says what its last entry says. Entries from before digests were kept say nothing about it."""
    if f'"{WROTE}"' not in detail:
        return True
    told = {} if payload == "{}" else json.loads(payload)
    if not isinstance(told, dict):
        return False
    now = written(
        command=command,
        patient_key=patient_key,
        text=text,
        marker=marker,
        status_key=str(told.get("status_key", "")),
        record=record,
    )
    return bool(json.loads(detail)[WROTE] == now)


def _hash(before: str, practice_id: int, moment: str, who: str, entry: Entry, detail: str) -> str:
    told = [before, practice_id, entry.writeback_id, moment, who, entry.move, entry.delivery, entry.seen]
    return _digest(told, entry.attempt, detail)


def _digest(told: Sequence[object], attempt: int, detail: str) -> str:
    """Hash the canonical JSON of a list: texts, a number, a text. Written out, because a ledger is long."""
    texts = ",".join([_quoted(str(each)) for each in told])
    return hashlib.sha256(f"[{texts},{attempt},{_quoted(detail)}]".encode()).hexdigest()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _stored_detail(value: str) -> str:
    """SQLite gives back the text that was hashed; PostgreSQL has put it into a form of its own."""
    return value if value == "{}" or connection.vendor == "sqlite" else _canonical(json.loads(value))


def _stored_moment(value: str | datetime) -> str:
    """As `_moment`, from what the database gives back."""
    if isinstance(value, datetime):
        return _moment(value)
    return f"{value[:10]}T{value[11:]}{'' if '.' in value else '.000000'}+00:00"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
