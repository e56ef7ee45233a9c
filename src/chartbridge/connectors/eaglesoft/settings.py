"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: talking."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured

OWNER = "PPM"


@dataclass(frozen=True, kw_only=True, slots=True)
class EaglesoftSettings:
    """All settings. Its repr shows no secret. `authorisation` is empty while nothing may be written."""

    connection_string: str
    connection_program: str
    owner: str
    authorisation: str
    document_program: str
    handoff_folder: str

    def __repr__(self) -> str:
        return f"EaglesoftSettings({self.owner})"


def parse(settings: Settings) -> EaglesoftSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    values, secrets = settings.values, settings.secrets
    owner = values.get("owner", "").strip() or OWNER
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", owner):
        raise Misconfigured("The owner of the tables is a plain name, usually PPM.", setting="owner")
    given = secrets.get("connection_string", "").strip()
    program = values.get("connection_program", "").strip()
    if not given and not program:
        raise Misconfigured(
            "There is no connection string. Enter the one that Eaglesoft gives for your access level, or a program "
            "that prints it, on the PMS Connection page.",
            setting="connection_string",
        )
    return EaglesoftSettings(
        connection_string=given,
        connection_program="" if given else program,
        owner=owner,
        authorisation=secrets.get("authorisation", "").strip(),
        document_program=values.get("document_program", "").strip(),
        handoff_folder=values.get("handoff_folder", "").strip(),
    )
