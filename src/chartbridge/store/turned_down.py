"""What programs handed in and was turned down: told in the answer, and shown to the practice for some days.

Kept is only when, by which program and the sentence of the answer, counted per day; never what was sent.
Must not be in it: why something is turned down (intake).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import F

from chartbridge.store.database import writing
from chartbridge.store.models import TurnedDown

KEPT = timedelta(days=14)
MOST = 100
"""So many different ones are kept of a practice."""


def note(practice_id: int, who: str, sentences: Mapping[str, int], at: datetime) -> None:
    """Count what was turned down just now, by its sentence, and forget what is old."""
    mine = TurnedDown.objects.filter(practice_id=practice_id)
    with writing():
        for sentence, times in sentences.items():
            row, _ = mine.get_or_create(
                practice_id=practice_id,
                day=at.date(),
                who=who[:200],
                sentence=sentence[:500],
                defaults={"last_at": at},
            )
            mine.filter(pk=row.pk).update(times=F("times") + times, last_at=at)
        mine.filter(last_at__lt=at - KEPT).delete()
        if oldest := mine.order_by("-last_at", "-pk").values_list("pk", flat=True)[MOST:]:
            mine.filter(pk__in=list(oldest)).delete()


def recent(practice_id: int, now: datetime) -> list[TurnedDown]:
    """Return what was turned down in the last days, the latest first."""
    mine = TurnedDown.objects.filter(practice_id=practice_id, last_at__gte=now - KEPT)
    return list(mine.order_by("-last_at", "-pk")[:MOST])
