"""A PMS in memory: its charts and books are the truth. A quarter of the calls to it go wrong, in every way there is.

Reading is the fake of tests/sync, which keeps the contract; writing is here. Must not be in it: anything of the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chartbridge.domain.charts import Document, LookupItem, LookupKind
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.commands import AddDocument, AddNote, Command, CommandKind, Receipt, SetAppointmentStatus
from chartbridge.pms.errors import (
    Conflict,
    Misconfigured,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
    Unreadable,
)
from chartbridge.pms.manifest import CommandClaim, Manifest, Repeat
from chartbridge.pms.reading import Page, PmsIdentity, Stream
from tests.simulation.world import PmsClock, World
from tests.sync.fake_connector import FakeConnector, FakePms, make_manifest

LANDS_WITHIN = 60.0
"""A request whose answer was lost may still land within so many seconds of its beginning: the server's own limit."""
STATUSES = ("21", "22", "25", "26")


class Injected(ValueError):
    """A fault of our own, put there by chance: it must be handled, and not be taken for a real one."""


@dataclass
class Written:
    """A record that came from the hub. `patient_key` follows a merge; `wrote_for` does not."""

    number: int
    patient_key: str
    wrote_for: str
    kind: CommandKind
    marker: str
    text: str
    content: bytes
    at: float


class Pms(FakePms):
    """The truth, and how the line to it misbehaves."""

    def __init__(self, world: World) -> None:
        super().__init__(PmsClock(world, timedelta(seconds=world.pick((0, 0, 3, -40, 400)))))
        self.world = world
        self.rate = 0.25
        self.page_size = world.pick((2, 3, 10))
        self.says_seen = world.chance(0.3)
        self.locked = ""
        self.records: list[Written] = []
        self.set: list[tuple[str, str, str]] = []
        self.changed_at = 0.0
        self._count = 0
        for kind, entries in _LISTS.items():
            self.lists[kind] = [LookupItem(kind=kind, key=k, name=n, short=s) for k, n, s in entries]
        for _ in range(5):
            self.new_patient()
        for _ in range(4):
            self.book()

    def put(self, stream: Stream, *records: Any) -> None:
        self.changed_at = self.world.t
        super().put(stream, *records)

    def delete(self, stream: Stream, *keys: str) -> None:
        self.changed_at = self.world.t
        super().delete(stream, *keys)

    # what people do in the PMS

    def number(self) -> int:
        self._count += 1
        return self._count

    def patients(self) -> list[str]:
        return sorted(self.books[Stream.PATIENTS].rows)

    def appointments(self) -> list[str]:
        return sorted(self.books[Stream.APPOINTMENTS].rows)

    def new_patient(self) -> str:
        key = str(100 + self.number())
        phone = f"(536) 555-0{100 + self.number()}"
        self.put(
            Stream.PATIENTS,
            Patient(
                key=key,
                last_name=f"Last{key}",
                first_name="Ann",
                status=PatientStatus.ACTIVE,
                mobile_phone=phone,
            ),
        )
        return key

    def rename(self) -> None:
        if keys := self.patients():
            row = self.books[Stream.PATIENTS].rows[self.world.pick(keys)]
            self.put(Stream.PATIENTS, row._replace(last_name=f"New{self.number()}"))

    def delete_patient(self) -> None:
        if len(keys := self.patients()) > 2:
            self._bury(self.world.pick(keys))

    def merge(self) -> None:
        if len(keys := self.patients()) > 2:
            gone = self.world.pick(keys)
            kept = self.world.pick([key for key in keys if key != gone])
            for record in self.records:
                if record.patient_key == gone:
                    record.patient_key = kept
            for row in list(self.books[Stream.APPOINTMENTS].rows.values()):
                if row.patient_key == gone:
                    self.put(Stream.APPOINTMENTS, row._replace(patient_key=kept))
            for paper in list(self.books[Stream.DOCUMENTS].rows.values()):
                if paper.patient_key == gone:
                    self.put(Stream.DOCUMENTS, replace(paper, patient_key=kept))
            self._bury(gone)

    def _bury(self, key: str) -> None:
        self.delete(Stream.PATIENTS, key)

    def book(self) -> None:
        if keys := self.patients():
            key = str(500 + self.number())
            starts = (self.clock.now() + timedelta(minutes=30 * self.world.rng.randrange(-4, 12))).replace(
                tzinfo=None, microsecond=0
            )
            self.put(
                Stream.APPOINTMENTS,
                Appointment(
                    key=key, patient_key=self.world.pick(keys), starts_local=starts, minutes=30,
                    state=BookingState.SCHEDULED, status_key="21",
                ),
            )  # fmt: skip

    def move(self) -> None:
        if keys := self.appointments():
            row = self.books[Stream.APPOINTMENTS].rows[self.world.pick(keys)]
            self.put(Stream.APPOINTMENTS, row._replace(starts_local=row.starts_local + timedelta(minutes=30)))

    def unbook(self) -> None:
        if len(keys := self.appointments()) > 1:
            self.delete(Stream.APPOINTMENTS, self.world.pick(keys))

    def set_status(self, key: str, status: str) -> None:
        row = self.books[Stream.APPOINTMENTS].rows[key]
        self.put(Stream.APPOINTMENTS, row._replace(status_key=status))
        self.put(
            Stream.APPOINTMENT_STATUS,
            StatusSeen(
                key=key, seen_key=f"h{self.number()}", patient_key=row.patient_key, state=row.state,
                status_key=status, at_local=self.clock.now().replace(tzinfo=None),
            ),
        )  # fmt: skip

    def desk_moves(self) -> None:
        if keys := self.appointments():
            key, status = self.world.pick(keys), self.world.pick(STATUSES)
            self.set.append((key, status, "desk"))
            self.set_status(key, status)

    def change_lists(self) -> None:
        kind = self.world.pick((LookupKind.NOTE_TYPES, LookupKind.PROVIDERS, LookupKind.APPOINTMENT_STATUSES))
        items = self.lists[kind]
        at = self.world.rng.randrange(len(items))
        items[at] = replace(items[at], active=not items[at].active, name=f"Entry {self.number()}")

    def corrupt_row(self) -> None:
        if keys := self.patients():
            self.corrupt(Stream.PATIENTS, self.world.pick(keys))

    def heal(self) -> None:
        self.rate, self.locked = 0.0, ""
        for key in sorted(self.books[Stream.PATIENTS].bad):
            self.corrupt(Stream.PATIENTS, key, mended=True)
        for items in self.lists.values():
            items[:] = [replace(item, active=True) for item in items]

    # what the hub does

    def take(self, command: Command) -> Receipt:
        """Carry a command out. Raises `Refused` or `Conflict`."""
        if isinstance(command, SetAppointmentStatus):
            return self._take_status(command)
        if command.patient_key not in self.books[Stream.PATIENTS].rows:
            raise Refused("The PMS has no such patient.", reason="not found")
        content = bytes(command.content) if isinstance(command, AddDocument) else b""
        text = (
            command.text
            if isinstance(command, AddNote)
            else command.name
            if isinstance(command, AddDocument)
            else command.note
        )
        record = Written(
            self.number(),
            command.patient_key,
            command.patient_key,
            command.kind,
            command.marker,
            text,
            content,
            self.world.t,
        )
        self.records.append(record)
        if isinstance(command, AddDocument):
            self.put(
                Stream.DOCUMENTS,
                Document(
                    key=str(record.number), patient_key=record.patient_key, name=text, type_key="5"
                ),
            )  # fmt: skip
        return self._receipt(record, seen=self.says_seen)

    def _take_status(self, command: SetAppointmentStatus) -> Receipt:
        row = self.books[Stream.APPOINTMENTS].rows.get(command.appointment_key)
        if row is None:
            raise Refused("The PMS has no such appointment.", reason="not found")
        if command.expected_key and row.status_key not in (command.expected_key, command.status_key):
            raise Conflict("The appointment was moved.", current=row.status_key)
        if row.status_key != command.status_key:
            self.set.append((command.appointment_key, command.status_key, "hub"))
            self.set_status(command.appointment_key, command.status_key)
        return Receipt(record="", patient_key=command.patient_key, text=command.status_key)

    def look(self, command: Command) -> Receipt | None:
        if isinstance(command, SetAppointmentStatus):
            row = self.books[Stream.APPOINTMENTS].rows.get(command.appointment_key)
            if row is None or row.status_key != command.status_key:
                return None
            return Receipt(record="", patient_key=command.patient_key, text=command.status_key, seen=True)
        found = [
            r for r in self.records if (r.patient_key, r.marker) == (command.patient_key, command.marker)
        ]
        return self._receipt(found[0], seen=True) if found else None

    def _receipt(self, record: Written, *, seen: bool) -> Receipt:
        text = record.text.replace("\n", "  ") if seen else ""
        return Receipt(
            record=f"note {record.number}",
            patient_key=record.patient_key,
            text=text,
            recorded_at=self.clock.now() if seen else None,
            seen=seen,
        )


_LISTS = {
    LookupKind.PROVIDERS: [("9", "Ng, Albert", "DOC9"), ("8", "Ito, Rei", "DOC8")],
    LookupKind.NOTE_TYPES: [("235", "Misc", ""), ("236", "Insurance", "")],
    LookupKind.DOCUMENT_TYPES: [("5", "Statements", "")],
    LookupKind.APPOINTMENT_STATUSES: [(key, f"Status {key}", "") for key in STATUSES],
}


class Line(FakeConnector):
    """The connector over a line on which chance works."""

    pms: Pms

    def identify(self) -> PmsIdentity:
        highest = {"signal": 100 + len(self.pms.books[Stream.APPOINTMENTS].log)}
        return self._call("identify", lambda: replace(super(Line, self).identify(), highest=highest))

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        return self._call(f"lookups {kind}", lambda: super(Line, self).lookups(kind))

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        return self._call(
            f"read {stream} {cursor}", lambda: super(Line, self).read(stream, cursor, thorough=thorough)
        )

    def landed(self, command: Command) -> Receipt | None:
        return self._call(f"landed {_name(command)}", lambda: self.pms.look(command))

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        names = " ".join(map(_name, commands))
        return self._call(f"landed_all {names}", lambda: [self.pms.look(command) for command in commands])

    def write(self, command: Command) -> Receipt:
        world, pms = self.pms.world, self.pms
        world.alive()
        fault = world.pick(_WRITE_FAULTS) if world.chance(pms.rate) else _goes_well
        world.log("write", _name(command), fault.__name__)
        world.pass_time(world.pick((0.01, 0.05, 0.2, 2.0)))
        if pms.locked in ("all", command.kind.value):
            raise Unauthorised("The PMS does not let us.", ability=pms.locked)
        return fault(pms, command)

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        world = self.pms.world
        world.alive()
        fault = world.pick(_READ_FAULTS) if world.chance(self.pms.rate) else None
        world.log(name, fault.__name__ if fault else "")
        world.pass_time(world.pick((0.001, 0.01, 0.1)))
        if fault:
            fault(world)
        answer = effect()
        if isinstance(answer, Page):
            keys = " ".join(getattr(r, "seen_key", r.key) for r in answer.records)
            world.log("page", keys, "gone", *(g.key for g in answer.gone), answer.cursor)
        return answer


def _name(command: Command) -> str:
    if isinstance(command, SetAppointmentStatus):
        return f"{command.appointment_key}:{command.expected_key}>{command.status_key}"
    return f"{command.patient_key}/{command.marker}"


# How a write may go.


def _goes_well(pms: Pms, command: Command) -> Receipt:
    return pms.take(command)


def _slow(pms: Pms, command: Command) -> Receipt:
    pms.world.pass_time(pms.world.between(1, 50))
    return pms.take(command)


def _lost_before(pms: Pms, _command: Command) -> Receipt:
    pms.world.pass_time(pms.world.between(0, 40))
    raise Uncertain("The answer was lost.")


def _lost_after(pms: Pms, command: Command) -> Receipt:
    pms.take(command)
    pms.world.pass_time(pms.world.between(0, 40))
    raise Uncertain("The answer was lost.")


def _lands_later(pms: Pms, command: Command) -> None:
    def land() -> None:
        try:
            pms.take(command)
            pms.world.log("landed late", _name(command))
        except PmsError as error:
            pms.world.log("did not land", _name(command), type(error).__name__)

    pms.world.later(pms.world.between(0, LANDS_WITHIN), land)


def _late(pms: Pms, command: Command) -> Receipt:
    _lands_later(pms, command)
    pms.world.pass_time(pms.world.pick((0.1, 5.0, 30.0)))
    raise Uncertain("The answer was lost.")


def _refused(_pms: Pms, _command: Command) -> Receipt:
    raise Refused("The PMS says no.", reason="locked record")


def _unavailable(_pms: Pms, _command: Command) -> Receipt:
    raise Unavailable("The PMS can't be reached.")


def _later_please(pms: Pms, _command: Command) -> Receipt:
    raise Unavailable("The PMS is busy.", retry_after=pms.world.pick((1.0, 5.0, 120.0)))


def _not_allowed(pms: Pms, command: Command) -> Receipt:
    pms.locked = pms.world.pick(("all", command.kind.value))
    raise Unauthorised("The PMS does not let us.", ability=pms.locked)


def _wrong_setting(pms: Pms, _command: Command) -> Receipt:
    raise Misconfigured("A setting is wrong.", setting=pms.world.pick(("note_type", "api_address")))


def _unreadable(pms: Pms, command: Command) -> Receipt:
    if pms.world.chance(0.5):
        pms.take(command)
    raise Unreadable("The answer was not understood.", evidence="body")


def _our_fault(pms: Pms, command: Command) -> Receipt:
    if pms.world.chance(0.5):
        pms.take(command)
    raise Injected


def _dies_before(pms: Pms, _command: Command) -> Receipt:
    pms.world.die()
    raise AssertionError


def _dies_after(pms: Pms, command: Command) -> Receipt:
    pms.take(command)
    pms.world.die()
    raise AssertionError


def _dies_and_lands_late(pms: Pms, command: Command) -> Receipt:
    _lands_later(pms, command)
    pms.world.die()
    raise AssertionError


_WRITE_FAULTS: tuple[Callable[[Pms, Command], Receipt], ...] = (
    *(_lost_before, _lost_after, _lost_after, _late, _late, _late, _slow, _slow),
    *(_refused, _refused, _unavailable, _unavailable, _later_please, _later_please, _not_allowed),
    *(_wrong_setting, _unreadable, _our_fault, _dies_before, _dies_after, _dies_and_lands_late),
)


# How a look or a read may go.


def _read_unavailable(_world: World) -> None:
    raise Unavailable("The PMS can't be reached.")


def _read_later(world: World) -> None:
    raise Unavailable("The PMS is busy.", retry_after=world.pick((1.0, 20.0)))


def _read_lost(world: World) -> None:
    world.pass_time(world.between(0, 30))
    raise Uncertain("The line was lost.")


def _read_unreadable(_world: World) -> None:
    raise Unreadable("The answer was not understood.", evidence="row")


def _read_our_fault(_world: World) -> None:
    raise Injected


def _read_slow(world: World) -> None:
    world.pass_time(world.between(1, 30))


def _read_dies(world: World) -> None:
    world.die()


_READ_FAULTS: tuple[Callable[[World], None], ...] = (
    *(_read_unavailable,) * 5,
    *(_read_later, _read_lost, _read_lost, _read_unreadable, _read_our_fault),
    *(_read_slow,) * 4,
    _read_dies,
)


def manifest_of(*, parallel: int, repeat: Repeat) -> Manifest:
    """What this PMS claims."""
    claims = {
        kind: CommandClaim(
            kind=kind,
            repeat=repeat,
            settle_after=LANDS_WITHIN + 5,
            max_text=400,
            max_bytes=1_000_000,
            parallel=parallel,
        )
        for kind in CommandKind
    }
    read = make_manifest(documents={"deletions": "absence"})
    streams = {stream: claim for stream, claim in read.streams.items() if stream is not Stream.PHOTOS}
    return replace(
        read, label="Simulated PMS", streams=streams, commands=claims, lookups=frozenset(_LISTS), cannot={}
    )
