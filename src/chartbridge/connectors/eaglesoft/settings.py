"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: talking."""

from __future__ import annotations

from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.connectors.by_odbc.settings import parse as parse_odbc
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.pms.connector import Settings

OWNER = "PPM"


def parse(settings: Settings) -> OdbcSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    authorisation = settings.secrets.get("authorisation", "").strip()
    return parse_odbc(
        settings,
        name=NAME,
        owner=OWNER,
        may_write=bool(authorisation),
        opening_to_write=(authorisation,) if authorisation else (),
    )
