"""A connector by ODBC: puts a vendor's readers, writer and looker together.

Must not be in it: SQL, decoding, what a number of a vendor's means.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar, Protocol

from chartbridge.connectors.by_odbc import examining, looking
from chartbridge.connectors.by_odbc.database import Database, Vendor
from chartbridge.connectors.by_odbc.examining import Examined
from chartbridge.connectors.by_odbc.looking import Place
from chartbridge.connectors.by_odbc.papers import Papers
from chartbridge.connectors.by_odbc.schedule import ScheduleReader
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    Finds,
    Receipt,
    SetAppointmentStatus,
    Sought,
)
from chartbridge.pms.connector import Finding
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Page, PmsIdentity, Stream, zone_name

Reader = Callable[..., Page]
"""(cursor, thorough=…) → the next page."""


class Reads(Protocol):
    """Reads one stream."""

    def read(self, stored: str | None, *, thorough: bool) -> Page: ...


class Writes(Protocol):
    """Writes notes and statuses."""

    def add_note(self, command: AddNote) -> Receipt: ...

    def set_status(self, command: SetAppointmentStatus) -> Receipt: ...


class Looks(Protocol):
    """Looks for what was written. `places`: where records of a kind lie."""

    places: dict[CommandKind, Place]

    def note(self, command: AddNote) -> Receipt | None: ...

    def status(self, command: SetAppointmentStatus) -> Receipt | None: ...


class Parts(ABC):
    """What is open for one office, made of its settings. A vendor's own makes all of it when it is made."""

    lists: ClassVar[Mapping[LookupKind, Callable[[Database], list[LookupItem]]]]
    papers: Papers
    examined: Examined
    writer: Writes
    looker: Looks
    readers: Mapping[Stream, Reader]

    def __init__(self, vendor: Vendor, settings: OdbcSettings, clock: Clock) -> None:
        self.database = Database(vendor, settings, clock)

    def lookups(self, kind: LookupKind) -> list[LookupItem]:
        """One list, active and not; empty for what there is no list of, or none in this version."""
        make = self.lists.get(kind)
        return make(self.database) if make and self.database.has(kind) else []

    @abstractmethod
    def highest(self) -> dict[str, int]:
        """Numbers that only grow. A table that this version lacks says nothing."""

    def practice_name(self) -> str:
        """The practice's own name, or empty."""
        return ""


def readers(schedule: ScheduleReader, patients: Reads, documents: Reads) -> dict[Stream, Reader]:
    """Which reads which stream."""
    return {
        Stream.APPOINTMENTS: partial(schedule.read, Stream.APPOINTMENTS),
        Stream.APPOINTMENT_STATUS: partial(schedule.read, Stream.APPOINTMENT_STATUS),
        Stream.PATIENTS: patients.read,
        Stream.DOCUMENTS: documents.read,
    }


class OdbcConnector:
    """One office. Nothing is opened until it is used."""

    def __init__(self, manifest: Manifest, make: Callable[[], Parts]) -> None:
        """`make` checks the settings; it may raise a `PmsError`."""
        self._manifest, self._make = manifest, make
        self._lock = threading.Lock()
        self._parts: Parts | None = None

    def __repr__(self) -> str:
        return f"OdbcConnector({self._manifest.id})"

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def identify(self) -> PmsIdentity:
        parts = self._open()
        database = parts.database
        at, offset = database.server_clock()
        busy = ""
        try:
            database.forget()
            database.missing()
        except Unavailable as error:
            if error.safe_message != database.vendor.busy:
                raise
            busy = database.vendor.busy
        return PmsIdentity(
            vendor=self._manifest.vendor,
            edition=database.name,
            version="" if busy else database.version(),
            practice_name="" if busy else parts.practice_name(),
            server_now=at,
            zone=zone_name(offset),
            server_local=database.shown()[0],
            highest={} if busy else parts.highest(),
            busy=busy,
            reads={} if busy else database.reads(),
        )

    def examine(self) -> Sequence[Finding]:
        try:
            parts = self._open()
        except PmsError as error:
            setting = error.setting if isinstance(error, Misconfigured) else "connection"
            return [Finding(ability=setting, ok=False, sentence=error.safe_message)]
        return examining.examine(parts.database, parts.papers, parts.examined)

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        parts = self._open()
        parts.database.check(Stream.LOOKUPS)
        return parts.lookups(kind)

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        parts = self._open()
        reader = parts.readers.get(stream)
        if reader is None:
            raise Unreadable(f"{parts.database.name} has no such stream.", evidence=f"stream {stream}")
        parts.database.missing()
        parts.database.check(stream)
        try:
            return reader(cursor, thorough=thorough)
        except (Unreadable, Misconfigured):
            parts.database.forget()  # perhaps the tables were changed by an update
            raise

    def write(self, command: Command) -> Receipt:
        try:
            return _written(self._open(), command)
        except Unauthorised as error:
            error.ability = command.kind  # others may still go: documents into the folder
            raise

    def landed(self, command: Command) -> Receipt | None:
        parts = self._open()
        match command:
            case AddNote():
                parts.database.check(command.kind)
                return parts.looker.note(command)
            case AddDocument():
                return parts.papers.landed(command)
            case SetAppointmentStatus():
                parts.database.check(command.kind)
                return parts.looker.status(command)
        raise Unreadable(f"{parts.database.name} has no such record.", evidence="command")

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [self.landed(command) for command in commands]

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:  # noqa: ARG002  keys tell what is newer
        parts = self._open()
        return looking.find(parts.database, parts.looker.places, sought)

    def open_file(self, ref: str) -> bytes:  # noqa: ARG002
        raise Unreadable(self._manifest.cannot["open_document"], evidence="open_file")

    def close(self) -> None:
        with self._lock:
            held, self._parts = self._parts, None
        if held is not None:
            held.database.close()

    def _open(self) -> Parts:
        with self._lock:
            if self._parts is None:
                self._parts = self._make()
            return self._parts


def _written(parts: Parts, command: Command) -> Receipt:
    match command:
        case AddNote():
            return parts.writer.add_note(command)
        case AddDocument():
            return parts.papers.add(command)
        case SetAppointmentStatus():
            return parts.writer.set_status(command)
    raise Unreadable(f"{parts.database.name} can't do this.", evidence="command")
