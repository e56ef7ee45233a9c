"""R27: an upgrade in the middle of the work. Folders that earlier versions left are taken up by this one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.hub_that_dies import MIGRATING
from tests.faults.lab import Lab, await_that
from tests.faults.old_folder import KEY, STATES, OldFolder, kept_folders
from tests.faults.program import Program
from tests.faults.sizes import size

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.fault("R27")
@pytest.mark.parametrize("old", kept_folders(), ids=lambda old: old.folder.name)
def test_what_an_earlier_version_left_in_every_state_goes_on_and_nothing_is_lost_or_twice(
    old: OldFolder, tmp_path: Path, told: Told
) -> None:
    chance = random.Random(27)
    lab = UpgradedLab(tmp_path, old)
    stand = {"unknown_patient": 1, "refused": 1, "missing": 1}
    try:
        before = set(lab.rows("SELECT DISTINCT delivery, seen FROM store_writeback"))
        skipped = lab.standing("delivery='skipped'")
        assert before >= STATES
        kills = kill_while_it_migrates(lab, chance)
        assert kills >= 3, "killed in the middle of changing the tables"
        fresh = 5
        lab.hand_in(fresh)  # under the token that the old version gave
        may = stand | {"not_allowed": skipped + fresh}  # e-mails of one practice
        verdict = lab.settle(300, at_desk=may)
    finally:
        lab.close()
    told(
        f"a folder of the tables {old.folder.name}, with writebacks in {len(before)} states, taken up by this version",
        verdict,
        kills=kills,
    )
    assert {name: count for name, count in verdict.reasons.items() if name != "not_allowed"} == stand


class UpgradedLab(Lab):
    """A lab whose hub and practices begin with what a kept folder holds."""

    def __init__(self, folder: Path, old: OldFolder) -> None:
        self._old = old
        super().__init__(folder, offices=len(old.practices), patients=12, seed=27)

    def environment(self, data: Path | None = None) -> dict[str, str]:
        return {**super().environment(data), "CHARTBRIDGE_KEY": KEY}

    def _set_up(self) -> None:
        self._old.unpack_store(self.data)
        with closing(sqlite3.connect(self.data / "chartbridge.sqlite3")) as store, store:
            for number, (office, was) in enumerate(zip(self.offices, self._old.practices, strict=True)):
                office.sandbox.stop()
                self._old.unpack_practice(number, Path(office.database))
                office.sandbox.start()
                store.execute(
                    'UPDATE store_connection SET "values" = REPLACE("values", ?, ?) WHERE id = ?',
                    (f":{was['api_port']}/", f":{office.api.port}/", was["connection_id"]),
                )
                office.practice_id, office.connection_id = was["practice_id"], was["connection_id"]
                office.program = Program(
                    self.address, was["token"], _patients(office.database), 9000 + number
                )
                office.program.acknowledged = list(was["acknowledged"])


def _patients(database: str) -> list[str]:
    with closing(sqlite3.connect(database)) as pms:
        return [str(key) for (key,) in pms.execute("SELECT PatNum FROM patient WHERE PatStatus = 0")]


def kill_while_it_migrates(lab: Lab, chance: random.Random) -> int:
    """Kill the hub while it changes its tables, each time further on, until it has changed them all and runs."""
    for kills in range(100):
        lab.hub = lab.make_hub(die_at=MIGRATING, after=farther(kills, chance))
        lab.hub.launch()
        await_that(lambda: lab.hub.ended() is not None or lab.hub.answers(), 120, "an end or an answer")
        if lab.hub.ended() is None:
            return kills
        assert lab.hub.ended() == -signal.SIGKILL
    raise AssertionError("it never came to the end of its changes")


def farther(turn: int, chance: random.Random) -> int:
    """After how many statements to die: the first, then ever farther."""
    return turn * turn + chance.randrange(turn + 1)


@pytest.mark.fault("R27")
def test_many_rows_are_changed_in_time_and_go_on_after_every_kill(tmp_path: Path, told: Told) -> None:
    """The oldest kept folder with a million rows more, in the tables that grow."""
    chance, rows = random.Random(271), size(30_000, 1_000_000)
    data, untouched = tmp_path / "hub", tmp_path / "untouched"
    data.mkdir()
    kept_folders()[0].unpack_store(data)
    file = data / "chartbridge.sqlite3"
    before = {table: grown(file, table, rows // len(GROW)) for table in GROW}
    assert sum(before.values()) >= rows
    shutil.copytree(data, untouched)
    began = time.monotonic()
    assert migrated(untouched) == 0
    took = time.monotonic() - began
    kills = 0
    while migrated(data, die_at=MIGRATING, after=farther(kills, chance)) == -signal.SIGKILL:
        kills += 1
    assert {table: counted(file, table) for table in GROW} == before
    assert counted(file, "pragma_integrity_check", "integrity_check='ok'") == 1
    told(f"the tables of {rows} rows changed by this version", kills=kills, took_s=round(took, 1))
    assert kills >= 3
    assert took <= 60.0


@pytest.mark.fault("R28")
def test_a_backup_of_many_rows_is_restored_in_time(tmp_path: Path, told: Told) -> None:
    """On an empty machine, from the two files that are kept elsewhere; the oldest kept folder with many rows more."""
    rows = size(30_000, 2_200_000)
    data, elsewhere, backup = tmp_path / "hub", tmp_path / "elsewhere", tmp_path / "hub.backup"
    for each in (data, elsewhere):
        each.mkdir()
    kept_folders()[0].unpack_store(data)
    assert migrated(data) == 0
    before = {table: grown(data / STORE, table, rows // len(GROW)) for table in GROW}
    by_command(data, "backup", str(backup))
    began = time.monotonic()
    by_command(elsewhere, "restore", str(backup))
    took = time.monotonic() - began
    assert {table: counted(elsewhere / STORE, table) for table in GROW} == before
    told(
        f"a backup of {rows} rows restored on an empty machine",
        took_s=round(took, 1),
        megabytes=round(backup.stat().st_size / 1e6),
    )
    assert took <= 600.0


STORE = "chartbridge.sqlite3"
GROW = ("store_writeback", "store_activity", "store_statussighting", "store_mirrorappointment")


def grown(file: Path, table: str, more: int) -> int:
    """Put so many copies of its last row into a table, each with what must be its own; returns how many it holds."""
    with closing(sqlite3.connect(file)) as store, store:
        columns = [name for (name,) in store.execute(f"SELECT name FROM pragma_table_info('{table}')")]
        own = {
            "id": f"{10_000_000} + n",
            "marker": "printf('CB-%08d', n)",
            "idempotency_key": "'more ' || n",
            "seen_key": "'more ' || n",
            "key": "'more ' || n",
        }
        values = ", ".join(own.get(name, f'"{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        store.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {more})"
            f" INSERT INTO {table} ({names}) SELECT {values} FROM numbers,"
            f" (SELECT * FROM {table} ORDER BY id DESC LIMIT 1)"
        )
    return counted(file, table)


def counted(file: Path, table: str, where: str = "1") -> int:
    with closing(sqlite3.connect(file)) as store:
        ((count,),) = store.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}")
    return int(count)


def by_command(data: Path, *words: str) -> None:
    """`chartbridge …` on a data folder."""
    command = [sys.executable, "-m", "chartbridge.cli", *words]
    done = subprocess.run(command, env=environment(data), capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]


def environment(data: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CHARTBRIDGE_DATA": str(data),
        "CHARTBRIDGE_DATABASE_URL": "",
        "CHARTBRIDGE_KEY": KEY,
    }


def migrated(data: Path, **faults: object) -> int:
    """`chartbridge migrate` on a data folder; returns how it ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hub_that_dies", "migrate"],
        env=environment(data) | {"FAULTS": json.dumps(faults)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.returncode
