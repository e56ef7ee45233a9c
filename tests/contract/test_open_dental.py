"""Open Dental, held to the contract that every connector is held to."""

from __future__ import annotations

import pytest

from chartbridge.testing.suite import ConnectorContract
from tests.connectors.open_dental.rig import OpenDentalRig


class TestOpenDentalThroughTheApi(ConnectorContract):
    @pytest.fixture
    def rig(self, sqlite_rig: OpenDentalRig) -> OpenDentalRig:
        return sqlite_rig


class TestOpenDentalByItsDatabase(ConnectorContract):
    @pytest.fixture
    def rig(self, database_rig: OpenDentalRig) -> OpenDentalRig:
        return database_rig


class TestOpenDentalThroughTheApiOnMariaDb(ConnectorContract):
    @pytest.fixture
    def rig(self, api_on_mariadb_rig: OpenDentalRig) -> OpenDentalRig:
        return api_on_mariadb_rig
