"""The lists that the PMS owns, as last read: providers, note types, document types, statuses, operatories.

Must not be in it: what a setting chose from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.store.models import LookupEntry


def entries(connection_id: int, kind: LookupKind, active_only: bool = False) -> list[LookupEntry]:
    """Return a list in the PMS's order. Without `active_only` also hidden entries and those that are gone."""
    found = LookupEntry.objects.filter(connection_id=connection_id, kind=kind.value)
    if active_only:
        found = found.filter(active=True, gone_at=None)
    return list(found.order_by("order", "name", "key"))


def entry(connection_id: int, kind: LookupKind, key: str) -> LookupEntry | None:
    """Return one entry, also a hidden one or one that is gone, or None where there never was one."""
    return LookupEntry.objects.filter(connection_id=connection_id, kind=kind.value, key=key).first()


def live_count(connection_id: int, kind: LookupKind) -> int:
    """How many entries the PMS showed when it was last read."""
    return LookupEntry.objects.filter(connection_id=connection_id, kind=kind.value, gone_at=None).count()


def store_lookups(connection_id: int, kind: LookupKind, items: Sequence[LookupItem], now: datetime) -> bool:
    """Make the stored list what `items` (the PMS's full list) says; True if anything moved.

    What vanished stays with `gone_at` and is no longer active. Call it within a write transaction.
    """
    held = {e.key: e for e in LookupEntry.objects.filter(connection_id=connection_id, kind=kind.value)}
    wanted = {item.key[:40]: item for item in items}
    moved = False
    for key, item in wanted.items():
        row = held.get(key) or LookupEntry(connection_id=connection_id, kind=kind.value, key=key)
        moved |= _settle(row, item)
    for key, row in held.items():
        if key not in wanted and row.gone_at is None:
            row.gone_at, row.active, moved = now, False, True
            row.save(update_fields=["gone_at", "active"])
    return moved


def _settle(row: LookupEntry, item: LookupItem) -> bool:
    """Bring one row up to date; True if it was not."""
    content = {
        "name": item.name.replace("\x00", "")[:255],
        "short": item.short.replace("\x00", "")[:255],
        "active": item.active,
        "meaning": sorted(item.meaning),
        "colour": item.colour[:9],
        "order": item.order,
        "gone_at": None,
    }
    if row.pk and all(getattr(row, name) == value for name, value in content.items()):
        return False
    for name, value in content.items():
        setattr(row, name, value)
    row.save()
    return True
