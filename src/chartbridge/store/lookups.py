"""The lists that the PMS owns, as last read: providers, note types, document types, statuses, operatories.

Must not be in it: what a setting chose from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.store.models import LookupEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """An entry of a list that is not what it was: `added`, `renamed`, `hidden`, `shown`, `gone` or `back`."""

    event: str
    key: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Whether anything of a list moved, and what of it people would call a change (nothing at the first read)."""

    moved: bool
    changes: list[Moved] = field(default_factory=list)


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


def store_lookups(connection_id: int, kind: LookupKind, items: Sequence[LookupItem], now: datetime) -> Stored:
    """Make the stored list what `items` (the PMS's full list) says.

    What vanished stays with `gone_at` and is no longer active. Call it within a write transaction.
    """
    held = {e.key: e for e in LookupEntry.objects.filter(connection_id=connection_id, kind=kind.value)}
    wanted = {item.key[:40]: item for item in items}
    moved, changes, new = False, list[Moved](), list[LookupEntry]()
    for key, item in wanted.items():
        row = held.get(key) or LookupEntry(connection_id=connection_id, kind=kind.value, key=key)
        change = _change(row, item)
        if _settle(row, item):
            moved = True
            changes += [change] if change else []
            if row.pk:
                row.save()
            else:
                new.append(row)
    LookupEntry.objects.bulk_create(new)
    for key, row in held.items():
        if key not in wanted and row.gone_at is None:
            row.gone_at, row.active, moved = now, False, True
            row.save(update_fields=["gone_at", "active"])
            changes.append(Moved(event="gone", key=key, before=_said(row), after=""))
    return Stored(moved=moved, changes=changes if held else [])


def _change(row: LookupEntry, item: LookupItem) -> Moved | None:
    """Say what happens to an entry, the weightiest first."""
    before, after = _said(row), item.short or item.name
    if not row.pk:
        event = "added" if item.active else ""
    elif row.gone_at is not None:
        event = "back"
    elif row.active != item.active:
        event = "shown" if item.active else "hidden"
    else:
        event = "" if (row.name, row.short) == (item.name[:255], item.short[:255]) else "renamed"
        before, after = (row.name, item.name) if row.short == item.short[:255] else (before, after)
    return Moved(event=event, key=item.key[:40], before=before, after=after) if event else None


def _said(row: LookupEntry) -> str:
    return row.short or row.name


def _settle(row: LookupEntry, item: LookupItem) -> bool:
    """Bring one row up to date, in memory; True if it was not."""
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
    return True
