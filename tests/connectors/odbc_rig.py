"""What the rigs of PMSs behind ODBC share: a line that can be cut at a write, an uploader, a practice of three people.

Must not be in it: a vendor's columns.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as daytime
from pathlib import Path
from typing import ClassVar

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.connector import Connector, ConnectorFactory, Settings
from chartbridge.pms.reading import Stream
from chartbridge.sandbox.by_odbc import importer
from chartbridge.sandbox.by_odbc.knobs import Knobs
from chartbridge.sandbox.by_odbc.practice import OdbcPractice
from chartbridge.testing.asked import CANARIES, Asked
from chartbridge.testing.line import Cut, Line
from chartbridge.testing.plain_rig import MovableClock
from chartbridge.testing.rig import Truth


class OdbcRig(ABC):
    """One practice of three people on a real MariaDB, reached over a line that can be cut."""

    reads_line = True
    connect_to: ClassVar[ConnectorFactory]
    write: ClassVar[re.Pattern[bytes]]
    """What a writing statement looks like on the line."""
    copies: ClassVar[dict[str, str]]
    """What a record is called → the statement that copies the one of a key."""
    rewrites: ClassVar[dict[str, str]]
    """… → the statement that sets the text of one."""
    misfiles: ClassVar[dict[str, str]]
    """… → the statement that sets the patient of one."""
    named: ClassVar[dict[str, str]]
    """mobile, home, email, born, preferred → what a patient's column is called."""
    inactive: ClassVar[dict[str, object]]
    """What an inactive patient's columns say."""
    confirmed: ClassVar[dict[str, object]]
    """What a confirmed visit's columns say."""
    nobodys: ClassVar[dict[str, object]]
    """What the columns of one say that is no patient's visit."""
    kind_of_paper: ClassVar[str]
    note_type: ClassVar[str]
    provider: ClassVar[str]
    other_provider: ClassVar[str]
    paper_scope: ClassVar[str]
    patients: ClassVar[str]
    visits: ClassVar[str]
    """Which papers, patients and visits (between two days) are in scope, by their keys (k)."""

    visits_table: ClassVar[str]

    def __init__(self, knobs: Knobs, folder: Path) -> None:
        self.knobs, self.clock = knobs, MovableClock()
        self.canaries: Sequence[str] = CANARIES
        server = knobs.at.server
        self.line = Line(server.host, server.port)
        self.line.watch = self._strike
        self.importer = folder / "importer.json"
        self._say_to_importer("")
        self._fault: Cut | None = None
        self._armed = self._lost = False
        self._writes = 0
        self.booked = 0
        self.patient = self.neighbour = ""
        self.people()

    @property
    def practice(self) -> OdbcPractice:
        return self.knobs.at

    def people(self) -> None:
        """Three people, a day with a visit each for two of them and a gap, visits on other days, a document."""
        knobs, named = self.knobs, self.named
        more = {named["mobile"]: CANARIES[2], named["email"]: CANARIES[3], named["born"]: "1984-02-29"}
        self.patient = knobs.add_patient(CANARIES[1], CANARIES[0], **more)
        self.neighbour = knobs.add_patient("Plughmann", "Fred", **{named["home"]: "(555)019-7531"})
        knobs.add_patient("O'Brien", "李", **{named["preferred"]: "Lee"}, **self.inactive)
        begin = self.today()
        knobs.book(self.patient, begin + timedelta(hours=8))
        knobs.book(self.neighbour, begin + timedelta(hours=8, minutes=30), **self.confirmed)
        knobs.book("", begin + timedelta(hours=12), **self.nobodys)
        for days in (-40, -3, 5, 200):
            knobs.book(self.neighbour, begin + timedelta(days=days, hours=10))
        knobs.add_document(self.neighbour, "Statement")

    def close(self) -> None:
        self.line.cut()
        if self._lost:
            self.practice.create()

    def lose(self, *columns: str) -> None:
        """Be of a version that lacks these, as `table.column`."""
        self._lost = True
        for each in columns:
            table, _, column = each.partition(".")
            self.knobs.lose_column(table, column)

    def settings(self, **changes: str) -> Settings:
        """What would be entered on the PMS Connection page."""
        values, secrets = self.practice.permission()
        secrets["connection_string"] = self.practice.connection_string_over(self.line.port)
        values["document_program"] = importer.command(self.importer, self.kind_of_paper)
        for setting in self.connect_to(Settings(values={}, secrets={}), self.clock).manifest.settings:
            if setting.name in changes:
                (secrets if setting.secret else values)[setting.name] = changes[setting.name]
        return Settings(values=values, secrets=secrets)

    def connect(self) -> Connector:
        return type(self).connect_to(self.settings(), self.clock)

    # what is there

    def present(self, stream: Stream) -> set[str]:
        if stream is Stream.PATIENTS:
            rows = self.practice.rows(self.patients)
        elif stream is Stream.DOCUMENTS:
            rows = self.practice.rows(self.paper_scope)
        else:
            back, ahead = (90, 548) if stream is Stream.APPOINTMENTS else (0, 1)
            begin = self.today()
            rows = self.practice.rows(
                self.visits, (begin - timedelta(days=back), begin + timedelta(days=ahead))
            )
        return {str(row["k"]).strip() for row in rows}

    def sees_all(self, stream: Stream) -> bool:
        return True

    def truth(self, marker: str) -> list[Truth]:
        return [
            Truth(record=f"{each.table} {each.key}", patient_key=each.patient_key, text=each.text)
            for each in self.knobs.truth(marker)
        ]

    @abstractmethod
    def status_of(self, appointment_key: str) -> str: ...

    @abstractmethod
    def statuses(self) -> list[str]: ...

    def writes_received(self) -> int:
        return self._writes

    # what people do

    def book(self) -> str:
        self.booked += 1
        at = self.today() + timedelta(hours=9, minutes=10 * (self.booked % 60))
        return self.knobs.book(self.patient, at)

    def move(self, appointment_key: str) -> None:
        self.knobs.move(appointment_key, self.today() + timedelta(hours=20))

    def set_status(self, appointment_key: str, status_key: str) -> None:
        self.knobs.set_status(appointment_key, status_key)

    def delete(self, appointment_key: str) -> None:
        self.knobs.delete_visit(appointment_key)

    def lose_visits(self) -> None:
        self.practice.run(f"DELETE FROM {self.visits_table}")

    def add_patient(self) -> str:
        return self.knobs.add_patient(CANARIES[1], CANARIES[0], **{self.named["mobile"]: CANARIES[2]})

    def edit_patient(self, patient_key: str) -> str:
        email = f"edited{self.booked}.{CANARIES[3]}"
        self.knobs.edit_patient(patient_key, **{self.named["email"]: email})
        return email

    def add_picture(self, patient_key: str) -> None:
        """Pictures are not read."""
        del patient_key

    def add_paper(self, patient_key: str) -> str:
        return self.knobs.add_document(patient_key, "A paper")

    def delete_paper(self, document_key: str) -> None:
        self.knobs.delete_document(document_key)

    def copy_record(self, record: str) -> str:
        word, _, key = record.partition(" ")
        return f"{word} {self.practice.run(self.copies[word], (key,))}"

    def misfile(self, record: str) -> str:
        word, _, key = record.partition(" ")
        self.practice.run(self.misfiles[word], (self.neighbour, key))
        return self.neighbour

    def rewrite(self, record: str, text: str) -> None:
        word, _, key = record.partition(" ")
        self.practice.run(self.rewrites[word], (text, key))

    def hide_provider(self) -> str:
        self.knobs.hide_provider(self.other_provider)
        return self.other_provider

    def patient_of_today(self) -> str:
        return self.patient

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        self.line.meanwhile(answer, action)

    def now(self) -> None:
        self.line.now()

    def just_before(self, statement: bytes, action: Callable[[], None]) -> None:
        """Call `action` once, when a statement that begins so is on its way to the server."""

        def watch(piece: bytes) -> Cut | None:
            if statement in piece:
                self.line.watch = self._strike
                action()
            return self._strike(piece)

        self.line.watch = watch

    # what goes wrong

    @abstractmethod
    def unknown_status(self, appointment_key: str) -> str: ...

    @abstractmethod
    def unknown_state(self, appointment_key: str) -> str: ...

    @abstractmethod
    def corrupt(self, appointment_key: str) -> None: ...

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

    @abstractmethod
    def repeat_hour(self) -> None: ...

    # commands

    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        now = self.clock.now()
        asked = Asked(
            patient=self.patient,
            note_type=self.note_type,
            document_type="2",
            provider=self.provider,
            status=self.statuses()[1],
            book=self.book,
            now=now,
            day=now.date(),
        )
        return asked.command(kind, marker, text)

    def aside(self, command: Command) -> Command:
        return replace(command, patient_key=self.neighbour)

    def lookups_expected(self) -> set[LookupKind]:
        return set(LookupKind) - {LookupKind.VERIFICATION_STATUSES}

    # making it

    def today(self) -> datetime:
        """The beginning of the practice's day."""
        return datetime.combine(self.practice.now().date(), daytime())

    def _strike(self, piece: bytes) -> Cut | None:
        """The line is cut at the write itself, or at the answer to the COMMIT that follows it."""
        if self.write.search(piece):
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
        importer.instruct(self.importer, self.practice, fault)
