"""A long read goes on while what it has read is being stored: the next page is fetched on a connection of its own.

And packing: a page comes as one text, which costs a tenth of taking it apart column by column here. The server
works on it meanwhile. Must not be in it: a table's or column's name, what a row means.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chartbridge.pms.errors import PmsError, Unreadable
from chartbridge.transport.sql import Rows, Sql

Args = tuple[object, ...]
Read = Callable[[Args], Rows]
Following = Callable[[Args, Rows], Args | None]

DEPTH = 4
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


def read_packed(line: Sql, packed: str, plain: str, width: int, args: Args) -> Rows:
    """Read a page packed; column by column where the server can't pack it or it can't be told apart."""
    try:
        rows = unpacked(line.rows(packed, args), width)
    except Unreadable:
        rows = None
    return line.rows(plain, args) if rows is None else rows


def unpacked(answer: Rows, width: int) -> Rows | None:
    """The rows of a packed answer; None where it can't be told apart safely (cut off, or separators within)."""
    count, text = answer[0]
    if count == "0":
        return ()
    lines = text.split(LINE) if text else []
    if text is None or len(lines) != int(count or 0) or text.count(FIELD) != len(lines) * (width - 1):
        return None
    if NONE not in text:
        return tuple([tuple(line.split(FIELD)) for line in lines])
    return tuple([tuple([None if v == NONE else v for v in line.split(FIELD)]) for line in lines])


class ReadAhead:
    """Pages of one long read, some of them before they are asked for. One caller at a time."""

    def __init__(
        self, read: Read, following: Following, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` reads a page, in a thread of its own; `following` says from a page where the next begins, if any."""
        self._read, self._following, self._monotonic = read, following, monotonic
        self._chain: _Chain | None = None

    def take(self, args: Args) -> Rows | None:
        """The page that begins there; None if it was not read ahead, could not be, or has waited for too long."""
        page = self._chain.take() if self._chain else None
        if page is None or page.args != args or self._monotonic() - page.at >= STALE_S:
            self.stop()
            return None
        return page.rows

    def go_on(self, args: Args) -> None:
        """Read on from there, unless that is being done."""
        if self._chain is None:
            self._chain = _Chain(args, self._read, self._following, self._monotonic)

    def stop(self) -> None:
        """Forget what was read and not taken."""
        if self._chain is not None:
            self._chain.stop()
            self._chain = None


@dataclass(frozen=True, slots=True)
class _Page:
    args: Args
    rows: Rows
    at: float


class _Chain:
    """The thread that reads page after page, a few ahead of who takes them."""

    def __init__(self, first: Args, read: Read, following: Following, monotonic: Callable[[], float]) -> None:
        self._read, self._following, self._monotonic = read, following, monotonic
        self._pages: queue.Queue[_Page | None] = queue.Queue(maxsize=DEPTH)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[first], name="read-ahead", daemon=True)
        self._thread.start()

    def take(self) -> _Page | None:
        """The next page, waited for; None once there is none."""
        return self._pages.get()

    def stop(self) -> None:
        """End it after the statement that is running."""
        self._over.set()
        with suppress(queue.Empty):
            while True:
                self._pages.get_nowait()
        self._thread.join()

    def _run(self, args: Args | None) -> None:
        with suppress(PmsError):  # the same read by who takes it says what is wrong
            while args is not None and not self._over.is_set():
                begun = self._monotonic()
                rows = self._read(args)
                self._put(_Page(args, rows, begun))
                args = self._following(args, rows)
        self._put(None)

    def _put(self, page: _Page | None) -> None:
        while not self._over.is_set():
            with suppress(queue.Full):
                self._pages.put(page, timeout=0.05)
                return
