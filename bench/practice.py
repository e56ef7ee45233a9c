"""The big practice on a real MariaDB, made once and kept under build/bench, and a hub's data folder for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.hub import Hub
from bench.server import MariaDb
from chartbridge.sandbox.open_dental import create_reader
from chartbridge.sandbox.open_dental.seed_large import seed_large

FOLDER = Path("build/bench")
PASSWORD = "only-select"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a practice is."""

    patients: int
    appointments: int
    today: int = 300


BIG = Size(patients=200_000, appointments=2_000_000)
SMALL = Size(patients=2_000, appointments=20_000)
ODBC = Size(patients=50_000, appointments=500_000)
TINY = Size(patients=40, appointments=200, today=20)


def database_name(engine: str, size: Size) -> str:
    """One database per engine and size."""
    return f"od_{engine.lower()}_{size.appointments}"


def server() -> MariaDb:
    """Start the MariaDB of the measurements."""
    return MariaDb(FOLDER / "mariadb").start()


def ensure(maria: MariaDb, engine: str, size: Size) -> str:
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
        seed_large(db, size.patients, size.appointments, engine, today=size.today)
        create_reader(db, reader(name), PASSWORD)
    for old in FOLDER.glob(f"{name}.*"):
        old.unlink()
    for old in hub_folder(name).glob("read.*"):
        old.unlink()
    stamp.touch()
    seconds = time.perf_counter() - begun
    print(f"made {name}: {size.patients:,} patients, {size.appointments:,} appointments in {seconds:.0f} s")
    return name


def reader(name: str) -> str:
    """The user that may only read this database."""
    return f"reader_of_{name}"


def connection_values(maria: MariaDb, name: str) -> dict[str, str]:
    """The plain settings of a connection that reads this database (see the connector's manifest)."""
    return {
        "read_mode": "database",
        "db_host": "127.0.0.1",
        "db_port": str(maria.port),
        "db_name": name,
        "db_user": reader(name),
        "db_tls": "off",
        "api_mode": "local",
        "api_address": "http://127.0.0.1:9/api/v1/",
    }


SECRETS = {"db_password": PASSWORD, "developer_key": "none", "customer_key": "none"}


def synced_hub(maria: MariaDb, engine: str, size: Size) -> Hub:
    """A hub, not running, that has read all of this practice; made where there is none of today's yet."""
    name = ensure(maria, engine, size)
    hub = Hub(hub_folder(name), keep=True)
    if mark_of(hub).exists():
        hub.point_at(maria.port)
        return hub
    hub = Hub(hub_folder(name))
    hub.set_up(values=connection_values(maria, name), secrets=SECRETS, start=False)
    hub.start()
    until_read(hub)
    hub.stop()
    mark_of(hub).touch()
    return hub


def hub_folder(name: str) -> Path:
    """Where the hub's data folder for this database is."""
    return FOLDER / f"hub-{name}"


def mark_of(hub: Hub) -> Path:
    """The file that says that this hub has read all of today's database."""
    return hub.data / f"read.{time.strftime('%Y-%m-%d')}"


def until_read(hub: Hub) -> float:
    """Wait until patients and appointments have been read for the first time; returns the moment."""
    while True:
        done = hub.rows(
            "SELECT COUNT(*) FROM store_streamstate WHERE stream IN ('patients', 'appointments')"
            " AND first_read_done_at IS NOT NULL"
        )[0][0]
        if done == 2:
            return time.time()
        time.sleep(0.1)
