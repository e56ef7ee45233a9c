"""The rig's knobs: everything that a test or a demo may do to the practice and its line, each a plain call.

The same names work in process and over the control address (control). Arguments are plain JSON values.
Must not be in it: how a fault strikes (faults, service), what the program writes (frontdesk and below).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chartbridge.sandbox.open_dental.database import Database, Row, SqliteDatabase
from chartbridge.sandbox.open_dental.faults import Fault, Where
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.sandbox.open_dental.methods import calls
from chartbridge.sandbox.open_dental.service import Service

NO_DEFINITION = 987_654_321
BACKED_UP = (
    "patient", "appointment", "histappointment", "signalod", "commlog", "document", "securitylog",
    "securityloghash", "insverify", "insverifyhist", "definition", "provider",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """One record of the practice that carries a marker."""

    table: str
    key: int
    patient_key: str
    text: str

    def __repr__(self) -> str:
        return f"Truth({self.table} {self.key})"


class Knobs(FrontDesk):
    """The front desk's own doings, and everything that can go wrong."""

    def __init__(self, db: Database, service: Service, offline: Callable[[bool, float], None]) -> None:
        super().__init__(db)
        self._service = service
        self._offline = offline
        self._backup: dict[str, list[Row]] = {}

    # the line

    def drop_before_write(self, times: int | None = 1, on: str = "") -> None:
        """Cut the line after the request was read and before anything is written."""
        self._arm(Fault(where=Where.BEFORE, status=0, times=times, on=on))

    def drop_after_write(self, times: int | None = 1, on: str = "") -> None:
        """Cut the line after the write and before the answer."""
        self._arm(Fault(where=Where.AFTER, status=0, times=times, on=on))

    def drop_reads(self, times: int | None = 1, on: str = "") -> None:
        """Cut the line on any request, reads too."""
        self._arm(Fault(where=Where.BEFORE, status=0, times=times, on=on, writes_only=False))

    def delay(
        self, seconds: float, times: int | None = 1, on: str = "", after: bool = False, reads: bool = False
    ) -> None:
        """Wait before the write (it still lands if the client has gone), or between write and answer."""
        where = Where.AFTER if after else Where.BEFORE
        self._arm(Fault(where=where, delay=seconds, times=times, on=on, writes_only=not reads))

    def answer_error(
        self, status: int = 500, html: bool = False, times: int | None = 1, on: str = "",
        after: bool = False, reads: bool = True, text: str = "",
    ) -> None:  # fmt: skip
        """Answer something else than the API would: a status with a text, or with a page of HTML."""
        page = "<html><body><h1>Service Unavailable</h1></body></html>" if html else "An error has occurred."
        self._arm(
            Fault(
                where=Where.AFTER if after else Where.BEFORE,
                status=status,
                text=text or page,
                content_type="text/html" if html else "text/plain",
                times=times,
                on=on,
                writes_only=not reads,
            )
        )

    def refuse(self, text: str = "Note is invalid.", times: int | None = 1, on: str = "") -> None:
        """Refuse a write with 400 and a reason."""
        self._arm(Fault(where=Where.BEFORE, status=400, text=text, times=times, on=on))

    def throttle(self, times: int | None = 1, retry_after: int = 1) -> None:
        """Answer 429."""
        text = "Too many requests. Please wait before the next request."
        self._arm(
            Fault(
                where=Where.BEFORE,
                status=429,
                text=text,
                retry_after=retry_after,
                times=times,
                writes_only=False,
            )
        )

    def expire_sign_in(self, expired: bool = True, times: int | None = None) -> None:
        """Disable the customer key, or enable it again; with `times`, only for so many requests."""
        if times is None:
            self._service.signed_in = not expired
        else:
            self._arm(Fault(where=Where.SIGN_IN, times=times, writes_only=False))

    def go_offline(self, seconds: float = 0.0) -> None:
        """Stop listening and cut every line, for so many seconds or until `come_back`."""
        self._offline(True, seconds)

    def come_back(self) -> None:
        """Listen again."""
        self._offline(False, 0.0)

    def heal(self) -> None:
        """Disarm every fault of the line and give the key and all permissions back."""
        self._service.faults.clear()
        self._service.signed_in = True
        self._service.permissions = set(calls.GROUPS)

    def take_permission(self, group: str) -> None:
        """Take a permission group from the key."""
        self._service.permissions.discard(_known(group))

    def give_permission(self, group: str) -> None:
        """Give a permission group to the key."""
        self._service.permissions.add(_known(group))

    def set_version(self, version: str) -> None:
        """Let the office run another version (the tables stay)."""
        self._service.version = tuple(int(part) for part in version.split("."))
        self.set_preference("ProgramVersion", version + ".0")
        self.set_preference("DataBaseVersion", version + ".0")

    # the data

    def unknown_status(self, appointment: int, status: int = NO_DEFINITION) -> None:
        """Set a confirmed status that no definition has."""
        self.set_status(appointment, status)

    def unknown_apt_status(self, appointment: int, status: int = 42) -> None:
        """Set an AptStatus outside of the enum."""
        self.edit_appointment(appointment, AptStatus=status)

    def corrupt_row(self, appointment: int) -> None:
        """Fill an appointment with zero dates, NULLs and values that can't be."""
        self.edit_appointment(
            appointment,
            AptDateTime="0000-00-00 00:00:00",
            Pattern=None,
            Note=None,
            ProcDescript=None,
            ProvNum=-1,
            Op=-5,
            AptStatus=250,
            Confirmed=-1,
            DateTimeArrived="0000-00-00 00:00:00",
        )

    def corrupt_patient(self, patient: int) -> None:
        """Fill a patient with NULLs and values that can't be."""
        nothing = dict.fromkeys(
            ("LName", "FName", "Preferred", "HmPhone", "WirelessPhone", "Email", "ImageFolder")
        )
        self.edit_patient(
            patient, **nothing, Birthdate="0000-00-00", PatStatus=99, Guarantor=-3, PriProv=999_999
        )

    def delete_note_type(self, definition: int) -> None:
        """Delete a commlog type."""
        self.delete_definition(definition)

    def random_keys(self, on: bool = True, seed: int = 1) -> None:
        """Draw primary keys at random from here on, as the preference RandomPrimaryKeys makes the program do."""
        self.set_preference("RandomPrimaryKeys", str(int(on)))
        self._db.random_keys = random.Random(seed) if on else None  # noqa: S311

    def store_in_database(self, on: bool = True) -> None:
        """Keep documents in the database instead of in the A-to-Z folders."""
        self.set_preference("AtoZfolderUsed", "0" if on else "1")

    def update_in_progress(self, computer: str = "SERVER1") -> None:
        """Tell that an update runs (empty: it is over)."""
        self.set_preference("UpdateInProgressOnComputerName", computer)

    def jump_clock(self, seconds: float) -> None:
        """Move the practice's clock."""
        self._db.clock.jump(seconds)

    def set_clock(self, at: str) -> None:
        """Set the practice's clock to an ISO moment with offset; empty puts it right again."""
        if at:
            self._db.clock.set(datetime.fromisoformat(at))
        else:
            self._db.clock.jump(-self._db.clock.offset.total_seconds())

    def back_up(self) -> None:
        """Take a backup of what moves."""
        self._backup = {table: self._db.rows(f"SELECT * FROM {table}") for table in BACKED_UP}

    def restore_backup(self) -> None:
        """Put the backup back; numbers given since then will be given again."""
        with self._db.transaction():
            for table, rows in self._backup.items():
                self.empty_table(table)
                self._db.insert_many(table, rows)

    def empty_table(self, table: str) -> None:
        """Delete every row of a table, without any trace, and start its numbers again."""
        self._db.run(f"DELETE FROM {self._db.schema[table].name}")
        if isinstance(self._db, SqliteDatabase):
            self._db.run("DELETE FROM sqlite_sequence WHERE name=?", table)
        else:
            self._db.run(f"ALTER TABLE {table} AUTO_INCREMENT=1")

    def truth(self, marker: str) -> list[Truth]:
        """Tell every record that carries a marker, straight from the tables."""
        return truth(self._db, marker)

    def count(self, table: str) -> int:
        """Count a table's rows."""
        return int(self._db.value(f"SELECT COUNT(*) AS n FROM {self._db.schema[table].name}"))

    def _arm(self, fault: Fault) -> None:
        self._service.faults.arm(fault)


def truth(db: Database, marker: str) -> list[Truth]:
    """Tell every commlog, document and insurance verification that carries a marker."""
    like = f"%{marker}%"
    found = [
        Truth(table="commlog", key=r["CommlogNum"], patient_key=str(r["PatNum"]), text=r["Note"])
        for r in db.rows("SELECT CommlogNum,PatNum,Note FROM commlog WHERE Note LIKE ?", like)
    ]
    found += [
        Truth(table="document", key=r["DocNum"], patient_key=str(r["PatNum"]), text=r["Description"])
        for r in db.rows("SELECT DocNum,PatNum,Description FROM document WHERE Description LIKE ?", like)
    ]
    for table, key in (("insverify", "InsVerifyNum"), ("insverifyhist", "InsVerifyHistNum")):
        found += [
            Truth(table=table, key=r["K"], patient_key=str(r["PatNum"] or ""), text=r["Note"])
            for r in db.rows(
                f"SELECT v.{key} AS K,p.PatNum AS PatNum,v.Note AS Note FROM {table} v "
                "LEFT JOIN patplan p ON v.VerifyType=2 AND p.PatPlanNum=v.FKey WHERE v.Note LIKE ?",
                like,
            )
        ]
    return found


def _known(group: str) -> str:
    if group not in calls.GROUPS:
        raise ValueError(f"no permission group {group}")
    return group
