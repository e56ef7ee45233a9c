"""R2: the PMS's MariaDB is killed in the middle of writes, restarted, made read-only; on InnoDB and on MyISAM."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import Lab, await_that
from tests.faults.sizes import size
from tests.servers.mariadb import MariaDbProcess

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(1800)]


@pytest.mark.fault("R2")
def test_a_database_killed_in_the_middle_of_writes_loses_and_doubles_nothing(
    lab: Lab, durable_mariadb: MariaDbProcess, told: Told
) -> None:
    chance = random.Random(21)
    kills = size(3, 12)
    resumed = []
    for _ in range(kills):
        lab.hand_in(size(60, 250))
        time.sleep(chance.uniform(0.05, 0.8))
        durable_mariadb.kill()
        time.sleep(chance.uniform(0.2, 1.5))
        lab.hand_in(3)  # what comes in meanwhile is kept
        durable_mariadb.start()
        durable_mariadb.open_every_table()
        answered, before = time.monotonic(), lab.taken()
        await_that(lambda n=before: lab.taken() > n, 90, "the first delivery after the database came back")  # type: ignore[misc]
        resumed.append(round(time.monotonic() - answered, 2))
    verdict = lab.settle(300)
    assert not verdict.reasons, "an outage is no reason to give up"
    told("kill -9 of MariaDB in the middle of writes", verdict, kills=kills, resumed_s=resumed)


@pytest.mark.fault("R2")
def test_a_database_that_restarts_or_may_only_be_read_costs_nothing(
    lab: Lab, durable_mariadb: MariaDbProcess, told: Told
) -> None:
    lab.hand_in(40)
    durable_mariadb.stop()
    durable_mariadb.start()
    durable_mariadb.open_every_table()
    lab.hand_in(10)
    with durable_mariadb.server.connect() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only=1")
        lab.hand_in(10)
        await_that(lambda: bool(lab.standing("delivery='uncertain'")), 60, "the first refusal")
        cursor.execute("SET GLOBAL read_only=0")
    verdict = lab.settle(300)
    assert not verdict.reasons, "an outage is no reason to give up"
    told("a restart of MariaDB, and two seconds of read_only", verdict)
