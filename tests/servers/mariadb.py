"""A real MariaDB, set up as Open Dental's installers do: no strict mode, reachable over TCP.

Must not be in it: Open Dental's tables (the sandbox makes those).
"""

from __future__ import annotations

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


@contextmanager
def running_mariadb(options: Sequence[str] = ()) -> Iterator[MariaDb]:
    """Start a server in a new folder; stop it and remove the folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="chartbridge-mariadb-"))
    try:
        _install(folder)
        port = free_port()
        log = folder / "server.log"
        with log.open("wb") as out:
            process = subprocess.Popen(_command(folder, port, options), stdout=out, stderr=out)
        try:
            await_answer(process, lambda: _give_password(port), log)
            yield MariaDb(host="127.0.0.1", port=port, user="root", password=_PASSWORD, pid=process.pid)
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_PASSWORD = "of-the-tests"


def _install(folder: Path) -> None:
    program = find_program(["mariadb-install-db", "mysql_install_db"], part="MariaDB")
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
