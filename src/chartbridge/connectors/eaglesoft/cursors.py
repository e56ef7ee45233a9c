"""Cursors of the readers: compact JSON that only they understand. One that isn't understood starts anew."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from chartbridge.connectors.rehash import Watched

LAYOUT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a stream stands.

    `day` is the day whose rows are watched; `top` the highest key seen (of patients: their number); `at` the key up to
    which a first read (`first`) or a scan has come, None where none is under way.
    """

    day: str = ""
    watched: Watched = field(default_factory=Watched)
    top: int = 0
    at: str | None = None
    first: bool = False

    def text(self) -> str:
        """Its stored form."""
        value = {"m": "es", "v": LAYOUT, "d": self.day, "w": self.watched.as_list(), "t": self.top}
        if self.at is not None:
            value |= {"a": self.at, "f": self.first}
        return json.dumps(value, separators=(",", ":"))


def parse(stored: str | None) -> Cursor | None:
    """Back from its stored form; None for none and for what is not understood."""
    try:
        value = json.loads(stored or "")
        if value["m"] != "es" or value["v"] != LAYOUT:
            return None
        at = value.get("a")
        return Cursor(
            day=str(value["d"]),
            watched=Watched.of_list(value["w"]),
            top=int(value["t"]),
            at=None if at is None else str(at),
            first=bool(value.get("f", False)),
        )
    except (ValueError, KeyError, TypeError):
        return None
