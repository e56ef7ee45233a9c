"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: touching the folder."""

from __future__ import annotations

from dataclasses import dataclass

from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured

ENCODINGS = {"utf-8": "utf-8-sig", "cp1252": "cp1252"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderSettings:
    """All settings."""

    folder: str
    encoding: str


def parse(settings: Settings) -> FolderSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    encoding = settings.values.get("encoding", "") or "utf-8"
    if encoding not in ENCODINGS:
        raise Misconfigured(f"This must be one of: {', '.join(ENCODINGS)}.", setting="encoding")
    return FolderSettings(folder=settings.values.get("folder", ""), encoding=ENCODINGS[encoding])
