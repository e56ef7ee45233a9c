"""R11 on the running product: somebody sets the clock of the hub's machine, or of MariaDB's, by an hour or a day."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import QUICK, Lab, Office, await_that, connect_value
from tests.faults.sizes import size
from tests.servers.mariadb import MariaDbProcess
from tests.servers.process import MissingPart
from tests.servers.proxy import Does, Fault, Mix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
HOUR, DAY = 3600, 86400
LATE = Fault(Does.DELAYS_REQUEST, 30 / QUICK + 1.0)


@pytest.mark.fault("R11")
def test_a_hub_whose_machines_clock_is_set_goes_on_reading_and_writing_and_doubles_nothing(
    tmp_path: Path, told: Told
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    lab, moves, longest = Lab(tmp_path / "lab", seed=111), 0, 0.0
    try:
        lab.hub = lab.make_hub(wrap=under(clock))
        lab.start()
        (office,) = lab.offices
        office.api.choose = Mix(11, {LATE: 0.1})
        for shift in (HOUR, 0, DAY, 0) * size(1, 5):
            lab.hand_in(size(8, 20))
            clock.write_text(f"{shift:+d}")
            moves += 1
            lab.hand_in(size(8, 20))
            longest = max(longest, shows_an_edit(lab, office, moves))
        lab.await_quiet(size(300, 1500))
        late = office.api.struck[Does.DELAYS_REQUEST]
        spread = "SELECT julianday(MAX(accepted_at)) - julianday(MIN(accepted_at)) FROM store_activity"
        assert lab.rows(spread)[0][0] > 0.9, "the hub's clock was moved"
        verdict = lab.settle()
    finally:
        lab.close()
    assert late >= 2
    assert not verdict.reasons
    told(
        "the clock of the hub's machine set by an hour and a day, forth and back, while requests land late",
        verdict,
        moves=moves,
        late=late,
        longest_until_read_s=round(longest, 1),
    )


BUSIER = 3.0
"""A second's statements after the clock was set, to one of a quiet time before: more is a burst."""


@pytest.mark.mariadb
@pytest.mark.fault("R11")
def test_a_database_whose_machines_clock_is_set_is_read_on_and_asked_about_only_where_it_went_back(
    tmp_path: Path, told: Told
) -> None:
    """By an hour and a day. Until the brake is pulled, at the next look at who answers, it is read on."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    server = MariaDbProcess(wrap=under(clock))
    lab, before, asked, longest, busiest = None, 0, 0, 0.0, 0.0
    shifts = (HOUR, 0, DAY, 0, -HOUR, -DAY, 0) * size(1, 3)
    try:
        lab = Lab(tmp_path / "lab", mariadb=server.server, reads_database=True, seed=112)
        lab.start()
        (office,) = lab.offices
        is_now = connect_value(office.database, "SELECT UTC_TIMESTAMP()")
        for number, shift in enumerate(shifts, start=1):
            lab.hand_in(size(6, 20))
            lab.await_quiet(300)
            quiet = statements(server)
            clock.write_text(f"{shift:+d}")
            longest = max(longest, shows_an_edit(lab, office, number))
            busiest = max(busiest, statements(server) / quiet)
            went_back = shift < before
            before = shift
            lab.run("tests.faults.presses", {"button": "lists", "connection_id": office.connection_id})
            if went_back:
                await_that(lambda: "clock" in held(lab), 90, "the brake")
                asked += 1
                patient = office.program.patients[0]
                office.knob("edit_patient", patient=int(patient), Preferred=f"held{number}")
                lab.hand_in(size(2, 5))
                taken = lab.taken()
                time.sleep(3.0)
                assert lab.taken() == taken, "nothing is written until a person has said that it is right"
                assert not lab.shows(office, patient, f"held{number}")
                pressed = {"button": "right", "connection_id": office.connection_id}
                assert lab.run("tests.faults.presses", pressed)
                lab.await_read()
                await_that(partial(lab.shows, office, patient, f"held{number}"), 90, "what changed meanwhile")
            else:
                await_that(lambda: looked(lab), 90, "a look at who answers")
            assert held(lab) == ""
        assert connect_value(office.database, "SELECT UTC_TIMESTAMP()") > is_now
        verdict = lab.settle(size(300, 1500))
    finally:
        if lab is not None:
            lab.close()
        server.remove()
    assert asked == 4 * size(1, 3)
    assert busiest <= BUSIER
    told(
        "the clock of MariaDB's machine set by an hour and a day, forth and back",
        verdict,
        moves=len(shifts),
        asked=asked,
        longest_until_read_s=round(longest, 1),
        busiest=round(busiest, 1),
    )


def statements(server: MariaDbProcess, seconds: float = 5.0) -> float:
    """How many statements a second it is given."""

    def so_far() -> int:
        with server.server.connect() as root, root.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            found = cursor.fetchone()
            assert found
            return int(found[1])

    began = so_far()
    time.sleep(seconds)
    return (so_far() - began) / seconds


def held(lab: Lab) -> str:
    """What the brake says of the practice's PMS, or empty."""
    return str(lab.rows("SELECT hold FROM store_connection")[0][0])


def looked(lab: Lab) -> bool:
    """Whether what was pressed has been done."""
    return not lab.rows("SELECT 1 FROM store_streamstate WHERE stream='lookups' AND wanted<>''")


def under(clock: Path) -> list[str]:
    """The command before the hub's own: its wall clock is off by what stands in a file, its steady clock is not."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise MissingPart("A moved clock needs faketime. Install it with `make test-parts`.")
    return [
        *("env", f"LD_PRELOAD={found[0]}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1"),
        *("DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"),
    ]


def shows_an_edit(lab: Lab, office: Office, number: int) -> float:
    """Let the front desk change a patient; how long until the hub has it."""

    began = time.monotonic()
    office.desk_edits(number)
    patient = office.program.patients[number % len(office.program.patients)]
    await_that(lambda: lab.shows(office, patient, f"P{number}"), 90, "reading after the clock was set")
    return time.monotonic() - began
