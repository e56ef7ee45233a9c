"""Reads a table whose rows have numbers, in pieces of keys: all of it first, then what has come, and scans.

Must not be in it: how often, what a row means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chartbridge.connectors.by_odbc import cells
from chartbridge.connectors.by_odbc.cursors import Cursor, parse
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.pms.reading import Page, Record

PIECE = 1000
"""So many keys are asked for at once: with as many rows at most, and far fewer where keys are thin."""
ASKED_BY_KEY = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Which statement reads rows by key (`extra` arguments, after, up to), which tells the highest key."""

    tag: str
    statement: str
    highest: str
    make: Callable[[cells.Row], Record]
    extra: Sequence[object] = ()


class PieceReader:
    """Reads one such table."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database, self._table = database, table

    def read(self, stored: str | None, *, thorough: bool) -> Page:
        """One page: everything by key; then what has come; thoroughly, everything again."""
        cursor = parse(self._table.tag, stored)
        if cursor is None:
            return self._go_on(self.started(Cursor(top=self._highest(), at="0", first=True)))
        if cursor.at is not None:
            return self._go_on(cursor)
        page = self.changes(cursor)
        if not thorough:
            return page
        now = replace(parse(self._table.tag, page.cursor) or cursor, at="0")
        if page.records or page.bad:  # what stands in front of the scan is told first
            return replace(page, cursor=now.text(self._table.tag), more=True)
        return self._go_on(now)

    def started(self, cursor: Cursor) -> Cursor:
        """What a first read begins with."""
        return cursor

    def changes(self, cursor: Cursor) -> Page:
        """What has come since: by its key."""
        highest = self._highest()
        if highest > cursor.top:
            return self._go_on(replace(cursor, at=str(cursor.top), top=highest))
        return Page(cursor=cursor.text(self._table.tag))

    def _go_on(self, cursor: Cursor) -> Page:
        """The next piece, up to the highest key that was known when it began."""
        after = int(cursor.at or 0)
        upto = min(after + PIECE, cursor.top)
        rows = (
            self._database.rows(self._table.statement, (*self._table.extra, after, upto))
            if upto > after
            else []
        )
        done = upto >= cursor.top
        now = replace(cursor, at=None if done else str(upto), first=cursor.first and not done)
        return self.page(rows, now, more=not done, complete=cursor.first and done)

    def page(
        self, rows: Sequence[cells.Row], now: Cursor, *, more: bool = False, complete: bool = False
    ) -> Page:
        """A page of rows, and where it leaves the cursor."""
        records, bad = cells.decode(rows, self._table.make)
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=now.text(self._table.tag),
            more=more,
            complete=complete,
            rows_read=len(rows),
        )

    def these(self, statement: str, keys: Sequence[int]) -> list[cells.Row]:
        """Rows by their keys."""
        rows: list[cells.Row] = []
        for at in range(0, len(keys), ASKED_BY_KEY):
            rows += self._database.rows(statement, keys[at : at + ASKED_BY_KEY])
        return rows

    def _highest(self) -> int:
        return cells.number(self._database.rows(self._table.highest)[0][0], "key") or 0
