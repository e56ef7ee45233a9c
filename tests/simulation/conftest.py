from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import told
from tests.simulation.day import prepare
from tests.simulation.storage import Storage

__all__ = ["told"]


@pytest.fixture(scope="session")
def storage(django_db_blocker: Any) -> Iterator[Storage]:
    """The hub's tables in memory; this process's test database is not touched."""
    with django_db_blocker.unblock():
        yield Storage(prepare)
