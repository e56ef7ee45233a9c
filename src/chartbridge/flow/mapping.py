"""Which column a status of the PMS means, filled in from what the PMS itself says of it.

Only meanings that the PMS states are used. A status without one says nothing about where the patient is;
one that appears later is left out, so that the board shows it as unknown until a person has placed it.
What a person chose is never changed.
Must not be in it: a vendor's status names, a column guessed from a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from chartbridge.domain.schedule import FlowStatus
from chartbridge.store import board as rows

MEANINGS: dict[str, FlowStatus] = {
    "arrived": FlowStatus.CHECKED_IN,
    "seated": FlowStatus.IN_OPERATORY,
    "dismissed": FlowStatus.READY_FOR_CHECKOUT,
    "confirmed": FlowStatus.EXPECTED,
    "unconfirmed": FlowStatus.EXPECTED,
}
"""What a PMS says of a status → the column; first match wins."""

_WRITES = {
    FlowStatus.CHECKED_IN: "arrived",
    FlowStatus.IN_OPERATORY: "seated",
    FlowStatus.READY_FOR_CHECKOUT: "dismissed",
    FlowStatus.EXPECTED: "unconfirmed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A status of the PMS's list, in its order."""

    key: str
    meaning: Collection[str]


def planned(statuses: Iterable[Status], present: Mapping[str, rows.MappingRow]) -> list[rows.MappingRow]:
    """Return the rows to be stored for `statuses`, given those there are (by status key)."""
    first_time = not present
    by_person = [row for row in present.values() if row.origin == "practice"]
    taken = {row.flow_status for row in by_person if row.writes and row.flow_status}
    made: list[rows.MappingRow] = []
    for status in statuses:
        held = present.get(status.key)
        if held and held.origin == "practice":
            continue
        column = next((c for word, c in MEANINGS.items() if word in status.meaning), None)
        if column is None and held is None and not first_time:
            continue
        writes = column is not None and column not in taken and _WRITES[column] in status.meaning
        if writes and column is not None:
            taken.add(column)
        row = rows.MappingRow(
            status_key=status.key,
            flow_status=column,
            writes=writes,
            means_confirmed="confirmed" in status.meaning,
            origin="pms",
        )
        if row != held:
            made.append(row)
    return made


def default_mappings(connection_id: int) -> int:
    """Fill a connection's mapping from its lookups' meanings; return how many rows were made or changed."""
    statuses = [Status(key=key, meaning=meaning) for key, meaning in rows.status_meanings(connection_id)]
    present = {row.status_key: row for row in rows.mappings(connection_id)}
    changed = planned(statuses, present)
    if changed:
        rows.save_mappings(connection_id, changed)
    return len(changed)
