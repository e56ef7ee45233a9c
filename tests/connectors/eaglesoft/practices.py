"""A practice on Eaglesoft's tables as a fixture: the tables are made once, and emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chartbridge.sandbox.eaglesoft import EaglesoftPractice
from chartbridge.sandbox.server import Server
from tests.connectors.eaglesoft.rig import EaglesoftRig
from tests.servers.mariadb import MariaDb


@pytest.fixture(scope="session")
def eaglesoft_practice(mariadb: MariaDb) -> EaglesoftPractice:
    server = Server(host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password)
    practice = EaglesoftPractice(server)
    practice.create()
    return practice


@pytest.fixture
def eaglesoft_rig(eaglesoft_practice: EaglesoftPractice, tmp_path: Path) -> Iterator[EaglesoftRig]:
    eaglesoft_practice.empty()
    rig = EaglesoftRig(eaglesoft_practice, tmp_path)
    yield rig
    rig.close()
