"""Every statement that is sent to Dentrix lies in the subset that all databases understand."""

from __future__ import annotations

import pytest

from chartbridge.connectors.dentrix import dialect
from chartbridge.connectors.dentrix.statements import ABILITIES, EITHER, NEEDED, STATEMENTS
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.sandbox.dentrix.tables import TABLES, VIEWS
from tests.connectors.sql_subset import outside

STAMPS = {name: names[0] for name, (_, names) in EITHER.items()}


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_statement_is_understood_by_all(name: str) -> None:
    assert outside(STATEMENTS[name].format(owner="admin", n="?, ?", **STAMPS)) == ""


@pytest.mark.parametrize("tables", [NEEDED, *ABILITIES.values()])
def test_what_is_needed_is_named_as_the_tables_name_it(tables: dict[str, tuple[str, ...]]) -> None:
    for table, columns in tables.items():
        made = {**TABLES, **VIEWS}[table] + " automodifiedtimestamp"
        assert all(column in made for column in columns), table


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
