"""Half of the seeds, in two files so that two processes share them: 200 in `make test`, 1,000 in `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.sizes import size
from tests.simulation.day import run
from tests.simulation.storage import Storage

PIECE = 25


@pytest.mark.fault("R29")
@pytest.mark.parametrize(
    "first", range(500, size(600, 1000))[::PIECE], ids=lambda first: f"{first}-{first + PIECE - 1}"
)
def test_chance_finds_nothing_lost_twice_wrong_or_unknown(storage: Storage, first: int) -> None:
    bad = [verdict for seed in range(first, first + PIECE) if not (verdict := run(storage, seed)[0]).good]
    assert not bad, "\n".join(map(str, bad))
