"""A small practice per test, on SQLite and on a real MariaDB. Must not be in it: a connector."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chartbridge.sandbox.open_dental import Sandbox
from tests.servers.mariadb import MariaDb

MakeSandbox = Callable[..., Sandbox]


@dataclass
class Answered:
    status: int
    body: Any
    headers: dict[str, str]


class Caller:
    """A plain HTTP client: what a program that knows nothing of the sandbox would send."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, verb: str, path: str, body: object = None, **headers: str) -> Answered:
        host = self.sandbox.base_url.split("//")[1].split("/")[0]
        line = http.client.HTTPConnection(host, timeout=60)
        sent = {"Authorization": self.sandbox.authorization, "Content-Type": "application/json"}
        sent |= {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        try:
            line.request(verb, "/api/v1" + path, data, {k: v for k, v in sent.items() if v})
            answer = line.getresponse()
            text = answer.read().decode()
            is_json = "json" in answer.headers.get("content-type", "") and text
            found = json.loads(text) if is_json else text
            return Answered(answer.status, found, {k.lower(): v for k, v in answer.headers.items()})
        finally:
            line.close()


def _emptied(server: MariaDb, name: str) -> str:
    """Keep the tables from test to test: making all of them takes longer than the test."""
    with server.connect() as link, link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb3")
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema=%s AND auto_increment>1",
            (name,),
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"TRUNCATE TABLE `{name}`.`{table}`")
    return server.url(name)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def make_sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeSandbox]:
    """Make practices on both kinds of database; all end with the test."""
    made: list[Sandbox] = []

    def make(**options: Any) -> Sandbox:
        name = f"sandbox_{len(made)}"
        if request.param == "mariadb":
            server: MariaDb = request.getfixturevalue("mariadb")
            database = _emptied(server, name)
        else:
            database = str(tmp_path / f"{name}.sqlite3")
        options = {"patients": 60, **options}
        sandbox = Sandbox(database=database, documents=str(tmp_path / name), **options)
        made.append(sandbox)
        return sandbox.start()

    yield make
    for sandbox in made:
        sandbox.stop()


@pytest.fixture
def sandbox(make_sandbox: MakeSandbox) -> Sandbox:
    return make_sandbox()


@pytest.fixture
def call(sandbox: Sandbox) -> Caller:
    return Caller(sandbox)
