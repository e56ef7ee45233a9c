"""Eaglesoft, held to the contract that every connector is held to."""

from __future__ import annotations

import pytest

from chartbridge.testing.suite import ConnectorContract
from tests.connectors.eaglesoft.rig import EaglesoftRig


class TestEaglesoft(ConnectorContract):
    @pytest.fixture
    def rig(self, eaglesoft_rig: EaglesoftRig) -> EaglesoftRig:
        return eaglesoft_rig
