"""What the practice entered on the PMS Connection page for a PMS that is reached by ODBC, checked and typed.

Must not be in it: talking, which of a vendor's settings lets us write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured


@dataclass(frozen=True, kw_only=True, slots=True)
class OdbcSettings:
    """All settings. Its repr shows no secret. `opening_to_write` is run on lines that write."""

    connection_string: str
    connection_program: str
    owner: str
    may_write: bool
    opening_to_write: tuple[str, ...] = ()
    document_program: str
    handoff_folder: str

    def __repr__(self) -> str:
        return f"OdbcSettings({self.owner})"


def parse(
    settings: Settings, *, name: str, owner: str, may_write: bool, opening_to_write: tuple[str, ...] = ()
) -> OdbcSettings:
    """Check and type them. `owner` is the tables' usual one. Raises `Misconfigured` naming the setting."""
    values, secrets = settings.values, settings.secrets
    owned_by = values.get("owner", "").strip() or owner
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", owned_by):
        raise Misconfigured(f"The owner of the tables is a plain name, usually {owner}.", setting="owner")
    given = secrets.get("connection_string", "").strip()
    program = secrets.get("connection_program", "").strip()
    if not given and not program:
        raise Misconfigured(
            f"There is no connection string. Enter the one that {name} gives to this practice, or a program that "
            "prints it, on the PMS Connection page.",
            setting="connection_string",
        )
    return OdbcSettings(
        connection_string=given,
        connection_program="" if given else program,
        owner=owned_by,
        may_write=may_write,
        opening_to_write=opening_to_write,
        document_program=values.get("document_program", "").strip(),
        handoff_folder=values.get("handoff_folder", "").strip(),
    )
