"""The rig of Open Dental: the sandbox's knobs under the suite's names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from chartbridge.connectors.open_dental.connector import connect
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.reading import Stream
from chartbridge.sandbox.open_dental.database import SqliteDatabase
from chartbridge.sandbox.open_dental.faults import Fault, Where
from chartbridge.sandbox.open_dental.sandbox import Sandbox
from chartbridge.testing.asked import CANARIES, Asked
from chartbridge.testing.line import Line
from chartbridge.testing.rig import Truth

NEXT_TO_HER = ("Plughmann", "(555)019-7531")


class SandboxClock:
    """The hub's clock, keeping time with the sandbox's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.passed = 0.0
        self.ahead = timedelta()  # of a practice whose clock was set back, while the hub's was not

    def now(self) -> datetime:
        return self._sandbox.db.clock.utc() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


class OpenDentalRig:
    """One practice of four people in a sandbox, read in one of the two ways."""

    reads_line = True

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        database: tuple[str, int, str, str, str] | None = None,
        mode: str = "service",
    ) -> None:
        """`database` is host, port, name, user and password of a reader, where the database is read."""
        self.sandbox, self.knobs, self.db = sandbox, sandbox.knobs, sandbox.db
        self.clock = SandboxClock(sandbox)
        self.canaries: Sequence[str] = CANARIES
        if database is None and not isinstance(self.db, SqliteDatabase):
            self.knobs.jump_clock((12 - datetime.fromisoformat(self.db.now()).hour) * 3600)  # about noon
        self._database, self._mode = database, mode
        address = urlsplit(sandbox.base_url)
        self.api_line = Line(address.hostname or "", address.port or 0)
        self.db_line = Line(database[0], database[1]) if database else None
        self._visits = 0
        self._writes = 0
        self._count_writes()
        self._people()

    def close(self) -> None:
        self.api_line.cut()
        if self.db_line:
            self.db_line.cut()

    def settings(self, **changes: str) -> Settings:
        """What would be entered on the PMS Connection page."""
        values = {
            "read_mode": "api",
            "api_mode": self._mode,
            "api_address": f"http://127.0.0.1:{self.api_line.port}/api/v1/",
            "image_folder": str(self.sandbox.documents),
        }
        secrets = {"developer_key": self.sandbox.developer_key, "customer_key": self.sandbox.customer_key}
        if self._database and self.db_line:
            _, _, name, user, password = self._database
            values |= {
                "read_mode": "database",
                "db_host": "127.0.0.1",
                "db_port": str(self.db_line.port),
                "db_name": name,
                "db_user": user,
            }
            secrets["db_password"] = password
        values |= {k: v for k, v in changes.items() if k not in secrets and "key" not in k}
        secrets |= {k: v for k, v in changes.items() if k in secrets or "key" in k or "password" in k}
        return Settings(values=values, secrets=secrets)

    def connect(self) -> Connector:
        return connect(self.settings(), self.clock)

    # what is there

    def present(self, stream: Stream) -> set[str]:
        begin, end = self._day()
        visits = "SELECT {} AS k FROM appointment WHERE AptDateTime BETWEEN ? AND ?"
        if stream is Stream.APPOINTMENT_STATUS:
            rows = self.db.rows(visits.format("AptNum"), begin, end)
        elif stream is Stream.APPOINTMENTS:
            today = datetime.fromisoformat(begin)
            rows = self.db.rows(
                visits.format("AptNum"), str(today - timedelta(days=90)), str(today + timedelta(days=547))
            )
        elif stream is Stream.PATIENTS:
            rows = self.db.rows("SELECT PatNum AS k FROM patient WHERE PatStatus<>4")
        else:
            rows = self._papers(
                stream, {str(r["k"]) for r in self.db.rows(visits.format("PatNum"), begin, end)}
            )
        return {str(row["k"]) for row in rows}

    def sees_all(self, stream: Stream) -> bool:
        return bool(self._database) or stream not in (Stream.PHOTOS, Stream.DOCUMENTS)

    def truth(self, marker: str) -> list[Truth]:
        return [
            Truth(record=f"{each.table} {each.key}", patient_key=each.patient_key, text=each.text)
            for each in self.knobs.truth(marker)
            if each.table != "insverifyhist"
        ]

    def status_of(self, appointment_key: str) -> str:
        return str(self.db.value("SELECT Confirmed FROM appointment WHERE AptNum=?", int(appointment_key)))

    def statuses(self) -> list[str]:
        return ["19", "21", "22", "25", "23"]

    def writes_received(self) -> int:
        return self._writes

    # what people do

    def book(self) -> str:
        self._visits += 1
        at = datetime.fromisoformat(self._day()[0]) + timedelta(hours=9, minutes=10 * (self._visits % 60))
        return str(self.knobs.book(int(self.patient_of_today()), str(at), Confirmed=19))

    def move(self, appointment_key: str) -> None:
        at = datetime.fromisoformat(self._day()[0]) + timedelta(hours=20)
        self.knobs.move(int(appointment_key), str(at))

    def set_status(self, appointment_key: str, status_key: str) -> None:
        self.knobs.set_status(int(appointment_key), int(status_key))

    def delete(self, appointment_key: str) -> None:
        self.knobs.delete(int(appointment_key))

    def lose_visits(self) -> None:
        self.knobs.empty_table("appointment")

    def add_patient(self) -> str:
        return str(self.knobs.add_patient(CANARIES[1], CANARIES[0], WirelessPhone=CANARIES[2]))

    def edit_patient(self, patient_key: str) -> str:
        email = f"edited{self._visits}.{CANARIES[3]}"
        self.knobs.edit_patient(int(patient_key), Email=email)
        return email

    def add_picture(self, patient_key: str) -> None:
        self._visits += 1
        self.knobs.add_picture(int(patient_key), number=self._visits)

    def add_paper(self, patient_key: str) -> str:
        return str(self.knobs.add_paper(int(patient_key), category=240, title="A paper"))

    def delete_paper(self, document_key: str) -> None:
        self.knobs.delete_document(int(document_key))

    def hide_provider(self) -> str:
        self.knobs.hide_provider(2)
        return "2"

    def patient_of_today(self) -> str:
        return str(self.patient)

    def copy_record(self, record: str) -> str:
        table, _, key = record.partition(" ")
        known = self.db.schema[table]
        row = dict(self.db.get(table, int(key)) or {})
        del row[known.primary], row[known.stamp]
        return f"{table} {self.db.insert(table, **row)}"

    def misfile(self, record: str) -> str:
        self._change(record, PatNum=self.neighbour)
        return str(self.neighbour)

    def rewrite(self, record: str, text: str) -> None:
        self._change(record, **{"Note" if record.startswith("commlog") else "Description": text})

    def _change(self, record: str, **values: object) -> None:
        table, _, key = record.partition(" ")
        self.db.update(table, int(key), **values)

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        (self.db_line or self.api_line).meanwhile(answer, action)

    def now(self) -> None:
        (self.db_line or self.api_line).now()

    # what goes wrong

    def unknown_status(self, appointment_key: str) -> str:
        self.knobs.unknown_status(int(appointment_key))
        return "987654321"

    def unknown_state(self, appointment_key: str) -> str:
        self.knobs.unknown_apt_status(int(appointment_key), 42)
        return "42"

    def corrupt(self, appointment_key: str) -> None:
        self.knobs.corrupt_row(int(appointment_key))

    def cut_before_write(self) -> None:
        self.knobs.drop_before_write()

    def cut_after_write(self) -> None:
        self.knobs.drop_after_write()

    def go_offline(self) -> None:
        self.api_line.cut()
        if self.db_line:
            self.db_line.cut()

    def come_back(self) -> None:
        self.api_line.restore()
        if self.db_line:
            self.db_line.restore()

    def refuse(self) -> None:
        self.knobs.refuse(f"Note is invalid: {CANARIES[0]} {CANARIES[2]}")

    def expire_sign_in(self) -> None:
        self.knobs.expire_sign_in()

    def be_busy(self) -> None:
        self.knobs.update_in_progress("SERVER1")

    def throttle(self) -> None:
        self.knobs.throttle(retry_after=2)

    def repeat_hour(self) -> None:
        """On SQLite: New York, 01:50 EDT and twenty minutes later 01:10 EST. A real server's clock is set back."""
        self.clock.passed += 1200
        if isinstance(self.db, SqliteDatabase):
            self.knobs.set_clock("2026-11-01T06:10:00+00:00")
        else:
            self.knobs.jump_clock(-3600)
            self.clock.ahead += timedelta(minutes=60)

    # commands

    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        asked = Asked(
            patient=self.patient_of_today(),
            note_type="239",
            document_type="240",
            provider="1",
            status="22",
            book=self.book,
            now=self.clock.now(),
            day=date.fromisoformat(self._day()[0][:10]),
        )
        return asked.command(kind, marker, text)

    def aside(self, command: Command) -> Command:
        return replace(command, patient_key=str(self.neighbour))

    def lookups_expected(self) -> set[LookupKind]:
        return set(LookupKind)

    # making it

    def _count_writes(self) -> None:
        take = self.sandbox.service.faults.take

        def counting(where: Where, verb: str, path: str) -> Fault | None:
            self._writes += where is Where.BEFORE and verb != "GET"
            return take(where, verb, path)

        self.sandbox.service.faults.take = counting  # type: ignore[method-assign]

    def _people(self) -> None:
        knobs = self.knobs
        self.patient = knobs.add_patient(
            CANARIES[1], CANARIES[0], WirelessPhone=CANARIES[2], Email=CANARIES[3], Birthdate="1984-02-29"
        )
        self.neighbour = knobs.add_patient(NEXT_TO_HER[0], "Fred", HmPhone=NEXT_TO_HER[1])
        knobs.delete_patient(knobs.add_patient("Deleted", "Long Ago"))
        knobs.add_patient("O'Brien", "李", Preferred="Lee")
        for person in (self.patient, self.neighbour):
            plan = self.db.insert("insplan", GroupName="Plan", CarrierNum=1)
            subscriber = self.db.insert("inssub", PlanNum=plan, Subscriber=person)
            self.db.insert("patplan", PatNum=person, Ordinal=1, InsSubNum=subscriber)
        begin = datetime.fromisoformat(self._day()[0])
        knobs.book(self.patient, str(begin + timedelta(hours=8)), Confirmed=19)
        knobs.book(self.neighbour, str(begin + timedelta(hours=8, minutes=30)), Confirmed=21)
        for days in (-40, -3, 5, 200):
            knobs.book(self.neighbour, str(begin + timedelta(days=days, hours=10)), Confirmed=19)
        knobs.add_picture(self.patient, number=1)
        knobs.add_paper(self.neighbour, category=240, title="Statement")

    def _day(self) -> tuple[str, str]:
        today = self.db.now()[:10]
        return f"{today} 00:00:00", f"{today} 23:59:59"

    def _papers(self, stream: Stream, visitors: set[str]) -> list[dict[str, object]]:
        """Through the API only today's patients are in scope; a patient has one photo."""
        column, where = ("PatNum", "DocCategory=190") if stream is Stream.PHOTOS else ("DocNum", "1=1")
        rows = self.db.rows(f"SELECT {column} AS k, PatNum FROM document WHERE {where}")
        return [row for row in rows if self._database or str(row["PatNum"]) in visitors]


def empty(sandbox: Sandbox) -> None:
    """Leave a sandbox's tables but nothing in them."""
    for table in sandbox.db.schema.values():
        if sandbox.db.rows(f"SELECT 1 AS one FROM {table.name} LIMIT 1"):
            sandbox.knobs.empty_table(table.name)
