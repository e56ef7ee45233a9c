"""Appointments and their statuses: today by comparing, other days as the vendor allows it, all by a scan in pieces.

A visit that has left today's schedule is asked for by its key: moved, or gone. Must not be in it: how often, a vendor's
columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from chartbridge.connectors.by_odbc import cells
from chartbridge.connectors.by_odbc.cursors import Cursor, parse
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.reading import Gone, Page, Stream
from chartbridge.transport.odbc import Row

BACK, AHEAD = timedelta(days=90), timedelta(days=548)
PIECE = 500
"""So many keys are asked for at once: with as many rows at most, and far fewer where keys are thin."""
ASKED_BY_KEY = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Visits:
    """How a vendor's rows become visits. The key comes first in a row, then the patient's.

    `state_of`: what a visit is in the book, and the vendor's own word for it. `status_of`: the key of the status that
    it shows. `counts`: whether a row is a visit at all. `as_days`: its statements take days and not times.
    """

    tag: str
    appointment: Callable[[cells.Row], Appointment]
    state_of: Callable[[cells.Row], tuple[BookingState, str]]
    status_of: Callable[[cells.Row], str]
    counts: Callable[[cells.Row], bool]
    as_days: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Others:
    """What was found beside today's schedule. `now` is the cursor that says so."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    gone: Sequence[str] = ()
    now: Cursor
    more: bool = False
    rows_read: int = 0


class ScheduleReader:
    """Reads both streams of the schedule. A vendor says in `others` how changes of other days are found."""

    def __init__(self, database: Database, visits: Visits) -> None:
        self.database, self.visits = database, visits

    def others(self, cursor: Cursor, known: Mapping[str, Row], today: date) -> Others:
        """What changed on other days than today, whose visits are `known`. Where there is no stamp: only new ones."""
        return self.new_by_key(cursor, known, today)

    def said_deleted(self) -> set[str]:
        """The keys of all visits that the vendor's own history calls deleted. Where there is none: of no visit."""
        return set()

    def started(self, cursor: Cursor) -> Cursor:
        """What a first read begins with; taken before anything is read."""
        return cursor

    def read(self, stream: Stream, stored: str | None, *, thorough: bool) -> Page:
        """One page."""
        cursor = parse(self.visits.tag, stored)
        today = self.database.local_now().date()
        if cursor is None:
            return self._begin(stream, today)
        if cursor.at is not None:
            return self._go_on(cursor, today)
        page, now = self._changes(stream, cursor, today)
        if page.went_back or not thorough or stream is not Stream.APPOINTMENTS:
            return page
        if page.records or page.gone or page.bad:  # what stands in front of the scan is told first
            return replace(page, cursor=replace(now, at="0").text(self.visits.tag), more=True)
        return self._go_on(replace(now, at="0"), today)

    def these(self, keys: Sequence[str]) -> dict[str, Row | None]:
        """Visits by their keys; None for those that are not there."""
        found: dict[str, Row] = {}
        for at in range(0, len(keys), ASKED_BY_KEY):
            found |= _folded(
                self.database.rows("these_visits", [int(key) for key in keys[at : at + ASKED_BY_KEY]])
            )
        return {key: found.get(key) for key in keys}

    def by_key(self, after: int, upto: int, today: date) -> dict[str, Row]:
        """Visits in scope whose keys lie there."""
        begin, end = _middle(today) - BACK, _middle(today) + AHEAD
        return _folded(self.database.rows("visits_by_key", (after, upto, *self._bounds(begin, end))))

    def new_by_key(self, cursor: Cursor, known: Mapping[str, Row], today: date) -> Others:
        """New visits, whichever their day: those with a higher key than any that was known."""
        highest = self.top()
        upto = min(highest, cursor.top + PIECE)
        if upto <= cursor.top:
            return Others(now=cursor)
        found = self.by_key(cursor.top, upto, today)
        new = {key: row for key, row in found.items() if key not in known}
        return Others(rows=new, now=replace(cursor, top=upto), more=upto < highest, rows_read=len(found))

    def top(self) -> int:
        """The highest key."""
        return cells.number(self.database.rows("highest_visit")[0][0], "key") or 0

    def _begin(self, stream: Stream, today: date) -> Page:
        """Today's, and where the rest of a first read begins."""
        now = self.started(Cursor(day=today.isoformat(), top=self.top()))
        rows = self._of_day(today)
        now = replace(now, watched=now.watched.compare(rows).now)
        if stream is Stream.APPOINTMENTS:
            now = replace(now, at="0", first=True)
        page = self._page(stream, rows, now)
        return replace(page, more=now.at is not None, complete=now.at is None, rows_read=len(rows))

    def _go_on(self, cursor: Cursor, today: date) -> Page:
        """The next piece of a first read or of a scan, by key."""
        after = int(cursor.at or 0)
        upto = after + PIECE
        found = self.by_key(after, upto, today)
        done = upto >= cursor.top
        now = replace(cursor, at=None if done else str(upto), first=cursor.first and not done)
        visits = {key: row for key, row in found.items() if self.visits.counts(row)}
        page = self._page(Stream.APPOINTMENTS, visits, now, by_time=False)
        return replace(page, more=not done, complete=cursor.first and done, rows_read=len(found))

    def _changes(self, stream: Stream, cursor: Cursor, today: date) -> tuple[Page, Cursor]:
        """What differs from what was watched, and what else has changed."""
        rows = self._of_day(today)
        if not rows and self._emptied(cursor):
            return Page(cursor=cursor.text(self.visits.tag), went_back=True), cursor
        watched = cursor.watched if cursor.day == today.isoformat() else Cursor().watched
        difference = watched.compare(rows)
        gone: list[str] = []
        moved: dict[str, Row] = {}
        for key, row in self.these(difference.vanished).items():
            if row is None or not self.visits.counts(row):
                gone.append(key)
            else:
                moved[key] = row
        others = Others(now=cursor)
        if stream is Stream.APPOINTMENTS:
            others = self.others(cursor, rows, today)
        now = replace(others.now, day=today.isoformat(), watched=difference.now)
        told = {key: rows[key] for key in difference.changed}
        told |= moved  # it left today: its last state goes with it
        told |= {key: row for key, row in others.rows.items() if self.visits.counts(row)}
        page = self._page(stream, told, now)
        keys = dict.fromkeys([*gone, *others.gone])
        return (
            replace(
                page,
                gone=tuple(Gone(key=key) for key in keys),
                more=others.more,
                rows_read=len(rows) + len(moved) + others.rows_read,
            ),
            now,
        )

    def _emptied(self, cursor: Cursor) -> bool:
        """Whether the table has no row at all, and had some that nothing calls deleted."""
        known = {*cursor.watched.rows, *([str(cursor.top)] if cursor.top else [])}
        return bool(known) and not self.top() and not known <= self.said_deleted()

    def _page(self, stream: Stream, rows: Mapping[str, Row], now: Cursor, *, by_time: bool = True) -> Page:
        cursor = now.text(self.visits.tag)
        if stream is Stream.APPOINTMENT_STATUS:
            seen, bad = cells.decode(
                rows.values(), lambda row: self._seen(row, now.watched.count(cells.text(row[0])))
            )
            return Page(records=tuple(seen), bad=tuple(bad), cursor=cursor)
        visits, bad = cells.decode(rows.values(), self.visits.appointment)
        if by_time:
            visits.sort(key=lambda visit: visit.starts_local)
        return Page(records=tuple(visits), bad=tuple(bad), cursor=cursor)

    def _seen(self, row: cells.Row, count: int) -> StatusSeen:
        """The state that a visit was seen in for the `count`th time that it differed."""
        state, word = self.visits.state_of(row)
        key = cells.key_of(row[0], "appointment_id")
        return StatusSeen(
            key=key,
            seen_key=f"{self.visits.tag[0]}{key}.{count}",
            patient_key=cells.key_of(row[1], "patient_id"),
            state=state,
            state_raw=word,
            status_key=self.visits.status_of(row),
        )

    def _of_day(self, day: date) -> dict[str, Row]:
        begin = _middle(day)
        found = _folded(self.database.rows("visits_of_day", self._bounds(begin, begin + timedelta(days=1))))
        return {key: row for key, row in found.items() if self.visits.counts(row)}

    def _bounds(self, begin: datetime, end: datetime) -> tuple[object, object]:
        return (begin.date(), end.date()) if self.visits.as_days else (begin, end)


def _middle(day: date) -> datetime:
    return datetime.combine(day, time())


def _folded(rows: Sequence[Row]) -> dict[str, Row]:
    """One row a visit: a visit with several providers comes several times, its first one stays."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(cells.text(row[0]), row)
    return found
