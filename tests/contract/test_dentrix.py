"""Dentrix, held to the contract that every connector is held to."""

from __future__ import annotations

import pytest

from chartbridge.testing.suite import ConnectorContract
from tests.connectors.dentrix.rig import DentrixRig


class TestDentrix(ConnectorContract):
    @pytest.fixture
    def rig(self, dentrix_rig: DentrixRig) -> DentrixRig:
        return dentrix_rig
