"""How large a fault is played: short in `make test`, full in `make faults`."""

from __future__ import annotations

import os

FULL = os.environ.get("CHARTBRIDGE_FAULTS") == "full"


def size(short: int, full: int) -> int:
    """Return the number for this run."""
    return full if FULL else short
