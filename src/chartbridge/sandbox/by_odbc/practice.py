"""A practice's tables in a database of a server: made, filled, looked into, and how a hub reaches them.

Must not be in it: a vendor's tables, what goes wrong (knobs), the command line.
"""

from __future__ import annotations

import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, ClassVar

import pymysql
from pymysql.cursors import DictCursor

from chartbridge.sandbox.server import Server

FAULTS = "chartbridge_sandbox_faults"
"""Where a sandbox keeps what is to go wrong; not a table of the vendor's."""
SEEN = "chartbridge_sandbox_seen"
"""Where a sandbox keeps every status that a visit had, to prove a move by; not a table of the vendor's."""


class OdbcPractice(ABC):
    """One practice. `hub` is the sign-in that a hub uses."""

    pms: ClassVar[str]
    usual_owner: ClassVar[str]
    user: ClassVar[str]

    def __init__(self, server: Server, *, owner: str = "", user: str = "", password: str = "") -> None:
        self.server, self.owner = server, owner or self.usual_owner
        self.hub = (user or self.user, password or secrets.token_urlsafe(12))
        self._lock = threading.RLock()
        self._link: pymysql.connections.Connection[Any] | None = None

    @abstractmethod
    def statements(self) -> Sequence[str]:
        """What makes the tables."""

    @abstractmethod
    def emptied(self) -> Sequence[str]:
        """The tables, in the order in which they can be emptied."""

    @abstractmethod
    def fill_lists(self) -> None:
        """Fill the lists that a practice owns."""

    @abstractmethod
    def open_gate(self) -> None:
        """Let the hub write, as the vendor does once it has allowed it."""

    @abstractmethod
    def permission(self) -> tuple[dict[str, str], dict[str, str]]:
        """What a hub enters so that it may write: values and secrets."""

    @abstractmethod
    def resume(self) -> None:
        """Take up what an earlier process has made."""

    @property
    def connection_string(self) -> str:
        """The ODBC connection string for a hub."""
        return self.connection_string_over(self.server.port)

    def connection_string_over(self, port: int) -> str:
        """The same over another port, such as a line that can be cut."""
        user, password = self.hub
        return self.server.connection_string(self.owner, user=user, password=password, port=port)

    def create(self) -> None:
        """Make the tables anew, the lists in them, and the hub's sign-in."""
        user, password = self.hub
        self.close()
        with closing(self.server.connect()) as link, link.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.owner}")
            cursor.execute(f"CREATE DATABASE {self.owner} CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE OR REPLACE USER '{user}'@'%%' IDENTIFIED BY %s", (password,))
            cursor.execute(f"GRANT SELECT ON {self.owner}.* TO '{user}'@'%'")
            link.select_db(self.owner)
            cursor.execute(f"CREATE TABLE {FAULTS} (fault VARCHAR(20) PRIMARY KEY, times INT) ENGINE=MyISAM")
            cursor.execute(f"CREATE TABLE {SEEN} (visit INT, patient CHAR(10), status CHAR(30), KEY (visit))")
            for statement in self.statements():
                cursor.execute(statement)
        self.fill_lists()
        self.open_gate()

    def empty(self) -> None:
        """Leave the tables and the lists, and no people; what was taken away for an update is put back."""
        found = self.rows(
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = %s", (self.owner,)
        )
        if {str(row["name"]) for row in found} != self.there():
            self.create()
            return
        for table in (*self.emptied(), FAULTS, SEEN):
            self.run(f"DELETE FROM {table}")
        self.fill_lists()

    @abstractmethod
    def there(self) -> set[str]:
        """The names of all tables and views, ours among them."""

    def now(self) -> datetime:
        """The server's own wall time."""
        found = self.rows("SELECT NOW() AS now")[0]["now"]
        assert isinstance(found, datetime)
        return found

    def rows(self, statement: str, args: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Look into the tables as the administrator."""
        with self._cursor() as cursor:
            cursor.execute(statement, args or None)
            return list(cursor.fetchall())

    def run(self, statement: str, args: Sequence[object] = ()) -> int:
        """Change something as the program itself would; returns the new row's key, if there is one."""
        with self._cursor() as cursor:
            cursor.execute(statement, args or None)
            return int(cursor.lastrowid or 0)

    def insert(self, table: str, **values: object) -> int:
        """Insert a row; returns its key where the database gives one."""
        return self.run(*_insert(table, values))

    def insert_many(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert many alike rows."""
        if rows:
            statement, _ = _insert(table, rows[0])
            with self._cursor() as cursor:
                cursor.executemany(statement, [tuple(row.values()) for row in rows])

    def close(self) -> None:
        """Let the administrator's line go."""
        with self._lock:
            held, self._link = self._link, None
        if held is not None:
            held.close()

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """One line for all that people do; anew when it broke."""
        with self._lock:
            if self._link is None or not self._link.open:
                self._link = self.server.connect(self.owner)
            with self._link.cursor(DictCursor) as cursor:
                yield cursor


def watching(table: str, visit: str, patient: str, status: str) -> list[str]:
    """Triggers that keep every status of a visit. The arguments are expressions over NEW."""
    return [
        f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW"
        f" INSERT INTO {SEEN} (visit, patient, status) VALUES ({visit}, {patient}, {status})"
        for name, when in zip(watchers(table), ("INSERT", "UPDATE"), strict=True)
    ]


def watchers(table: str) -> tuple[str, str]:
    """The names of those triggers."""
    return f"seen_{table}_insert", f"seen_{table}_update"


def signals(faults: Sequence[tuple[str, str, str]]) -> str:
    """The part of a trigger that answers with the faults that were asked for: (fault, SQLSTATE, words).

    A fault is used up in a table that keeps no transactions, so that a rollback doesn't bring it back.
    """
    return "".join(
        f""" IF USER() NOT LIKE 'root@%' AND
            (SELECT COUNT(*) FROM {FAULTS} f WHERE f.fault = '{fault}' AND f.times > 0) > 0 THEN
            UPDATE {FAULTS} SET times = times - 1 WHERE fault = '{fault}';
            SIGNAL SQLSTATE '{state}' SET MESSAGE_TEXT = '{words}'; END IF;"""
        for fault, state, words in faults
    )


def _insert(table: str, values: Mapping[str, object]) -> tuple[str, tuple[object, ...]]:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(values.values())
