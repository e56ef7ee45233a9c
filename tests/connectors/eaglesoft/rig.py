"""The rig of Eaglesoft: the sandbox's knobs under the suite's names."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from datetime import time as daytime
from pathlib import Path

import chartbridge
from chartbridge.connectors.eaglesoft.connector import connect
from chartbridge.domain.activities import Direction, Medium
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    MarkInsuranceVerified,
    SetAppointmentStatus,
)
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.reading import Stream
from chartbridge.sandbox.eaglesoft import EaglesoftPractice, Knobs
from chartbridge.testing.line import Cut, Line
from chartbridge.testing.rig import Truth

SOURCE = Path(chartbridge.__file__).parents[1]
CANARIES = ("Quuxbertha", "Xyzzyowski", "(555)019-8642", "quux.canary@example.org")
_TABLES = {
    "note": ("operatory_notes", "note_id", "patient_id, note, date_entered, user_id, note_type, status"),
    "document": ("document", "document_id", "ref_id, document_name, ref_table, document_creation_date"),
}
_WRITE = re.compile(rb"INSERT INTO \w+\.(operatory_notes|appt_log)|UPDATE \w+\.appointment", re.IGNORECASE)


class Clock:
    """The hub's clock."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()


class EaglesoftRig:
    """One practice of three people on a real MariaDB, reached over a line that can be cut."""

    reads_line = True

    def __init__(self, practice: EaglesoftPractice, folder: Path) -> None:
        self.practice, self.knobs, self.clock = practice, Knobs(practice), Clock()
        self.canaries: Sequence[str] = CANARIES
        self.line = Line(practice.server.host, practice.server.port)
        self.line.watch = self._strike
        self._importer = folder / "importer.json"
        self._say_to_importer("")
        self._fault: Cut | None = None
        self._armed = False
        self._writes = 0
        self._visits = 0
        self._people()

    def close(self) -> None:
        self.line.cut()

    def settings(self, **changes: str) -> Settings:
        """What would be entered on the PMS Connection page."""
        secrets = {
            "connection_string": self.practice.connection_string_over(self.line.port),
            "authorisation": self.practice.authorisation,
        }
        values = {
            "document_program": f"env PYTHONPATH={SOURCE} {sys.executable} -m chartbridge.sandbox.eaglesoft.importer"
            f" {self._importer} {{file}} {{patient}} {{name}} {{group}}",
        }
        values |= {key: value for key, value in changes.items() if key not in secrets}
        secrets |= {key: value for key, value in changes.items() if key in secrets}
        return Settings(values=values, secrets=secrets)

    def connect(self) -> Connector:
        return connect(self.settings(), self.clock)

    # what is there

    def present(self, stream: Stream) -> set[str]:
        begin = self._today()
        if stream is Stream.PATIENTS:
            rows = self.practice.rows("SELECT patient_id AS k FROM patient")
        elif stream is Stream.DOCUMENTS:
            rows = self.practice.rows("SELECT document_id AS k FROM document WHERE ref_table = 'patient'")
        else:
            back, ahead = (90, 548) if stream is Stream.APPOINTMENTS else (0, 1)
            rows = self.practice.rows(
                "SELECT appointment_id AS k FROM appointment WHERE classification NOT IN (2, 16)"
                " AND start_time >= %s AND start_time < %s",
                (begin - timedelta(days=back), begin + timedelta(days=ahead)),
            )
        return {str(row["k"]).strip() for row in rows}

    def sees_all(self, stream: Stream) -> bool:
        return True

    def truth(self, marker: str) -> list[Truth]:
        return [
            Truth(record=f"{each.table} {each.key}", patient_key=each.patient_key, text=each.text)
            for each in self.knobs.truth(marker)
        ]

    def status_of(self, appointment_key: str) -> str:
        row = self.practice.rows(
            "SELECT confirmation_status AS c, arrival_status AS a FROM appointment WHERE appointment_id = %s",
            (appointment_key,),
        )[0]
        return f"arrival:{row['a']}" if row["a"] else f"confirmation:{row['c']}"

    def statuses(self) -> list[str]:
        return ["confirmation:0", "confirmation:1", "confirmation:3", "arrival:4", "confirmation:7"]

    def writes_received(self) -> int:
        return self._writes

    # what people do

    def book(self) -> str:
        self._visits += 1
        at = self._today() + timedelta(hours=9, minutes=10 * (self._visits % 60))
        return self.knobs.book(self.patient, at)

    def move(self, appointment_key: str) -> None:
        self.knobs.move(appointment_key, self._today() + timedelta(hours=20))

    def set_status(self, appointment_key: str, status_key: str) -> None:
        column, _, value = status_key.partition(":")
        arrived = int(value) if column == "arrival" else 0
        self.knobs.set_visit(appointment_key, arrival_status=arrived)
        if not arrived:
            self.knobs.set_visit(appointment_key, confirmation_status=int(value))

    def delete(self, appointment_key: str) -> None:
        self.knobs.delete_visit(appointment_key)

    def add_patient(self) -> str:
        return self.knobs.add_patient(CANARIES[1], CANARIES[0], cell_phone=CANARIES[2])

    def edit_patient(self, patient_key: str) -> str:
        email = f"edited{self._visits}.{CANARIES[3]}"
        self.knobs.edit_patient(patient_key, email_address=email)
        return email

    def add_picture(self, patient_key: str) -> None:
        """Eaglesoft's pictures are not read."""

    def add_paper(self, patient_key: str) -> str:
        return self.knobs.add_document(patient_key, "A paper")

    def delete_paper(self, document_key: str) -> None:
        self.knobs.delete_document(document_key)

    def copy_record(self, record: str) -> str:
        word, _, key = record.partition(" ")
        table, name, columns = _TABLES[word]
        made = self.practice.run(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {name} = %s", (key,)
        )
        return f"{word} {made}"

    def misfile(self, record: str) -> str:
        word, _, key = record.partition(" ")
        table, name, columns = _TABLES[word]
        self.practice.run(
            f"UPDATE {table} SET {columns.split(',')[0]} = %s WHERE {name} = %s", (self.neighbour, key)
        )
        return self.neighbour

    def rewrite(self, record: str, text: str) -> None:
        word, _, key = record.partition(" ")
        table, name, columns = _TABLES[word]
        self.practice.run(f"UPDATE {table} SET {columns.split(',')[1]} = %s WHERE {name} = %s", (text, key))

    def hide_provider(self) -> str:
        self.knobs.hide_provider("CD")
        return "CD"

    def patient_of_today(self) -> str:
        return self.patient

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        self.line.meanwhile(answer, action)

    def now(self) -> None:
        self.line.now()

    # what goes wrong

    def unknown_status(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, confirmation_status=42)
        return "confirmation:42"

    def unknown_state(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, classification=64)
        return "64"

    def corrupt(self, appointment_key: str) -> None:
        self.practice.run(
            "UPDATE appointment SET end_time = start_time - INTERVAL 1 DAY WHERE appointment_id = %s",
            (appointment_key,),
        )

    def cut_before_write(self) -> None:
        self._fault, self._armed = Cut.BEFORE, False
        self._say_to_importer("dies_before")

    def cut_after_write(self) -> None:
        self._fault, self._armed = Cut.AFTER, False
        self._say_to_importer("dies_after")

    def go_offline(self) -> None:
        self.line.cut()

    def come_back(self) -> None:
        self.line.restore()

    def refuse(self) -> None:
        self.knobs.refuse()
        self._say_to_importer("refuse")

    def expire_sign_in(self) -> None:
        self.knobs.expire_authorisation()

    def be_busy(self) -> None:
        self.knobs.begin_update()

    def throttle(self) -> None:
        self.knobs.throttle()

    def repeat_hour(self) -> None:
        """No stamp is read, so no hour that comes twice is."""
        self.clock.ahead += timedelta(minutes=1)

    # commands

    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        now = self.clock.now()
        if kind is CommandKind.ADD_NOTE:
            return AddNote(
                patient_key=self.patient,
                text=f"{text or 'Reminder sent.'} {marker}",
                marker=marker,
                note_type_key="G:7",
                provider_key="AB",
                occurred_at=now,
                medium=Medium.TEXT,
                direction=Direction.OUTGOING,
            )
        if kind is CommandKind.ADD_DOCUMENT:
            return AddDocument(
                patient_key=self.patient,
                name=f"{text or 'Statement'} {marker}",
                marker=marker,
                document_type_key="2",
                provider_key="AB",
                content=b"%PDF-1.7\n%made up\n",
                occurred_at=now,
            )
        if kind is CommandKind.MARK_INSURANCE_VERIFIED:
            return MarkInsuranceVerified(
                patient_key=self.patient, verified_on=now.date(), marker=marker, note=f"Active {marker}"
            )
        return SetAppointmentStatus(
            patient_key=self.patient, appointment_key=self.book(), status_key="confirmation:1"
        )

    def aside(self, command: Command) -> Command:
        return replace(command, patient_key=self.neighbour)

    def lookups_expected(self) -> set[LookupKind]:
        return set(LookupKind) - {LookupKind.VERIFICATION_STATUSES}

    # making it

    def _strike(self, piece: bytes) -> Cut | None:
        """The line is cut at the write itself, or at the answer to the COMMIT that follows it."""
        if _WRITE.search(piece):
            self._writes += 1
            self._armed = True
            if self._fault is Cut.BEFORE:
                self._fault = None
                return Cut.BEFORE
        if self._fault is Cut.AFTER and self._armed and b"COMMIT" in piece:
            self._fault = None
            return Cut.AFTER
        return None

    def _say_to_importer(self, fault: str) -> None:
        told = {"server": asdict(self.practice.server), "owner": self.practice.owner, "fault": fault}
        self._importer.write_text(json.dumps(told))

    def _people(self) -> None:
        knobs = self.knobs
        self.patient = knobs.add_patient(
            CANARIES[1],
            CANARIES[0],
            cell_phone=CANARIES[2],
            email_address=CANARIES[3],
            birth_date="1984-02-29",
        )
        self.neighbour = knobs.add_patient("Plughmann", "Fred", home_phone="(555)019-7531")
        knobs.add_patient("O'Brien", "李", preferred_name="Lee", status="I")
        begin = self._today()
        knobs.book(self.patient, begin + timedelta(hours=8))
        knobs.book(self.neighbour, begin + timedelta(hours=8, minutes=30), confirmation_status=1)
        knobs.book("", begin + timedelta(hours=12), classification=2)  # lunch
        for days in (-40, -3, 5, 200):
            knobs.book(self.neighbour, begin + timedelta(days=days, hours=10))
        knobs.add_document(self.neighbour, "Statement")

    def _today(self) -> datetime:
        return datetime.combine(datetime.now(UTC).astimezone().date(), daytime())
