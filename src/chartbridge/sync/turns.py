"""One turn at one stream: who, with what, until when; and how progress gets from memory into the row.

Must not be in it: what is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector
from chartbridge.pms.reading import Stream
from chartbridge.store import streams
from chartbridge.store.database import writing
from chartbridge.sync.desks import Desk, Tended

WORDS = {
    Stream.APPOINTMENT_STATUS: "appointments",
    Stream.APPOINTMENTS: "appointments",
    Stream.PATIENTS: "patients",
    Stream.PHOTOS: "photos",
    Stream.DOCUMENTS: "documents",
    Stream.LOOKUPS: "entries of a list",
}


@dataclass(kw_only=True, slots=True)
class Turn:
    """What one turn came to. `loose`: the state in memory has moved and the row has not.

    `in_pass`: it is a full pass that is being read, not the changes.
    """

    desk: Desk
    tended: Tended
    connector: Connector
    clock: Clock
    until: float
    changes: int = 0
    more: bool = False
    loose: bool = True
    failed_before: bool = False
    in_pass: bool = False

    def must_end(self) -> bool:
        """Whether it is others' turn."""
        at = self.clock.monotonic()
        return at >= self.until or self.desk.others_wait(self.tended, at)

    def good(self) -> dict[str, Any]:
        """Return the columns that say that this turn has succeeded so far."""
        state = self.tended.state
        return {
            "checks": state.checks,
            "last_check_at": state.last_check_at,
            "last_success_at": self.clock.now(),
            "failures": 0,
            "error_code": "",
            "error": "",
            "not_before": None,
        }

    def save(self, changes: dict[str, Any]) -> None:
        """Store progress of its own, without a page."""
        with writing():
            streams.save_progress(self.tended.state, changes)
        self.remember(changes)

    def remember(self, changes: dict[str, Any]) -> None:
        """Move the state in memory, once the store has it."""
        for name, value in changes.items():
            setattr(self.tended.state, name, value)
