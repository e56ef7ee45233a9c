"""Reading through the API: what changed since the server's own time, some pages at a time.

The API filters by DateTStamp and says its wall time with the rows; the next question goes back a minute before
that, and more than an hour in the small hours, when a DST hour may repeat. What came once is remembered by key
and content: stamps have whole seconds, and a row may change twice in one.
Must not be in it: calls' addresses beyond the resource's name, decoding.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from chartbridge.connectors.open_dental.client import Item, NotThere, OpenDentalApi
from chartbridge.connectors.open_dental.codec import (
    APPOINTMENT_FIELDS,
    HISTORY_FIELDS,
    PATIENT_FIELDS,
    BadValue,
    Texts,
    appointment,
    bad_row,
    decode,
    moment,
    patient,
    status_of_history,
    status_of_row,
    texts,
)
from chartbridge.connectors.open_dental.codec_write import local_text
from chartbridge.pms.errors import Refused
from chartbridge.pms.reading import BadRow, Gone, Page, Record, Stream

LAYOUT = 1
OVERLAP = timedelta(seconds=60)
NIGHT_OVERLAP = timedelta(minutes=62)
CLOCK_DOUBT = timedelta(seconds=5)
NIGHT = range(4)  # every zone's clocks change between midnight and four
BACK, AHEAD = timedelta(days=90), timedelta(days=548)
HISTORY_SINCE = (23, 1, 30)
REMEMBERED = 3000
_STAMP = {
    "appointments": APPOINTMENT_FIELDS.index("DateTStamp"),
    "patients": PATIENT_FIELDS.index("DateTStamp"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiCursor:
    """Where a stream stands: `since` is the server's wall time; `offset` a page under way; `begun` the server's
    time when those pages began; `seen` key@content@stamp inside the overlap; `first` in the
    first read; `day` of statuses."""

    since: str
    begun: str = ""
    offset: int | None = None
    first: bool = False
    day: str = ""
    seen: tuple[str, ...] = ()

    def text(self) -> str:
        """Its stored form."""
        value: dict[str, Any] = {"m": "api", "v": LAYOUT, "s": self.since}
        for name, held in (("b", self.begun), ("d", self.day), ("k", ",".join(self.seen))):
            if held:
                value[name] = held
        if self.offset is not None:
            value["o"] = self.offset
        if self.first:
            value["i"] = 1
        return json.dumps(value, separators=(",", ":"))


def parse(text: str | None) -> ApiCursor | None:
    """Back from its stored form; None for none and for what is not understood."""
    if not text:
        return None
    try:
        value = json.loads(text)
        if value["m"] != "api" or value["v"] != LAYOUT or moment(value["s"]) is None:
            return None
        return ApiCursor(
            since=value["s"],
            begun=str(value.get("b", "")),
            offset=int(value["o"]) if "o" in value else None,
            first=bool(value.get("i")),
            day=str(value.get("d", "")),
            seen=tuple(str(value["k"]).split(",")) if value.get("k") else (),
        )
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(slots=True)
class _Found:
    records: list[Record] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    rows: int = 0


class ApiReader:
    """Appointments, their statuses and patients."""

    def __init__(self, api: OpenDentalApi) -> None:
        self._api = api
        self._lock = threading.Lock()

    def read(self, stream: Stream, cursor: str | None) -> Page:
        """The next page."""
        with self._lock:
            self._api.not_while_updating()
            now = self._api.server_local()
            held = parse(cursor)
            day = local_text(now)[:10] if stream is Stream.APPOINTMENT_STATUS else ""
            if held is None or held.day != day:
                begun = local_text(now)
                held = ApiCursor(since=begun, begun=begun, offset=0, first=True, day=day)
            if (moment(held.since) or now) > now + CLOCK_DOUBT:  # its clock was set back
                held = replace(held, since=local_text(now - self._api.clock_age))
            if stream is Stream.PATIENTS:
                return self._patients(held)
            return self._appointments(stream, held, now)

    # -- appointments ---------------------------------------------------------------------------------------

    def _appointments(self, stream: Stream, held: ApiCursor, now: datetime) -> Page:
        begin, end = self._scope(stream, held, now)
        params = {"dateStart": begin, "dateEnd": end}
        if held.first and held.offset == 0 and stream is Stream.APPOINTMENTS:
            return self._today(held, now)
        if held.first:
            start = max(0, (held.offset or 0) - 1)  # 1 is the mark that today has been read
            items, following = self._api.page("appointments", start, ability=stream.value, **params)
            found = self._decoded(stream, _rows(items, APPOINTMENT_FIELDS))
            return self._first_page(found, held, None if following is None else following + 1)
        params = {"DateTStamp": self._since(held)}
        if stream is Stream.APPOINTMENT_STATUS:
            params |= {"dateStart": begin, "dateEnd": end}
        items, following = self._api.page("appointments", held.offset or 0, ability=stream.value, **params)
        rows = self._new(held, _rows(items, APPOINTMENT_FIELDS), "appointments")
        found = self._decoded(stream, rows, with_history=stream is Stream.APPOINTMENT_STATUS, held=held)
        if held.offset is None:
            deleted = self._deleted(stream, held, begin, end)
            found.gone = [Gone(key=row[1] or "") for row in deleted]
            held = replace(held, seen=(*held.seen, *(f"h{row[0]}@{row[6]}" for row in deleted)))
        return self._next_page(found, held, items, rows, following, "appointments")

    def _today(self, held: ApiCursor, now: datetime) -> Page:
        found = _Found()
        today = local_text(now)[:10]
        for items in self._api.pages("appointments", ability="appointments", dateStart=today, dateEnd=today):
            more = self._decoded(Stream.APPOINTMENTS, _rows(items, APPOINTMENT_FIELDS))
            found.records += more.records
            found.bad += more.bad
            found.rows += more.rows
        return self._first_page(found, held, 1)

    def _scope(self, stream: Stream, held: ApiCursor, now: datetime) -> tuple[str, str]:
        if stream is Stream.APPOINTMENT_STATUS:
            return held.day, held.day
        base = moment(held.begun) or now
        return (base - BACK).date().isoformat(), (base + AHEAD).date().isoformat()

    def _deleted(self, stream: Stream, held: ApiCursor, begin: str, end: str) -> list[Texts]:
        """Deleted visits since the last time; a visit that is there again is not gone."""
        if self._api.version() < HISTORY_SINCE:
            return []
        since = self._since(held)
        params = {"HistApptAction": "Deleted", "dateStart": begin, "dateEnd": end}
        told = set(held.seen)
        gone: list[Texts] = []
        for items in self._api.pages("histappointments", ability=stream.value, **params):
            for row in _rows(items, HISTORY_FIELDS):
                if (
                    (row[6] or "") >= since
                    and f"h{row[0]}@{row[6]}" not in told
                    and self._absent(row[1] or "")
                ):
                    gone.append(row)
        return gone

    def _absent(self, key: str) -> bool:
        try:
            self._api.get(f"appointments/{key}", ability="appointments")
        except NotThere:
            return True
        return False

    def _decoded(
        self,
        stream: Stream,
        rows: Sequence[Texts],
        *,
        with_history: bool = False,
        held: ApiCursor | None = None,
    ) -> _Found:
        found = _Found(rows=len(rows))
        if stream is not Stream.APPOINTMENT_STATUS:
            good, found.bad = decode(rows, appointment, "appointment", APPOINTMENT_FIELDS)
            found.records += good
            return found
        for row in rows:
            told = with_history and held is not None and self._history(row, held, found)
            if not told:
                sightings, bad = decode([row], status_of_row, "appointment", APPOINTMENT_FIELDS)
                found.records += sightings
                found.bad += bad
        return found

    def _history(self, row: Texts, held: ApiCursor, found: _Found) -> bool:
        """The states that a visit passed through since the last time; whether its present one is the last."""
        if self._api.version() < HISTORY_SINCE or not row[0]:
            return False
        since, told = self._since(held), False
        try:
            items = self._api.items("histappointments", ability="appointment_status", AptNum=row[0])
        except Refused:
            return False
        passed = sorted(_rows(items, HISTORY_FIELDS), key=lambda each: (each[6] or "", int(each[0] or 0)))
        for position, each in enumerate(passed):
            latest = position == len(passed) - 1 and (each[3], each[4]) == (row[2], row[5])
            if (each[6] or "") < since and not latest:
                continue
            try:
                found.records.append(status_of_history(each, latest=latest))
                told = told or latest
            except (ValueError, TypeError):
                found.bad.append(bad_row(each, "histappointment", HISTORY_FIELDS))
        return told

    # -- patients -------------------------------------------------------------------------------------------

    def _patients(self, held: ApiCursor) -> Page:
        params = {} if held.first else {"DateTStamp": self._since(held)}
        items, following = self._api.page("patients/Simple", held.offset or 0, ability="patients", **params)
        rows = _rows(items, PATIENT_FIELDS)
        if not held.first:
            rows = self._new(held, rows, "patients")
        found = _Found(rows=len(rows))
        good, found.bad = decode(rows, patient, "patient", PATIENT_FIELDS)
        found.records += good
        if held.first:
            return self._first_page(found, held, following)
        return self._next_page(found, held, items, rows, following, "patients")

    # -- cursors --------------------------------------------------------------------------------------------

    def _since(self, held: ApiCursor) -> str:
        at = moment(held.since) or datetime(1970, 1, 2)  # noqa: DTZ001 - a wall time
        return local_text(at - (NIGHT_OVERLAP if at.hour in NIGHT else OVERLAP))

    def _new(self, held: ApiCursor, rows: Sequence[Texts], stream: str) -> list[Texts]:
        stamp, told = _STAMP[stream], set(held.seen)
        return [row for row in rows if _mark(row, stamp) not in told]

    def _first_page(self, found: _Found, held: ApiCursor, following: int | None) -> Page:
        done = following is None
        cursor = replace(held, offset=following, first=not done)
        return _page(found, cursor, more=not done, complete=done, stamps=())

    def _next_page(
        self,
        found: _Found,
        held: ApiCursor,
        items: list[Item],
        rows: Sequence[Texts],
        following: int | None,
        stream: str,
    ) -> Page:
        """Remember what came; the server's time of the first of several pages is where the next time begins."""
        stamp = _STAMP[stream]
        begun = held.begun if held.offset is not None else (self._api.heard(items) or held.since)
        seen = [*held.seen, *(_mark(row, stamp) for row in rows)]
        cursor = replace(held, offset=following, begun=begun, seen=tuple(seen[-REMEMBERED:]))
        if following is None:
            cursor = replace(cursor, since=begun)
            floor = self._since(cursor)
            kept = [each for each in cursor.seen if each.rpartition("@")[2] >= floor]
            cursor = replace(cursor, seen=tuple(kept))
        offset = self._api.offset()
        return _page(
            found,
            cursor,
            more=following is not None,
            stamps=[(row[stamp] or "") for row in rows],
            to_utc=lambda at: (at - offset).replace(tzinfo=UTC),
        )


def _mark(row: Texts, stamp: int) -> str:
    content = crc32("\x1f".join(each or "" for each in row).encode())
    return f"{row[0]}@{content:08x}@{row[stamp]}"


def _rows(items: Sequence[Item], fields: Sequence[str]) -> list[Texts]:
    rows: list[Texts] = []
    for item in items:
        try:
            rows.append(texts(item, fields))
        except BadValue:
            rows.append((None,) * len(fields))
    return rows


def _page(
    found: _Found,
    cursor: ApiCursor,
    *,
    more: bool,
    complete: bool = False,
    stamps: Sequence[str],
    to_utc: Callable[[datetime], datetime] | None = None,
) -> Page:
    times = [each for each in stamps if each[:2] in ("19", "20")]
    return Page(
        records=tuple(found.records),
        gone=tuple(found.gone),
        bad=tuple(found.bad),
        cursor=cursor.text(),
        more=more,
        complete=complete,
        oldest_change=to_utc(datetime.fromisoformat(min(times))) if times and to_utc else None,
        rows_read=found.rows,
    )
