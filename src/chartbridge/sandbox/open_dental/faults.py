"""What may go wrong on the line, armed by knobs and used up request by request.

Must not be in it: how the service answers when nothing is armed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import StrEnum


class Where(StrEnum):
    """The moment at which a fault strikes."""

    SIGN_IN = "sign_in"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault. `status` 0 cuts the line without an answer; None lets the request go on after the delay."""

    where: Where
    status: int | None = None
    text: str = ""
    content_type: str = "text/plain"
    retry_after: int = 0
    delay: float = 0.0
    times: int | None = 1
    writes_only: bool = True
    on: str = ""


class Faults:
    """The armed faults; the first that fits a request strikes. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self.struck = 0

    def arm(self, fault: Fault) -> None:
        """Arm a fault for its next `times` requests; None: until cleared."""
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()

    def take(self, where: Where, verb: str, path: str) -> Fault | None:
        """Return the fault that strikes this request at this moment, and count it down."""
        if not self._armed:
            return None
        with self._lock:
            for place, fault in enumerate(self._armed):
                if fault.where is not where or (fault.writes_only and verb == "GET"):
                    continue
                if fault.on and not path.startswith(fault.on):
                    continue
                self.struck += 1
                if fault.times is not None:
                    if fault.times <= 1:
                        del self._armed[place]
                    else:
                        self._armed[place] = replace(fault, times=fault.times - 1)
                return fault
        return None
