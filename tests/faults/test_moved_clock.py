"""R11 on the running product: somebody sets the hub's machine's clock, by an hour or a day, forth and back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import QUICK, Lab, Office, await_that
from tests.faults.sizes import size
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
