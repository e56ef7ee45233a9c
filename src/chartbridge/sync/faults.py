"""What a failed check means for the next one: the closed list of errors, as a table.

Must not be in it: an error's own words beyond its `safe_message`.
"""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from pathlib import Path

from chartbridge.pms.errors import (
    Conflict,
    Misconfigured,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
    Unreadable,
)

LEAST_GAP_S = 2.0
"""Between two attempts to reach a PMS that is not there."""
_LONGEST_BACKOFF_S = 60.0
_SLOW_S = 60.0
_SLOWEST_S = 300.0
_UNTIL_MENDED_S = 600.0
_OURS = Path(__file__).parents[1]
_ONLY_PASSED_BY = "disk_error.py"
"""Every error of the store passes through it on its way up."""
_INTERNAL = (
    "Something went wrong inside Chartbridge while reading. It is tried again by itself; tell support."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How a check failed: its code and sentence, the seconds until the next try, whether all streams are hit."""

    code: str
    sentence: str
    wait_s: float
    whole_connection: bool = False


_CODES: dict[type[PmsError], str] = {
    Misconfigured: "misconfigured",
    Unauthorised: "unauthorised",
    Unavailable: "unavailable",
    Uncertain: "uncertain",
    Refused: "refused",
    Conflict: "conflict",
    Unreadable: "unreadable",
}
_FOR_A_PERSON = frozenset({"misconfigured", "unauthorised"})


def judge(error: Exception, failures: int, interval_s: float) -> Fault:
    """Say what follows from an error that is the `failures`-th in a row, counted from 1."""
    code = next((c for kind, c in _CODES.items() if isinstance(error, kind)), "internal")
    if not isinstance(error, PmsError):
        return Fault(code=code, sentence=_INTERNAL, wait_s=_slow(failures, interval_s))
    if isinstance(error, Unavailable):
        wait = max(backoff(failures), min(error.retry_after or 0.0, 3600.0))
        return Fault(code=code, sentence=error.safe_message, wait_s=wait)
    if code in _FOR_A_PERSON:
        # Settings changed, or "Sync now", end the wait at once; otherwise somebody may mend it in the PMS itself.
        whole = not isinstance(error, Unauthorised) or error.ability == "all"
        return Fault(code=code, sentence=error.safe_message, wait_s=_UNTIL_MENDED_S, whole_connection=whole)
    return Fault(code=code, sentence=error.safe_message, wait_s=_slow(failures, interval_s))


def backoff(failures: int) -> float:
    """Return seconds to wait: full jitter under a doubling cap of at most a minute, never under two seconds."""
    cap = min(_LONGEST_BACKOFF_S, LEAST_GAP_S * 2.0 ** min(failures, 10))
    return max(LEAST_GAP_S, random.uniform(0.0, cap))  # noqa: S311 (spreads load, guards nothing)


def _slow(failures: int, interval_s: float) -> float:
    return max(interval_s, min(_SLOWEST_S, _SLOW_S * min(failures, 5)))


def place_of(error: BaseException) -> str:
    """Return `room/module.py:line function` of the innermost frame that is ours, or of the innermost frame.

    Nothing in it could hold data.
    """
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [each for each in frames if _is_ours(Path(each[0].co_filename))] or frames
    if not ours:
        return "unknown"
    code, line = ours[-1]
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{line} {code.co_name}"


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(_OURS) and file.name != _ONLY_PASSED_BY
