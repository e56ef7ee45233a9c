"""A long read goes on while what it has read is being stored: the next page is fetched on a connection of its own.

And packing: a page comes as one text, which costs a tenth of taking it apart column by column here. The server
works on it meanwhile. Must not be in it: a table's or column's name, what a row means.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from chartbridge.pms.errors import PmsError
from chartbridge.transport.sql import Row, Rows, Sql

FIELD, NONE, LINE = "\x1f", "\x1e", "\x1d"
STALE_S = 2.0
"""A page that has waited for longer is read again: rows on it may have changed meanwhile."""


def packing(select: str, columns: Sequence[str], order: str) -> str:
    """Wrap a SELECT whose columns are named `columns`, so that its rows come as a count and one text.

    Texts are brought to one character set first: of tables that mix them the server could make no one text.
    """
    texts = ", ".join(f"IFNULL(CONVERT({each} USING utf8mb4), _utf8mb4 x'1E')" for each in columns)
    return (
        f"SELECT COUNT(*), GROUP_CONCAT(CONCAT_WS(_utf8mb4 x'1F', {texts}) ORDER BY {order} "
        f"SEPARATOR '{LINE}') FROM ({select}) AS page"
    )


def unpacked(answer: Rows, width: int) -> Rows | None:
    """The rows of a packed answer; None where it can't be told apart safely (cut off, or separators within)."""
    count, text = answer[0]
    if count == "0":
        return ()
    lines = text.split(LINE) if text else []
    if len(lines) != int(count or 0):
        return None
    rows = [_row(line) for line in lines]
    return tuple(rows) if all(len(row) == width for row in rows) else None


def _row(line: str) -> Row:
    if NONE in line:
        return tuple(None if value == NONE else value for value in line.split(FIELD))
    return tuple(line.split(FIELD))


class ReadAhead:
    """At most one read under way, on a second connection; whoever asks for just that one gets its rows."""

    def __init__(self, line: Sql, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`line` is the connection that it uses; nobody else may."""
        self._line, self._monotonic = line, monotonic
        self._wanted: tuple[str, tuple[object, ...]] | None = None
        self._rows: Rows | None = None
        self._begun = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, statement: str, args: Sequence[object]) -> None:
        """Read this, meanwhile. What was under way before is forgotten."""
        self._settle()
        self._wanted, self._rows, self._begun = (statement, tuple(args)), None, self._monotonic()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def take(self, statement: str, args: Sequence[object]) -> Rows | None:
        """The rows of what was begun; None if that was another read, failed, or has waited for too long."""
        mine = self._wanted == (statement, tuple(args)) and self._monotonic() - self._begun < STALE_S
        self._settle()
        rows, self._wanted, self._rows = self._rows, None, None
        return rows if mine else None

    def close(self) -> None:
        """End what is under way and let the connection go."""
        self._settle()
        self._wanted = self._rows = None
        self._line.close()

    def _run(self) -> None:
        wanted = self._wanted
        with suppress(PmsError):  # the same read without us says what is wrong
            if wanted is not None:
                self._rows = self._line.rows(*wanted)

    def _settle(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
