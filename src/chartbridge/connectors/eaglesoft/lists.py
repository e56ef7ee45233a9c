"""The lists that Eaglesoft owns. Must not be in it: what a setting chose from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from chartbridge.connectors.by_odbc.cells import number, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.lists import named
from chartbridge.connectors.eaglesoft.words import (
    CONFIRMATIONS,
    NOT_WRITABLE_NOTE_TYPES,
    OFFICE_STAFF,
    WALKED_OUT,
)
from chartbridge.domain.charts import LookupItem, LookupKind

_SEEN_SINCE = timedelta(days=90)


def note_type_key(note_type: str, number_of_type: int | str) -> str:
    """The key of a note type: Eaglesoft tells them apart by a letter and a number."""
    return f"{note_type}:{number_of_type}"


def _providers(database: Database) -> list[LookupItem]:
    return [
        LookupItem(
            kind=LookupKind.PROVIDERS,
            key=text(key),
            short=text(key),
            name=f"{text(first)} {text(last)}".strip() or text(key),
            active=text(status).upper() == "A",
            meaning=frozenset({"staff"}) if number(position, "position_id") == OFFICE_STAFF else frozenset(),
            order=order,
        )
        for order, (key, first, last, status, position) in enumerate(database.rows("providers"))
        if text(key)
    ]


def _note_types(database: Database) -> list[LookupItem]:
    return [
        LookupItem(
            kind=LookupKind.NOTE_TYPES,
            key=note_type_key(text(letter), text(key)),
            name=text(description) or note_type_key(text(letter), text(key)),
            active=text(letter) not in NOT_WRITABLE_NOTE_TYPES,
            order=order,
        )
        for order, (letter, key, description) in enumerate(database.rows("note_types"))
    ]


def _statuses(database: Database) -> list[LookupItem]:
    """The fixed confirmation statuses, walked out, and what else of arrival statuses is in use there."""
    kind = LookupKind.APPOINTMENT_STATUSES
    items = [
        LookupItem(kind=kind, key=f"confirmation:{value}", name=name, meaning=meaning, order=value)
        for value, (name, meaning) in CONFIRMATIONS.items()
    ]
    if not database.has("arrivals"):
        return items
    items.append(
        LookupItem(
            kind=kind,
            key=f"arrival:{WALKED_OUT}",
            name="Walked Out",
            meaning=frozenset({"dismissed"}),
            order=100,
        )
    )
    until = datetime.combine(database.local_now().date(), time()) + timedelta(days=1)
    seen = database.rows("arrivals_seen", (until - _SEEN_SINCE, until))
    values = sorted({value for row in seen if (value := _known_number(row[0])) and value != WALKED_OUT})
    items += [
        LookupItem(
            kind=kind, key=f"arrival:{value}", name=f"Arrival status {value}", active=False, order=100 + value
        )
        for value in values
    ]
    return items


def _known_number(value: object) -> int | None:
    return int(text(value)) if text(value).isdecimal() and int(text(value)) < 100 else None


LISTS: dict[LookupKind, Callable[[Database], list[LookupItem]]] = {
    LookupKind.PROVIDERS: _providers,
    LookupKind.NOTE_TYPES: _note_types,
    LookupKind.DOCUMENT_TYPES: named(LookupKind.DOCUMENT_TYPES, "document_groups"),
    LookupKind.APPOINTMENT_STATUSES: _statuses,
    LookupKind.OPERATORIES: named(LookupKind.OPERATORIES, "chairs"),
}
