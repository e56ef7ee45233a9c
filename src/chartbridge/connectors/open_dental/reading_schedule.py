"""Reading appointments and their statuses from the database: what changed, found without a look at every row.

A check is one round trip: the highest history row and a count of the last seconds. A fingerprint of the server's
day notices what was written past the history (raw SQL, restored rows); it is taken the less often the more it
costs. Must not be in it: SQL (statements), decoding (codec), how often it is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.open_dental.codec import (
    APPOINTMENT_FIELDS,
    HISTORY_FIELDS,
    Texts,
    appointment,
    bad_row,
    decode,
    moment,
    status_of_history,
    status_of_row,
)
from chartbridge.connectors.open_dental.cursors import Cursor, Scan, parse
from chartbridge.connectors.open_dental.database import (
    Database,
    ServerTime,
    as_text,
    server_time,
)
from chartbridge.connectors.open_dental.feed import Feed, FeedNews
from chartbridge.connectors.open_dental.statements import FIRST_PAGE
from chartbridge.connectors.open_dental.words import DELETED_ACTIONS
from chartbridge.domain.clock import Clock
from chartbridge.pms.reading import BadRow, Gone, Page, Record, Stream
from chartbridge.transport.read_ahead import Args
from chartbridge.transport.sql import Rows

BACK = timedelta(days=90)
AHEAD = timedelta(days=548)  # 18 months
STAMP_OVERLAP = timedelta(
    minutes=5
)  # a transaction's stamps are as old as its statements when it is committed
FINGERPRINT_SHARE = 250_000.0  # it may take one part in so many of the time
FINGERPRINT_WITHIN_S = (
    240.0  # but with the check interval it is taken within five minutes, however slow it is
)
_CRC = len(APPOINTMENT_FIELDS)
_STAMP = APPOINTMENT_FIELDS.index("DateTStamp")
_TIME = APPOINTMENT_FIELDS.index("AptDateTime")
_HISTORY_ACTION = HISTORY_FIELDS.index("HistApptAction")
_HISTORY_STAMP = HISTORY_FIELDS.index("DateTStamp")


@dataclass(slots=True)
class _Day:
    """What is known of the day's rows: the checksum of each. A convenience; the cursor is the truth."""

    sums: dict[str, int]
    day: str
    due: float = float("-inf")

    def mark(self) -> tuple[str, str, str]:
        """The fingerprint that these rows must have."""
        total = 0
        for each in self.sums.values():
            total ^= each
        return self.day, str(len(self.sums)), str(total)


@dataclass(slots=True)
class _Found:
    """What a page is made of."""

    records: list[Record] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    rows: int = 0


class ScheduleReader:
    """Both streams of the book: `appointments` and `appointment_status`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock
        self._feed = Feed(
            database,
            "history",
            "histappointment",
            "HistDateTStamp",
            stamp_at=HISTORY_FIELDS.index("HistDateTStamp"),
            utc_at=_HISTORY_STAMP,
        )
        self._days: dict[Stream, _Day] = {}
        self._lock = threading.Lock()

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool) -> Page:
        """The next page of either stream."""
        with self._lock:
            return self._read(stream, cursor, thorough)

    def _read(self, stream: Stream, text: str | None, thorough: bool) -> Page:
        held = parse(text)
        if held is not None and held.first is not None:
            return self._first_read(stream, held)
        since = held.feed.since if held else self._sure_since()
        row = self._db.check("check_schedule", (since,))
        now, highest = server_time(row), row[3]
        if held is None:
            self._db.before_reading()
            return self._begin(stream, highest, now)
        if self._feed.went_back(held.feed, highest):
            return Page(cursor=text or "", went_back=True)
        if self._feed.changed(held.feed, highest, row[4], now):
            self._db.before_reading()
            news = self._feed.news(held.feed, highest, now)
            if news.rows or news.more:
                return self._changes(stream, held, news, now)
            held = replace(held, feed=news.state)
        found = self._hidden_changes(stream, held, now)
        if found is not None:
            return found
        if stream is Stream.APPOINTMENTS and (held.scan is not None or thorough):
            self._db.before_reading()
            return self._scan_piece(held, now)
        return Page(cursor=held.text())

    def _sure_since(self) -> str:
        """Before there is a cursor: a window that is empty, its count isn't looked at."""
        return "2999-01-01 00:00:00" if self._feed.by_time() else str(2**62)

    # -- the first read -------------------------------------------------------------------------------------

    def _begin(self, stream: Stream, highest: str | None, now: ServerTime) -> Page:
        """Today first. Where the history stood is taken before anything is read: nothing falls between."""
        day = self._day_of(now)
        rows = self._db.rows("day_rows", now.today)
        held = _Day(sums={row[0] or "": _crc(row) for row in rows}, day=day)
        self._days[stream] = held
        first = None
        if stream is Stream.APPOINTMENTS:
            first = as_text(datetime.fromisoformat(now.today[0]) - BACK)
        cursor = Cursor(
            feed=self._feed.start(highest, now), stamp=as_text(now.utc), first=first, day=held.mark()
        )
        found = _Found(rows=len(rows))
        self._decode(stream, rows, found)
        return self._page(found, cursor, more=first is not None, complete=first is None)

    def _first_read(self, stream: Stream, held: Cursor) -> Page:
        """From 90 days back to 18 months ahead, some hundred at a time, in the order of time."""
        begin, end = held.first or "", self._scope_end(held)
        rows: Sequence[Texts] = self._db.page("appointments_from", (begin, end), _following)
        following: str | None = None
        if len(rows) >= FIRST_PAGE:
            rows, following = self._whole_moments(rows)
        found = _Found(rows=len(rows))
        self._decode(stream, rows, found)
        return self._page(
            found, replace(held, first=following), more=following is not None, complete=following is None
        )

    def _whole_moments(self, rows: Sequence[Texts]) -> tuple[Sequence[Texts], str]:
        """Cut a full page at its last moment, whose other rows may not be on it."""
        last = rows[-1][_TIME] or ""
        kept = [row for row in rows if row[_TIME] != last]
        if kept:
            return kept, last
        return self._db.rows("appointments_at", (last,)), _a_second_after(last)

    def _scope_end(self, held: Cursor) -> str:
        begun = moment(held.stamp) or self._clock.now().replace(tzinfo=None)
        return as_text(begun.replace(hour=0, minute=0, second=0) + AHEAD)

    # -- changes --------------------------------------------------------------------------------------------

    def _changes(self, stream: Stream, held: Cursor, news: FeedNews, now: ServerTime) -> Page:
        history = news.rows
        touched = sorted({row[1] for row in history if row[1]})
        rows: Sequence[Texts] = self._db.rows("appointments_by_key", among=touched) if touched else ()
        present = {row[0] for row in rows}
        found = _Found(rows=len(history) + len(rows))
        found.stamps = [row[_HISTORY_STAMP] or "" for row in history]
        if stream is Stream.APPOINTMENTS:
            self._decode_rows(rows, found)
        else:
            told = self._decode_history(history, {row[0]: row for row in rows}, found)
            self._sightings([row for row in rows if row[0] not in told], found)
        deleted = {row[1] or "" for row in history if row[_HISTORY_ACTION] in DELETED_ACTIONS}
        found.gone += [Gone(key=key) for key in sorted(deleted - present)]
        cursor = replace(held, feed=news.state, day=self._follow_day(stream, held, touched, rows, now))
        return self._page(found, cursor, more=news.more or held.scan is not None)

    def _follow_day(
        self,
        stream: Stream,
        held: Cursor,
        touched: Iterable[str | None],
        rows: Sequence[Texts],
        now: ServerTime,
    ) -> tuple[str, str, str] | None:
        """What the day's fingerprint must be after these changes, if the day was known up to them."""
        day = self._days.get(stream)
        if day is None or day.mark() != held.day or day.day != self._day_of(now):
            return held.day
        sums = dict(day.sums)
        for key in touched:
            sums.pop(key or "", None)
        begin, end = now.today
        for row in rows:
            if begin <= (row[_TIME] or "") < end:
                sums[row[0] or ""] = _crc(row)
        self._days[stream] = after = _Day(sums=sums, day=day.day, due=day.due)
        return after.mark()

    def _hidden_changes(self, stream: Stream, held: Cursor, now: ServerTime) -> Page | None:
        """Compare the day's fingerprint, if it is due or known to differ; None where nothing is to be said."""
        day, today = self._days.get(stream), self._day_of(now)
        known = day is not None and day.mark() == held.day and day.day == today
        if known and day is not None and self._clock.monotonic() < day.due:
            return None
        self._db.before_reading()
        rows, seconds = self._db.timed("day_fingerprint", now.today)
        due = self._clock.monotonic() + min(seconds * FINGERPRINT_SHARE, FINGERPRINT_WITHIN_S)
        mark = (today, rows[0][0] or "0", rows[0][1] or "0")
        if mark == held.day:
            if known and day is not None:
                for each in self._days.values():  # what fits one stream fits the other that knows the same
                    each.due = due if each.mark() == mark else each.due
            elif int(mark[1]) == 0:
                self._days[stream] = _Day(sums={}, day=today, due=due)
            else:
                return self._learn_day(stream, held, now, due)
            return None
        return self._read_day(stream, held, now, due, day if known else None)

    def _learn_day(self, stream: Stream, held: Cursor, now: ServerTime, due: float) -> Page | None:
        """After a start the fingerprint fits but the single checksums are not known yet: take them once."""
        rows = self._db.rows("day_rows", now.today)
        fresh = _Day(sums={row[0] or "": _crc(row) for row in rows}, day=self._day_of(now), due=due)
        if fresh.mark() == held.day:
            self._days[stream] = fresh
            return None
        return self._day_page(stream, held, rows, fresh, None)

    def _read_day(self, stream: Stream, held: Cursor, now: ServerTime, due: float, day: _Day | None) -> Page:
        rows = self._db.rows("day_rows", now.today)
        fresh = _Day(sums={row[0] or "": _crc(row) for row in rows}, day=self._day_of(now), due=due)
        return self._day_page(stream, held, rows, fresh, day)

    def _day_page(
        self, stream: Stream, held: Cursor, rows: Sequence[Texts], fresh: _Day, before: _Day | None
    ) -> Page:
        """The day's rows that are not as they were; those that left the day are asked for by key."""
        had_any = held.day is not None and held.day[1] != "0"
        if had_any and not rows and not self._db.rows("any_appointment"):
            return Page(
                cursor=held.text(), went_back=True
            )  # the history tells of no deletion: it was emptied
        found = _Found(rows=len(rows))
        if before is not None:
            rows = [row for row in rows if before.sums.get(row[0] or "") != fresh.sums[row[0] or ""]]
            found.stamps = [row[_STAMP] or "" for row in rows]
            left = sorted(set(before.sums) - set(fresh.sums))
            elsewhere = self._db.rows("appointments_by_key", among=left) if left else ()
            found.gone += [Gone(key=key) for key in sorted(set(left) - {row[0] or "" for row in elsewhere})]
            found.rows += len(elsewhere)
            rows = [*rows, *elsewhere]
        self._decode(stream, rows, found)
        self._days[stream] = fresh
        return self._page(found, replace(held, day=fresh.mark()), more=held.scan is not None)

    # -- the full scan, in pieces ---------------------------------------------------------------------------

    def _scan_piece(self, held: Cursor, now: ServerTime) -> Page:
        scan = held.scan or Scan(
            position=as_text(datetime.fromisoformat(now.today[0]) - BACK),
            since=earlier(held.stamp),
            begun=as_text(now.utc),
        )
        begun = moment(scan.begun) or now.utc
        end = as_text(begun.replace(hour=0, minute=0, second=0) + AHEAD)
        count, low, high, changed = self._db.rows("scan_appointments", (scan.since, scan.position, end))[0]
        touched = changed.split(",") if changed else []
        rows: Sequence[Texts] = self._db.rows("appointments_by_key", among=touched) if touched else ()
        found = _Found(rows=len(rows))
        self._decode_rows(rows, found)
        if int(count or 0) < 1000:
            return self._page(found, replace(held, scan=None, stamp=scan.begun), more=False)
        position = high or ""
        if low == high:  # so many at one moment: take them all, and go on
            every = self._db.rows("appointments_at", (high,))
            self._decode_rows(every, found)
            found.rows += len(every)
            position = _a_second_after(position)
        return self._page(found, replace(held, scan=replace(scan, position=position)), more=True)

    # -- decoding -------------------------------------------------------------------------------------------

    def _decode(self, stream: Stream, rows: Sequence[Texts], found: _Found) -> None:
        if stream is Stream.APPOINTMENTS:
            self._decode_rows(rows, found)
        else:
            self._sightings(rows, found)

    def _decode_rows(self, rows: Sequence[Texts], found: _Found) -> None:
        good, bad = decode(rows, appointment, "appointment", APPOINTMENT_FIELDS)
        found.records += good
        found.bad += bad

    def _sightings(self, rows: Sequence[Texts], found: _Found) -> None:
        """The present state of each row, after whatever history was read."""
        good, bad = decode(rows, status_of_row, "appointment", APPOINTMENT_FIELDS)
        found.records += good
        found.bad += bad

    def _decode_history(
        self, rows: Sequence[Texts], present: dict[str | None, Texts], found: _Found
    ) -> set[str | None]:
        """Every state that was passed through; returns the visits whose present state is the last of them."""
        last = {row[1]: row[0] for row in rows}
        told: set[str | None] = set()
        for row in rows:
            now = present.get(row[1])
            if now is None:
                continue  # deleted meanwhile: a Gone follows
            latest = last[row[1]] == row[0] and (row[3], row[4]) == (now[2], now[5])
            try:
                found.records.append(status_of_history(row, latest=latest))
            except (ValueError, TypeError):
                found.bad.append(bad_row(row, "histappointment", HISTORY_FIELDS))
                continue
            if latest:
                told.add(row[1])
        return told

    def _day_of(self, now: ServerTime) -> str:
        return now.today[0][:10]

    def _page(self, found: _Found, cursor: Cursor, *, more: bool, complete: bool = False) -> Page:
        return Page(
            records=tuple(found.records),
            gone=tuple(found.gone),
            bad=tuple(found.bad),
            cursor=cursor.text(),
            more=more,
            complete=complete,
            oldest_change=oldest(found.stamps),
            rows_read=found.rows,
        )


def oldest(stamps: Iterable[str]) -> datetime | None:
    """The oldest of some stamps (UTC, as read in a session that runs in UTC)."""
    texts = [each for each in stamps if each and not each.startswith("0")]
    return datetime.fromisoformat(min(texts)).replace(tzinfo=UTC) if texts else None


def _following(args: Args, rows: Rows) -> Args | None:
    """A full page is cut at its last moment; where it is all of one moment, who reads it decides how to go on."""
    if len(rows) < FIRST_PAGE or rows[0][_TIME] == rows[-1][_TIME]:
        return None
    return rows[-1][_TIME], args[1]


def _crc(row: Texts) -> int:
    return int(row[_CRC] or 0)


def earlier(stamp: str) -> str:
    """A stamp with the overlap taken off."""
    at = moment(stamp)
    return as_text(at - STAMP_OVERLAP) if at else "1970-01-02 00:00:00"


def _a_second_after(text: str) -> str:
    return as_text(datetime.fromisoformat(text) + timedelta(seconds=1))
