"""Where our own code failed, in words that hold nobody's data, and how often that is said. Must not be in it: an
error's message."""

from __future__ import annotations

import traceback
from pathlib import Path

import structlog

log = structlog.get_logger("chartbridge.engine")

_ONLY_PASSED_BY = "disk_error.py"
"""Every error of the store passes through it on its way up."""


def place_of(error: BaseException) -> str:
    """Return `room/module.py:line function` of the innermost frame that is ours, or of the innermost frame."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [each for each in frames if _is_ours(Path(each[0].co_filename))] or frames
    if not ours:
        return "unknown"
    code, line = ours[-1]
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{line} {code.co_name}"


def _is_ours(file: Path) -> bool:
    return "chartbridge" in str(file) and file.name != _ONLY_PASSED_BY


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
