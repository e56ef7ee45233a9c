"""The lists that Dentrix owns. Must not be in it: what a setting chose from them."""

from __future__ import annotations

from collections.abc import Callable

from chartbridge.connectors.by_odbc.cells import number, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.lists import named
from chartbridge.connectors.dentrix.words import COMPLETED, CONTACT_TYPES
from chartbridge.domain.charts import LookupItem, LookupKind


def _providers(database: Database) -> list[LookupItem]:
    """Providers, and the staff under whose name an Office Journal entry may stand as well."""
    found = [(row, False) for row in database.rows("providers")]
    if database.has("staff"):
        found += [(row, True) for row in database.rows("staff")]
    items: dict[str, LookupItem] = {}
    for order, (row, is_staff) in enumerate(found):
        key = text(row[0])
        if not key or key in items:
            continue
        items[key] = LookupItem(
            kind=LookupKind.PROVIDERS,
            key=key,
            short=key,
            name=f"{text(row[1])} {text(row[2])}".strip() or key,
            active=is_staff or not number(row[3], "inactive"),
            meaning=frozenset({"staff"}) if is_staff else frozenset(),
            order=order,
        )
    return list(items.values())


def _note_types(_database: Database) -> list[LookupItem]:
    return [
        LookupItem(kind=LookupKind.NOTE_TYPES, key=str(value), name=name, order=value)
        for value, name in CONTACT_TYPES.items()
    ]


def _statuses(database: Database) -> list[LookupItem]:
    """The practice's own list. What its words mean is for the practice to say."""
    kind = LookupKind.APPOINTMENT_STATUSES
    return [
        LookupItem(
            kind=kind,
            key=text(key),
            name=text(name) or text(key),
            active=text(key) != str(COMPLETED),
            order=order,
        )
        for order, (key, name) in enumerate(database.rows("statuses"))
    ]


LISTS: dict[LookupKind, Callable[[Database], list[LookupItem]]] = {
    LookupKind.PROVIDERS: _providers,
    LookupKind.NOTE_TYPES: _note_types,
    LookupKind.DOCUMENT_TYPES: named(LookupKind.DOCUMENT_TYPES, "document_types"),
    LookupKind.APPOINTMENT_STATUSES: _statuses,
    LookupKind.OPERATORIES: named(LookupKind.OPERATORIES, "operatories"),
}
