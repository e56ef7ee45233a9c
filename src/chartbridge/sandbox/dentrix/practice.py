"""A practice on Dentrix's tables. Must not be in it: what goes wrong (knobs), the command line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pymysql

from chartbridge.sandbox.by_odbc.practice import FAULTS, SEEN, OdbcPractice
from chartbridge.sandbox.dentrix.tables import OWNER, STATUSES, TABLES, VIEWS, WRITABLE, statements

VERSION = "24.6"
PRACTICE_NAME = "Maple Street Dental"
PROVIDERS = (
    ("DDS1", "Brian", "Albert", 0),
    ("DDS2", "Carla", "Diaz", 0),
    ("HYG1", "Hanna", "Young", 0),
    ("OLD", "Otto", "Lder", 1),
)
STAFF = (("FD1", "Mary", "Frontdesk"), ("AST1", "Ann", "Assistant"))
STATUS_WORDS = (
    (0, "??????"), (1, "FIRM"), (2, "FIRM-E"), (3, "EMERGENCY"), (4, "HERE"), (5, "READY"), (6, "LMM"), (7, "LMP"),
    (8, "MULTI"), (9, "NOFLEX"), (10, "IN CHAIR"), (11, "CHECKOUT"),
)  # fmt: skip
DOCUMENT_TYPES = ((1, "Miscellaneous"), (2, "Insurance"), (3, "Statements"))
OPERATORIES = (("OP-1", "Op 1"), ("OP-2", "Op 2"), ("OP-3", "Op 3"), ("HYG1", "Hygiene 1"))


class DentrixPractice(OdbcPractice):
    """One practice. Its hub may read; with the licence it may also write."""

    pms, usual_owner, user = "dentrix", OWNER, "chartbridge_dx"

    def statements(self) -> Sequence[str]:
        return statements()

    def emptied(self) -> Sequence[str]:
        return list(TABLES)

    def there(self) -> set[str]:
        return {*TABLES, *VIEWS, FAULTS, SEEN}

    def permission(self) -> tuple[dict[str, str], dict[str, str]]:
        return {"write_licence": "true"}, {}

    def resume(self) -> None:
        """Nothing that isn't in the database."""

    def open_gate(self) -> None:
        """Grant the Write licence."""
        user, _ = self.hub
        for table in WRITABLE:
            self.run(f"GRANT INSERT, UPDATE ON {self.owner}.{table} TO '{user}'@'%'")

    def close_gate(self) -> None:
        """Take the Write licence away, if it was there."""
        self.open_gate()
        user, _ = self.hub
        for table in WRITABLE:
            self.run(f"REVOKE INSERT, UPDATE ON {self.owner}.{table} FROM '{user}'@'%'")

    def set_zone(self, zone: timedelta | None) -> None:
        """Let the server's clock show another wall time, for every session; None: the machine's own again."""
        seconds = 0 if zone is None else int(zone.total_seconds())
        sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
        wanted = "SYSTEM" if zone is None else f"{sign}{minutes // 60:02}:{minutes % 60:02}"
        self.run("SET GLOBAL time_zone = %s", (wanted,))
        user, _ = self.hub
        for row in self.rows("SELECT id FROM information_schema.processlist WHERE user = %s", (user,)):
            with suppress(pymysql.err.OperationalError):  # it may have ended by itself meanwhile
                self.run(f"KILL {int(row['id'])}")
        self.close()

    def fill_lists(self) -> None:
        self.insert("options", optionsection="System", optionkey="Data_Version", optionvalue=VERSION)
        self.insert("rsc", rsctype=0, rscid="PRAC", practicename=PRACTICE_NAME)
        for key, first, last, inactive in PROVIDERS:
            self.insert("rsc", rsctype=1, rscid=key, firstname=first, lastname=last, inactive=inactive)
        for key, first, last in STAFF:
            self.insert("rsc", rsctype=2, rscid=key, firstname=first, lastname=last)
        for number, word in STATUS_WORDS:
            self.insert("fulldef", deftype=STATUSES, defid=number, descript=word)
        for number, name in DOCUMENT_TYPES:
            self.insert("doccat", dcdoctypeid=number, name=name)
        for key, title in OPERATORIES:
            self.insert("operatory", opid=key, title=title)
