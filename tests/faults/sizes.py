"""How large a fault is played: short in `make test`, full in `make faults`."""

from __future__ import annotations

import os
from typing import TypeVar

Size = TypeVar("Size", int, tuple[int, ...], tuple[float, float])
FULL = os.environ.get("CHARTBRIDGE_FAULTS") == "full"


def size(short: Size, full: Size) -> Size:
    """Return the size for this run."""
    return full if FULL else short
