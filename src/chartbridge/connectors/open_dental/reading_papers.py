"""Reading documents and photos from the database: hints of the security log, new keys, a scan by stamp.

A patient's picture is the newest document of the first image category with the flag P; so whenever a patient's
documents changed, the choice is made again. Must not be in it: bytes of files, SQL, decoding.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chartbridge.connectors.open_dental.codec import Texts, decode
from chartbridge.connectors.open_dental.codec_lists import (
    DOCUMENT_FIELDS,
    PHOTO_FIELDS,
    document,
    is_picture,
    newest_pictures,
    photo,
    photo_categories,
)
from chartbridge.connectors.open_dental.cursors import Cursor, Scan, parse
from chartbridge.connectors.open_dental.database import (
    Database,
    ServerTime,
    as_text,
    server_time,
)
from chartbridge.connectors.open_dental.reading_people import EMPTY_WINDOW, capped, log_feed
from chartbridge.connectors.open_dental.reading_schedule import earlier
from chartbridge.connectors.open_dental.statements import DOCUMENT_PAGE, LOG_FIELDS, PAGE
from chartbridge.connectors.open_dental.words import DEFINITION_CATEGORIES, IMAGE_DELETED, IMAGE_LOGS
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.reading import BadRow, Gone, Page, Record, Stream

SCAN_PIECE = 1000
CATEGORY_KEPT_S = 300.0
_PERM, _PATIENT, _KEY = (LOG_FIELDS.index(name) for name in ("PermType", "PatNum", "FKey"))
_TELLING = frozenset(str(each) for each in IMAGE_LOGS)
_NOBODY = frozenset({"", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Touched:
    """What a change was about: documents by key, patients all of whose documents are to be looked at."""

    documents: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    new: Sequence[Texts] = ()


class PaperReader:
    """The streams `documents` and `photos`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock
        self._feed = log_feed(database)
        self._lock = threading.Lock()
        self._category, self._category_until = "", float("-inf")

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool) -> Page:
        """The next page of either stream."""
        with self._lock:
            return self._read(stream, cursor, thorough)

    def _read(self, stream: Stream, text: str | None, thorough: bool) -> Page:
        held = parse(text)
        category = self._picture_category() if stream is Stream.PHOTOS else ""
        if held is not None and held.category != category:
            held = None  # another category is the patients' pictures now: look at everybody again
        if held is not None and held.first is not None:
            return self._first_read(stream, held)
        row = self._db.check("check_documents", (held.feed.since if held else EMPTY_WINDOW,))
        now, highest, top = server_time(row), row[3], row[5] or "0"
        if held is None:
            self._db.before_reading()
            return self._begin(stream, highest, top, now, category)
        grown = not self._db.random_keys and top != held.top
        if self._feed.went_back(held.feed, highest):
            return Page(cursor=text or "", went_back=True)
        if grown or self._feed.changed(held.feed, highest, row[4], now):
            self._db.before_reading()
            return self._changes(stream, held, highest, top if grown else "", now)
        if held.scan is not None or thorough:
            self._db.before_reading()
            return self._scan_piece(stream, held, now)
        return Page(cursor=text or "")

    def _begin(self, stream: Stream, highest: str | None, top: str, now: ServerTime, category: str) -> Page:
        cursor = Cursor(
            feed=self._feed.start(highest, now), stamp=as_text(now.utc), top=top, first="0", category=category
        )
        visitors = [row[0] or "" for row in self._db.rows("visitors_of_day", now.today)]
        return self._of_patients(stream, cursor, visitors, more=True)

    def _first_read(self, stream: Stream, held: Cursor) -> Page:
        if stream is Stream.PHOTOS:
            people = [row[0] or "" for row in self._db.rows("patient_keys_after", (held.first,))]
            more = len(people) >= PAGE
            cursor = replace(held, first=people[-1] if more else None)
            return self._of_patients(stream, cursor, people, more=more, complete=not more)
        rows = self._db.rows("documents_after", (held.first,))
        more = len(rows) >= DOCUMENT_PAGE
        cursor = replace(held, first=rows[-1][0] if more else None)
        good, bad = decode(rows, document, "document", DOCUMENT_FIELDS)
        return _page(good, (), bad, cursor, more=more, complete=not more, rows_read=len(rows))

    def _changes(self, stream: Stream, held: Cursor, highest: str | None, top: str, now: ServerTime) -> Page:
        news = self._feed.news(held.feed, highest, now)
        hints = [row for row in news.rows if row[_PERM] in _TELLING]
        fresh: Sequence[Texts] = ()
        reached, more = held.top, news.more
        if top:
            fresh = self._db.rows("documents_after", (held.top,)) if int(top) > int(held.top or 0) else ()
            full = len(fresh) >= DOCUMENT_PAGE
            reached, more = (fresh[-1][0] or top if full else top), more or full
        touched = _Touched(
            documents=frozenset(row[_KEY] or "" for row in hints) - _NOBODY,
            patients=frozenset(row[_PATIENT] or "" for row in hints) - _NOBODY,
            deleted=frozenset(row[_KEY] or "" for row in hints if row[_PERM] == IMAGE_DELETED) - _NOBODY,
            new=fresh,
        )
        cursor = replace(held, feed=news.state, top=reached)
        more = more or held.scan is not None
        return self._of_touched(stream, cursor, touched, more=more, extra_rows=len(news.rows))

    def _scan_piece(self, stream: Stream, held: Cursor, now: ServerTime) -> Page:
        scan = held.scan or Scan(position="0", since=earlier(held.stamp), begun=as_text(now.utc))
        count, _, high, changed = self._db.rows("scan_documents", (scan.since, scan.position))[0]
        keys, position = capped(changed, high or "0")
        done = int(count or 0) < SCAN_PIECE and position == (high or "0")
        if done:
            cursor = replace(held, scan=None, stamp=scan.begun)
        else:
            cursor = replace(held, scan=replace(scan, position=position))
        return self._of_touched(stream, cursor, _Touched(documents=frozenset(keys)), more=not done)

    def _of_touched(
        self, stream: Stream, cursor: Cursor, touched: _Touched, *, more: bool, extra_rows: int = 0
    ) -> Page:
        if stream is Stream.PHOTOS:
            owners = set(touched.patients) | {row[1] or "" for row in touched.new}
            asked = sorted(touched.documents - touched.deleted)
            if asked:
                owners |= {row[0] or "" for row in self._db.rows("owners_of_documents", among=asked)}
            return self._of_patients(
                stream, cursor, sorted(owners - _NOBODY), more=more, lost=True, extra_rows=extra_rows
            )
        rows = {row[0]: row for row in touched.new}
        if touched.documents:
            for row in self._db.rows("documents_by_key", among=sorted(touched.documents)):
                rows[row[0]] = row
        if touched.patients - {row[1] or "" for row in rows.values()}:
            for row in self._db.rows("documents_of_patients", among=sorted(touched.patients)):
                rows[row[0]] = row
        good, bad = decode(rows.values(), document, "document", DOCUMENT_FIELDS)
        gone = [Gone(key=key) for key in sorted(touched.deleted) if key not in rows]
        return _page(good, gone, bad, cursor, more=more, rows_read=len(rows) + extra_rows)

    def _of_patients(
        self,
        stream: Stream,
        cursor: Cursor,
        people: Sequence[str],
        *,
        more: bool,
        complete: bool = False,
        lost: bool = False,
        extra_rows: int = 0,
    ) -> Page:
        """Documents or pictures of some patients; with `lost`, a patient without a picture has lost it."""
        rows: Sequence[Texts] = ()
        if people and stream is Stream.PHOTOS and cursor.category:
            rows = self._db.rows("pictures_of_patients", (cursor.category,), among=people)
        elif people and stream is Stream.DOCUMENTS:
            rows = self._db.rows("documents_of_patients", among=people)
        if stream is Stream.DOCUMENTS:
            documents, bad = decode(rows, document, "document", DOCUMENT_FIELDS)
            return _page(documents, (), bad, cursor, more=more, complete=complete, rows_read=len(rows))
        photos, bad = decode(newest_pictures(filter(is_picture, rows)), photo, "document", PHOTO_FIELDS)
        gone = [Gone(key=key) for key in sorted(set(people) - {each.key for each in photos})] if lost else []
        return _page(
            photos, gone, bad, cursor, more=more, complete=complete, rows_read=len(rows) + extra_rows
        )

    def _picture_category(self) -> str:
        if self._clock.monotonic() >= self._category_until:
            number = DEFINITION_CATEGORIES[LookupKind.DOCUMENT_TYPES]
            self._category = photo_categories(self._db.rows("definitions", (number,)))
            self._category_until = self._clock.monotonic() + CATEGORY_KEPT_S
        return self._category


def _page(
    records: Sequence[Record],
    gone: Sequence[Gone],
    bad: Sequence[BadRow],
    cursor: Cursor,
    *,
    more: bool,
    complete: bool = False,
    rows_read: int = 0,
) -> Page:
    return Page(
        records=tuple(records),
        gone=tuple(gone),
        bad=tuple(bad),
        cursor=cursor.text(),
        more=more,
        complete=complete,
        rows_read=rows_read,
    )
