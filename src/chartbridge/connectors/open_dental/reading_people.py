"""Reading patients from the database: hints of the security log, new keys, and a scan by stamp in pieces.

There is no index on patient.DateTStamp, so a check asks the log who was edited; the scan finds what no log tells.
Must not be in it: SQL (statements), decoding (codec), how often it is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chartbridge.connectors.open_dental.codec import PATIENT_FIELDS, Texts, decode, moment, patient
from chartbridge.connectors.open_dental.cursors import Cursor, Scan, parse
from chartbridge.connectors.open_dental.database import (
    Database,
    ServerTime,
    as_text,
    server_time,
)
from chartbridge.connectors.open_dental.feed import Feed
from chartbridge.connectors.open_dental.reading_schedule import earlier, oldest
from chartbridge.connectors.open_dental.statements import FIRST_PAGE, LOG_FIELDS, PAGE, SCAN
from chartbridge.connectors.open_dental.words import PATIENT_LOGS
from chartbridge.domain.people import PatientStatus
from chartbridge.pms.reading import Page
from chartbridge.transport.read_ahead import Args
from chartbridge.transport.sql import Rows

_STAMP = PATIENT_FIELDS.index("DateTStamp")
_PERM, _PATIENT = LOG_FIELDS.index("PermType"), LOG_FIELDS.index("PatNum")
_TELLING = frozenset(str(each) for each in PATIENT_LOGS)


class PatientReader:
    """The stream `patients`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._feed = log_feed(database)
        self._lock = threading.Lock()

    def read(self, cursor: str | None, *, thorough: bool) -> Page:
        """The next page."""
        with self._lock:
            return self._read(cursor, thorough)

    def _read(self, text: str | None, thorough: bool) -> Page:
        held = parse(text)
        if held is not None and held.first is not None:
            return self._first_read(held)
        row = self._db.check("check_patients", (held.feed.since if held else EMPTY_WINDOW,))
        now, highest, top = server_time(row), row[3], row[5] or "0"
        if held is None:
            self._db.before_reading()
            return self._begin(highest, top, now)
        grown = not self._db.random_keys and top != held.top
        if self._feed.went_back(held.feed, highest) or (grown and int(top) < int(held.top or 0)):
            return Page(cursor=text or "", went_back=True)
        if grown or self._feed.changed(held.feed, highest, row[4], now):
            self._db.before_reading()
            return self._changes(held, highest, top if grown else "", now)
        if held.scan is not None or thorough:
            self._db.before_reading()
            return self._scan_piece(held, now)
        return Page(cursor=text or "")

    def _begin(self, highest: str | None, top: str, now: ServerTime) -> Page:
        rows = self._db.rows("patients_of_day", now.today)
        cursor = Cursor(feed=self._feed.start(highest, now), stamp=as_text(now.utc), top=top, first="0")
        return _page(rows, cursor, more=True, living=True)

    def _first_read(self, held: Cursor) -> Page:
        rows = self._db.page("patients_from", (held.first,), _following)
        more = len(rows) >= FIRST_PAGE
        cursor = replace(held, first=rows[-1][0] if more else None)
        return _page(rows, cursor, more=more, complete=not more, living=True)

    def _changes(self, held: Cursor, highest: str | None, top: str, now: ServerTime) -> Page:
        news = self._feed.news(held.feed, highest, now)
        touched = sorted({row[_PATIENT] or "" for row in news.rows if row[_PERM] in _TELLING} - {"", "0"})
        rows = list(self._db.rows("patients_by_key", among=touched)) if touched else []
        more, reached = news.more, held.top
        if top:
            fresh = self._db.rows("patients_after", (held.top,)) if int(top) > int(held.top or 0) else ()
            known = {row[0] for row in rows}
            rows += [row for row in fresh if row[0] not in known]
            full = len(fresh) >= PAGE
            reached, more = (fresh[-1][0] or top if full else top), more or full
        # a hint may be of an edit that changed nothing: only stamps since about the last change tell a lag
        stamps = [row[_STAMP] or "" for row in rows if (row[_STAMP] or "") >= self._window_utc(held, now)]
        cursor = replace(held, feed=news.state, top=reached)
        return _page(
            rows, cursor, more=more or held.scan is not None, stamps=stamps, extra_rows=len(news.rows)
        )

    def _window_utc(self, held: Cursor, now: ServerTime) -> str:
        since = moment(held.feed.since) if self._feed.by_time() else None
        return as_text(since - now.offset) if since else "9999"

    def _scan_piece(self, held: Cursor, now: ServerTime) -> Page:
        scan = held.scan or Scan(position="0", since=earlier(held.stamp), begun=as_text(now.utc))
        count, _, high, changed = self._db.rows("scan_patients", (scan.since, scan.position))[0]
        touched, position = capped(changed, high or "0")
        rows = self._db.rows("patients_by_key", among=touched) if touched else ()
        if int(count or 0) < SCAN and position == (high or "0"):
            return _page(rows, replace(held, scan=None, stamp=scan.begun), more=False)
        return _page(rows, replace(held, scan=replace(scan, position=position)), more=True)


def _following(_args: Args, rows: Rows) -> Args | None:
    return (rows[-1][0],) if len(rows) >= FIRST_PAGE else None


EMPTY_WINDOW = "2999-01-01 00:00:00"


def log_feed(database: Database) -> Feed:
    """The security log as a feed of hints."""
    return Feed(database, "log", "securitylog", "LogDateTime", LOG_FIELDS.index("LogDateTime"))


def capped(changed: str | None, high: str) -> tuple[list[str], str]:
    """At most a page of a piece's changed keys (they come in order), and how far the piece then reached."""
    touched = changed.split(",") if changed else []
    if len(touched) <= PAGE:
        return touched, high
    return touched[:PAGE], touched[PAGE - 1]


def _page(
    rows: Sequence[Texts],
    cursor: Cursor,
    *,
    more: bool,
    complete: bool = False,
    living: bool = False,
    stamps: Iterable[str] = (),
    extra_rows: int = 0,
) -> Page:
    good, bad = decode(rows, patient, "patient", PATIENT_FIELDS)
    if living:
        good = [each for each in good if each.status is not PatientStatus.DELETED]
    return Page(
        records=tuple(good),
        bad=tuple(bad),
        cursor=cursor.text(),
        more=more,
        complete=complete,
        oldest_change=oldest(stamps),
        rows_read=len(rows) + extra_rows,
    )
