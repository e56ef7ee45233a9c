"""What people do in the sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.sandbox.eaglesoft.practice import EaglesoftPractice
from chartbridge.sandbox.eaglesoft.tables import FAULTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A record of the practice's own tables that carries a marker."""

    table: str
    key: str
    patient_key: str
    text: str

    def __repr__(self) -> str:
        return f"Truth({self.table} {self.key})"


class Knobs:
    """The knobs of one practice."""

    def __init__(self, practice: EaglesoftPractice) -> None:
        self._at = practice

    # people

    def add_patient(self, last: str, first: str, **more: object) -> str:
        """Add a patient; returns the number."""
        row = self._at.rows("SELECT COALESCE(MAX(CAST(patient_id AS UNSIGNED)), 1000) AS top FROM patient")[0]
        key = str(int(row["top"]) + 1)
        self._at.insert(
            "patient", patient_id=key, last_name=last, first_name=first, responsible_party=key, **more
        )
        return key

    def edit_patient(self, patient: str, **values: object) -> None:
        """Change a patient's columns."""
        self._set("patient", "patient_id", patient, values)

    # visits

    def book(self, patient: str, at: datetime, *, minutes: int = 30, chair: int = 1, **more: object) -> str:
        """Book a visit; returns its number."""
        key = self._at.insert(
            "appointment",
            patient_id=patient,
            start_time=at,
            end_time=at + timedelta(minutes=minutes),
            location_id=chair,
            date_appointed=at,
            **more,
        )
        self._at.insert("appointment_provider", appointment_id=key, provider_id="AB")
        return str(key)

    def move(self, visit: str, to: datetime) -> None:
        """Move a visit."""
        self._at.run(
            "UPDATE appointment SET end_time = end_time + INTERVAL TIMESTAMPDIFF(SECOND, start_time, %s) SECOND,"
            " start_time = %s WHERE appointment_id = %s",
            (to, to, visit),
        )

    def set_visit(self, visit: str, **values: object) -> None:
        """Change a visit's columns, as the front desk does."""
        self._set("appointment", "appointment_id", visit, values)

    def delete_visit(self, visit: str) -> None:
        """Remove a visit's row."""
        self._at.run("DELETE FROM appointment_provider WHERE appointment_id = %s", (visit,))
        self._at.run("DELETE FROM appointment WHERE appointment_id = %s", (visit,))

    def unschedule(self, visit: str) -> None:
        """Take a visit off the schedule; it stays in the table."""
        self.set_visit(visit, location_id=-1)

    # papers

    def add_document(self, patient: str, name: str, group: int = 2) -> str:
        """Add an entry to a patient's documents; returns its number."""
        return str(
            self._at.insert(
                "document",
                document_name=name[:40],
                document_type="Adobe Acrobat Document",
                document_creation_date=datetime.now().replace(microsecond=0),  # noqa: DTZ005  Eaglesoft's own wall time
                ref_id=patient,
                ref_table="patient",
                open_with=3,
                document_group_id=group,
            )
        )

    def delete_document(self, document: str) -> None:
        """Remove an entry."""
        self._at.run("DELETE FROM document WHERE document_id = %s", (document,))

    # lists

    def hide_provider(self, provider: str) -> None:
        """Make a provider inactive."""
        self._set("provider", "provider_id", provider, {"status": "I"})

    # what goes wrong

    def refuse(self, times: int = 1) -> None:
        """Refuse the next writes by a rule of the database."""
        self._fault("refuse", times)

    def throttle(self, times: int = 1) -> None:
        """Be too busy for the next writes."""
        self._fault("throttle", times)

    def expire_authorisation(self) -> None:
        """Let no session write that was authorised before."""
        self._at.new_signature()

    def begin_update(self) -> None:
        """Take a table away, as an update does for a while."""
        self._at.run("RENAME TABLE appointment_provider TO appointment_provider_old")

    def end_update(self) -> None:
        """Put it back."""
        self._at.run("RENAME TABLE appointment_provider_old TO appointment_provider")

    def lose_column(self, table: str, column: str) -> None:
        """Be of a version that has no such column."""
        self._at.run(f"ALTER TABLE {table} DROP COLUMN {column}")

    # what is there

    def truth(self, marker: str) -> list[Truth]:
        """Every record that carries a marker, on whichever patient."""
        notes = self._at.rows("SELECT note_id AS k, patient_id AS p, note AS t FROM operatory_notes WHERE note LIKE %s",
                              (f"%{marker}%",))  # fmt: skip
        papers = self._at.rows(
            "SELECT document_id AS k, ref_id AS p, document_name AS t FROM document WHERE document_name LIKE %s",
            (f"%{marker}%",),
        )
        return [
            Truth(table=table, key=str(row["k"]), patient_key=str(row["p"]).strip(), text=str(row["t"]))
            for table, rows in (("note", notes), ("document", papers))
            for row in rows
        ]

    def _fault(self, name: str, times: int) -> None:
        self._at.run(
            f"INSERT INTO {FAULTS} (fault, times) VALUES (%s, %s) ON DUPLICATE KEY UPDATE times = %s",
            (name, times, times),
        )

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._at.run(f"DELETE FROM {FAULTS}")

    def _set(self, table: str, key_column: str, key: str, values: dict[str, object]) -> None:
        columns = ", ".join(f"{name} = %s" for name in values)
        self._at.run(f"UPDATE {table} SET {columns} WHERE {key_column} = %s", (*values.values(), key))
