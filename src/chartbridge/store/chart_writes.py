"""What was written to one patient's chart, each with its entries of the ledger. Must not be in it: how it is shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from chartbridge.store.models import Delivery, Writeback, WritebackEvent

MOST = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One write that the PMS took, and its moves."""

    row: Writeback
    entries: tuple[WritebackEvent, ...]


def of_patient(practice_id: int, patient_key: str) -> list[Written]:
    """Return what the PMS took for a patient, newest first, at most `MOST`."""
    rows = Writeback.objects.filter(
        practice_id=practice_id, patient_key=patient_key, delivery=Delivery.TAKEN
    ).select_related("activity")
    found = list(rows.order_by("-id")[:MOST])
    entries: dict[int, list[WritebackEvent]] = defaultdict(list)
    for each in WritebackEvent.objects.filter(writeback__in=[row.pk for row in found]).order_by("id"):
        entries[each.writeback_id].append(each)
    return [Written(row=row, entries=tuple(entries[row.pk])) for row in found]
