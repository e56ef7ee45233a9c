"""The sandbox's own database, one connection with a lock: SQLite for a demo, MariaDB for the real thing.

Statements are written once, with `?` for values, and run on both. Every column is listed on INSERT, as the
vendor's program does (sql_mode ''). Times are text on both sides.

Must not be in it: what an action means; anything of the hub.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions

from chartbridge.sandbox.open_dental.clock import PracticeClock
from chartbridge.sandbox.open_dental.schema import Schema, mariadb_ddl, sqlite_ddl

Row = dict[str, Any]
if TYPE_CHECKING:
    Link = pymysql.connections.Connection[pymysql.cursors.Cursor]
else:
    Link = pymysql.connections.Connection

_AS_TEXT = (FIELD_TYPE.DATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.TIME, FIELD_TYPE.NEWDATE)


class Database(ABC):
    """What the sandbox needs of a database. Safe to share between threads: one statement at a time."""

    lists_stamp = False
    """Whether the moving stamp is listed on INSERT; a real server fills it by itself, as for the program."""

    def __init__(self, schema: Schema, clock: PracticeClock) -> None:
        self.schema = schema
        self.clock = clock
        self.lock = threading.RLock()
        self.random_keys: random.Random | None = None
        self._inserts: dict[str, tuple[str, Row]] = {}
        self._moment = ""

    @abstractmethod
    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return the rows of a SELECT, each as a dict in column order."""

    @abstractmethod
    def run(self, sql: str, *values: object) -> int:
        """Run a statement; returns the number of rows it touched."""

    @abstractmethod
    def now(self) -> str:
        """Return the database's NOW()."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Several statements at once; where the engine has no transactions, only the lock."""

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Everything inside happens at one NOW(), and nothing of another thread in between."""
        with self.lock:
            if self._moment:
                yield
                return
            self._moment = self.now()
            try:
                yield
            finally:
                self._moment = ""

    @abstractmethod
    def create_tables(self) -> None:
        """Make every table that is not there."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @abstractmethod
    def _insert(self, sql: str, values: Sequence[object]) -> int: ...

    @abstractmethod
    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for many rows."""

    def row(self, sql: str, *values: object) -> Row | None:
        """Return the first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def value(self, sql: str, *values: object) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, *values)
        return next(iter(found.values())) if found else None

    def get(self, table: str, key: int) -> Row | None:
        """Return one row by its primary key."""
        return self.row(f"SELECT * FROM {table} WHERE {self.schema[table].primary}=?", key)

    def insert(self, table: str, /, **values: object) -> int:
        """Insert one row, all columns listed, and return its key; columns not given get the program's zero."""
        sql, blank = self._insert_template(table)
        if not values.keys() <= blank.keys():
            self._check_names(table, values)
        primary = self.schema[table].primary
        if self.random_keys is not None and self.schema[table].auto and primary not in values:
            values[primary] = self.random_keys.randrange(10_001, 2**63 - 1)
        full = {**blank, **values}
        if self.lists_stamp and (stamp := self.schema[table].stamp) and full[stamp] is None:
            full[stamp] = self.now()
        key = self._insert(sql, list(full.values()))
        given = values.get(primary)
        return int(given) if isinstance(given, int) else key

    def insert_many(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows that carry their own keys (seeding)."""
        columns = self.schema[table].columns
        blank: Row = {c.name: None if c.is_stamp or c.auto else c.implicit() for c in columns}
        names = ",".join(f"`{name}`" for name in blank)
        sql = f"INSERT INTO {table} ({names}) VALUES ({','.join('?' * len(blank))})"
        now = self.now()
        stamp = self.schema[table].stamp
        filled = []
        for values in rows:
            self._check_names(table, values)
            full = {**blank, **values}
            if stamp and full[stamp] is None:
                full[stamp] = now
            filled.append(list(full.values()))
        self.run_many(sql, filled)

    def update(self, table: str, key: int, /, **values: object) -> int:
        """Update one row by its key."""
        assignments = ",".join(f"`{name}`=?" for name in values)
        primary = self.schema[table].primary
        return self.run(f"UPDATE {table} SET {assignments} WHERE {primary}=?", *values.values(), key)

    def delete(self, table: str, key: int) -> int:
        """Delete one row by its key."""
        return self.run(f"DELETE FROM {table} WHERE {self.schema[table].primary}=?", key)

    def preference(self, name: str, default: str = "") -> str:
        """Return a row of `preference`."""
        found = self.value("SELECT ValueString FROM preference WHERE PrefName=?", name)
        return default if found is None else str(found)

    def _insert_template(self, table: str) -> tuple[str, Row]:
        made = self._inserts.get(table)
        if made is None:
            columns = [c for c in self.schema[table].columns if self.lists_stamp or not c.is_stamp]
            blank: Row = {c.name: None if c.is_stamp or c.auto else c.implicit() for c in columns}
            names = ",".join(f"`{name}`" for name in blank)
            sql = f"INSERT INTO {table} ({names}) VALUES ({','.join('?' * len(columns))})"
            made = self._inserts[table] = (sql, blank)
        return made

    def _check_names(self, table: str, values: Row) -> None:
        if not values.keys() <= self.schema[table].names:
            unknown = sorted(values.keys() - self.schema[table].names)
            raise KeyError(f"{table} has no {', '.join(unknown)}")


class SqliteDatabase(Database):
    """A practice in one file; its clock is the sandbox's."""

    lists_stamp = True

    def __init__(self, path: str, schema: Schema, clock: PracticeClock) -> None:
        super().__init__(schema, clock)
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._link = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=400
        )
        self._link.row_factory = _as_dict
        self._link.create_function("NOW", 0, clock.text)
        self._link.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing in this mode; only a power cut would, and this is a sandbox.
        self._link.execute("PRAGMA synchronous=OFF")
        self._link.execute("PRAGMA busy_timeout=5000")
        self._depth = 0

    def rows(self, sql: str, *values: object) -> list[Row]:
        with self.lock:
            return self._link.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        with self.lock:
            return self._link.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        with self.transaction():
            self._link.executemany(sql, rows)

    def now(self) -> str:
        with self.lock:
            return self._moment or self.clock.text()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.lock:
            if self._depth == 0:
                self._link.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._link.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._link.execute("COMMIT")

    def create_tables(self) -> None:
        there = {r["name"] for r in self.rows("SELECT name FROM sqlite_master WHERE type='table'")}
        with self.transaction():
            for table in self.schema.values():
                if table.name not in there:
                    for statement in sqlite_ddl(table):
                        self._link.execute(statement)

    def close(self) -> None:
        with self.lock:
            self._link.close()

    def _insert(self, sql: str, values: Sequence[object]) -> int:
        with self.lock:
            return self._link.execute(sql, values).lastrowid or 0


class MariaDatabase(Database):
    """A practice on a real server; the clock is the server's, unless it was jumped for this session.

    A statement that meets a broken line fails, and the next one goes over a new line, as the program does it:
    whether the first one was carried out is not known, so it is never repeated.
    """

    def __init__(
        self,
        link: Link,
        schema: Schema,
        clock: PracticeClock,
        *,
        engine: str = "MyISAM",
        connect_again: Callable[[], Link] | None = None,
    ) -> None:
        super().__init__(schema, clock)
        self.engine = engine
        self._link = link
        self._connect_again = connect_again
        self._sql: dict[str, str] = {}
        self._stamped = False

    def rows(self, sql: str, *values: object) -> list[Row]:
        with self.lock, self._cursor() as cursor:
            cursor.execute(self._words(sql), values)
            names = [d[0] for d in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, sql: str, *values: object) -> int:
        with self.lock, self._cursor() as cursor:
            return cursor.execute(self._words(sql), values)

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        with self.lock, self._cursor() as cursor:
            cursor.executemany(self._words(sql), rows)

    def now(self) -> str:
        with self.lock:
            return self._moment or str(self.value("SELECT NOW()"))

    def transaction(self) -> AbstractContextManager[None]:
        return self.one_moment()

    def create_tables(self) -> None:
        there = {next(iter(r.values())) for r in self.rows("SHOW TABLES")}
        for table in self.schema.values():
            if table.name not in there:
                self.run(mariadb_ddl(table, self.engine))

    def close(self) -> None:
        with self.lock:
            self._link.close()

    def _insert(self, sql: str, values: Sequence[object]) -> int:
        with self.lock, self._cursor() as cursor:
            cursor.execute(self._words(sql), values)
            return int(cursor.lastrowid or 0)

    @contextmanager
    def _cursor(self) -> Iterator[pymysql.cursors.Cursor]:
        if not self._link.open and self._connect_again:
            self._link, self._stamped = self._connect_again(), False
        with self._link.cursor() as cursor:
            if self.clock.jumped:
                cursor.execute("SET timestamp=%s", (self.clock.utc().timestamp(),))
            elif self._stamped:
                cursor.execute("SET timestamp=DEFAULT")
            self._stamped = self.clock.jumped
            yield cursor

    def _words(self, sql: str) -> str:
        made = self._sql.get(sql)
        if made is None:
            made = self._sql[sql] = sql.replace("%", "%%").replace("?", "%s")
        return made


def open_database(
    url: str, schema: Schema, clock: PracticeClock | None = None, *, engine: str = "MyISAM"
) -> Database:
    """Open `mysql://user:password@host:port/name`, `sqlite:///path` or a plain path."""
    clock = clock or PracticeClock()
    if url.startswith(("mysql://", "mariadb://")):
        link = connect(url)
        return MariaDatabase(link, schema, clock, engine=engine, connect_again=lambda: connect(url))
    return SqliteDatabase(sqlite_path(url), schema, clock)


def sqlite_path(url: str) -> str:
    """Return the file of a `sqlite:///` address or of a plain path."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else url


def connect(url: str) -> Link:
    """Connect to MariaDB or MySQL; times come as text, sql_mode is '' as the vendor's program sets it."""
    parts = urlsplit(url)
    converters = {k: v for k, v in conversions.items() if k not in _AS_TEXT}
    link = pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or None,
        charset="utf8mb4",
        autocommit=True,
        conv=converters,
    )
    with link.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode=''")
    return link


def create_reader(conn: Link, user: str, password: str) -> None:
    """Make a user who may SELECT in the connection's database and nothing else."""
    with conn.cursor() as cursor:
        cursor.execute("SELECT DATABASE()")
        found = cursor.fetchone()
        name = str(found[0]).replace("`", "``") if found else ""
        cursor.execute("CREATE OR REPLACE USER %s@'%%' IDENTIFIED BY %s", (user, password))
        cursor.execute(f"GRANT SELECT ON `{name}`.* TO %s@'%%'", (user,))


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {d[0]: value for d, value in zip(cursor.description, row, strict=True)}
