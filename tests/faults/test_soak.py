"""R30: everything at once on the running product, for a while; `make soak` plays it for as long as one likes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.sizes import FULL, size
from tests.faults.soak import Soak, Wishes, blows

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(7200)]


def test_the_same_seed_gives_the_same_sequence_of_faults() -> None:
    def first(seed: int) -> list[object]:
        return list(itertools.islice(blows(seed, 4), 200))

    assert first(1) == first(1) != first(2)
    spared = itertools.islice(blows(1, 4, {"kill_hub", "poison"}), 200)
    assert {blow.what for blow in spared} == {"kill_sandbox", "kill_database", "drop", "stall", "outage"}


@pytest.mark.fault("R30")
def test_mixed_faults_on_the_running_product_lose_and_double_nothing(tmp_path: Path, told: Told) -> None:
    seed = 30
    wishes = Wishes(
        minutes=size(20, 600) / 60,
        seed=seed,
        practices=size(2, 4),
        patients=size(60, 300),
        quick=13.0,
    )
    lines: list[str] = []
    soak = Soak(wishes, tmp_path, tell=lines.append)
    verdict, kills = soak.run()
    assert verdict.clean(soak.at_desk), (verdict, soak.at_desk, lines[-5:])
    assert verdict.in_chart >= 0.9 * verdict.writes
    told("hub, sandbox and database killed, lines dropped, stalled and cut", verdict, kills=kills, seed=seed)
    assert kills >= 2


@pytest.mark.fault("R30")
def test_many_practices_through_mixed_faults_keep_memory_flat_and_statuses_in_time(
    tmp_path: Path, told: Told
) -> None:
    """The hub ends here only by the poisonous notes: processes of some age show whether memory grows."""
    practices, seed = size(6, 100), 32
    wishes = Wishes(
        minutes=size(20, 1800) / 60,
        seed=seed,
        practices=practices,
        patients=60,
        rate=20.0,
        quick=13.0,
        without=("kill_hub",),
    )
    lines: list[str] = []
    soak = Soak(wishes, tmp_path, tell=lines.append)
    verdict, kills = soak.run()
    memory, lag = soak.memory.figures(), soak.desks.figures()
    told(
        f"{practices} practices, sandbox and database killed, lines dropped, stalled and cut, poison",
        verdict,
        kills=kills,
        seed=seed,
        memory=memory,
        lag=lag,
    )
    assert verdict.clean(soak.at_desk), (verdict, soak.at_desk, lines[-5:])
    assert soak.desks.changes
    assert lag["never_seen"] == 0, lag
    assert len(soak.memory.samples) > 10
    if FULL:
        assert memory["flat"] is True, memory
        assert lag["within"] is True, lag
