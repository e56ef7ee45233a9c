"""Lists of keys and names. Must not be in it: a list that says more than that."""

from __future__ import annotations

from collections.abc import Callable

from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.domain.charts import LookupItem, LookupKind


def named(kind: LookupKind, statement: str) -> Callable[[Database], list[LookupItem]]:
    """What makes a list of a statement's rows of key and name, in their order."""

    def listed(database: Database) -> list[LookupItem]:
        return [
            LookupItem(kind=kind, key=text(key), name=text(name) or text(key), order=order)
            for order, (key, name) in enumerate(database.rows(statement))
        ]

    return listed
