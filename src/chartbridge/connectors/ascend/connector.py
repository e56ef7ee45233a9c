"""Dentrix Ascend as a connector: puts the API and the readers together. Must not be in it: decoding, addresses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.resources import files

from chartbridge.connectors.ascend import codec
from chartbridge.connectors.ascend.client import BUSY, Ascend, Busy, Meter
from chartbridge.connectors.ascend.reading import ListReader
from chartbridge.connectors.ascend.settings import parse
from chartbridge.connectors.ascend.words import MEANINGS, NAME, STATUSES
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import Command, Receipt
from chartbridge.pms.connector import Connector, Finding, Settings
from chartbridge.pms.errors import Misconfigured, PmsError, Unreadable
from chartbridge.pms.manifest import Manifest, load_manifest
from chartbridge.pms.reading import Page, PmsIdentity, Stream


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.ascend") / "manifest.toml")


class _Parts:
    """What is open for one office, made of its settings."""

    def __init__(self, settings: Settings, clock: Clock, meter: Meter) -> None:
        entered = parse(settings)
        self.api = Ascend(entered, clock, meter)
        visit = partial(codec.appointment, zone=entered.zone)
        self.readers = {
            Stream.APPOINTMENTS: ListReader(self.api, clock, "appointments", visit, has_today=True),
            Stream.PATIENTS: ListReader(self.api, clock, "patients", codec.patient),
        }


class AscendConnector:
    """One office. Nothing is opened until it is used."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._parts: _Parts | None = None
        self._meter = Meter()

    def __repr__(self) -> str:
        return "AscendConnector()"

    @property
    def manifest(self) -> Manifest:
        return manifest()

    def calls_made(self) -> int:
        """How many calls were sent since this connector was made, whatever became of them."""
        return self._meter.calls

    def allow_calls(self, calls: int) -> None:
        """Send at most so many more."""
        self._meter.allow(calls)

    def identify(self) -> PmsIdentity:
        parts, busy = self._open(), ""
        try:
            at = parts.api.ask()
        except Busy:
            at, busy = self._clock.now(), BUSY
        return PmsIdentity(
            vendor=manifest().vendor,
            edition=NAME,
            version="API v1",
            practice_name="",
            server_now=at,
            zone=parts.api.settings.zone.key,
            busy=busy,
        )

    def examine(self) -> Sequence[Finding]:
        found = _tried("connection", f"{NAME} answers.", self.identify)
        if not found.ok:
            return [found]
        return [
            found,
            _tried("appointments", "Visits can be read.", lambda: self.read(Stream.APPOINTMENTS, None)),
            _tried("patients", "Patients can be read.", lambda: self.read(Stream.PATIENTS, None)),
            Finding(ability="add_note", ok=None, sentence=manifest().cannot["add_note"]),
        ]

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        if kind is not LookupKind.APPOINTMENT_STATUSES:
            return []
        return [
            LookupItem(kind=kind, key=key, name=name, meaning=MEANINGS.get(key, frozenset()), order=order)
            for order, (key, (name, _state)) in enumerate(STATUSES.items())
        ]

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:  # noqa: ARG002
        reader = self._open().readers.get(stream)
        if reader is None:
            raise Unreadable(f"{NAME} has no such stream.", evidence=f"stream {stream}")
        return reader.read(cursor)

    def write(self, command: Command) -> Receipt:
        raise Unreadable(f"Nothing is written into {NAME}.", evidence=f"command {command.kind}")

    def landed(self, command: Command) -> Receipt | None:
        raise Unreadable(f"Nothing is written into {NAME}.", evidence=f"command {command.kind}")

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [self.landed(command) for command in commands]

    def open_file(self, ref: str) -> bytes:  # noqa: ARG002
        raise Unreadable(manifest().cannot["photos"], evidence="open_file")

    def close(self) -> None:
        with self._lock:
            held, self._parts = self._parts, None
        if held is not None:
            held.api.close()

    def _open(self) -> _Parts:
        with self._lock:
            if self._parts is None:
                self._parts = _Parts(self._settings, self._clock, self._meter)
            return self._parts


def _tried(ability: str, works: str, act: Callable[[], object]) -> Finding:
    try:
        act()
    except PmsError as error:
        name = error.setting if isinstance(error, Misconfigured) else ability
        return Finding(ability=name, ok=False, sentence=error.safe_message)
    return Finding(ability=ability, ok=True, sentence=works)


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return AscendConnector(settings, clock)
