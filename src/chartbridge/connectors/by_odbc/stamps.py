"""Changes by the time of change that a table keeps: which keys are to be told now, and where that leaves the cursor.

A time alone loses changes (late commits, the repeated hour), so looks overlap; what is told twice is the same.
Must not be in it: a vendor's column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chartbridge.connectors.by_odbc.cells import number
from chartbridge.connectors.by_odbc.cursors import Stamped
from chartbridge.connectors.by_odbc.database import Database

PIECE = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """The keys to be told now, in their order; `now` holds once they are."""

    keys: list[int]
    now: Stamped
    more: bool


def begin(database: Database) -> Stamped:
    """From this look on. To be taken before anything is read."""
    wall, offset = database.shown()
    return Stamped(wall=wall, offset=offset)


def changed(database: Database, statement: str, stamped: Stamped) -> Changed:
    """What was stamped since the last look, a piece of it. `statement` reads keys by the stamp, in their order."""
    wall, offset = database.shown()
    then = stamped.then or (wall, offset)
    rows = database.rows(statement, (stamped.since(offset),))
    keys = [key for row in rows if (key := number(row[0], "key")) is not None]
    left = [key for key in keys if stamped.after is None or key > stamped.after]
    told = left[:PIECE]
    if len(left) > PIECE:
        return Changed(keys=told, now=replace(stamped, after=told[-1], then=then), more=True)
    return Changed(keys=told, now=Stamped(wall=then[0], offset=then[1]), more=False)
