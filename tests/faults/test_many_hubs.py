"""R18: several hubs on one store. On PostgreSQL they share the work; on SQLite the second one says that it can't."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.faults.checker import interrupted_often
from tests.faults.conftest import Told
from tests.faults.lab import Lab, Process, await_that
from tests.faults.sizes import FULL, size
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
@pytest.mark.postgres
def test_hubs_on_one_postgresql_write_at_least_half_as_fast_together_as_one(
    postgres: Postgres, tmp_path: Path, told: Told
) -> None:
    """Each as on a machine of its own: they don't see each other's lock files, and all ask for every practice."""
    url = postgres.url(postgres.create_database("fast_hubs"))
    lab = Lab(tmp_path, offices=3, database_url=url, seed=19, interval=15)
    try:
        lab.start()
        others = [_elsewhere(lab, tmp_path / f"other{number}") for number in range(size(1, 3))]
        alone, together = [], []
        for turn in range(size(3, 7)):
            for with_others in (turn % 2 == 1, turn % 2 == 0):
                for each in others:
                    if not with_others:
                        each.stop()
                    elif not each.pid:
                        each.start()
                (together if with_others else alone).append(_writes_per_s(lab, size(150, 500)))
        verdict = lab.settle()
        ratios = [both / one for both, one in zip(together, alone, strict=True)]
        told(
            f"{1 + len(others)} hubs on one PostgreSQL and one alone drain the same queue in turn",
            verdict,
            alone_per_s=[round(each) for each in alone],
            together_per_s=[round(each) for each in together],
            ratio=round(median(ratios), 2),
        )
        # A short turn is over in two seconds: there, whatever else the machine does weighs more than all of this.
        assert (median(ratios) if FULL else max(ratios)) >= 0.5
    finally:
        lab.close()


def _elsewhere(lab: Lab, folder: Path) -> Process:
    """Describe one more hub on the same store, as on another machine."""
    (folder / "tmp").mkdir(parents=True)
    return lab.make_hub(port=free_port(), data=folder, wrap=["env", f"TMPDIR={folder / 'tmp'}"])


def _writes_per_s(lab: Lab, each: int) -> float:
    """Queue so many at each practice while none may be sent, let all be sent at one moment, and wait until all are."""
    lab.rows("UPDATE store_connection SET write_not_before = now() + interval '1 hour' RETURNING id")
    lab.hand_in(each)
    queued = lab.standing("delivery='queued'")
    assert queued >= each * len(lab.offices)
    known_to_all = "now() + interval '8 seconds'"  # each hub looks at the rows every five seconds
    ((began,), *_) = lab.rows(
        f"UPDATE store_connection SET write_not_before = {known_to_all} RETURNING write_not_before"
    )
    await_that(lambda: lab.standing("delivery<>'taken'") == 0, 300, "the last", tell=lab.where_they_stand)
    ((ended,),) = lab.rows("SELECT MAX(taken_at) FROM store_writeback")
    lab.await_quiet()
    return queued / float((ended - began).total_seconds())


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
