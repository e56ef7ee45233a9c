"""The lists that Open Dental owns, from the database or from the API. Must not be in it: what they are used for."""

from __future__ import annotations

from collections.abc import Sequence

from chartbridge.connectors.open_dental.client import NAME, OpenDentalApi
from chartbridge.connectors.open_dental.codec import BadValue, texts
from chartbridge.connectors.open_dental.codec_lists import (
    OPERATORY_FIELDS,
    PROVIDER_FIELDS,
    definitions,
    operatories,
    providers,
)
from chartbridge.connectors.open_dental.database import Database
from chartbridge.connectors.open_dental.reading_api_papers import definition_row
from chartbridge.connectors.open_dental.words import DEFINITION_CATEGORIES, STATUS_PREFERENCES
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.errors import Unreadable


def from_database(database: Database, kind: LookupKind) -> Sequence[LookupItem]:
    """One list, in full."""
    if kind is LookupKind.PROVIDERS:
        return providers(database.rows("providers"))
    if kind is LookupKind.OPERATORIES:
        return operatories(database.rows("operatories"))
    preferences: dict[str, str] = {}
    if kind is LookupKind.APPOINTMENT_STATUSES:
        preferences = database.preferences(STATUS_PREFERENCES)
    return definitions(database.rows("definitions", (DEFINITION_CATEGORIES[kind],)), kind, preferences)


def from_api(api: OpenDentalApi, kind: LookupKind) -> Sequence[LookupItem]:
    """One list, in full, hidden entries too. Raises `Unreadable` where an entry has no text that can be one."""
    try:
        return _from_api(api, kind)
    except BadValue:
        raise Unreadable(
            f"{NAME} gave an answer of another shape than expected.", evidence=f"lookups {kind}"
        ) from None


def _from_api(api: OpenDentalApi, kind: LookupKind) -> Sequence[LookupItem]:
    if kind is LookupKind.PROVIDERS:
        fields = tuple("provColor" if name == "ProvColor" else name for name in PROVIDER_FIELDS)
        return providers([texts(item, fields) for item in _all(api, "providers")])
    if kind is LookupKind.OPERATORIES:
        return operatories([texts(item, OPERATORY_FIELDS) for item in _all(api, "operatories")])
    params = {"Category": str(DEFINITION_CATEGORIES[kind]), "includeHidden": "true"}
    rows = [definition_row(item, place) for place, item in enumerate(_all(api, "definitions", **params))]
    preferences: dict[str, str] = {}
    if kind is LookupKind.APPOINTMENT_STATUSES:
        preferences = {name: api.preference(name) for name in STATUS_PREFERENCES}
    return definitions(rows, kind, preferences)


def _all(api: OpenDentalApi, path: str, **params: str) -> list[dict[str, object]]:
    """Every page, each entry once."""
    found: dict[str, dict[str, object]] = {}
    for items in api.pages(path, ability="lookups", **params):
        for item in items:
            key = str(next((value for name, value in item.items() if name.endswith("Num")), len(found)))
            found.setdefault(key, item)
    return list(found.values())
