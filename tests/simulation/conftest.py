from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chartbridge.writeback import deliver, reading_back
from tests.faults.conftest import told
from tests.simulation.day import prepare
from tests.simulation.storage import Storage

__all__ = ["told"]


@pytest.fixture(scope="session")
def storage(django_db_blocker: Any) -> Iterator[Storage]:
    """The hub's tables in memory; this process's test database is not touched."""
    with django_db_blocker.unblock():
        yield Storage(prepare)


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few notes are enough that one batch is sent while the next is claimed and the last one looked for."""
    monkeypatch.setattr(deliver, "BATCH", 2)
    monkeypatch.setattr(reading_back, "BESIDE", 2)
