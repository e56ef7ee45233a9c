"""R2: the PMS's MariaDB is killed in the middle of writes, restarted, made read-only; on InnoDB and on MyISAM."""

from __future__ import annotations

import math
import random
import time

import pytest

from chartbridge.sandbox.open_dental.database import open_database
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.sandbox.open_dental.schema import schema_of
from tests.faults.conftest import Told
from tests.faults.lab import Lab, Office, await_that
from tests.faults.sizes import FULL, size
from tests.servers.mariadb import MariaDbProcess

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(1800)]


@pytest.mark.fault("R2")
def test_a_database_killed_in_the_middle_of_writes_loses_and_doubles_nothing(
    lab: Lab, durable_mariadb: MariaDbProcess, told: Told
) -> None:
    chance = random.Random(21)
    kills = size(3, 24)
    ops = size(360, 25_000)
    resumed, amid = [], 0
    for kill in range(kills):
        kill_at = time.monotonic() + chance.uniform(*size((0.5, 1.0), (2.0, 4.0)))
        lab.hand_in(math.ceil(ops / kills / len(lab.offices)))
        time.sleep(max(0.05, kill_at - time.monotonic()))
        amid += lab.moving() > 0
        durable_mariadb.kill()
        time.sleep(chance.uniform(0.2, 1.5))
        lab.hand_in(3)  # what comes in meanwhile is kept
        durable_mariadb.start()
        durable_mariadb.open_every_table()
        resumed.append(round(until_all_go_on(lab, kill), 2))
    verdict = lab.settle(size(300, 900))
    assert not verdict.reasons, "an outage is no reason to give up"
    assert verdict.ops >= ops
    told(
        "kill -9 of MariaDB in the middle of writes; how long until each practice is read and written again",
        verdict,
        kills=kills,
        amid=amid,
        resumed_s=resumed,
    )
    limit = 5.0 if FULL else 45.0  # the suite shares a slow machine; `make faults` holds the promise
    assert max(resumed) <= limit, resumed
    assert amid >= size(1, 8), "the kills came while nothing was being written"


def until_all_go_on(lab: Lab, number: int) -> float:
    """Seconds until at each practice something was delivered, and something read that the desk changed just now.

    Something new comes in twice a second: what was on its way when the database ended is looked for first, and so is
    what the API service tries on a line from before.
    """
    answered = time.monotonic()
    before = {office.practice_id: lab.taken(office) for office in lab.offices}
    edited = {office.practice_id: edit_by_query(office, number) for office in lab.offices}
    comes_at = answered

    def all_go_on() -> bool:
        nonlocal comes_at
        if time.monotonic() >= comes_at:
            lab.hand_in(1)
            comes_at += 0.5
        return all(
            lab.taken(office) > before[office.practice_id]
            and lab.shows(office, edited[office.practice_id], f"P{number}")
            for office in lab.offices
        )

    await_that(all_go_on, 90, "going on after the database came back", tell=lab.where_they_stand)
    return time.monotonic() - answered


def edit_by_query(office: Office, number: int) -> str:
    """Change a patient as the program does, past the API service, which may still be finding its database again."""
    patient = office.program.patients[number % len(office.program.patients)]
    db = open_database(office.database, schema_of((24, 3, 10)))
    try:
        FrontDesk(db).edit_patient(int(patient), Preferred=f"P{number}")
    finally:
        db.close()
    return patient


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
