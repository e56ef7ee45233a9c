"""R3, R4, R5: answers that are lost, requests that land late, lines that stand open and carry nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import QUICK, Lab, Office, await_that
from tests.faults.packets import dropped
from tests.faults.sizes import FULL, size
from tests.servers.mariadb import MariaDb, MariaDbProcess
from tests.servers.proxy import Does, Fault, Mix

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(1800)]

GIVES_UP = 30 / QUICK
"""So long the hub waits for an answer, in the short form of its waits."""
HalfOpen = Callable[[Office], AbstractContextManager[None]]
LATE = Fault(Does.DELAYS_REQUEST, GIVES_UP + 1.0)


@pytest.mark.fault("R3")
def test_lost_answers_and_lost_requests_lose_and_double_nothing(lab: Lab, told: Told) -> None:
    for number, office in enumerate(lab.offices):
        shares = {Fault(Does.DROPS_ANSWER): 0.2, Fault(Does.DROPS_REQUEST): 0.1}
        office.api.choose = Mix(20 + number, shares)
        assert office.sql is not None
        office.sql.choose = Mix(30 + number, {Fault(Does.DROPS_ANSWER): 0.03}, on=b"")
    lab.hand_in(size(60, 1000))
    lab.await_quiet(size(120, 1200))
    lost = sum(office.api.struck[Does.DROPS_ANSWER] for office in lab.offices)
    assert lost >= 5
    verdict = lab.settle()
    assert verdict.in_chart == verdict.writes
    told("every fifth answer and every tenth request lost, on both engines", verdict, lost_answers=lost)


@pytest.mark.fault("R4")
def test_requests_that_land_after_the_hub_gave_up_are_not_written_again(lab: Lab, told: Told) -> None:
    for number, office in enumerate(lab.offices):
        office.api.choose = Mix(40 + number, {LATE: 0.1})
    lab.hand_in(size(25, 300))
    lab.await_quiet(size(180, 1700))
    late = sum(office.api.struck[Does.DELAYS_REQUEST] for office in lab.offices)
    assert late >= 2
    told("every tenth request lands after the hub gave up", lab.settle(), late=late)


@pytest.mark.fault("R4")
def test_a_hub_that_would_not_wait_before_it_looks_is_found_out(tmp_path: Path) -> None:
    """The lab's own proof: with the wait planted away, the same late requests are in the chart twice."""
    lab = Lab(tmp_path, patients=20, seed=3)
    try:
        lab.start(rash=True)
        pms = lab.offices[0]
        pms.api.choose = Mix(50, {LATE: 0.5})
        for patient in pms.program.patients[:8]:
            pms.program.hand_in(1, patients=[patient])
        lab.await_quiet(120)
        assert lab.check().twice
    finally:
        lab.close()


@contextmanager
def standing_still(office: Office) -> Iterator[None]:
    """Relays that keep their lines open and carry nothing, as a firewall in between does."""
    assert office.sql is not None
    lines = (office.api, office.sql)
    for line in lines:
        line.stall()
    yield
    for line in lines:
        line.release()


@contextmanager
def without_packets(office: Office) -> Iterator[None]:
    """A network that drops every packet, as a pulled cable does: not even the kernel hears from the other end."""
    assert office.sql is not None
    with dropped(office.api.port, office.sql.port):
        yield


@contextmanager
def a_query_held_up(office: Office, server: MariaDb) -> Iterator[None]:
    """Have the hub wait for the answer to a query meanwhile: whether any visit has changed, asked at each check."""
    name = office.database.rpartition("/")[2]
    held_up = (
        "SELECT 1 FROM information_schema.processlist WHERE user=%s AND state LIKE 'Waiting for table%%'"
    )
    with (
        server.connect(name) as pms,
        server.connect() as root,
        pms.cursor() as tables,
        root.cursor() as lines,
    ):
        tables.execute("LOCK TABLES histappointment WRITE")
        await_that(lambda: bool(lines.execute(held_up, (f"{name}_reader",))), 60, "a query of the hub")
        yield


@pytest.mark.fault("R5")
@pytest.mark.parametrize("half_open", [standing_still, without_packets])
def test_a_line_that_stands_open_and_carries_nothing_holds_up_no_other_practice(
    lab: Lab, durable_mariadb: MariaDbProcess, told: Told, half_open: HalfOpen
) -> None:
    """It does so in the middle of a query; the other practice is written to meanwhile."""
    stuck, other = lab.offices
    lab.await_quiet()
    rounds = size(10, 100)
    usual = [until_delivered(lab, other) for _ in range(rounds)]
    with ExitStack() as cut:
        with a_query_held_up(stuck, durable_mariadb.server):
            cut.enter_context(half_open(stuck))
        noticing = Noticing(lab, stuck)
        stuck.program.hand_in(10)
        waits = [until_delivered(lab, other) for _ in range(rounds)]
        after = noticing.seconds()
    verdict = lab.settle()
    told(
        f"one practice's lines half-open in the middle of a query: {half_open.__name__.replace('_', ' ')}",
        verdict,
        noticed_within_s=round(after, 1),
        others_p99_s=round(p99(waits), 3),
        usual_p99_s=round(p99(usual), 3),
        others_longest_s=round(max(waits), 3),
    )
    assert after <= (30.0 if FULL else 90.0)
    if FULL:
        assert p99(waits) <= p99(usual) + 0.25
    else:  # a busy machine: nobody waits for the stuck one, which would take many seconds
        assert median(waits) <= 2 * median(usual) + 1.0


class Noticing:
    """Watches, beside whatever else is done, when the hub has noticed that a practice's PMS does not answer."""

    def __init__(self, lab: Lab, office: Office) -> None:
        self._lab, self._office, self._began, self._after = lab, office, time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not noticed(self._lab, self._office):
            if time.monotonic() - self._began > 120:
                return
            time.sleep(0.1)
        self._after = time.monotonic() - self._began

    def seconds(self) -> float:
        """How long it took, once it was noticed."""
        self._thread.join()
        assert self._after, how_it_stands(self._lab, self._office)
        return self._after


def until_delivered(lab: Lab, office: Office) -> float:
    """Hand one note in; seconds until the PMS has taken it."""
    before, at = lab.taken(office), time.monotonic()
    office.program.hand_in(1)
    await_that(lambda: lab.taken(office) > before, 60, "a delivery", pause=0.01)
    return time.monotonic() - at


def p99(waits: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(waits)[int(len(waits) * 0.99) - 1]


def how_it_stands(lab: Lab, office: Office) -> str:
    """What the hub has noticed of a practice, for an error."""
    of_it = f"connection_id={office.connection_id}"
    streams = lab.rows(f"SELECT stream, failures, error_code FROM store_streamstate WHERE {of_it}")
    failures = lab.rows(f"SELECT write_failures FROM store_connection WHERE id={office.connection_id}")
    return f"{streams} {failures} {lab.where_they_stand()}"


def noticed(lab: Lab, office: Office) -> bool:
    """Whether the hub knows that this PMS does not answer: reading says so, and no write is taken for on its way.

    It is being looked for; or it waits, where what is asked before it (who holds the practice) already got no answer.
    """
    reading = f"connection_id={office.connection_id} AND error_code='unavailable'"
    on_its_way = f"practice_id={office.practice_id} AND delivery='sending'"
    return bool(lab.rows(f"SELECT 1 FROM store_streamstate WHERE {reading}")) and not lab.standing(on_its_way)
