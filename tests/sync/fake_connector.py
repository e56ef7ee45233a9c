"""A PMS in memory that keeps the connector contract, with knobs: for trying the engine, not a connector.

Changes are numbered; a cursor is the number up to which they were read, and where a full read or scan stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms import registry as registries
from chartbridge.pms.commands import Command, Receipt
from chartbridge.pms.connector import Finding, Settings
from chartbridge.pms.errors import PmsError
from chartbridge.pms.manifest import Manifest, parse_manifest
from chartbridge.pms.reading import BadRow, Gone, Page, PmsIdentity, Record, Stream

FAKE = "fake"


def make_manifest(**streams: dict[str, Any]) -> Manifest:
    usual = {"changes": "stamp", "deletions": "tombstone", "least_interval": 1, "scan_every": 0}
    intervals = {
        "appointment_status": 15,
        "appointments": 60,
        "patients": 30,
        "photos": 30,
        "documents": 300,
        "lookups": 300,
    }
    return parse_manifest(
        {
            "id": FAKE,
            "label": "Fake PMS",
            "vendor": "Nobody",
            "provider_help": "",
            "settings": {},
            "lookups": ["providers", "note_types", "appointment_statuses"],
            "streams": {
                name: usual | {"default_interval": seconds} | streams.get(name, {})
                for name, seconds in intervals.items()
            },
            "proof": {"run_against": [], "not_run_against": []},
        }
    )


@dataclass
class Books:
    """What the fake PMS holds of one stream."""

    rows: dict[str, Record] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    log: list[tuple[str, datetime]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)


class FakePms:
    """The PMS behind the connector."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.books = {stream: Books() for stream in Stream}
        self.lists: dict[LookupKind, list[LookupItem]] = {}
        self.page_size = 3
        self.failures: list[Exception] = []
        self.failing: dict[Stream, Exception] = {}
        self.page_takes_s = 0.0
        self.changes_first = False
        self.went_back = False
        self.calls: list[tuple[str, bool]] = []
        self.identity = PmsIdentity(
            vendor="Nobody",
            edition="",
            version="1",
            practice_name="Smile",
            server_now=clock.now(),
            zone="UTC",
            highest={"signal": 100},
        )
        self.clock_is_off = timedelta(0)

    def put(self, stream: Stream, *records: Record) -> None:
        book = self.books[stream]
        for record in records:
            key = getattr(record, "seen_key", record.key)
            book.rows[key] = record
            book.gone.discard(key)
            book.log.append((key, self.clock.now() + self.clock_is_off))

    def delete(self, stream: Stream, *keys: str) -> None:
        """Delete with a tombstone."""
        book = self.books[stream]
        for key in keys:
            book.rows.pop(key, None)
            book.gone.add(key)
            book.log.append((key, self.clock.now() + self.clock_is_off))

    def vanish(self, stream: Stream, *keys: str) -> None:
        """Take away without a trace."""
        for key in keys:
            del self.books[stream].rows[key]

    def change_unseen(self, stream: Stream, record: Record) -> None:
        """Change without a trace, as only a scan finds it."""
        self.books[stream].rows[record.key] = record

    def corrupt(self, stream: Stream, key: str, *, mended: bool = False) -> None:
        book = self.books[stream]
        (book.bad.discard if mended else book.bad.add)(key)
        book.log.append((key, self.clock.now()))

    def page(self, book: Books, keys: Iterable[str], **rest: Any) -> Page:
        keys = list(dict.fromkeys(keys))
        return Page(
            records=tuple(book.rows[k] for k in keys if k in book.rows and k not in book.bad),
            gone=tuple(Gone(key=k) for k in keys if k in book.gone),
            bad=tuple(BadRow(key=k, why="birthdate: no date") for k in keys if k in book.bad),
            rows_read=len(keys),
            **rest,
        )


class FakeConnector:
    """The contract over a FakePms."""

    def __init__(self, pms: FakePms, manifest: Manifest) -> None:
        self.pms = pms
        self._manifest = manifest

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def identify(self) -> PmsIdentity:
        self._maybe_fail()
        self.pms.calls.append(("identify", False))
        return replace(self.pms.identity, server_now=self.pms.clock.now() + self.pms.clock_is_off)

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        self._maybe_fail()
        return list(self.pms.lists.get(kind, []))

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        pms = self.pms
        self._maybe_fail()
        if stream in pms.failing:
            raise pms.failing[stream]
        pms.calls.append((stream.value, thorough))
        if pms.went_back:
            return Page(cursor=cursor or "", went_back=True)
        if pms.page_takes_s:
            pms.clock.advance(pms.page_takes_s)  # type: ignore[attr-defined]
        book = pms.books[stream]
        at = json.loads(cursor) if cursor else {"seq": len(book.log), "after": ""}
        if "after" in at:
            return self._piece(book, at, "after", full=True)
        if thorough and not (self.pms.changes_first and at["seq"] < len(book.log)):
            return self._piece(book, {"scan": ""} | at, "scan", full=False)
        return self._changes(book, at)

    def _piece(self, book: Books, at: dict[str, Any], name: str, *, full: bool) -> Page:
        size = self.pms.page_size
        rest = sorted(k for k in book.rows if k > at[name])
        keys, more = rest[:size], len(rest) > size
        cursor = {"seq": at["seq"]} | ({name: keys[-1]} if more else {})
        return self.pms.page(book, keys, cursor=json.dumps(cursor), more=more, complete=full and not more)

    def _changes(self, book: Books, at: dict[str, Any]) -> Page:
        size = self.pms.page_size
        changed = book.log[at["seq"] : at["seq"] + size]
        seq = at["seq"] + len(changed)
        return self.pms.page(
            book,
            (key for key, _ in changed),
            cursor=json.dumps({"seq": seq}),
            more=seq < len(book.log),
            oldest_change=min((when for _, when in changed), default=None),
        )

    def _maybe_fail(self) -> None:
        if self.pms.failures:
            raise self.pms.failures.pop(0)

    def examine(self) -> Sequence[Finding]:
        return []

    def write(self, command: Command) -> Receipt:
        raise NotImplementedError

    def landed(self, command: Command) -> Receipt | None:
        raise NotImplementedError

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        raise NotImplementedError

    def open_file(self, ref: str) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


@contextmanager
def installed(pms_of: Any, manifest: Manifest) -> Iterator[None]:
    """Let `fake` be the one connector of this installation; `pms_of(settings)` is the PMS behind it."""
    before = registries._installed

    def connect(settings: Settings, _clock: Clock) -> FakeConnector:
        return FakeConnector(pms_of(settings), manifest)

    registries.install(registries.Registry(manifests={FAKE: manifest}, factories={FAKE: connect}))
    try:
        yield
    finally:
        registries._installed = before


START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
__all__ = ["FAKE", "START", "FakeConnector", "FakePms", "PmsError", "installed", "make_manifest"]
