"""Talking to a database by ODBC: a kept line for reading, another one for writing, each used by one caller at a time.

The driver is the practice's own and its words are not ours: an error is judged by its SQLSTATE, or by the vendor's
connector, and nothing of its text goes further, since it may quote a patient. A write is one transaction.
Must not be in it: a table's or column's name, a vendor's statement, which error number of a vendor means what.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import pyodbc

from chartbridge.pms import fence
from chartbridge.pms.errors import (
    Misconfigured,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
    Unreadable,
)

T = TypeVar("T")
Row = tuple[object, ...]
Judge = Callable[[str, str], PmsError | None]
"""From SQLSTATE and the driver's text to what the vendor means by it, or None. Must not pass the text on."""

_READS = re.compile(r"\s*(SELECT|\{?\s*call)\b", re.IGNORECASE)
_WRITES = re.compile(r"\s*(SELECT|INSERT|UPDATE)\b", re.IGNORECASE)
_NEVER = re.compile(r";|--|/\*", re.IGNORECASE)
_LOST = ("08", "HYT", "57")
_NOT_THERE = ("42S02", "42S22")
BUSY_S = 5.0
"""Seconds to leave a busy database alone."""
WHOLE_TEXT = 64 * 1024
"""Texts of up to so many bytes are handed to the driver whole: in pieces, MariaDB's (3.1.15) loses letters of them."""

pyodbc.pooling = False  # a line that a session lock was taken on must end when it is closed


class NotAllowedHere(Exception):
    """A statement of the wrong kind was about to be sent: our fault, never sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OdbcAddress:
    """How to connect: a whole ODBC connection string, and statements that every new line begins with.

    Both may hold secrets. `opening_to_write` is run on lines for writing only (a vendor's authorisation).
    """

    connection_string: str
    opening: tuple[str, ...] = ()
    opening_to_write: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "OdbcAddress(…)"


def nothing_special(_state: str, _text: str) -> PmsError | None:
    """The judge of a database without words of its own."""
    return None


class Odbc:
    """A database. Nothing is opened until it is used; a line that broke is made anew."""

    def __init__(
        self,
        address: OdbcAddress,
        *,
        name: str,
        setting: str = "connection_string",
        judge: Judge = nothing_special,
        statement_s: int = 20,
        connect_s: int = 10,
    ) -> None:
        """`name` is what people call the other side; `setting` the setting that holds the connection string."""
        self._address, self._name, self._setting, self._judge = address, name, setting, judge
        self._statement_s, self._connect_s = statement_s, connect_s
        self._reading, self._writing = _Line(), _Line()

    @property
    def opened(self) -> int:
        """How often a line for reading was made; whoever caches what a session showed compares it."""
        return self._reading.opened

    def rows(self, statement: str, args: Sequence[object] = ()) -> list[Row]:
        """Run one read and return its rows. Repeated once on a new line when the kept one had broken."""
        return self._asked(statement, args, _rows_of)

    def types(self, statement: str) -> list[str]:
        """Run one read and return what its columns are, as the driver tells it, e.g. `str(40)`; in their order."""
        return self._asked(statement, (), _types_of)

    def _asked(self, statement: str, args: Sequence[object], take: Callable[[pyodbc.Cursor], T]) -> T:
        if not _READS.match(statement) or _NEVER.search(statement):
            raise NotAllowedHere("only SELECT and calls of reading procedures go over this line")
        with self._reading.lock:
            kept = self._reading.link is not None
            try:
                return self._read(statement, args, take)
            except pyodbc.Error as error:
                if kept and self._reading.link is None:
                    with self._named_errors():
                        return self._read(statement, args, take)
                raise self._named(error) from None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that is committed at the end of the block, and rolled back when it raises.

        Raises `Unavailable` where the line broke before COMMIT was sent: the server rolls such a transaction back.
        `Uncertain` where it broke at COMMIT, and what the database says otherwise.
        """
        with self._writing.lock:
            link = self._to_write()
            step = Transaction(link, self)
            try:
                yield step
                fence.last_moment()
                step.committing = True
                link.commit()
            except pyodbc.Error as error:
                raise self._after_writing(step, error) from None
            except BaseException:
                self._roll_back(link)
                raise

    def close(self) -> None:
        """Let both lines go."""
        for line in (self._reading, self._writing):
            with line.lock:
                line.drop()

    def _read(self, statement: str, args: Sequence[object], take: Callable[[pyodbc.Cursor], T]) -> T:
        link = self._reading.link or self._open(self._reading, self._address.opening, autocommit=True)
        try:
            cursor = link.cursor()
            try:
                return take(cursor.execute(statement, *args))
            finally:
                with suppress(pyodbc.Error):
                    cursor.close()
        except pyodbc.Error as error:
            # Vendors' drivers tell a line that is gone in ways of their own: one that says nothing known is not kept.
            if _lost(error) or not self._said(error):
                self._reading.drop()
            raise

    def _said(self, error: pyodbc.Error) -> bool:
        """Whether it is the database's own word, and the line is sound."""
        state = state_of(error)
        return state.startswith(_NOT_THERE) or self._judge(state, str(error.args[-1])) is not None

    def _to_write(self) -> pyodbc.Connection:
        """Return a line that is known to be alive: an idle one that broke meanwhile is no lost write."""
        held = self._writing.link
        if held is not None:
            try:
                held.rollback()
                return held
            except pyodbc.Error:
                self._writing.drop()
        opening = (*self._address.opening, *self._address.opening_to_write)
        with self._named_errors():
            return self._open(self._writing, opening, autocommit=False)

    def _open(self, line: _Line, opening: Sequence[str], *, autocommit: bool) -> pyodbc.Connection:
        try:
            link = pyodbc.connect(
                self._address.connection_string, autocommit=True, timeout=self._connect_s, readonly=autocommit
            )
        except pyodbc.Error as error:
            raise self._not_connected(error) from None
        link.timeout = self._statement_s
        link.maxwrite = WHOLE_TEXT
        try:
            for statement in opening:
                link.execute(statement).close()
            link.autocommit = autocommit
        except pyodbc.Error:
            link.close()
            raise
        line.link, line.opened = link, line.opened + 1
        return link

    def _after_writing(self, step: Transaction, error: pyodbc.Error) -> PmsError:
        refused = None if _lost(error) else self._judge(state_of(error), str(error.args[-1]))
        if step.committing and refused is not None:  # the database itself said no, at COMMIT
            self._roll_back(self._writing.link)
            return refused
        if _lost(error) or step.committing:
            self._writing.drop()
            if step.changed and step.committing:
                return Uncertain(
                    f"The line to {self._name} broke before it could answer. It will be looked up."
                )
        else:
            self._roll_back(self._writing.link)
        return self._named(error)

    def _roll_back(self, link: pyodbc.Connection | None) -> None:
        try:
            if link is not None:
                link.rollback()
        except pyodbc.Error:
            self._writing.drop()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except pyodbc.Error as error:
            raise self._named(error) from None

    def _not_connected(self, error: pyodbc.Error) -> PmsError:
        state, text = state_of(error), str(error.args[-1])
        if meant := self._judge(state, text):
            return meant
        if state.startswith(("28", "IM", "01")):
            return self._named(error)
        return Unavailable(
            f"{self._name} can't be reached. Check that its server is on and that the connection string is right."
        )

    def _named(self, error: pyodbc.Error) -> PmsError:
        state, text = state_of(error), str(error.args[-1])
        if meant := self._judge(state, text):
            return meant
        for begins, make in _BY_STATE:
            if state.startswith(begins):
                return make(self._name, self._setting)
        return Unreadable(
            f"{self._name} answered with an error that is not known here.", evidence=f"SQLSTATE {state}"
        )


class Transaction:
    """What may be done inside `Odbc.transaction`."""

    def __init__(self, link: pyodbc.Connection, of: Odbc) -> None:
        self._link = link
        self._of = of
        self.changed = False
        self.committing = False

    def rows(self, statement: str, args: Sequence[object] = ()) -> list[Row]:
        """Read within the transaction."""
        return [tuple(row) for row in self._execute(statement, args).fetchall()]

    def run(self, statement: str, args: Sequence[object] = ()) -> int:
        """Change something; returns how many rows were touched."""
        self.changed = True
        return int(self._execute(statement, args).rowcount)

    def _execute(self, statement: str, args: Sequence[object]) -> pyodbc.Cursor:
        if not _WRITES.match(statement) or _NEVER.search(statement):
            raise NotAllowedHere("only SELECT, INSERT and UPDATE go over this line")
        return self._link.cursor().execute(statement, *args)


class _Line:
    """One kept connection."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.link: pyodbc.Connection | None = None
        self.opened = 0

    def drop(self) -> None:
        """Let it go. The server rolls back what was not committed on it."""
        link, self.link = self.link, None
        if link is not None:
            with suppress(pyodbc.Error):
                link.close()


def state_of(error: pyodbc.Error) -> str:
    """The SQLSTATE of an error, or an empty text."""
    return str(error.args[0]) if len(error.args) > 1 else ""


def _rows_of(cursor: pyodbc.Cursor) -> list[Row]:
    return [tuple(row) for row in cursor.fetchall()]


def _types_of(cursor: pyodbc.Cursor) -> list[str]:
    return [f"{kind.__name__}({size})" for _name, kind, _shown, size, *_ in cursor.description]


def _lost(error: pyodbc.Error) -> bool:
    return state_of(error).startswith(_LOST)


def _gone(name: str, _setting: str) -> PmsError:
    return Unavailable(f"The line to {name} broke. It will be tried again.")


def _slow(name: str, _setting: str) -> PmsError:
    return Unavailable(f"{name} took too long to answer. It will be tried again.", retry_after=BUSY_S)


def _busy(name: str, _setting: str) -> PmsError:
    return Unavailable(f"{name} is busy with this record. It will be tried again.", retry_after=BUSY_S)


def _no_driver(_name: str, setting: str) -> PmsError:
    return Misconfigured(
        "The ODBC driver that the connection string names is not installed on this computer.", setting=setting
    )


def _no_entry(name: str, setting: str) -> PmsError:
    return Misconfigured(
        f"{name} does not accept the user or password of the connection string.", setting=setting
    )


def _no_table(_name: str, setting: str) -> PmsError:
    return Misconfigured(
        "This database lacks a table that is needed: it may be another program's.", setting=setting
    )


def _no_column(_name: str, _setting: str) -> PmsError:
    return Unreadable(
        "A column that is needed is not there: the program may have been updated.", evidence="missing column"
    )


def _no_right(name: str, _setting: str) -> PmsError:
    return Unauthorised(
        f"{name} does not let this database user do that. Whoever administers it must allow it.",
        until_asked=True,
    )


def _against_rules(name: str, _setting: str) -> PmsError:
    return Refused(
        f"{name} refused this record: it breaks one of the database's own rules.", reason="constraint"
    )


_BY_STATE: tuple[tuple[str, Callable[[str, str], PmsError]], ...] = (
    ("HYT", _slow),
    ("08", _gone),
    ("57", _gone),
    ("40", _busy),
    ("IM", _no_driver),
    ("01", _no_driver),
    ("28", _no_entry),
    ("42S02", _no_table),
    ("42S22", _no_column),
    ("42501", _no_right),
    ("42000", _no_right),
    ("23", _against_rules),
)
"""What the beginning of a SQLSTATE means for us; the vendor's judge is asked first."""
