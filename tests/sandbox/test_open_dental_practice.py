"""The practice is filled as promised; the big one and its reader on a real MariaDB."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path

import pymysql
import pytest

from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.sandbox.open_dental.clock import PracticeClock, moment
from chartbridge.sandbox.open_dental.database import connect, create_reader, open_database
from chartbridge.sandbox.open_dental.schema import mariadb_ddl, schema_of
from chartbridge.sandbox.open_dental.seed import opening
from chartbridge.sandbox.open_dental.seed_large import seed_large
from tests.sandbox.conftest import MakeSandbox
from tests.servers.mariadb import MariaDb


def test_today_has_past_present_and_coming_visits_at_any_hour(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(patients=300)
    now = sandbox.db.now()
    today = sandbox.db.rows("SELECT * FROM appointment WHERE AptDateTime LIKE ?", now[:10] + "%")
    assert 30 <= len(today) <= 75
    assert {r["Op"] for r in today} == {1, 2, 3, 4, 5}
    for hour in range(24):
        at = datetime(2026, 3, 4, hour, 30, tzinfo=UTC).replace(tzinfo=None)
        opens = opening(at)
        assert opens <= time(15, 0)
        assert datetime.combine(at.date(), opens) <= at


def test_families_share_phones_and_odd_ones_are_there(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(patients=200)
    people = sandbox.db.rows("SELECT * FROM patient")
    shared = Counter(p["WirelessPhone"] for p in people if p["WirelessPhone"])
    assert max(shared.values()) > 1
    assert any(p["Guarantor"] != p["PatNum"] for p in people)
    assert {"O'Brien", "李", "Nophone"} <= {p["LName"] for p in people}
    assert {0, 2, 3, 4, 5} <= {p["PatStatus"] for p in people}
    assert max(len(p["LName"]) for p in people) == 100


def test_the_same_seed_gives_the_same_people(tmp_path: Path) -> None:
    def names(file: str) -> list[object]:
        with Sandbox(database=str(tmp_path / file), patients=40, seed=5) as sandbox:
            return [
                tuple(r.values()) for r in sandbox.db.rows("SELECT LName,FName,WirelessPhone FROM patient")
            ]

    assert names("a.sqlite3") == names("b.sqlite3")


def test_a_practice_is_not_filled_twice(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(database=str(tmp_path / "kept.sqlite3"), patients=30) as sandbox:
            assert sandbox.knobs.count("patient") == 30


def test_the_clock_repeats_an_hour_in_a_dst_night() -> None:
    clock = PracticeClock("America/New_York")
    clock.set(datetime(2026, 11, 1, 5, 30, tzinfo=UTC))
    before = clock.now()
    clock.jump(3600)
    assert (before.hour, clock.now().hour) == (1, 1)


def test_version_25_4_has_the_new_columns() -> None:
    schema = schema_of((25, 4))
    assert schema["insverify"].has("SecurityHash")
    assert not schema["task"].has("TriageCategory")
    assert not schema_of((24, 3, 10))["insverify"].has("SecurityHash")
    assert len(schema) == 58


@pytest.mark.mariadb
def test_every_table_is_taken_by_mariadb_with_both_engines(mariadb: MariaDb) -> None:
    for engine in ("MyISAM", "InnoDB"):
        link = connect(mariadb.url(mariadb.create_database(f"tables_{engine.lower()}", "utf8mb3")))
        with link.cursor() as cursor:
            for table in schema_of((25, 4)).values():
                cursor.execute(mariadb_ddl(table, engine))
            cursor.execute("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema=DATABASE()")
            assert cursor.fetchone() == (58,)
        link.close()


@pytest.mark.mariadb
@pytest.mark.parametrize("engine", ["MyISAM", "InnoDB"])
def test_the_big_practice_in_small(mariadb: MariaDb, engine: str) -> None:
    url = mariadb.url(mariadb.create_database(f"large_{engine.lower()}", "utf8mb3"))
    link = connect(url)
    seed_large(link, 3_000, 20_000, engine, today=200, commlogs=500)
    db = open_database(url, schema_of((24, 3, 10)))
    today = db.now()[:10]
    assert db.value("SELECT COUNT(*) FROM appointment") == 20_000
    assert db.value("SELECT COUNT(*) FROM appointment WHERE DATE(AptDateTime)=?", today) == 200
    assert db.value("SELECT COUNT(*) FROM histappointment WHERE HistDateTStamp>NOW()") == 0
    keys = {r["Key_name"] for r in db.rows("SHOW INDEX FROM appointment")}
    assert keys == {"PRIMARY", *(name for name, _ in schema_of((24, 3, 10))["appointment"].keys)}
    assert not any("DateTStamp" in columns for _, columns in schema_of((24, 3, 10))["appointment"].keys)
    assert moment(db.value("SELECT MAX(DateTStamp) FROM appointment")) < moment(db.now())
    db.close()
    create_reader(link, "reader", "of-the-tests")
    link.close()
    reader = connect(url.replace(f"{mariadb.user}:{mariadb.password}@", "reader:of-the-tests@"))
    with reader.cursor() as cursor, pytest.raises(pymysql.err.OperationalError):
        cursor.execute("UPDATE appointment SET Note='' WHERE AptNum=1")
    reader.close()


def test_the_command_tells_how_to_reach_it_and_ends_at_a_signal(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "chartbridge.sandbox.open_dental", "--port", "0", "--patients", "20",
        "--database", str(tmp_path / "p.sqlite3"), "--play", "600",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        head = [process.stdout.readline() for _ in range(8)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    text = "".join(head)
    assert "address        http://127.0.0.1:" in text
    assert "SandboxCustomerKey7" in text
    assert "20 patients" in text
