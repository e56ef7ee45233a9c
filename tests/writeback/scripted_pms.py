"""A PMS in memory whose faults can be set: what is in its charts is the truth that tests compare with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    Filed,
    Finds,
    MarkInsuranceVerified,
    Receipt,
    SetAppointmentStatus,
    Sought,
)
from chartbridge.pms.connector import Finding, Settings
from chartbridge.pms.errors import Conflict, Uncertain
from chartbridge.pms.manifest import CommandClaim, Manifest, Proof, Repeat, Retract, SearchClaim
from chartbridge.pms.reading import Page, PmsIdentity, Stream
from chartbridge.pms.registry import Registry


@dataclass
class Written:
    """A record in a chart."""

    number: int
    patient_key: str
    marker: str
    text: str
    filed: Filed | None = None


@dataclass
class ScriptedPms:
    """What the PMS holds and how it misbehaves. `before` and `after` are called around each write and may raise."""

    clock: Clock
    records: list[Written] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    late: list[Callable[[], None]] = field(default_factory=list)
    before: Callable[[Command], None] = lambda _command: None
    after: Callable[[Command], None] = lambda _command: None
    looking: Callable[[], None] = lambda: None
    as_stored: Callable[[str], str] = lambda text: text.replace("\n", "  ")
    shows: bool = True
    searches_everyone: bool = True
    merged: dict[str, str] | None = field(default_factory=dict)
    writes: int = 0
    looks: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    order: list[str] = field(default_factory=list)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def store(self, command: Command) -> Receipt:
        with self.guard:
            if isinstance(command, SetAppointmentStatus):
                now = self.statuses.get(command.appointment_key, "")
                if command.expected_key and now not in (command.expected_key, command.status_key):
                    raise Conflict("The appointment was moved.", current=now)
                self.statuses[command.appointment_key] = command.status_key
                return Receipt(record="", patient_key=command.patient_key, text=command.status_key)
            record = Written(len(self.records) + 1, command.patient_key, command.marker, text_of(command))
            record.filed = filed_of(command)
            self.records.append(record)
            self.order.append(command.marker)
            return Receipt(record=f"note {record.number}", patient_key=command.patient_key)

    def land_late(self) -> None:
        """What was still on its way arrives now."""
        late, self.late = self.late, []
        for land in late:
            land()

    def markers(self) -> list[str]:
        return [record.marker for record in self.records]


def text_of(command: Command) -> str:
    if isinstance(command, AddNote):
        return command.text
    if isinstance(command, AddDocument):
        return command.name
    assert isinstance(command, MarkInsuranceVerified)
    return command.note


def filed_of(command: Command) -> Filed | None:
    if isinstance(command, AddNote):
        at = command.occurred_at.replace(tzinfo=None).isoformat(timespec="seconds")
        return Filed(
            type_key=command.note_type_key, medium=command.medium, direction=command.direction, at=at
        )
    if isinstance(command, AddDocument):
        at = command.occurred_at.replace(tzinfo=None).isoformat(timespec="seconds")
        return Filed(type_key=command.document_type_key, at=at)
    return None


class ScriptedConnector:
    """Talks to a ScriptedPms."""

    def __init__(self, pms: ScriptedPms, manifest: Manifest) -> None:
        self.pms = pms
        self._manifest = manifest

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def identify(self) -> PmsIdentity:
        now = self.pms.clock.now()
        return PmsIdentity(
            vendor="Scripted", edition="", version="1.0", practice_name="P", server_now=now, zone="UTC"
        )

    def examine(self) -> Sequence[Finding]:
        return []

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        return []

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        return Page(cursor="")

    def write(self, command: Command) -> Receipt:
        with self.pms.guard:
            self.pms.writes += 1
            self.pms.in_flight += 1
            self.pms.most_in_flight = max(self.pms.most_in_flight, self.pms.in_flight)
        try:
            self.pms.before(command)
            receipt = self.pms.store(command)
            self.pms.after(command)
            return receipt
        finally:
            with self.pms.guard:
                self.pms.in_flight -= 1

    def landed(self, command: Command) -> Receipt | None:
        return self.landed_all([command])[0]

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        self.pms.looking()
        self.pms.looks += 1
        with self.pms.guard:
            found = {(r.patient_key, r.marker): r for r in self.pms.records} if self.pms.shows else {}
            return [self._landed(command, found) for command in commands]

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        self.pms.looking()
        markers = {each.command.marker for each in sought}
        with self.pms.guard:
            found = [self._shown(each) for each in self.pms.records if each.marker in markers]
        return Finds(records=tuple(found), everyone=self.pms.searches_everyone, merged=self.pms.merged)

    def open_file(self, ref: str) -> bytes:
        return b""

    def close(self) -> None:
        return None

    def _landed(self, command: Command, found: dict[tuple[str, str], Written]) -> Receipt | None:
        if isinstance(command, SetAppointmentStatus):
            if not self.pms.shows or self.pms.statuses.get(command.appointment_key) != command.status_key:
                return None
            return Receipt(record="", patient_key=command.patient_key, text=command.status_key, seen=True)
        record = found.get((command.patient_key, command.marker))
        if record is None:
            return None
        return self._shown(record)

    def _shown(self, record: Written) -> Receipt:
        return Receipt(
            record=f"note {record.number}",
            patient_key=record.patient_key,
            text=self.pms.as_stored(record.text),
            recorded_at=self.pms.clock.now(),
            seen=True,
            filed=record.filed,
        )


def lose_answer(command: Command) -> None:
    """As a fault after the write: it is in the chart, and nobody was told."""
    raise Uncertain("The answer was lost.")


RETRACT = dict.fromkeys(CommandKind, Retract.CORRECT) | {CommandKind.SET_APPOINTMENT_STATUS: Retract.SET_BACK}


def scripted_manifest(**changes: object) -> Manifest:
    """A manifest with every command; `changes` go to the claim of notes."""
    claims = {
        kind: CommandClaim(
            kind=kind, repeat=Repeat.LOOK_FIRST, settle_after=65.0, max_bytes=1_000_000, retract=RETRACT[kind]
        )
        for kind in CommandKind
    }
    notes = {"max_text": 2000, **changes}
    claims[CommandKind.ADD_NOTE] = replace(claims[CommandKind.ADD_NOTE], **notes)  # type: ignore[arg-type]
    return Manifest(
        id="scripted",
        label="Scripted Dental",
        vendor="Nobody",
        provider_help="",
        settings=(),
        streams={},
        commands=claims,
        lookups=frozenset(LookupKind),
        search=SearchClaim(commands=frozenset({CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT})),
        opens_files=False,
        calls_per_second=0,
        read_connections=1,
        cannot={"add_document": "its documents are on paper."},
        proof=Proof(run_against=(), not_run_against=()),
    )


def scripted_registry(pms: ScriptedPms, manifest: Manifest) -> Registry:
    def connect(_settings: Settings, _clock: Clock) -> ScriptedConnector:
        return ScriptedConnector(pms, manifest)

    return Registry(manifests={"scripted": manifest}, factories={"scripted": connect})
