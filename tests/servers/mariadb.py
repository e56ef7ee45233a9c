"""A real MariaDB, set up as Open Dental's installers do: no strict mode, reachable over TCP.

Must not be in it: Open Dental's tables (the sandbox makes those).
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tests.servers.process import am_root, await_answer, find_program, free_port, stop, tied_to_this_process


@dataclass(frozen=True, kw_only=True)
class MariaDb:
    """A running server and its administrator's sign-in."""

    host: str
    port: int
    user: str
    password: str
    pid: int

    def connect(self, database: str | None = None, **more: Any) -> pymysql.Connection[Any]:
        """Open a connection that commits by itself."""
        return pymysql.connect(
            **{
                "host": self.host,
                "port": self.port,
                "user": self.user,
                "password": self.password,
                "database": database,
                "autocommit": True,
                "charset": "utf8mb4",
                **more,
            }
        )

    def create_database(self, name: str, charset: str = "utf8mb4") -> str:
        """Make an empty database (dropping an old one of that name) and return its name."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET {charset}")
        return name

    def create_user(self, name: str, password: str, grant: str = "SELECT ON *.*") -> None:
        """Make a user with one grant, or none where `grant` is empty."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE OR REPLACE USER '{name}'@'%%' IDENTIFIED BY %s", (password,))
            if grant:
                cursor.execute(f"GRANT {grant} TO '{name}'@'%'")

    def url(self, database: str) -> str:
        """Return mysql://user:password@host:port/database."""
        return f"mysql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


DURABLE = ("--innodb-flush-log-at-trx-commit=1",)
"""Keeps what it has committed when it is killed."""


class MariaDbProcess:
    """A server in a new folder that can be killed and started again on the same port."""

    def __init__(
        self, options: Sequence[str] = (), *, within: Path | None = None, wrap: Sequence[str] = ()
    ) -> None:
        """`within`: the folder in which to make its own, such as a small disk. `wrap`: under what to run it."""
        self._folder = Path(tempfile.mkdtemp(prefix="chartbridge-mariadb-", dir=within))
        self._options, self._wrap = options, wrap
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            _install(self._folder)
            self.start(first=True)
        except BaseException:
            self.remove()
            raise

    @property
    def server(self) -> MariaDb:
        """How to reach it."""
        assert self._process is not None
        return MariaDb(
            host="127.0.0.1", port=self._port, user="root", password=_PASSWORD, pid=self._process.pid
        )

    def start(self, *, first: bool = False) -> None:
        """Start it and wait until it answers."""
        log = self._folder / "server.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._wrap, *_command(self._folder, self._port, self._options)], stdout=out, stderr=out
            )
        await_answer(
            self._process,
            (lambda: _give_password(self._port)) if first else (lambda: self.server.connect().close()),
            log,
        )

    def open_every_table(self) -> None:
        """Open them all, as an office's workstations do: so MyISAM repairs what a kill has damaged.

        A read-only session such as the hub's does not set that off, and must not.
        """
        with self.server.connect() as root, root.cursor() as cursor:
            cursor.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
                " WHERE engine='MyISAM' AND table_schema NOT IN ('mysql', 'sys')"
            )
            for schema, table in cursor.fetchall():
                cursor.execute(f"CHECK TABLE `{schema}`.`{table}` FAST QUICK")

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """Stop it as an administrator does."""
        if self._process is not None:
            stop(self._process)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running_mariadb(options: Sequence[str] = ()) -> Iterator[MariaDb]:
    """Start a server in a new folder; stop it and remove the folder afterwards."""
    process = MariaDbProcess(options)
    try:
        yield process.server
    finally:
        process.remove()


_PASSWORD = "of-the-tests"


def _install(folder: Path) -> None:
    program = find_program(["mariadb-install-db", "mysql_install_db"], part="MariaDB")
    with (Path(tempfile.gettempdir()) / "chartbridge-mariadb-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once get in each other's way
        _make_tables(program, folder)


def _make_tables(program: str, folder: Path) -> None:
    subprocess.run(
        [
            program,
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *(["--user=root"] if am_root() else []),
        ],
        check=True,
        capture_output=True,
    )


def _command(folder: Path, port: int, options: Sequence[str]) -> list[str]:
    program = find_program(["mariadbd", "mysqld"], folders=["/usr/sbin"], part="MariaDB")
    return tied_to_this_process(
        [
            program,
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--skip-networking=OFF",
            "--sql-mode=",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            *(["--user=root"] if am_root() else []),
            *options,
        ]
    )


def _give_password(port: int) -> None:
    with (
        pymysql.connect(host="127.0.0.1", port=port, user="root") as connection,
        connection.cursor() as cursor,
    ):
        for statement in (
            f"CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}'",
            "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION",
            f"SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{_PASSWORD}')",
        ):
            cursor.execute(statement)
