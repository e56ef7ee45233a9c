"""Cursors of the readers: compact JSON that only they understand. One that isn't understood starts anew."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chartbridge.connectors.by_odbc.rehash import Watched

LAYOUT = 1
OVERLAP = timedelta(seconds=60)
"""So long before the last look stamps are read again: a change may be committed after a later one was seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamped:
    """Up to where stamps were read: the server's wall time of that look, and how far from UTC it was, in minutes.

    While what changed is told in pieces, `after` is the key told last, and `then` is what will hold once all is told.
    """

    wall: datetime
    offset: int
    after: int | None = None
    then: tuple[datetime, int] | None = None

    def since(self, offset: int) -> datetime:
        """From when on stamps are to be read, if the server is so far from UTC now.

        Where its clock was put back meanwhile, what came after the last look may be stamped before it; where it was put
        forward, that look's own stamps still count in the former time.
        """
        return self.wall + timedelta(minutes=min(0, offset - self.offset)) - OVERLAP

    def as_list(self) -> list[object]:
        """Its stored form."""
        then = [self.then[0].isoformat(), self.then[1]] if self.then else None
        return [self.wall.isoformat(), self.offset, self.after, then]

    @classmethod
    def of_list(cls, stored: list[object]) -> Stamped:
        """Back from its stored form. Raises `ValueError` or `TypeError` for anything else."""
        wall, offset, after, then = stored
        return cls(
            wall=datetime.fromisoformat(str(wall)),
            offset=int(str(offset)),
            after=None if after is None else int(str(after)),
            then=(datetime.fromisoformat(str(then[0])), int(then[1])) if isinstance(then, list) else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a stream stands.

    `day` is the day whose rows are watched; `top` the highest key seen (of patients without numbers: their number);
    `at` the key up to which a first read (`first`) or a scan has come, None where none is under way.
    """

    day: str = ""
    watched: Watched = field(default_factory=Watched)
    top: int = 0
    at: str | None = None
    first: bool = False
    stamped: Stamped | None = None

    def text(self, tag: str) -> str:
        """Its stored form. `tag` tells the connectors' cursors apart."""
        value = {"m": tag, "v": LAYOUT, "d": self.day, "w": self.watched.as_list(), "t": self.top}
        if self.at is not None:
            value |= {"a": self.at, "f": self.first}
        if self.stamped is not None:
            value["s"] = self.stamped.as_list()
        return json.dumps(value, separators=(",", ":"))


def parse(tag: str, stored: str | None) -> Cursor | None:
    """Back from its stored form; None for none and for what is not understood."""
    try:
        value = json.loads(stored or "")
        if value["m"] != tag or value["v"] != LAYOUT:
            return None
        at, stamped = value.get("a"), value.get("s")
        return Cursor(
            day=str(value["d"]),
            watched=Watched.of_list(value["w"]),
            top=int(value["t"]),
            at=None if at is None else str(at),
            first=bool(value.get("f", False)),
            stamped=None if stamped is None else Stamped.of_list(stamped),
        )
    except (ValueError, KeyError, TypeError):
        return None
