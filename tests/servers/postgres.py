"""A real PostgreSQL. Must not be in it: the hub's tables (Django makes those)."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.process import (
    MissingPart,
    am_root,
    await_answer,
    find_program,
    free_port,
    stop,
    tied_to_this_process,
)


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server and its administrator's sign-in."""

    host: str
    port: int
    user: str
    password: str
    pid: int

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Open a connection that commits by itself."""
        return psycopg.connect(self.url(database or "postgres"), autocommit=True)

    def create_database(self, name: str) -> str:
        """Make an empty database (dropping an old one of that name) and return its name."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return name

    def url(self, database: str) -> str:
        """Return what CHARTBRIDGE_DATABASE_URL takes."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server in a new folder; stop it and remove the folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="chartbridge-postgres-"))
    try:
        _install(folder)
        port = free_port()
        log = folder / "server.log"
        with log.open("wb") as out:
            process = subprocess.Popen(_command(folder, port), stdout=out, stderr=out, cwd="/")
        server = Postgres(host="127.0.0.1", port=port, user="chartbridge", password="x", pid=process.pid)
        try:
            await_answer(process, lambda: server.connect().close(), log)
            yield server
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_FOLDERS = ["/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin"]


def _install(folder: Path) -> None:
    program = find_program(["initdb"], folders=_FOLDERS, part="PostgreSQL")
    if am_root():
        owner = _server_user()
        shutil.chown(folder, owner.pw_uid, owner.pw_gid)
    subprocess.run(
        [
            *_as_server_user(),
            program,
            "--pgdata",
            str(folder / "data"),
            "--username=chartbridge",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd="/",
    )


def _command(folder: Path, port: int) -> list[str]:
    program = str(
        Path(find_program(["initdb"], folders=_FOLDERS, part="PostgreSQL")).resolve().parent / "postgres"
    )
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "64MB",
        "max_connections": 200,
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return tied_to_this_process([*_as_server_user(), program, "-D", str(folder / "data"), *settings])


def _server_user() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root: its package's own user does it, as on any server."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise MissingPart(
            "The tests run as root and need the user `postgres`, which PostgreSQL's package makes."
        ) from error


def _as_server_user() -> list[str]:
    if not am_root():
        return []
    owner = _server_user()
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--"]
