"""Eaglesoft as a connector: puts the readers, the writer and the looker together.

Must not be in it: SQL, decoding, what a number of Eaglesoft's means.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files

from chartbridge.connectors.eaglesoft import examining, lists
from chartbridge.connectors.eaglesoft import settings as entered
from chartbridge.connectors.eaglesoft.client import BUSY, Database
from chartbridge.connectors.eaglesoft.codec import number
from chartbridge.connectors.eaglesoft.looking import Looker
from chartbridge.connectors.eaglesoft.papers import Papers
from chartbridge.connectors.eaglesoft.reading_papers import PaperReader
from chartbridge.connectors.eaglesoft.reading_people import PatientReader
from chartbridge.connectors.eaglesoft.reading_schedule import ScheduleReader
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.connectors.eaglesoft.writing import Writer
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    Finds,
    Receipt,
    SetAppointmentStatus,
    Sought,
)
from chartbridge.pms.connector import Connector, Finding, Settings
from chartbridge.pms.errors import Misconfigured, PmsError, Unavailable, Unreadable
from chartbridge.pms.manifest import Manifest, load_manifest
from chartbridge.pms.reading import Page, PmsIdentity, Stream

_HIGHEST = {"appointment": "highest_visit", "operatory_notes": "highest_note", "document": "highest_document"}


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.eaglesoft") / "manifest.toml")


class Eaglesoft:
    """One office. Nothing is opened until it is used."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._parts: _Parts | None = None

    @property
    def manifest(self) -> Manifest:
        return manifest()

    def identify(self) -> PmsIdentity:
        database = self._open().database
        at, offset = database.server_clock()
        busy = ""
        try:
            database.forget()
            missing = database.missing()
        except Unavailable as error:
            if error.safe_message != BUSY:
                raise
            busy, missing = BUSY, {}
        return PmsIdentity(
            vendor=manifest().vendor,
            edition=NAME,
            version="" if busy else database.version(),
            practice_name="",
            server_now=at,
            zone=str(timezone(offset)),
            highest={} if busy else _highest(database, missing),
            busy=busy,
        )

    def examine(self) -> Sequence[Finding]:
        try:
            parts = self._open()
        except PmsError as error:
            setting = error.setting if isinstance(error, Misconfigured) else "connection"
            return [Finding(ability=setting, ok=False, sentence=error.safe_message)]
        return examining.examine(parts.database, parts.papers)

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        parts = self._open()
        parts.database.missing()
        return lists.lookups(parts.database, kind)

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        parts = self._open()
        parts.database.missing()
        try:
            return parts.read(stream, cursor, thorough=thorough)
        except (Unreadable, Misconfigured):
            parts.database.forget()  # perhaps the tables were changed by an update
            raise

    def write(self, command: Command) -> Receipt:
        parts = self._open()
        match command:
            case AddNote():
                return parts.writer.add_note(command)
            case AddDocument():
                return parts.papers.add(command)
            case SetAppointmentStatus():
                return parts.writer.set_status(command)
        raise Unreadable(f"{NAME} can't do this.", evidence="command")

    def landed(self, command: Command) -> Receipt | None:
        return self._open().looker.landed(command)

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [self.landed(command) for command in commands]

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:  # noqa: ARG002  keys tell what is newer
        return self._open().looker.find(sought)

    def open_file(self, ref: str) -> bytes:  # noqa: ARG002
        raise Unreadable(manifest().cannot["open_document"], evidence="open_file")

    def close(self) -> None:
        with self._lock:
            held, self._parts = self._parts, None
        if held is not None:
            held.database.close()

    def _open(self) -> _Parts:
        with self._lock:
            if self._parts is None:
                self._parts = _Parts(entered.parse(self._settings), self._clock)
            return self._parts


class _Parts:
    """What is open for one office, made of its settings."""

    def __init__(self, settings: entered.EaglesoftSettings, clock: Clock) -> None:
        self.database = Database(settings, clock)
        self.papers = Papers(settings, self.database)
        self.writer = Writer(self.database)
        self.looker = Looker(self.database, self.papers)
        self._schedule = ScheduleReader(self.database)
        self._people = PatientReader(self.database)
        self._index = PaperReader(self.database)

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool) -> Page:
        """One page of a stream."""
        if stream in (Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS):
            return self._schedule.read(stream, cursor, thorough=thorough)
        if stream is Stream.PATIENTS:
            return self._people.read(cursor, thorough=thorough)
        if stream is Stream.DOCUMENTS:
            return self._index.read(cursor, thorough=thorough)
        raise Unreadable(f"{NAME} has no such stream.", evidence=f"stream {stream}")


def _highest(database: Database, missing: dict[str, str]) -> dict[str, int]:
    """The keys that only grow. A table that this version lacks says nothing."""
    wanted = dict(_HIGHEST)
    if "add_note" in missing:
        wanted.pop("operatory_notes")
    if "documents" in missing:
        wanted.pop("document")
    return {table: number(database.rows(name)[0][0], table) or 0 for table, name in wanted.items()}


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return Eaglesoft(settings, clock)
