"""Reading a MySQL or MariaDB database, and nothing but reading: one kept connection, short statements.

Every value comes back as text (or None), in tuples: the codec knows what a column means, and keys above 2**53,
zero dates and wall times stay exactly what the server says. The session runs in UTC and is read-only.
Must not be in it: a table's or column's name, a statement other than SELECT, SHOW and SET SESSION.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.converters import encoders
from pymysql.cursors import Cursor

from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Unreadable
from chartbridge.transport.addresses import can_be_host

Row = tuple[str | None, ...]
Rows = tuple[Row, ...]

_ALLOWED = re.compile(r"\s*(SELECT|SHOW|SET\s+SESSION)\b", re.IGNORECASE)
_NEVER = re.compile(
    r";|\bINTO\s+(OUTFILE|DUMPFILE|@)|\bFOR\s+UPDATE\b|\bLOCK\s+IN\b|\bGET_LOCK\s*\(", re.IGNORECASE
)
IDLE_S = 90
"""After so much silence the server ends a session that holds a lock."""
_CANNOT_LOCK = frozenset({1235, 1305, 4199})
"""A server that has no locks of this kind (a cluster, or something else that speaks the protocol)."""
_LOST = frozenset({0, 2006, 2013, 2014, 2055})
_SESSION = (
    "SET SESSION TRANSACTION READ ONLY",  # MySQL 5.6.5 and newer
    "SET SESSION max_statement_time = {seconds}",  # MariaDB
    "SET SESSION max_execution_time = {milliseconds}",  # MySQL 5.7.8 and newer
    "SET SESSION lock_wait_timeout = {whole_seconds}",
    "SET SESSION group_concat_max_len = 4194304",
)


class NotARead(Exception):
    """A statement that is no plain read was about to be sent: our fault, never sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlAddress:
    """Where and as whom. `tls` is `off`, `on` (encrypted, any certificate) or `verify`."""

    host: str
    port: int
    database: str
    user: str
    password: str
    tls: str = "off"

    def __repr__(self) -> str:
        return f"SqlAddress({self.host}:{self.port}/{self.database})"


class Sql:
    """One connection, made when first used and again after it was lost; one caller at a time."""

    def __init__(
        self, address: SqlAddress, *, name: str, statement_s: float = 5.0, connect_s: float = 5.0
    ) -> None:
        """`name` is what people call the other side; `statement_s` is how long the server may work at most."""
        self._address, self._name = address, name
        self._statement_s, self._connect_s = statement_s, connect_s
        self._lock = threading.Lock()
        self._line: pymysql.connections.Connection[Any] | None = None
        self._cursor: Cursor | None = None
        self._locks_of = 0
        self.opened = 0  # how often a session was set up; whoever caches what a session showed compares it

    def rows(self, statement: str, args: Sequence[object] = ()) -> Rows:
        """Run one read and return all its rows as text. Reads are repeated once when the line had gone idle."""
        check(statement)
        with self._lock:
            fresh = self._cursor is None
            try:
                return self._run(statement, args)
            except (pymysql.Error, OSError) as error:
                code = code_of(error)
                if code in _LOST or isinstance(error, OSError | pymysql.InterfaceError):
                    self._drop()
                    if not fresh:
                        return self._again(statement, args)
                raise self._named(code) from None

    @property
    def database(self) -> str:
        """The database's name."""
        return self._address.database

    def timed(self, statement: str, args: Sequence[object] = ()) -> tuple[Rows, float]:
        """Like `rows`, with the seconds that it took."""
        began = time.perf_counter()
        rows = self.rows(statement, args)
        return rows, time.perf_counter() - began

    def hold(self, name: str) -> tuple[bool, bool]:
        """Hold a lock of that name on the session: whether it is held, and whether it was taken just now.

        It is gone with the session. A session that says nothing for a while is ended by the server, so that one
        whose other end has died does not hold it for hours.
        """
        with self._lock:
            try:
                return self._hold(name)
            except (pymysql.Error, OSError) as error:
                code = code_of(error)
                if code in _CANNOT_LOCK:
                    return True, False
                if code in _LOST or isinstance(error, OSError | pymysql.InterfaceError):
                    self._drop()
                raise self._named(code) from None

    def _hold(self, name: str) -> tuple[bool, bool]:
        fresh = self._cursor is None or self._locks_of != self.opened
        cursor = self._cursor or self._open()
        if not fresh:
            cursor.execute("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (name,))
            if cursor.fetchall() == (("1",),):
                return True, False
        cursor.execute(f"SET SESSION wait_timeout = {IDLE_S}")
        # A session that has just been closed may take a moment to let go.
        cursor.execute("SELECT GET_LOCK(%s, %s)", (name, 1 if fresh else 0))
        held = cursor.fetchall() == (("1",),)
        self._locks_of = self.opened
        return held, held

    def another(self) -> Sql:
        """A connection of its own to the same place."""
        return Sql(self._address, name=self._name, statement_s=self._statement_s, connect_s=self._connect_s)

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._drop()

    def _again(self, statement: str, args: Sequence[object]) -> Rows:
        try:
            return self._run(statement, args)
        except (pymysql.Error, OSError) as error:
            code = code_of(error)
            if code in _LOST or isinstance(error, OSError | pymysql.InterfaceError):
                self._drop()
            raise self._named(code) from None

    def _run(self, statement: str, args: Sequence[object]) -> Rows:
        cursor = self._cursor or self._open()
        cursor.execute(statement, args or None)
        return cursor.fetchall()

    def _open(self) -> Cursor:
        place = self._address
        context = tls_context(place.tls)
        if not can_be_host(place.host):  # the library would raise something that is no error of a database
            raise Misconfigured(
                f"The server's address of {self._name} can't be right. Check it on the PMS Connection page.",
                setting="db_host",
            )
        line = pymysql.connect(
            host=place.host,
            port=place.port,
            user=place.user,
            password=place.password.encode("utf-8", "replace"),  # as a str it may hold Latin-1 only
            database=place.database,
            charset="utf8mb4",
            conv=dict(encoders),  # type: ignore[arg-type]  # no decoders: every column is text
            autocommit=True,
            connect_timeout=int(self._connect_s),
            read_timeout=self._statement_s + 5,
            write_timeout=self._statement_s + 5,
            init_command="SET SESSION time_zone = '+00:00'",
            ssl=context,
            ssl_disabled=context is None,
        )
        self._line = line
        cursor = line.cursor()
        for each in _SESSION:
            statement = each.format(
                seconds=self._statement_s,
                milliseconds=int(self._statement_s * 1000),
                whole_seconds=max(1, int(self._statement_s)),
            )
            with suppress(pymysql.ProgrammingError, pymysql.OperationalError, pymysql.NotSupportedError):
                cursor.execute(statement)  # an older server doesn't know the variable: it does without
        self._cursor = cursor
        self.opened += 1
        return cursor

    def _drop(self) -> None:
        line, self._line, self._cursor = self._line, None, None
        if line is not None:
            with suppress(pymysql.Error, OSError):
                line.close()

    def _named(self, code: int) -> PmsError:
        make = ERRORS.get(code)
        if make is None:
            return Unreadable(
                f"{self._name} answered with an error that is not known here.",
                evidence=f"database error {code}",
            )
        kind, sentence, setting = make
        text = sentence.format(name=self._name, host=self._address.host, port=self._address.port)
        if kind is Misconfigured:
            return Misconfigured(text, setting=setting)
        if kind is Unreadable:
            return Unreadable(text, evidence=f"database error {code}")
        return kind(text)


_Named = tuple[type[PmsError], str, str]
_GONE: _Named = (
    Unavailable,
    "{name} can't be reached at {host}, port {port}. Check that the server is on and the address is right.",
    "",
)
_BUSY: _Named = (Unavailable, "{name} is busy. It will be tried again.", "")
_RIGHTS: _Named = (
    Unauthorised,
    "The database user may not read a table that is needed. "
    "Give it the SELECT right on the whole database (see PMS Connection).",
    "",
)
_DAMAGED: _Named = (
    Unavailable,
    "{name} says that a table is damaged. It must be repaired there, by itself or by hand; it will be tried again.",
    "",
)
ERRORS: dict[int, _Named] = {
    0: _GONE,
    2002: _GONE,
    2003: _GONE,
    2005: _GONE,
    2006: _GONE,
    2013: _GONE,
    2014: _GONE,
    2055: _GONE,
    1053: _GONE,
    1040: _BUSY,
    1203: _BUSY,
    1205: _BUSY,
    1213: _BUSY,
    1226: _BUSY,
    1317: _BUSY,
    1969: (Unavailable, "{name} took too long for a read. It will be tried again.", ""),
    3024: (Unavailable, "{name} took too long for a read. It will be tried again.", ""),
    1045: (Misconfigured, "{name} does not accept this database user and password.", "db_password"),
    1698: (Misconfigured, "{name} does not accept this database user and password.", "db_password"),
    1251: (Misconfigured, "{name} does not let this database user sign in by password.", "db_user"),
    1049: (Misconfigured, "There is no database of this name on {host}.", "db_name"),
    1146: (
        Misconfigured,
        "This database lacks a table that is needed: it may be another program's.",
        "db_name",
    ),
    1044: _RIGHTS,
    1142: _RIGHTS,
    1143: _RIGHTS,
    1227: _RIGHTS,
    1129: (
        Unauthorised,
        "{name} has blocked this computer after failed attempts. Its host must be unblocked.",
        "",
    ),
    1130: (Unauthorised, "{name} does not let this database user sign in from this computer.", ""),
    2026: (Misconfigured, "The encrypted line to {name} could not be made. Check the TLS setting.", "db_tls"),
    # MyISAM after a crash of the server, until it has repaired the table (MariaDB 10.11 does so when it is opened).
    **dict.fromkeys((126, 127, 144, 145, 1034, 1194, 1195), _DAMAGED),
    1054: (Unreadable, "A column that is needed is not there: the program may have been updated.", ""),
}
"""What a server's error number means for us: kind, sentence, setting."""


def check(statement: str) -> None:
    """Raise `NotARead` for anything but a plain SELECT, SHOW or SET SESSION."""
    if not _ALLOWED.match(statement) or _NEVER.search(statement):
        raise NotARead("only SELECT, SHOW and SET SESSION are ever sent to a PMS database")


def code_of(error: BaseException) -> int:
    """The server's or library's number of an error, 0 where it has none."""
    if isinstance(error, pymysql.Error) and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return 2006 if isinstance(error, OSError) else 0


_contexts: dict[str, ssl.SSLContext] = {}


def tls_context(tls: str) -> ssl.SSLContext | None:
    """The process's shared context for a TLS setting: making one costs some 20 ms of CPU."""
    if tls not in ("on", "verify"):
        return None
    if tls not in _contexts:
        context = ssl.create_default_context()
        if tls == "on":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _contexts[tls] = context
    return _contexts[tls]
