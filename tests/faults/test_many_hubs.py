"""R18: several hubs on one store. On PostgreSQL they share the work; on SQLite the second one says that it can't."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.checker import interrupted_often
from tests.faults.conftest import Told
from tests.faults.lab import Lab
from tests.faults.sizes import size
from tests.servers.postgres import Postgres
from tests.servers.process import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.fault("R18")
@pytest.mark.postgres
def test_hubs_on_one_postgresql_write_nothing_twice_while_some_are_killed(
    postgres: Postgres, tmp_path: Path, told: Told
) -> None:
    chance = random.Random(181)
    url = postgres.url(postgres.create_database("many_hubs"))
    lab = Lab(tmp_path, offices=3, database_url=url, seed=18)
    try:
        lab.start()
        others = []
        for number in range(size(1, 3)):
            data = tmp_path / f"other{number}"
            data.mkdir()
            others.append(lab.make_hub(port=free_port(), data=data))
            others[-1].start()
        kills = size(2, 12)
        for turn in range(kills):
            lab.hand_in(size(40, 500))
            victim = chance.choice(others)
            victim.kill()
            victim.start()
            if turn % 2:
                lab.hub.kill()
                lab.restart()
        lab.hand_in(size(40, 500))
        ends = kills + kills // 2
        verdict = lab.settle(600, at_desk=interrupted_often(ends, len(lab.offices)))
        told(
            f"{1 + len(others)} hubs on one PostgreSQL, one after another killed",
            verdict,
            kills=ends,
        )
    finally:
        lab.close()


@pytest.mark.fault("R18")
def test_a_second_hub_on_the_same_folder_says_so_and_stops(lab: Lab, told: Told) -> None:
    def second() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "chartbridge.cli", "serve", "--port", str(free_port())],
            env={**_environment(), **lab.environment()},
            capture_output=True,
            text=True,
            timeout=120,
        )

    for _ in range(size(1, 3)):
        done = second()
        assert done.returncode == 2
        assert "already running" in done.stderr
        lab.hub.kill()
        lab.restart()  # the lock of a killed hub is no lock
        lab.hand_in(5)
    kills = size(1, 3)
    verdict = lab.settle(at_desk=interrupted_often(kills, len(lab.offices)))
    told("a second hub on one SQLite folder; the lock of a killed hub", verdict, kills=kills)


def _environment() -> dict[str, str]:

    return {name: value for name, value in os.environ.items() if not name.startswith("CHARTBRIDGE_")}
