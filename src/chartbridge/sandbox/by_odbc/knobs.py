"""What people do in such a sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes, a vendor's columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from chartbridge.domain.marker import PREFIX, markers_in
from chartbridge.sandbox.by_odbc.practice import FAULTS, SEEN, OdbcPractice, watchers
from chartbridge.sandbox.by_odbc.seed import ACTIVE, Booking, Person, calendar
from chartbridge.sandbox.by_odbc.seed import people as made_up
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite, Proof, judge_moves, judge_writes


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A record of the practice's own tables that carries a marker."""

    table: str
    key: str
    patient_key: str
    text: str

    def __repr__(self) -> str:
        return f"Truth({self.table} {self.key})"


class Stage(StrEnum):
    """How far somebody has come today."""

    BOOKED = "booked"
    HERE = "here"
    ROOM = "room"
    LEAVING = "leaving"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A visit of today."""

    key: str
    patient: str
    at: datetime
    stage: Stage


class Knobs(ABC):
    """The knobs of one practice."""

    stages: ClassVar[dict[Stage, str]]
    """The status that a visit is given when it comes so far; a stage without one is not played."""

    records: ClassVar[dict[str, str]]
    """What a record is called → the statement that reads those of a kind as key (k), patient (p) and text (t)."""
    during_update: ClassVar[str]
    """A table or view that is not there while the program is updated."""

    def __init__(self, practice: OdbcPractice) -> None:
        self.at = practice

    @abstractmethod
    def add_patient(self, last: str, first: str, **more: object) -> str:
        """Add a patient; returns the number."""

    @abstractmethod
    def edit_patient(self, patient: str, **values: object) -> None:
        """Change a patient's columns."""

    @abstractmethod
    def book(self, patient: str, at: datetime, *, minutes: int = 30, chair: int = 1, **more: object) -> str:
        """Book a visit; returns its number."""

    @abstractmethod
    def move(self, visit: str, to: datetime) -> None:
        """Move a visit."""

    @abstractmethod
    def set_status(self, visit: str, status_key: str) -> None:
        """Set a visit's status, by its key as a hub knows it."""

    @abstractmethod
    def delete_visit(self, visit: str) -> None:
        """Delete a visit."""

    @abstractmethod
    def add_document(self, patient: str, name: str, kind: str = "2") -> str:
        """Add an entry to a patient's documents; returns its number."""

    @abstractmethod
    def delete_document(self, document: str) -> None:
        """Remove an entry from a patient's documents."""

    @abstractmethod
    def hide_provider(self, provider: str) -> None:
        """Make a provider inactive."""

    @abstractmethod
    def expire_authorisation(self) -> None:
        """Let nobody write any more who could before."""

    @abstractmethod
    def give_phone(self, patient: str, number: str) -> None:
        """Change a patient's mobile phone."""

    @abstractmethod
    def visits_today(self) -> list[Visit]:
        """Today's visits of patients, by time."""

    @abstractmethod
    def add_people(self, people: Sequence[Person]) -> list[str]:
        """Add many; returns their numbers."""

    @abstractmethod
    def add_visits(self, bookings: Sequence[Booking]) -> None:
        """Book many."""

    @abstractmethod
    def add_documents(self, patients: Sequence[str]) -> None:
        """Add an entry to the documents of each of many patients."""

    def fill(self, count: int, seed: int) -> None:
        """Fill an empty practice with people and their visits."""
        now = self.at.now()
        people = made_up(count, seed, now.date())
        keys = self.add_people(people)
        able = [key for key, person in zip(keys, people, strict=True) if person.state == ACTIVE]
        self.add_visits(list(calendar(able, now, seed)))

    def stage_of(self, status_key: str) -> Stage:
        """How far a visit with this status has come."""
        return next((stage for stage, key in self.stages.items() if key == status_key), Stage.BOOKED)

    # what goes wrong

    def refuse(self, times: int = 1) -> None:
        """Refuse the next writes by a rule of the database."""
        self._fault("refuse", times)

    def throttle(self, times: int = 1) -> None:
        """Be too busy for the next writes."""
        self._fault("throttle", times)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.at.run(f"DELETE FROM {FAULTS}")

    def begin_update(self) -> None:
        """Take a table away, as an update does for a while."""
        self.at.run(f"RENAME TABLE {self.during_update} TO {self.during_update}_old")

    def end_update(self) -> None:
        """Put it back."""
        self.at.run(f"RENAME TABLE {self.during_update}_old TO {self.during_update}")

    def lose_column(self, table: str, column: str) -> None:
        """Be of a version that has no such column. The statuses of that table's visits are kept no more."""
        for trigger in watchers(table):
            self.at.run(f"DROP TRIGGER IF EXISTS {trigger}")
        self.at.run(f"ALTER TABLE {table} DROP COLUMN {column}")

    # what is there

    def truth(self, marker: str) -> list[Truth]:
        """Every record that carries a marker, on whichever patient."""
        return [
            Truth(
                table=word, key=str(row["k"]), patient_key=str(row["p"]).strip(), text=str(row["t"]).strip()
            )
            for word, statement in self.records.items()
            for row in self._carrying(statement, marker)
        ]

    def markers(self) -> dict[str, list[str]]:
        """Every marker in the practice's tables with its patients' numbers, one per record that carries it."""
        found: dict[str, list[str]] = {}
        for statement in self.records.values():
            for row in self._carrying(statement, PREFIX):
                for marker in set(markers_in(str(row["t"]))):
                    found.setdefault(marker, []).append(str(row["p"]).strip())
        return found

    def had_status(self, visit: str, status_key: str) -> list[str]:
        """The patients of a visit that had this status at any time, by the sandbox's own record of it."""
        rows = self.at.rows(
            f"SELECT patient AS p FROM {SEEN} WHERE visit = %s AND status = %s", (visit, status_key)
        )
        return [str(row["p"]).strip() for row in rows]

    def prove(self, writes: Iterable[ExpectedWrite], moves: Iterable[ExpectedMove]) -> tuple[Proof, Proof]:
        """What the practice's own tables say of what a hub says it has written and moved."""
        moved = judge_moves(lambda want: self.had_status(want.appointment_key, want.status_key), moves)
        return judge_writes(self.markers(), writes), moved

    def _carrying(self, statement: str, marker: str) -> Sequence[dict[str, Any]]:
        return self.at.rows(f"SELECT k, p, t FROM ({statement}) r WHERE t LIKE %s", (f"%{marker}%",))

    def _fault(self, name: str, times: int) -> None:
        self.at.run(
            f"INSERT INTO {FAULTS} (fault, times) VALUES (%s, %s) ON DUPLICATE KEY UPDATE times = %s",
            (name, times, times),
        )

    def set_row(self, table: str, key_column: str, key: str, values: dict[str, object]) -> None:
        """Change a row's columns."""
        columns = ", ".join(f"{name} = %s" for name in values)
        self.at.run(f"UPDATE {table} SET {columns} WHERE {key_column} = %s", (*values.values(), key))
