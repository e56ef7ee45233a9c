"""The big practice on a real MariaDB, made once and kept under build/bench, and a hub's data folder for it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pymysql

from bench.server import MariaDb
from chartbridge.sandbox.open_dental import create_reader
from chartbridge.sandbox.open_dental.seed_large import seed_large

FOLDER = Path("build/bench")
READER, PASSWORD = "hub_reader", "only-select"
BIG = (200_000, 2_000_000)
SMALL = (2_000, 20_000)


def database_name(engine: str, size: tuple[int, int]) -> str:
    """One database per engine and size."""
    return f"od_{engine.lower()}_{size[1]}"


def server() -> MariaDb:
    """Start the MariaDB of the measurements."""
    return MariaDb(FOLDER / "mariadb").start()


def ensure(maria: MariaDb, engine: str, size: tuple[int, int]) -> str:
    """Seed that practice if it isn't there yet; today's visits are made anew on a new day. Returns its name."""
    name = database_name(engine, size)
    stamp = FOLDER / f"{name}.{time.strftime('%Y-%m-%d')}"
    if stamp.exists():
        return name
    with maria.connect() as root, root.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    begun = time.perf_counter()
    with maria.connect(name) as db:
        seed_large(db, size[0], size[1], engine)
        create_reader(db, READER, PASSWORD)
    for old in FOLDER.glob(f"{name}.*"):
        old.unlink()
    stamp.touch()
    print(
        f"made {name}: {size[0]:,} patients, {size[1]:,} appointments in {time.perf_counter() - begun:.0f} s"
    )
    return name


def grant(maria: MariaDb, name: str) -> None:
    """Let the reader SELECT in a database made earlier."""
    with maria.connect(name) as db:
        create_reader(db, READER, PASSWORD)


def connection_values(maria: MariaDb, name: str) -> dict[str, str]:
    """The plain settings of a connection that reads this database (see the connector's manifest)."""
    return {
        "read_mode": "database",
        "db_host": "127.0.0.1",
        "db_port": str(maria.port),
        "db_name": name,
        "db_user": READER,
        "db_tls": "off",
        "api_mode": "local",
        "api_address": "http://127.0.0.1:9/api/v1/",
    }


SECRETS = {"db_password": PASSWORD, "developer_key": "none", "customer_key": "none"}


def fresh_hub(folder: Path) -> None:
    """Make an empty data folder, point this process at it and bring its tables up."""
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["CHARTBRIDGE_DATA"] = str(folder.absolute())
    from chartbridge import bootstrap

    bootstrap.prepare()
    bootstrap.make_data_folder()
    bootstrap.migrate()


def history_now(db: pymysql.connections.Connection) -> int:
    """The highest history number, to count what came after."""
    with db.cursor() as cursor:
        cursor.execute("SELECT MAX(HistApptNum) FROM histappointment")
        row = cursor.fetchone()
    return int(row[0] or 0) if row else 0
