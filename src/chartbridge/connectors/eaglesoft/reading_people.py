"""Patients: today's by comparing, new ones when their number changes, all others by a scan in pieces.

Must not be in it: how often.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from chartbridge.connectors.by_odbc import cells
from chartbridge.connectors.by_odbc.cursors import Cursor, parse
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.words import TAG
from chartbridge.pms.reading import Page
from chartbridge.transport.odbc import Row

PIECE = 400


class PatientReader:
    """Reads people. The keys of all of them are kept in memory, so that new ones are found without a scan."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: list[str] = []

    def read(self, stored: str | None, *, thorough: bool) -> Page:
        """One page."""
        cursor = parse(TAG, stored)
        if cursor is None:
            self._keys = self._all_keys()
            return self._go_on(Cursor(top=len(self._keys), at="", first=True))
        if cursor.at is not None:
            return self._go_on(cursor)
        page = self._changes(cursor)
        if thorough and not page.records and not page.more:
            return self._go_on(Cursor(day=cursor.day, watched=cursor.watched, top=cursor.top, at=""))
        return page

    def _go_on(self, cursor: Cursor) -> Page:
        """The next piece of a first read or of a scan."""
        after = cursor.at or ""
        keys = self._keys or self._remember()
        begin = bisect_right(keys, after)
        upto = keys[min(begin + PIECE, len(keys)) - 1] if begin < len(keys) else after
        rows = self._database.rows("patients_by_key", (after, upto)) if begin < len(keys) else []
        records, bad = cells.decode(rows, codec.patient)
        done = begin + PIECE >= len(keys)
        now = Cursor(
            day=cursor.day,
            watched=cursor.watched,
            top=cursor.top,
            at=None if done else upto,
            first=cursor.first and not done,
        )
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=now.text(TAG),
            more=not done,
            complete=cursor.first and done,
            rows_read=len(rows),
        )

    def _changes(self, cursor: Cursor) -> Page:
        begin = datetime.combine(self._database.local_now().date(), time())
        rows = {cells.text(row[0]): row for row in self._of_day(begin)}
        watched = cursor.watched if cursor.day == begin.date().isoformat() else Cursor().watched
        difference = watched.compare(rows)
        told: dict[str, Row] = {key: rows[key] for key in difference.changed}
        count = cells.number(self._database.rows("patient_count")[0][0], "count") or 0
        scan = False
        if count != cursor.top:
            came, scan = self._come(), not self._keys
            told |= {cells.text(row[0]): row for row in came}
            self._keys = self._all_keys()
        records, bad = cells.decode(told.values(), codec.patient)
        now = Cursor(day=begin.date().isoformat(), watched=difference.now, top=count, at="" if scan else None)
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=now.text(TAG),
            more=scan,
            rows_read=len(rows) + len(told),
        )

    def _of_day(self, begin: datetime) -> list[Row]:
        return self._database.rows("patients_of_day", (begin, begin + timedelta(days=1)))

    def _come(self) -> list[Row]:
        """Those whose keys were not known; none where none are known yet (then all are scanned)."""
        known = set(self._keys)
        new: Sequence[str] = [key for key in self._all_keys() if key not in known] if known else ()
        rows: list[Row] = []
        for at in range(0, len(new), PIECE):
            rows += self._database.rows("these_patients", new[at : at + PIECE])
        return rows

    def _remember(self) -> list[str]:
        self._keys = self._all_keys()
        return self._keys

    def _all_keys(self) -> list[str]:
        return sorted(cells.text(row[0]) for row in self._database.rows("patient_keys"))
