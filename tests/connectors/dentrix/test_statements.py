"""Every statement that is sent to Dentrix lies in the subset that all databases understand."""

from __future__ import annotations

import pytest

from chartbridge.connectors.dentrix import dialect
from chartbridge.connectors.dentrix.connector import CAN_STILL, VENDOR, manifest
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.sandbox.dentrix.tables import TABLES, VIEWS
from tests.connectors.odbc_layout import StatementsContract


class TestDentrixStatements(StatementsContract):
    vendor, manifest, words, tables = VENDOR, manifest(), CAN_STILL, {**TABLES, **VIEWS}


def test_the_clock_is_asked_for_with_doubled_braces_and_a_table() -> None:
    assert dialect.NOW.format(owner="admin") == "SELECT {fn NOW()} FROM admin.options o WHERE o.optionkey = ?"


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        (
            "HY000",
            "[FairCom][ODBC FairCom Driver 12.0.2.432][ctreeSQL] -20148 Trigger Execution Failed. Zebediah",
            Refused,
        ),
        ("HY000", "[FairCom][ctreeSQL] -20228 Access Denied(Authorisation failed)", Unauthorised),
        ("HY000", "[FairCom][ctreeSQL] -17042 CT - Could not obtain data record lock", Unavailable),
        ("42S02", "[FairCom][ctreeSQL] -20005 Table/View/Synonym not found", None),
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
