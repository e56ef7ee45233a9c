"""How the tests reach a real MariaDB through unixODBC and MariaDB's own driver."""

from __future__ import annotations

from glob import glob

import pytest

from tests.servers.mariadb import MariaDb

_PLACES = ("/usr/lib/*/odbc/libmaodbc.so", "/usr/lib/*/libmaodbc.so", "/usr/lib64/libmaodbc.so")


def driver() -> str:
    """Where the driver lies. A missing one is a failure, never a skip."""
    found = [path for place in _PLACES for path in glob(place)]
    if not found:
        pytest.fail("MariaDB's ODBC driver is missing. Run: scripts/install-test-parts")
    return found[0]


def connection_string(server: MariaDb, database: str, *, user: str = "", password: str = "") -> str:
    """A connection string as a practice would enter it."""
    return (
        f"Driver={driver()};Server={server.host};Port={server.port};Database={database};"
        f"Uid={user or server.user};Pwd={password or server.password};Charset=utf8mb4;NO_PROMPT=1"
    )
