"""A practice on Eaglesoft's tables. Must not be in it: what goes wrong (knobs), the command line."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from chartbridge.sandbox.by_odbc.practice import FAULTS, SEEN, OdbcPractice
from chartbridge.sandbox.eaglesoft.tables import OWNER, SIGNATURE, TABLES, statements
from chartbridge.sandbox.server import Server

VERSION = "22.10"
PROVIDERS = (
    ("AB", "Brian", "Albert", "A", 1),
    ("CD", "Carla", "Diaz", "A", 1),
    ("HY1", "Hanna", "Young", "A", 2),
    ("OLD", "Otto", "Lder", "I", 1),
    ("FD", "Mary", "Frontdesk", "A", 5),
)
NOTE_TYPES = (
    (7, "G", "Contact"), (8, "G", "Insurance"), (9, "G", "General"), (4, "A", "Account"), (1, "N", "Clinical"),
)  # fmt: skip
GROUPS = ((1, "Patient Information"), (2, "Insurance"), (3, "Statements"))
CHAIRS = ((1, "Op 1"), (2, "Op 2"), (3, "Op 3"), (4, "Hygiene 1"))


class EaglesoftPractice(OdbcPractice):
    """One practice. `authorisation` is the statement by which a session is let write."""

    pms, usual_owner, user = "eaglesoft", OWNER, "chartbridge_es"

    def __init__(self, server: Server, *, owner: str = "", user: str = "", password: str = "") -> None:
        super().__init__(server, owner=owner, user=user, password=password)
        self._signature = ""

    @property
    def authorisation(self) -> str:
        """The statement with which a session opens the gate."""
        return f"SET @connection_authentication = '{self._signature}'"

    def statements(self) -> Sequence[str]:
        return statements()

    def emptied(self) -> Sequence[str]:
        return list(TABLES)

    def there(self) -> set[str]:
        return {*TABLES, FAULTS, SEEN, SIGNATURE}

    def open_gate(self) -> None:
        user, _ = self.hub
        self.run(f"GRANT INSERT, UPDATE ON {self.owner}.* TO '{user}'@'%'")
        self.new_signature()

    def new_signature(self) -> None:
        """Authorise anew: sessions with an earlier authorisation may not write any more."""
        self._signature = secrets.token_hex(8)
        self.run(f"DELETE FROM {SIGNATURE}")
        self.insert(SIGNATURE, signature=self._signature)

    def permission(self) -> tuple[dict[str, str], dict[str, str]]:
        return {}, {"authorisation": self.authorisation}

    def resume(self) -> None:
        self._signature = str(self.rows(f"SELECT signature FROM {SIGNATURE}")[0]["signature"])

    def fill_lists(self) -> None:
        self.insert("system_preferences", version=VERSION)
        for key, first, last, status, position in PROVIDERS:
            self.insert(
                "provider",
                provider_id=key,
                first_name=first,
                last_name=last,
                status=status,
                position_id=position,
            )
        for number, letter, name in NOTE_TYPES:
            self.insert("operatory_notes_type", id=number, note_type=letter, description=name)
        for number, name in GROUPS:
            self.insert("document_group", group_id=number, description=name, type="I")
        for number, name in CHAIRS:
            self.insert("chairs", chair_num=number, chair_name=name)
