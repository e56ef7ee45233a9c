"""Half of the seeds, in two files so that two processes share them: 1,000 in `make test`, 2,000 in `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Told
from tests.faults.sizes import size
from tests.simulation.day import run
from tests.simulation.results import how_to_replay, in_figures
from tests.simulation.storage import Storage

PIECE = 25


@pytest.mark.fault("R29")
@pytest.mark.parametrize(
    "first", range(size(500, 1000))[::PIECE], ids=lambda first: f"{first}-{first + PIECE - 1}"
)
def test_chance_finds_nothing_lost_twice_wrong_or_unknown(storage: Storage, first: int, told: Told) -> None:
    verdicts = [run(storage, seed)[0] for seed in range(first, first + PIECE)]
    told("chance on a virtual clock", seeds=PIECE, **in_figures(verdicts))
    bad = [verdict for verdict in verdicts if not verdict.good]
    assert not bad, how_to_replay(bad)
