"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: talking."""

from __future__ import annotations

from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.connectors.by_odbc.settings import parse as parse_odbc
from chartbridge.connectors.dentrix.words import NAME
from chartbridge.pms.connector import Settings

OWNER = "admin"


def parse(settings: Settings) -> OdbcSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    holds_licence = settings.values.get("write_licence", "") == "true"
    return parse_odbc(settings, name=NAME, owner=OWNER, may_write=holds_licence)
