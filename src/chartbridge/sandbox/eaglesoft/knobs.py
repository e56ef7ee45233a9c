"""What people do in the sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chartbridge.sandbox.by_odbc.knobs import Knobs, Stage, Visit
from chartbridge.sandbox.by_odbc.seed import ACTIVE, AT_ONCE, NON_PATIENT, Booking, Person
from chartbridge.sandbox.eaglesoft.practice import EaglesoftPractice

FIRST_PATIENT = 10001


class EaglesoftKnobs(Knobs):
    """The knobs of one practice."""

    at: EaglesoftPractice
    records = {
        "note": "SELECT note_id AS k, patient_id AS p, note AS t FROM operatory_notes",
        "document": "SELECT document_id AS k, ref_id AS p, document_name AS t FROM document",
    }
    during_update = "appointment_provider"
    stages = {Stage.HERE: "arrival:1", Stage.ROOM: "arrival:2", Stage.DONE: "arrival:4"}
    """Only 4 is public; 1 and 2 are this sandbox's own, for a practice to map."""

    # people

    def add_patient(self, last: str, first: str, **more: object) -> str:
        row = self.at.rows("SELECT COALESCE(MAX(CAST(patient_id AS UNSIGNED)), 1000) AS top FROM patient")[0]
        key = str(int(row["top"]) + 1)
        self.at.insert(
            "patient", patient_id=key, last_name=last, first_name=first, responsible_party=key, **more
        )
        return key

    def edit_patient(self, patient: str, **values: object) -> None:
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

    def give_phone(self, patient: str, number: str) -> None:
        self.edit_patient(patient, cell_phone=number)

    def visits_today(self) -> list[Visit]:
        rows = self.at.rows(
            "SELECT appointment_id AS k, patient_id AS p, start_time AS at, arrival_status AS s FROM appointment"
            " WHERE start_time >= CURDATE() AND start_time < CURDATE() + INTERVAL 1 DAY AND classification = 1"
            " AND location_id >= 0 ORDER BY start_time, appointment_id"
        )
        return [
            Visit(
                key=str(row["k"]),
                patient=str(row["p"]).strip(),
                at=row["at"],
                stage=self.stage_of(f"arrival:{row['s']}"),
            )
            for row in rows
        ]

    # many at once

    def add_people(self, people: Sequence[Person]) -> list[str]:
        keys = [str(FIRST_PATIENT + place) for place in range(len(people))]
        rows = [
            {
                "patient_id": key,
                "last_name": person.last[:40],
                "first_name": person.first[:40],
                "preferred_name": person.preferred[:40],
                "birth_date": person.birth,
                "status": "A" if person.state in (ACTIVE, NON_PATIENT) else "I",
                "patient_status": "N" if person.state == NON_PATIENT else "Y",
                "responsible_party": keys[person.head],
                "cell_phone": person.mobile,
                "home_phone": person.home,
                "work_phone": person.work,
                "email_address": person.email,
                "receives_sms": "Y" if person.wants_texts else "N",
            }
            for key, person in zip(keys, people, strict=True)
        ]
        for begin in range(0, len(rows), AT_ONCE):
            self.at.insert_many("patient", rows[begin : begin + AT_ONCE])
        return keys

    def add_visits(self, bookings: Sequence[Booking]) -> None:
        first = (
            int(self.at.rows("SELECT COALESCE(MAX(appointment_id), 0) AS top FROM appointment")[0]["top"]) + 1
        )
        for begin in range(0, len(bookings), AT_ONCE):
            visits = [
                {
                    "appointment_id": first + begin + place,
                    "patient_id": each.patient,
                    "start_time": each.at,
                    "end_time": each.at + timedelta(minutes=each.minutes),
                    "location_id": each.room,
                    "classification": 1,
                    "description": each.reason,
                }
                for place, each in enumerate(bookings[begin : begin + AT_ONCE])
            ]
            self.at.insert_many("appointment", visits)
            self.at.insert_many(
                "appointment_provider",
                [{"appointment_id": visit["appointment_id"], "provider_id": "AB"} for visit in visits],
            )

    # papers

    def add_document(self, patient: str, name: str, kind: str = "2") -> str:
        group = int(kind) if kind.isdecimal() else 1
        return str(self.at.insert("document", **self._document(patient, name, group)))

    def add_documents(self, patients: Sequence[str]) -> None:
        for begin in range(0, len(patients), AT_ONCE):
            self.at.insert_many(
                "document",
                [self._document(key, "Statement", 3) for key in patients[begin : begin + AT_ONCE]],
            )

    def _document(self, patient: str, name: str, group: int) -> dict[str, object]:
        return {
            "document_name": name[:40],
            "document_type": "Adobe Acrobat Document",
            "document_creation_date": self.at.now(),
            "ref_id": patient,
            "ref_table": "patient",
            "open_with": 3,
            "document_group_id": group,
        }

    def delete_document(self, document: str) -> None:
        self.at.run("DELETE FROM document WHERE document_id = %s", (document,))

    # lists

    def hide_provider(self, provider: str) -> None:
        self.set_row("provider", "provider_id", provider, {"status": "I"})

    # what goes wrong

    def expire_authorisation(self) -> None:
        self.at.new_signature()
