"""A practice on Dentrix's tables as a fixture: the tables are made once, and emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chartbridge.sandbox.dentrix import DentrixPractice
from chartbridge.sandbox.server import Server
from tests.connectors.dentrix.rig import DentrixRig
from tests.servers.mariadb import MariaDb


@pytest.fixture(scope="session")
def dentrix_practice(mariadb: MariaDb) -> DentrixPractice:
    server = Server(host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password)
    practice = DentrixPractice(server)
    practice.create()
    return practice


@pytest.fixture
def dentrix_rig(dentrix_practice: DentrixPractice, tmp_path: Path) -> Iterator[DentrixRig]:
    dentrix_practice.empty()
    dentrix_practice.open_gate()
    rig = DentrixRig(dentrix_practice, tmp_path)
    yield rig
    rig.close()
