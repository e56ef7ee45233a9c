"""What was written to one patient's chart, each with its entries of the ledger. Must not be in it: how it is shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Q

from chartbridge.store.models import Delivery, Writeback, WritebackEvent

MOST = 2000
_TAKEN = Q(delivery=Delivery.TAKEN) | Q(delivery=Delivery.RETRACTED, taken_at__isnull=False)
"""What was taken, had vanished from the chart and was let go was written there all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One write that the PMS took, and its moves."""

    row: Writeback
    entries: tuple[WritebackEvent, ...]


def of_patient(practice_id: int, patient_key: str) -> list[Written]:
    """Return what the PMS took for a patient, newest first, at most `MOST`."""
    rows = Writeback.objects.filter(_TAKEN, practice_id=practice_id, patient_key=patient_key)
    rows = rows.select_related("activity")
    found = list(rows.order_by("-id")[:MOST])
    entries: dict[int, list[WritebackEvent]] = defaultdict(list)
    for each in WritebackEvent.objects.filter(writeback__in=[row.pk for row in found]).order_by("id"):
        entries[each.writeback_id].append(each)
    return [Written(row=row, entries=tuple(entries[row.pk])) for row in found]
