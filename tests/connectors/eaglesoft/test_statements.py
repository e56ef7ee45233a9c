"""Every statement that is sent to Eaglesoft lies in the subset that all databases understand."""

from __future__ import annotations

import pytest

from chartbridge.connectors.eaglesoft import dialect
from chartbridge.connectors.eaglesoft.statements import ABILITIES, NEEDED, STATEMENTS
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.sandbox.eaglesoft.tables import TABLES
from tests.connectors.sql_subset import outside


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_statement_is_understood_by_all(name: str) -> None:
    assert outside(STATEMENTS[name].format(owner="PPM", n="?, ?")) == ""


@pytest.mark.parametrize("tables", [NEEDED, *ABILITIES.values()])
def test_what_is_needed_is_named_as_the_tables_name_it(tables: dict[str, tuple[str, ...]]) -> None:
    for table, columns in tables.items():
        assert all(column in TABLES[table] for column in columns), table


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
