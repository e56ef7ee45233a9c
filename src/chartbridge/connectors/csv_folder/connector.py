"""A CSV folder as a connector: puts the files, the reader and the outbox together. Must not be in it: decoding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache, partial
from importlib.resources import files

from chartbridge.connectors.csv_folder import codec
from chartbridge.connectors.csv_folder.client import BUSY, Office
from chartbridge.connectors.csv_folder.reading import Version, VersionReader, version
from chartbridge.connectors.csv_folder.settings import parse
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.domain.schedule import Appointment
from chartbridge.pms.commands import AddNote, Command, Receipt
from chartbridge.pms.connector import Connector, Finding, Settings
from chartbridge.pms.errors import Misconfigured, PmsError, Unreadable
from chartbridge.pms.manifest import Manifest, load_manifest
from chartbridge.pms.reading import BadRow, Page, PmsIdentity, Record, Stream


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.csv_folder") / "manifest.toml")


class CsvFolder:
    """One office. Nothing is opened until it is used."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._office: Office | None = None
        self._readers = {
            Stream.PATIENTS: VersionReader(self._patients),
            Stream.APPOINTMENTS: VersionReader(self._appointments),
        }

    def __repr__(self) -> str:
        return "CsvFolder()"

    @property
    def manifest(self) -> Manifest:
        return manifest()

    def identify(self) -> PmsIdentity:
        now = self._clock.now()
        return PmsIdentity(
            vendor="CSV folder",
            edition="",
            version="1",
            practice_name="",
            server_now=now,
            zone=str(now.astimezone().tzinfo),
            has_clock=False,
            busy=BUSY if self._open().busy() else "",
        )

    def examine(self) -> Sequence[Finding]:
        return [
            _tried("connection", "The folder is there.", lambda: self._open().busy()),
            _tried("patients", "patients.csv can be read.", self._patients),
            _tried("appointments", "appointments.csv can be read.", self._appointments),
            *(
                _tried("lookups", f"{name} can be read.", partial(self.lookups, kind))
                for kind, name in codec.LISTS.items()
            ),
            _tried("add_note", "Notes can be laid into the outbox.", lambda: self._open().check_outbox()),
        ]

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        rows = self._open().list_of(codec.LISTS[kind]) if kind in codec.LISTS else []
        items = [codec.item(kind, order, row) for order, row in enumerate(rows) if row["key"]]
        return list({each.key: each for each in reversed(items)}.values())[::-1]  # of two alike, the first

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:  # noqa: ARG002
        if stream not in self._readers:
            raise Unreadable("A CSV folder has no such stream.", evidence=f"stream {stream}")
        return self._readers[stream].read(cursor)

    def write(self, command: Command) -> Receipt:
        if not isinstance(command, AddNote):
            raise Unreadable("A CSV folder can't do this.", evidence="command")
        self._open().put_note(command)
        return Receipt(
            record=f"note {command.marker}",
            patient_key=command.patient_key,
            text=command.text,
            handed_over=True,
        )

    def landed(self, command: Command) -> Receipt | None:
        if not isinstance(command, AddNote):
            raise Unreadable("A CSV folder has no such record.", evidence="command")
        return self._open().find_note(command)

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [self.landed(command) for command in commands]

    def open_file(self, ref: str) -> bytes:  # noqa: ARG002
        raise Unreadable("A CSV folder has no pictures and documents.", evidence="open_file")

    def close(self) -> None:
        with self._lock:
            self._office = None

    def _open(self) -> Office:
        with self._lock:
            if self._office is None:
                self._office = Office(parse(self._settings))
            return self._office

    def _patients(self) -> tuple[str, Callable[[], Version]]:
        table = self._open().table("patients.csv")
        make = partial(codec.record, key="patient_id", make=codec.patient)
        return table.hash, lambda: version(table.hash, [make(row) for row in table.rows], lambda _each: False)

    def _appointments(self) -> tuple[str, Callable[[], Version]]:
        table, today = self._open().table("appointments.csv"), self._clock.now().astimezone().date()
        make = partial(codec.record, key="appointment_id", make=codec.appointment)
        name = f"{table.hash} {today}"
        return name, lambda: version(name, [make(row) for row in table.rows], partial(_is_on, today))


def _is_on(day: date, each: Record | BadRow) -> bool:
    return isinstance(each, Appointment) and each.starts_local.date() == day


def _tried(ability: str, works: str, act: Callable[[], object]) -> Finding:
    try:
        act()
    except PmsError as error:
        name = error.setting if isinstance(error, Misconfigured) else ability
        return Finding(ability=name, ok=False, sentence=error.safe_message)
    return Finding(ability=ability, ok=True, sentence=works)


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return CsvFolder(settings, clock)
