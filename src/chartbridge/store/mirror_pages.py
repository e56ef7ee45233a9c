"""Writing pages into the mirror: in bulk, by raw SQL that is the same on SQLite and PostgreSQL.

Equal content is no change and writes nothing. A row goes only when a page says `Gone`, or when `sweep` is
asked to mark what a completed full pass has not seen; it is marked, never deleted, and comes back by being
read again. Must not be in it: when to read, whether a removal is plausible (that is the brake).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.db import connection as database

from chartbridge.domain.schedule import BookingState, StatusSeen
from chartbridge.pms.reading import BadRow, Page, Record, Stream
from chartbridge.store import mirror_photos
from chartbridge.store.mirror_rows import (
    APPOINTMENTS,
    DOCUMENTS,
    PATIENTS,
    PHOTOS,
    TABLE_OF,
    Row,
    Table,
    hash_of,
    local_text,
)

_PIECE = 500
_OF_STREAM = {
    Stream.APPOINTMENT_STATUS: APPOINTMENTS,
    Stream.APPOINTMENTS: APPOINTMENTS,
    Stream.PATIENTS: PATIENTS,
    Stream.PHOTOS: PHOTOS,
    Stream.DOCUMENTS: DOCUMENTS,
}
_STATUS_COLUMNS = ("state", "state_raw", "status_key", "arrived_local", "seated_local", "dismissed_local")
_EXCUSED = -1
"""In place of the full pass that saw a row last."""
_SWEPT_STATES = (BookingState.SCHEDULED, BookingState.COMPLETE, BookingState.BROKEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What a page really moved: topic of the notice → keys (of patients for photos)."""

    changed: dict[str, list[str]]

    @property
    def count(self) -> int:
        """How many records moved."""
        return sum(len(keys) for keys in self.changed.values())


def apply_page(connection_id: int, stream: Stream, page: Page, *, generation: int, now: datetime) -> Applied:
    """Bring the mirror up to a page. Call it within a write transaction, together with storing the cursor.

    Rows on the page are stamped with `generation`, so that a sweep after a full pass spares them.
    """
    changed: dict[str, list[str]] = {}
    for kind, run in groupby(page.records, key=type):
        if kind is StatusSeen:
            keys = _apply_sightings(connection_id, list(run), now)  # type: ignore[arg-type]
            changed.setdefault(APPOINTMENTS.topic, []).extend(keys)
        else:
            table = TABLE_OF[kind]
            keys = _apply_records(connection_id, table, run, generation, now)
            changed.setdefault(table.topic, []).extend(keys)
    if page.gone and stream in _OF_STREAM:
        table = _OF_STREAM[stream]
        keys = mark_gone(connection_id, stream, [g.key for g in page.gone], now)
        changed.setdefault(table.topic, []).extend(keys)
    _keep_bad_rows(connection_id, stream, page, now)
    return Applied(changed={topic: list(dict.fromkeys(keys)) for topic, keys in changed.items() if keys})


def live_rows(connection_id: int, stream: Stream) -> int:
    """How many records of the stream the mirror shows."""
    sql = f"SELECT count(*) FROM {_OF_STREAM[stream].name} WHERE connection_id = %s AND gone_at IS NULL"
    return int(_all(sql, [connection_id])[0][0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """How many visits a full read has to come upon: all that are shown, those booked for the days ahead, and how many
    of the latter it has not seen, wherever they stand."""

    shown: int
    ahead: int
    unseen_ahead: int


def expected_visits(connection_id: int, days: tuple[date, date], generation: int) -> Expected:
    """What the full pass `generation` has to come upon, ahead from the one day to before the other, and what of it it
    has not seen."""
    ahead = "starts_local >= %s AND starts_local < %s AND state IN (%s, %s, %s)"
    sql = (
        f"SELECT count(*), count(CASE WHEN {ahead} THEN 1 END),"
        f" count(CASE WHEN {ahead} AND generation < %s THEN 1 END)"
        f" FROM {APPOINTMENTS.name} WHERE connection_id = %s AND gone_at IS NULL AND generation > {_EXCUSED}"
    )
    midnights = [local_text(datetime.combine(day, time())) for day in days]
    booked = [*midnights, *(state.value for state in _SWEPT_STATES)]
    shown, all_ahead, unseen_ahead = _all(sql, [*booked, *booked, generation, connection_id])[0]
    return Expected(shown=int(shown), ahead=int(all_ahead), unseen_ahead=int(unseen_ahead))


def excuse_visits(connection_id: int, generation: int, *, since: date = date.min) -> None:
    """A person says that the PMS rightly lacks what the full pass `generation` has not seen `since` that day: until
    it is read again, none of it is expected."""
    sql = (
        f"UPDATE {APPOINTMENTS.name} SET generation = {_EXCUSED} WHERE connection_id = %s AND gone_at IS NULL"
        " AND generation < %s AND starts_local >= %s"
    )
    _many(sql, [(connection_id, generation, local_text(datetime.combine(since, time())))])


def living_of(connection_id: int, stream: Stream, keys: Sequence[str]) -> list[str]:
    """Which of these keys the mirror shows at present."""
    sql = f"SELECT key FROM {_OF_STREAM[stream].name} WHERE connection_id = %s AND gone_at IS NULL"
    return [row[0] for row in _among(sql, [connection_id], list(dict.fromkeys(keys)))]


def mark_gone(connection_id: int, stream: Stream, keys: Sequence[str], now: datetime) -> list[str]:
    """Mark records as gone; returns the keys that were there (for photos, their patients' keys)."""
    living = living_of(connection_id, stream, keys)
    sql = f"UPDATE {_OF_STREAM[stream].name} SET gone_at = %s WHERE connection_id = %s AND key = %s"
    when = _moment(now)
    _many(sql, [(when, connection_id, key) for key in living])
    if stream is Stream.PHOTOS:
        return mirror_photos.show(connection_id, mirror_photos.patients_of(connection_id, living))
    return living


def unseen(
    connection_id: int, stream: Stream, generation: int, between: tuple[datetime | None, datetime | None]
) -> list[str]:
    """Which records the full pass `generation` has not seen though it went over the place where they stand.

    Of appointments only booked ones `between` the earliest and the latest that the pass saw, of papers and
    photos only those of patients of whom it saw any: outside of that, not having been seen proves nothing.
    """
    table = _OF_STREAM[stream]
    sql = f"SELECT key FROM {table.name} WHERE connection_id = %s AND gone_at IS NULL AND generation < %s"
    params: list[Any] = [connection_id, generation]
    if table is APPOINTMENTS:
        first, last = (local_text(each) for each in between)
        if first is None or last is None:
            return []
        sql += " AND starts_local >= %s AND starts_local <= %s AND state IN (%s, %s, %s)"
        params += [first, last, *(state.value for state in _SWEPT_STATES)]
    elif table is not PATIENTS:
        sql += f" AND patient_key IN (SELECT patient_key FROM {table.name} WHERE connection_id = %s"
        sql += " AND gone_at IS NULL AND generation >= %s)"
        params += [connection_id, generation]
    return [row[0] for row in _all(sql, params)]


def _apply_records(
    connection_id: int, table: Table, run: Iterable[Record], generation: int, now: datetime
) -> list[str]:
    """Upsert what differs, stamp what does not; returns what notices are about."""
    records: dict[str, Any] = {record.key: record for record in run}  # the later one of the same key counts
    held = _held(connection_id, table, list(records))
    upserts: list[tuple[Any, ...]] = []
    stale: list[str] = []
    changed: list[str] = []
    row_of, extra_of = table.row, table.extra
    for key, record in records.items():
        row = row_of(record)
        digest = hash_of(row)
        known = held.get(key)
        if known is not None and known[0] == digest and known[2] is None:
            if known[1] < generation:
                stale.append(key)
            continue
        changed.append(key)
        upserts.append((key, *row, *extra_of(record), digest))
    if table is PATIENTS:
        _notice_others(connection_id, [records[key] for key in changed if key in held], now)
    _many(_upsert_sql(table, connection_id, generation), _fit(upserts))
    stamp = f"UPDATE {table.name} SET generation = %s WHERE connection_id = %s AND key = %s"
    _many(stamp, [(generation, connection_id, key) for key in stale])
    if table is PHOTOS:
        return mirror_photos.show(connection_id, [records[key].patient_key for key in changed])
    if table is PATIENTS:
        mirror_photos.show_on_new(connection_id, [key for key in changed if key not in held])
    return changed


def _notice_others(connection_id: int, patients: list[Any], now: datetime) -> None:
    """Mark numbers that have come to stand for somebody else: of two names and the birthday, two are others."""
    known = {
        p.key: (p.last_name[:100], p.first_name[:100], p.birthdate and str(p.birthdate)) for p in patients
    }
    sql = f"SELECT key, last_name, first_name, birthdate FROM {PATIENTS.name} WHERE connection_id = %s"
    others = [
        key
        for key, last, first, born in _among(sql, [connection_id], list(known))
        if sum((last != known[key][0], first != known[key][1], (born and str(born)) != known[key][2])) > 1
    ]
    mark = f"UPDATE {PATIENTS.name} SET other_since = %s WHERE connection_id = %s AND key = %s"
    _many(mark, [(_moment(now), connection_id, key) for key in others])


def _held(connection_id: int, table: Table, keys: list[str]) -> dict[str, tuple[bytes, int, Any]]:
    sql = f"SELECT key, content_hash, generation, gone_at FROM {table.name} WHERE connection_id = %s"
    return {row[0]: (bytes(row[1]), row[2], row[3]) for row in _among(sql, [connection_id], keys)}


@lru_cache(maxsize=64)
def _upsert_text(table: Table, vendor: str) -> str:
    cast = "::boolean" if vendor == "postgresql" else ""
    given = ("key", *table.content, *table.computed, "content_hash")
    marks = ", ".join("%s" + cast if c in table.booleans else "%s" for c in given)
    columns = ", ".join((*given, "connection_id", "generation", *table.at_birth))
    blank = "".join(", ''" for _ in table.at_birth)
    sets = ", ".join(f"{c} = excluded.{c}" for c in (*given[1:], "generation"))
    return (
        f"INSERT INTO {table.name} ({columns}) VALUES ({marks}, {{connection}}, {{generation}}{blank}) "
        f"ON CONFLICT (connection_id, key) DO UPDATE SET {sets}, gone_at = NULL "
        f"WHERE {table.name}.content_hash <> excluded.content_hash OR {table.name}.gone_at IS NOT NULL"
    )


def _upsert_sql(table: Table, connection_id: int, generation: int) -> str:
    """What is the same in every row stands in the statement: handing it over row by row is a tenth of the cost."""
    return _upsert_text(table, database.vendor).format(
        connection=int(connection_id), generation=int(generation)
    )


def _fit(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """PostgreSQL's text can't hold NUL; the hash is of the text as it came, on every database."""
    if database.vendor != "postgresql":
        return rows
    return [tuple(v.replace("\x00", "") if type(v) is str else v for v in row) for row in rows]


def _apply_sightings(connection_id: int, seen: list[StatusSeen], now: datetime) -> list[str]:
    """Keep every sighting once; bring the appointments that we have up to the latest. Returns what moved."""
    when = _moment(now)
    _many(
        "INSERT INTO store_statussighting "
        "(connection_id, appointment_key, seen_key, state, status_key, at_local, stored_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (connection_id, seen_key) DO NOTHING",
        [
            (connection_id, s.key, s.seen_key[:64], s.state.value, s.status_key, local_text(s.at_local), when)
            for s in seen
        ],
    )
    latest = {s.key: s for s in seen if s.latest}
    columns = ", ".join(("key", "content_hash", *APPOINTMENTS.content))
    sql = f"SELECT {columns} FROM {APPOINTMENTS.name} WHERE connection_id = %s"
    updates: list[tuple[Any, ...]] = []
    for key, digest, *content in _among(sql, [connection_id], list(latest)):
        status = _status(latest[key])
        merged = dict(zip(APPOINTMENTS.content, content, strict=True))
        merged.update(status, is_new_patient=int(merged["is_new_patient"]))
        fresh = hash_of(tuple(merged.values()))
        if fresh != bytes(digest):
            updates.append((*status.values(), fresh, connection_id, key))
    sets = ", ".join(f"{column} = %s" for column in (*_STATUS_COLUMNS, "content_hash"))
    _many(f"UPDATE {APPOINTMENTS.name} SET {sets} WHERE connection_id = %s AND key = %s", updates)
    return [row[-1] for row in updates]


def _status(seen: StatusSeen) -> dict[str, Any]:
    values: Row = (
        seen.state.value,
        seen.state_raw[:40],
        seen.status_key,
        local_text(seen.arrived_local),
        local_text(seen.seated_local),
        local_text(seen.dismissed_local),
    )
    return dict(zip(_STATUS_COLUMNS, values, strict=True))


def forget_bad_rows(connection_id: int, stream: Stream, seen_before: datetime) -> None:
    """Of a stream of which a whole pass has met no bad row: what was bad before it began is gone or well. Call it
    within a write transaction."""
    sql = "DELETE FROM store_mirrorbadrow WHERE connection_id = %s AND stream = %s AND last_seen_at < %s"
    _many(sql, [(connection_id, stream.value, _moment(seen_before))])


def _keep_bad_rows(connection_id: int, stream: Stream, page: Page, now: datetime) -> None:
    """Name what could not be understood; forget it once the same key reads well or is gone."""
    held = {
        row[0]
        for row in _all(
            "SELECT key FROM store_mirrorbadrow WHERE connection_id = %s AND stream = %s",
            [connection_id, stream.value],
        )
    }
    if held:
        fine = {r.key for r in page.records} | {g.key for g in page.gone}
        sql = "DELETE FROM store_mirrorbadrow WHERE connection_id = %s AND stream = %s AND key = %s"
        _many(sql, [(connection_id, stream.value, key) for key in held & fine])
    when = _moment(now)
    bad: dict[str, BadRow] = {each.key[:40]: each for each in page.bad}
    _many(
        "INSERT INTO store_mirrorbadrow (connection_id, stream, key, why, first_seen_at, last_seen_at) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (connection_id, stream, key) "
        "DO UPDATE SET why = excluded.why, last_seen_at = excluded.last_seen_at",
        [(connection_id, stream.value, key, each.why[:300], when, when) for key, each in bad.items()],
    )


def _moment(at: datetime) -> Any:
    return database.ops.adapt_datetimefield_value(at)


def _all(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _among(sql: str, params: list[Any], keys: list[str]) -> list[tuple[Any, ...]]:
    """Run a select for rows among `keys`, in pieces."""
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), _PIECE):
        piece = keys[start : start + _PIECE]
        found += _all(f"{sql} AND key IN ({', '.join(['%s'] * len(piece))})", [*params, *piece])
    return found


def _many(sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        with database.cursor() as cursor:
            cursor.executemany(sql, rows)
