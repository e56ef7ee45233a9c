"""How many calls of a monthly budget were made, by connection. Must not be in it: what follows from that."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from chartbridge.store.database import writing
from chartbridge.store.models import CallUse


def month_of(now: datetime) -> str:
    """What a month is called."""
    return now.strftime("%Y-%m")


def used(connection_id: int, now: datetime) -> int:
    """How many calls were made this month."""
    row = CallUse.objects.filter(connection_id=connection_id, month=month_of(now)).first()
    return row.calls if row else 0


def add(connection_id: int, calls: int, now: datetime) -> None:
    """Count calls that were made."""
    with writing():
        mine = CallUse.objects.filter(connection_id=connection_id, month=month_of(now))
        if not mine.update(calls=F("calls") + calls):
            CallUse.objects.create(connection_id=connection_id, month=month_of(now), calls=calls)
