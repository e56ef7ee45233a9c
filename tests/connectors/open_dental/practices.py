"""Practices as fixtures: through the API on SQLite and on MariaDB, and by the database on both engines.

Imported by the conftests that need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chartbridge.sandbox.open_dental.sandbox import Sandbox
from tests.connectors.open_dental.rig import OpenDentalRig, empty
from tests.servers.mariadb import MariaDb

READER = ("contract_reader", "may-only-read")


@pytest.fixture
def sqlite_rig(tmp_path: Path) -> Iterator[OpenDentalRig]:
    with Sandbox(database=str(tmp_path / "practice.sqlite3"), patients=0, zone="America/New_York") as sandbox:
        sandbox.knobs.set_clock("2026-11-01T05:50:00+00:00")  # 01:50 EDT of the night the clocks go back
        rig = OpenDentalRig(sandbox)
        yield rig
        rig.close()


@pytest.fixture(scope="session")
def mariadb_practice(mariadb: MariaDb) -> str:
    name = mariadb.create_database("contract", "utf8mb3")
    mariadb.create_user(READER[0], READER[1], f"SELECT ON {name}.*")  # of the prefix: each engine has its own
    return name


@contextmanager
def practice_on(mariadb: MariaDb, prefix: str, engine: str, documents: Path) -> Iterator[Sandbox]:
    """A set-up practice without people on a real server, in tables that are made once and emptied."""
    name = f"{prefix}_{engine.lower()}"
    with mariadb.connect() as link, link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb3")
        cursor.execute(f"GRANT SELECT ON {name}.* TO '{READER[0]}'@'%'")
        cursor.execute("SET GLOBAL time_zone = 'SYSTEM'")
    sandbox = Sandbox(database=mariadb.url(name), documents=str(documents), patients=0, engine=engine)
    sandbox.db.create_tables()
    empty(sandbox)
    with sandbox:
        yield sandbox


@pytest.fixture(params=["MyISAM", "InnoDB"])
def mariadb_sandbox(
    request: pytest.FixtureRequest, mariadb: MariaDb, mariadb_practice: str, tmp_path: Path
) -> Iterator[Sandbox]:
    with practice_on(mariadb, mariadb_practice, str(request.param), tmp_path) as sandbox:
        yield sandbox


@pytest.fixture
def myisam_rig(mariadb: MariaDb, mariadb_practice: str, tmp_path: Path) -> Iterator[OpenDentalRig]:
    with practice_on(mariadb, mariadb_practice, "MyISAM", tmp_path) as sandbox:
        name = sandbox.db_url.rsplit("/", 1)[-1]
        rig = OpenDentalRig(sandbox, database=(mariadb.host, mariadb.port, name, *READER))
        yield rig
        rig.close()


@pytest.fixture
def database_rig(
    mariadb: MariaDb, mariadb_practice: str, mariadb_sandbox: Sandbox
) -> Iterator[OpenDentalRig]:
    name = mariadb_sandbox.db_url.rsplit("/", 1)[-1]
    rig = OpenDentalRig(mariadb_sandbox, database=(mariadb.host, mariadb.port, name, *READER))
    yield rig
    rig.close()


@pytest.fixture
def api_on_mariadb_rig(mariadb: MariaDb, mariadb_practice: str, tmp_path: Path) -> Iterator[OpenDentalRig]:
    with practice_on(mariadb, mariadb_practice, "MyISAM", tmp_path) as sandbox:
        rig = OpenDentalRig(sandbox)
        yield rig
        rig.close()
