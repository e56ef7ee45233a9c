"""A practice on Eaglesoft's tables: makes and fills them, and says how a hub reaches them.

Must not be in it: what goes wrong (knobs), the command line.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from chartbridge.sandbox.eaglesoft.tables import FAULTS, OWNER, SIGNATURE, TABLES, drop_and_create
from chartbridge.sandbox.server import Server

VERSION = "22.10"
PROVIDERS = (
    ("AB", "Brian", "Albert", "A", 1),
    ("CD", "Carla", "Diaz", "A", 1),
    ("HY1", "Hanna", "Young", "A", 2),
    ("OLD", "Otto", "Lder", "I", 1),
    ("FD", "Mary", "Frontdesk", "A", 5),
)
NOTE_TYPES = (
    (7, "G", "Contact"), (8, "G", "Insurance"), (9, "G", "General"), (4, "A", "Account"), (1, "N", "Clinical"),
)  # fmt: skip
GROUPS = ((1, "Patient Information"), (2, "Insurance"), (3, "Statements"))
CHAIRS = ((1, "Op 1"), (2, "Op 2"), (3, "Op 3"), (4, "Hygiene 1"))


class EaglesoftPractice:
    """One practice in a database of a server. `hub` is the sign-in that a hub uses: it may read and, once
    authorised, write; `authorisation` the statement by which a session is."""

    def __init__(self, server: Server, *, owner: str = OWNER) -> None:
        self.server, self.owner = server, owner
        self.hub = ("chartbridge_es", secrets.token_urlsafe(12))
        self._signature = ""
        self._lock = threading.RLock()
        self._link: pymysql.connections.Connection[Any] | None = None

    @property
    def authorisation(self) -> str:
        """The statement with which a session opens the gate."""
        return f"SET @connection_authentication = '{self._signature}'"

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
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE ON {self.owner}.* TO '{user}'@'%'")
            link.select_db(self.owner)
            for statement in drop_and_create():
                cursor.execute(statement)
        self._lists()
        self.new_signature()

    def new_signature(self) -> None:
        """Authorise anew: sessions with an earlier authorisation may not write any more."""
        self._signature = secrets.token_hex(8)
        self.run(f"DELETE FROM {SIGNATURE}")
        self.insert(SIGNATURE, signature=self._signature)

    def empty(self) -> None:
        """Leave the tables and the lists, and no people; what was taken away for an update is put back."""
        there = {
            str(row["name"])
            for row in self.rows(
                "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = %s",
                (self.owner,),
            )
        }
        if not set(TABLES) <= there:
            self.create()
            return
        for table in (*TABLES, FAULTS):
            self.run(f"DELETE FROM {table}")
        self._lists()

    def rows(self, statement: str, args: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Look into the tables as the administrator."""
        with self._cursor() as cursor:
            cursor.execute(statement, args)
            return list(cursor.fetchall())

    def run(self, statement: str, args: Sequence[object] = ()) -> int:
        """Change something as Eaglesoft itself would; returns the new row's key, if there is one."""
        with self._cursor() as cursor:
            cursor.execute(statement, args)
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
                cursor.execute(f"SET @connection_authentication = (SELECT MAX(signature) FROM {SIGNATURE})")
                yield cursor

    def _lists(self) -> None:
        self.insert("system_preferences", version=VERSION)
        for key, first, last, status, position in PROVIDERS:
            self.insert(
                "provider",
                provider_id=key,
                first_name=first,
                last_name=last,
                status=status,
                position_id=position,
            )
        for number, letter, name in NOTE_TYPES:
            self.insert("operatory_notes_type", id=number, note_type=letter, description=name)
        for number, name in GROUPS:
            self.insert("document_group", group_id=number, description=name, type="I")
        for number, name in CHAIRS:
            self.insert("chairs", chair_num=number, chair_name=name)


def _insert(table: str, values: Mapping[str, object]) -> tuple[str, tuple[object, ...]]:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(values.values())
