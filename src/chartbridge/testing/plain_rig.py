"""A rig to begin with: a small practice kept as tables, and knobs that do nothing where a PMS has no such thing.

A connector's own rig inherits it, puts the tables where its connector reads (`publish`) and adds what goes wrong there.
Must not be in it: how any one PMS does it, assertions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.reading import Stream
from chartbridge.testing.asked import CANARIES, Asked
from chartbridge.testing.rig import Truth


class MovableClock:
    """The hub's clock: the machine's, put ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()


Tables = dict[str, dict[str, dict[str, str]]]


class PlainRig:
    """Two patients, of whom the first has a visit today. All that is in the practice stands in `tables`: table → key →
    field → text. Words for a status, a state and so on may be set by the rig that inherits this, before it begins."""

    canaries: Sequence[str] = CANARIES
    reads_line = True
    patient, neighbour = "1001", "1002"
    provider, note_type, document_type = "DR1", "TEXT", "STATEMENT"
    listed = ("new", "confirmed", "here", "seated")
    active, inactive, booked, done = "active", "inactive", "scheduled", "complete"
    hidden = ("active", "no")
    lists = frozenset(LookupKind) - {LookupKind.VERIFICATION_STATUSES, LookupKind.DOCUMENT_TYPES}

    def __init__(self) -> None:
        self.clock = MovableClock()
        self._waiting: tuple[int, Callable[[], None]] | None = None
        self._given = 0
        self.tables: Tables = {
            "patients": {
                self.patient: _person(CANARIES[0], CANARIES[1], self.active, CANARIES[2], CANARIES[3]),
                self.neighbour: _person("李", "O'Brien", self.inactive),
            },
            "appointments": {},
            "providers": {"DR1": {"name": "Dr. One"}, "DR2": {"name": "Dr. Two"}},
            "statuses": {each: {"name": each.capitalize()} for each in self.listed},
        }
        self._add_visit(self.patient, self.today, self.booked)
        self._add_visit(self.neighbour, self.today - timedelta(days=9), self.done)
        self._add_visit(self.neighbour, self.today + timedelta(days=30), self.booked)

    @property
    def today(self) -> date:
        """The practice's day."""
        return self.clock.now().astimezone().date()

    def publish(self) -> None:
        """Put the tables where the connector reads. Called after each change."""
        raise NotImplementedError

    def change(self, table: str, key: str, field: str, value: str) -> str:
        """Change one cell; returns the value."""
        self.tables[table][key][field] = value
        self.publish()
        return value

    # what is there

    def present(self, stream: Stream) -> set[str]:
        if stream is Stream.PATIENTS:
            return set(self.tables["patients"])
        begins = self.today.isoformat() if stream is Stream.APPOINTMENT_STATUS else ""
        visits = self.tables["appointments"].items()
        return {key for key, row in visits if row["starts_at"].startswith(begins)}

    def sees_all(self, stream: Stream) -> bool:  # noqa: ARG002
        return True

    def statuses(self) -> list[str]:
        return list(self.listed)

    def status_of(self, appointment_key: str) -> str:
        return self.tables["appointments"][appointment_key]["status"]

    def patient_of_today(self) -> str:
        return self.patient

    def lookups_expected(self) -> set[LookupKind]:
        return set(self.lists)

    def writes_received(self) -> int:
        return 0

    # what people do

    def book(self) -> str:
        key = self._add_visit(self.patient, self.today, self.booked)
        self.publish()
        return key

    def move(self, appointment_key: str) -> None:
        self.change("appointments", appointment_key, "starts_at", f"{self.today}T20:00:00")

    def set_status(self, appointment_key: str, status_key: str) -> None:
        self.change("appointments", appointment_key, "status", status_key)

    def delete(self, appointment_key: str) -> None:
        del self.tables["appointments"][appointment_key]
        self.publish()

    def lose_visits(self) -> None:
        self.tables["appointments"].clear()
        self.publish()

    def add_patient(self) -> str:
        key = str(2000 + self._next())
        self.tables["patients"][key] = _person(CANARIES[0], CANARIES[1], self.active)
        self.publish()
        return key

    def edit_patient(self, patient_key: str) -> str:
        return self.change("patients", patient_key, "email", f"edited{self._next()}.{CANARIES[3]}")

    def hide_provider(self) -> str:
        self.change("providers", "DR2", *self.hidden)
        return "DR2"

    def unknown_status(self, appointment_key: str) -> str:
        return self.change("appointments", appointment_key, "status", "elsewhere")

    def unknown_state(self, appointment_key: str) -> str:
        return self.change("appointments", appointment_key, "state", "surgery")

    def corrupt(self, appointment_key: str) -> None:
        self.change("appointments", appointment_key, "starts_at", CANARIES[0])

    # while the PMS answers

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        self._waiting = (answer, action)

    def now(self) -> None:
        held, self._waiting = self._waiting, None
        if held is not None:
            held[1]()

    def answered(self) -> None:
        """To be called by the rig that inherits this when the PMS has given an answer, before it arrives."""
        if self._waiting is not None:
            left, action = self._waiting
            self._waiting = (left - 1, action)
            if left <= 1:
                self.now()

    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        now = self.clock.now()
        asked = Asked(
            patient=self.patient,
            note_type=self.note_type,
            document_type=self.document_type,
            provider=self.provider,
            status=self.statuses()[1],
            book=self.book,
            now=now,
            day=now.date(),
        )
        return asked.command(kind, marker, text)

    def _next(self) -> int:
        self._given += 1
        return self._given

    def _add_visit(self, patient: str, day: date, state: str) -> str:
        number = self._next()
        key, at = str(5000 + number), f"{day}T{8 + number // 6 % 10:02}:{number % 6}0:00"
        self.tables["appointments"][key] = {
            "patient": patient,
            "starts_at": at,
            "minutes": "30",
            "state": state,
            "status": self.listed[0],
        }
        return key

    def aside(self, command: Command) -> Command:
        return replace(command, patient_key=self.neighbour)

    # what a PMS may not have

    def truth(self, marker: str) -> list[Truth]:  # noqa: ARG002
        return []

    def add_picture(self, patient_key: str) -> None: ...

    def add_paper(self, patient_key: str) -> str:
        raise AssertionError(f"this practice has no documents ({patient_key})")

    def delete_paper(self, document_key: str) -> None: ...

    def copy_record(self, record: str) -> str:
        raise AssertionError(f"this practice's records are not searched ({record})")

    def misfile(self, record: str) -> str:
        raise AssertionError(f"this practice's records are not searched ({record})")

    def rewrite(self, record: str, text: str) -> None: ...

    def cut_before_write(self) -> None: ...

    def cut_after_write(self) -> None: ...

    def refuse(self) -> None: ...

    def throttle(self) -> None: ...

    def repeat_hour(self) -> None:
        """A PMS whose stamps are not read has no hour that comes twice."""
        self.clock.ahead += timedelta(minutes=1)


def _person(first: str, last: str, status: str, phone: str = "", email: str = "") -> dict[str, str]:
    return {"last_name": last, "first_name": first, "status": status, "mobile_phone": phone, "email": email}
