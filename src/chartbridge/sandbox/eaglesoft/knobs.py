"""What people do in the sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chartbridge.sandbox.by_odbc.knobs import Knobs
from chartbridge.sandbox.eaglesoft.practice import EaglesoftPractice


class EaglesoftKnobs(Knobs):
    """The knobs of one practice."""

    at: EaglesoftPractice
    records = {
        "note": "SELECT note_id AS k, patient_id AS p, note AS t FROM operatory_notes",
        "document": "SELECT document_id AS k, ref_id AS p, document_name AS t FROM document",
    }
    during_update = "appointment_provider"

    # people

    def add_patient(self, last: str, first: str, **more: object) -> str:
        row = self.at.rows("SELECT COALESCE(MAX(CAST(patient_id AS UNSIGNED)), 1000) AS top FROM patient")[0]
        key = str(int(row["top"]) + 1)
        self.at.insert(
            "patient", patient_id=key, last_name=last, first_name=first, responsible_party=key, **more
        )
        return key

    def edit_patient(self, patient: str, **values: object) -> None:
        """Change a patient's columns."""
        self.set_row("patient", "patient_id", patient, values)

    # visits

    def book(self, patient: str, at: datetime, *, minutes: int = 30, chair: int = 1, **more: object) -> str:
        key = self.at.insert(
            "appointment",
            patient_id=patient,
            start_time=at,
            end_time=at + timedelta(minutes=minutes),
            location_id=chair,
            date_appointed=at,
            **more,
        )
        self.at.insert("appointment_provider", appointment_id=key, provider_id="AB")
        return str(key)

    def move(self, visit: str, to: datetime) -> None:
        self.at.run(
            "UPDATE appointment SET end_time = end_time + INTERVAL TIMESTAMPDIFF(SECOND, start_time, %s) SECOND,"
            " start_time = %s WHERE appointment_id = %s",
            (to, to, visit),
        )

    def set_visit(self, visit: str, **values: object) -> None:
        """Change a visit's columns, as the front desk does."""
        self.set_row("appointment", "appointment_id", visit, values)

    def set_status(self, visit: str, status_key: str) -> None:
        column, _, value = status_key.partition(":")
        arrived = int(value) if column == "arrival" else 0
        self.set_visit(visit, arrival_status=arrived)
        if not arrived:
            self.set_visit(visit, confirmation_status=int(value))

    def delete_visit(self, visit: str) -> None:
        self.at.run("DELETE FROM appointment_provider WHERE appointment_id = %s", (visit,))
        self.at.run("DELETE FROM appointment WHERE appointment_id = %s", (visit,))

    def unschedule(self, visit: str) -> None:
        """Take a visit off the schedule; it stays in the table."""
        self.set_visit(visit, location_id=-1)

    # papers

    def add_document(self, patient: str, name: str, kind: str = "2") -> str:
        return str(
            self.at.insert(
                "document",
                document_name=name[:40],
                document_type="Adobe Acrobat Document",
                document_creation_date=self.at.now(),
                ref_id=patient,
                ref_table="patient",
                open_with=3,
                document_group_id=int(kind) if kind.isdecimal() else 1,
            )
        )

    def delete_document(self, document: str) -> None:
        """Remove an entry."""
        self.at.run("DELETE FROM document WHERE document_id = %s", (document,))

    # lists

    def hide_provider(self, provider: str) -> None:
        """Make a provider inactive."""
        self.set_row("provider", "provider_id", provider, {"status": "I"})

    # what goes wrong

    def expire_authorisation(self) -> None:
        self.at.new_signature()
