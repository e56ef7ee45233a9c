"""Every statement that is sent to Eaglesoft lies in the subset that all databases understand."""

from __future__ import annotations

import pytest

from chartbridge.connectors.eaglesoft import dialect
from chartbridge.connectors.eaglesoft.connector import CAN_STILL, VENDOR, manifest
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.sandbox.eaglesoft.tables import TABLES
from tests.connectors.odbc_layout import StatementsContract


class TestEaglesoftStatements(StatementsContract):
    vendor, manifest, words, tables = VENDOR, manifest(), CAN_STILL, TABLES


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        ("42000", "[SAP][ODBC Driver][SQL Anywhere]Authentication violation", Unauthorised),
        ("HY000", "[SQL Anywhere]RAISERROR executed: Zebediah", Refused),
        ("40001", "[SQL Anywhere]Deadlock detected", Unavailable),
        ("HY000", "[SQL Anywhere]User 'another user' has the row in 'patient' locked", Unavailable),
        ("42S02", "Table not found", None),
    ],
)
def test_the_databases_own_words_are_understood_and_not_passed_on(
    state: str, text: str, expected: type[PmsError] | None
) -> None:
    meant = dialect.judge(state, text)
    if expected is None:
        assert meant is None
    else:
        assert isinstance(meant, expected)
        assert "Zebediah" not in f"{meant!r}{vars(meant)}"
