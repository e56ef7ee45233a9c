"""A MariaDB of its own for a sandbox practice: on loopback, in its own folder, ended by its process id.

Must not be in it: a table.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import pymysql

STARTS_WITHIN_S = 60.0
_DRIVERS = ("/usr/lib/*/odbc/libmaodbc.so", "/usr/lib/*/libmaodbc.so", "/usr/lib64/libmaodbc.so")


class CannotStart(Exception):
    """Why there is no server, in a sentence for the person at the keyboard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where a server is, and its administrator's sign-in. Its repr shows no password."""

    host: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"

    def connect(self, database: str | None = None) -> pymysql.connections.Connection[Any]:
        """Open a connection that commits by itself and understands SQL as the vendors' databases do."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            sql_mode="MSSQL,STRICT_TRANS_TABLES",
        )

    def connection_string(self, database: str, *, user: str, password: str, port: int = 0) -> str:
        """An ODBC connection string for one of its databases."""
        return (
            f"Driver={odbc_driver()};Server={self.host};Port={port or self.port};Database={database};"
            f"Uid={user};Pwd={password};Charset=utf8mb4;NO_PROMPT=1;"
            "InitStmt=SET SESSION sql_mode='MSSQL,STRICT_TRANS_TABLES,PAD_CHAR_TO_FULL_LENGTH'"
        )


class OwnServer:
    """A server that is started in a folder and stopped again; what is in the folder stays."""

    def __init__(self, folder: Path, *, port: int = 0, buffer_mb: int = 64) -> None:
        """`port` 0 takes any free one."""
        self._folder, self._port, self._buffer_mb = folder.absolute(), port, buffer_mb
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running server's process, 0 if there is none."""
        return self._process.pid if self._process else 0

    def start(self) -> Server:
        """Start it. Raises `CannotStart` with what to install."""
        program = _find("mariadbd", "mysqld")
        data, kept = self._folder / "data", self._folder / "password"
        fresh = not data.exists()
        if fresh:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make(data)
            kept.write_text(secrets.token_urlsafe(18))
            kept.chmod(0o600)
        self._await_former()
        server = Server(
            host="127.0.0.1", port=self._port or _free_port(), user="root", password=kept.read_text()
        )
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  a program found by its fixed name
                [
                    *_tied(),
                    program,
                    "--no-defaults",
                    f"--datadir={data}",
                    f"--socket={self._folder / 'socket'}",
                    f"--pid-file={self._folder / 'pid'}",
                    f"--port={server.port}",
                    "--bind-address=127.0.0.1",
                    "--character-set-server=utf8mb4",
                    f"--innodb-buffer-pool-size={self._buffer_mb}M",
                    *_as_root(),
                ],
                stdout=log,
                stderr=log,
            )
        self._await(lambda: _first_password(server) if fresh else _answers(server))
        return server

    def stop(self) -> None:
        """Ask it to end, and wait."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(30)

    def _await_former(self) -> None:
        """One that was left behind when its owner was killed ends by itself; two at one folder would spoil it."""
        file = self._folder / "pid"
        until = time.monotonic() + STARTS_WITHIN_S
        while file.exists() and _runs(int(file.read_text() or 0)):
            if time.monotonic() > until:
                raise CannotStart(f"Another MariaDB still works on {self._folder}. End it first.")
            time.sleep(0.1)

    def _make(self, data: Path) -> None:
        maker = _find("mariadb-install-db", "mysql_install_db")
        lock = Path(tempfile.gettempdir()) / "chartbridge-mariadb-install.lock"
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # two at once get in each other's way
            made = subprocess.run(  # noqa: S603  a program found by its fixed name
                [
                    maker,
                    "--no-defaults",
                    f"--datadir={data}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *_as_root(),
                ],
                capture_output=True,
            )
        if made.returncode:
            (self._folder / "server.log").write_bytes(made.stdout + made.stderr)
            shutil.rmtree(data, ignore_errors=True)
            raise CannotStart(f"MariaDB could not be set up. Its words are in {self._folder / 'server.log'}.")

    def _await(self, answers: Callable[[], None]) -> None:
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                answers()
            except pymysql.Error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                    raise CannotStart(
                        f"MariaDB did not start. Its words are in {self._folder / 'server.log'}."
                    ) from None
                time.sleep(0.1)
            else:
                return


def check_parts() -> None:
    """Raise `CannotStart` with what to install, if a part is missing."""
    _find("mariadbd", "mysqld")
    _find("mariadb-install-db", "mysql_install_db")
    odbc_driver()


def odbc_driver() -> str:
    """Where MariaDB's ODBC driver lies. Raises `CannotStart`."""
    found = [path for place in _DRIVERS for path in glob(place)]
    if not found:
        raise CannotStart("MariaDB's ODBC driver is missing. Install the packages odbc-mariadb and unixodbc.")
    return found[0]


def _find(*names: str) -> str:
    for name in names:
        if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
            return found
    raise CannotStart("MariaDB is missing. Install the package mariadb-server.")


def _runs(process: int) -> bool:
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _tied() -> list[str]:
    """The server ends with this process even if this one is killed."""
    tie = shutil.which("setpriv")
    return [tie, "--pdeathsig", "TERM"] if tie else []


def _as_root() -> list[str]:
    return ["--user=root"] if os.getuid() == 0 else []


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_password(server: Server) -> None:
    with (
        pymysql.connect(host=server.host, port=server.port, user="root", autocommit=True) as link,
        link.cursor() as cursor,
    ):
        cursor.execute("CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY %s", (server.password,))
        cursor.execute("GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION")
        cursor.execute("SET PASSWORD FOR 'root'@'localhost' = PASSWORD(%s)", (server.password,))


def _answers(server: Server) -> None:
    server.connect().close()
