"""How often is said that our own code failed. Must not be in it: an error's message."""

from __future__ import annotations

import structlog

from chartbridge.sync.faults import place_of

log = structlog.get_logger("chartbridge.engine")


class Spells:
    """What is done again and again and fails each time, as on a full disk, is logged once a spell."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._ailing: dict[str, str] = {}

    def failed(self, part: str, error: Exception) -> None:
        """Log that a part failed, unless its last time failed by the same type of error."""
        kind = type(error).__name__
        if self._ailing.get(part) != kind:
            log.error(f"{self._event}_failed", part=part, error=kind, place=place_of(error))
        self._ailing[part] = kind

    def went_well(self, part: str) -> None:
        """Log that a part goes on, if it had failed."""
        if self._ailing.pop(part, None):
            log.info(f"{self._event}_goes_on", part=part)
