"""What people do in such a sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes, a vendor's columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from chartbridge.sandbox.by_odbc.practice import FAULTS, OdbcPractice


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A record of the practice's own tables that carries a marker."""

    table: str
    key: str
    patient_key: str
    text: str

    def __repr__(self) -> str:
        return f"Truth({self.table} {self.key})"


class Knobs(ABC):
    """The knobs of one practice."""

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
    def expire_authorisation(self) -> None:
        """Let nobody write any more who could before."""

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
        """Be of a version that has no such column."""
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
