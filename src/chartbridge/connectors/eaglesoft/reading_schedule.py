"""Appointments and their statuses: today by comparing, new ones by their key, other days by a scan in pieces.

Eaglesoft keeps no time of change for a visit. A visit that has left today's schedule is asked for by its key: moved, or
gone. Must not be in it: how often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.client import Database
from chartbridge.connectors.eaglesoft.cursors import Cursor, parse
from chartbridge.connectors.eaglesoft.words import BLOCK_CLASS, DELETED_CLASS
from chartbridge.domain.schedule import Appointment
from chartbridge.pms.reading import Gone, Page, Stream
from chartbridge.transport.odbc import Row

BACK, AHEAD = timedelta(days=90), timedelta(days=548)
PIECE = 500
"""So many keys are asked for at once: with as many rows at most, and far fewer where keys are thin."""
ASKED_BY_KEY = 100


class ScheduleReader:
    """Reads both streams of the schedule."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, stream: Stream, stored: str | None, *, thorough: bool) -> Page:
        """One page."""
        cursor = parse(stored)
        today = self._database.local_now().date()
        if cursor is None:
            return self._begin(stream, today)
        if cursor.at is not None:
            return self._go_on(cursor, today)
        page, now = self._changes(stream, cursor, today)
        if thorough and stream is Stream.APPOINTMENTS and not page.records and not page.gone:
            return self._go_on(Cursor(day=now.day, watched=now.watched, top=now.top, at="0"), today)
        return page

    def _begin(self, stream: Stream, today: date) -> Page:
        """Today's, and where the rest of a first read begins."""
        top = self._top()
        rows = self._of_day(today)
        difference = Cursor().watched.compare(rows)
        now = Cursor(day=today.isoformat(), watched=difference.now, top=top)
        if stream is Stream.APPOINTMENTS:
            now = Cursor(day=now.day, watched=now.watched, top=top, at="0", first=True)
        page = self._page(stream, rows, list(rows), now)
        return Page(
            records=page.records,
            bad=page.bad,
            cursor=now.text(),
            more=now.at is not None,
            complete=now.at is None,
            rows_read=len(rows),
        )

    def _go_on(self, cursor: Cursor, today: date) -> Page:
        """The next piece of a first read or of a scan, by key."""
        after = int(cursor.at or 0)
        upto = after + PIECE
        found = _folded(self._database.rows("visits_by_key", (after, upto, *_scope(today))))
        done = upto >= cursor.top
        now = Cursor(
            day=cursor.day,
            watched=cursor.watched,
            top=cursor.top,
            at=None if done else str(upto),
            first=cursor.first and not done,
        )
        visits = {key: row for key, row in found.items() if _counts(row)}
        records, bad = codec.decode(visits.values(), codec.appointment)
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=now.text(),
            more=not done,
            complete=cursor.first and done,
            rows_read=len(found),
        )

    def _changes(self, stream: Stream, cursor: Cursor, today: date) -> tuple[Page, Cursor]:
        """What differs from what was watched, and what has come."""
        day = today.isoformat()
        rows = self._of_day(today)
        watched = cursor.watched if cursor.day == day else Cursor().watched
        difference = watched.compare(rows)
        gone: list[Gone] = []
        moved: dict[str, Row] = {}
        for key, row in self._these(difference.vanished).items():
            if row is None or not _counts(row):
                gone.append(Gone(key=key))
            else:
                moved[key] = row
        top = cursor.top
        if stream is Stream.APPOINTMENTS and (highest := self._top()) > top:
            moved |= self._come(top, min(highest, top + PIECE), today, rows)
            top = min(highest, top + PIECE)
        now = Cursor(day=day, watched=difference.now, top=top)
        told = {key: rows[key] for key in difference.changed} | (
            moved if stream is Stream.APPOINTMENTS else {}
        )
        if stream is Stream.APPOINTMENT_STATUS:  # it left today: its last state goes with it
            told |= moved
        page = self._page(stream, told, list(told), now)
        return (
            Page(
                records=page.records,
                gone=tuple(gone),
                bad=page.bad,
                cursor=now.text(),
                more=top < self._top() if stream is Stream.APPOINTMENTS and top != cursor.top else False,
                rows_read=len(rows) + len(moved),
            ),
            now,
        )

    def _come(self, after: int, upto: int, today: date, known: Mapping[str, Row]) -> dict[str, Row]:
        found = _folded(self._database.rows("visits_by_key", (after, upto, *_scope(today))))
        return {key: row for key, row in found.items() if key not in known and _counts(row)}

    def _page(self, stream: Stream, rows: Mapping[str, Row], keys: Sequence[str], now: Cursor) -> Page:
        wanted = [rows[key] for key in keys]
        if stream is Stream.APPOINTMENT_STATUS:
            seen, bad = codec.decode(
                wanted, lambda row: codec.status_seen(row, now.watched.count(codec.text(row[0])))
            )
            return Page(records=tuple(seen), bad=tuple(bad), cursor="")
        visits, bad = codec.decode(wanted, codec.appointment)
        return Page(records=tuple(_by_time(visits)), bad=tuple(bad), cursor="")

    def _of_day(self, day: date) -> dict[str, Row]:
        begin = datetime.combine(day, time())
        found = _folded(self._database.rows("visits_of_day", (begin, begin + timedelta(days=1))))
        return {key: row for key, row in found.items() if _counts(row)}

    def _these(self, keys: Sequence[str]) -> dict[str, Row | None]:
        """Visits by their keys; None for those that are not there."""
        found: dict[str, Row] = {}
        for at in range(0, len(keys), ASKED_BY_KEY):
            found |= _folded(self._database.rows("these_visits", keys[at : at + ASKED_BY_KEY]))
        return {key: found.get(key) for key in keys}

    def _top(self) -> int:
        return codec.number(self._database.rows("highest_visit")[0][0], "appointment_id") or 0


def _folded(rows: Sequence[Row]) -> dict[str, Row]:
    """One row a visit: a visit with several providers comes several times, its first one stays."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(codec.text(row[0]), row)
    return found


def _counts(row: Row) -> bool:
    """Whether it is a visit at all: blocks of the schedule and deleted ones are none."""
    return codec.text(row[5]) not in (str(BLOCK_CLASS), str(DELETED_CLASS))


def _scope(today: date) -> tuple[datetime, datetime]:
    middle = datetime.combine(today, time())
    return middle - BACK, middle + AHEAD


def _by_time(visits: Sequence[Appointment]) -> list[Appointment]:
    return sorted(visits, key=lambda visit: visit.starts_local)
