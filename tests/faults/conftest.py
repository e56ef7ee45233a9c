"""Labs for fault tests, and the words in which a test reports what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.checker import Verdict
from tests.faults.lab import Lab
from tests.servers.mariadb import DURABLE, MariaDbProcess


class Told(Protocol):
    """Reports what was played: a sentence, the verdict, the kills, and any figures."""

    def __call__(self, did: str, verdict: Verdict | None = None, **figures: object) -> None: ...


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """See `Told`; `make faults` prints it."""

    def tell(did: str, verdict: Verdict | None = None, **figures: object) -> None:
        record_property("did", did)
        for name, value in (verdict.numbers() if verdict else {}).items():
            record_property(name, value)
        for name, value in figures.items():
            record_property(name, value)

    return tell


@pytest.fixture(scope="session")
def durable_mariadb() -> Iterator[MariaDbProcess]:
    """A MariaDB of the faults' own that keeps what it has committed when it is killed."""
    process = MariaDbProcess(DURABLE)
    yield process
    process.remove()


@pytest.fixture(scope="module")
def shared_lab(durable_mariadb: MariaDbProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One for each file: what a file leaves in the failure desk is not in the next one's way."""
    folder = Path(tmp_path_factory.mktemp("lab"))
    made = Lab(folder, mariadb=durable_mariadb.server, offices=2, reads_database=True, seed=7)
    made.start()
    yield made
    made.close()


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    """Two practices, on InnoDB and on MyISAM, with the hub running; every line is whole again afterwards."""
    if shared_lab.hub.ended() is not None:
        shared_lab.restart()
    yield shared_lab
    for office in shared_lab.offices:
        for line in (office.api, office.sql):
            assert line is not None
            line.choose, line.bytes_per_second = (lambda _request: None), 0
            line.release()
            line.restore()
        if office.sandbox.ended() is None:
            office.knob("heal")
