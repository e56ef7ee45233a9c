"""A small practice and a hub set up on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chartbridge.demo.practice import Ready
from chartbridge.sandbox.open_dental import Sandbox
from tests.cli.places import set_up_on


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(patients=20, zone="America/New_York") as practice:
        yield practice


@pytest.fixture
def ready(sandbox: Sandbox) -> Ready:
    return set_up_on(sandbox)
