"""Lies are planted in an honest connector, and each must be caught by the suite."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import pytest

from chartbridge.testing.lies import LIES, Honest, LyingRig
from chartbridge.testing.suite import ConnectorContract
from tests.connectors.open_dental.rig import OpenDentalRig


def _cases(test: Any) -> list[dict[str, object]]:
    """The arguments with which pytest would call a parametrized test."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    names = [mark.args[0] for mark in marks]
    return [dict(zip(names, values, strict=True)) for values in product(*(mark.args[1] for mark in marks))]


def _run(rig: Any, name: str, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the suite's test passes, in every case of it."""
    for arguments in _cases(getattr(ConnectorContract, name)):
        connector = rig.connect()
        test = getattr(ConnectorContract(), name)
        given = {"rig": rig, "connector": connector, "caplog": caplog, **arguments}
        wanted = inspect.signature(test).parameters
        try:
            test(**{key: value for key, value in given.items() if key in wanted})
        except BaseException as error:  # pytest's own outcomes are no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            return False
        finally:
            connector.close()
        rig.knobs.heal()
    return True


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_every_lie_is_caught(
    lie: type[Honest], sqlite_rig: OpenDentalRig, caplog: pytest.LogCaptureFixture
) -> None:
    assert not _run(LyingRig(sqlite_rig, lie), LIES[lie], caplog)


@pytest.mark.parametrize("name", sorted(set(LIES.values())))
def test_the_honest_connector_passes_where_liars_fail(
    name: str, sqlite_rig: OpenDentalRig, caplog: pytest.LogCaptureFixture
) -> None:
    case = _cases(getattr(ConnectorContract, name))[0]
    test = getattr(ConnectorContract, name)
    wrapped = LyingRig(sqlite_rig, Honest)
    connector = wrapped.connect()
    given = {"rig": wrapped, "connector": connector, "caplog": caplog, **case}
    wanted = inspect.signature(test).parameters
    getattr(ConnectorContract(), name)(**{key: value for key, value in given.items() if key in wanted})
    connector.close()
