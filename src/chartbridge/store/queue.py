"""Writebacks for pages: how many stand where, the list with its reasons, a patient's timeline. No query per row.

Must not be in it: moving anything (that is `deliveries`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from chartbridge.store.models import Activity, Delivery, Seen, Writeback, WritebackEvent

WORDS = {
    "done": Q(delivery=Delivery.TAKEN, seen=Seen.SEEN),
    "waiting": Q(delivery__in=[Delivery.QUEUED, Delivery.SENDING])
    | Q(delivery=Delivery.TAKEN, seen=Seen.OWED),
    "uncertain": Q(delivery=Delivery.UNCERTAIN),
    "held": Q(delivery=Delivery.HELD),
    "skipped": Q(delivery=Delivery.SKIPPED),
    "attention": Q(delivery__in=[Delivery.PARKED, Delivery.REFUSED])
    | Q(delivery=Delivery.TAKEN, seen=Seen.MISSING),
    "retracted": Q(delivery=Delivery.RETRACTED),
}
"""The filters that a page offers; together they are everything, and no writeback is under two of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """One page of writebacks, newest first, each with its activity and connection at hand."""

    rows: Sequence[Writeback]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonGroup:
    """Writebacks that stand for the same reason. `reason` is the sentence of the newest of them."""

    code: str
    reason: str
    delivery: Delivery
    count: int
    newest_at: datetime


def counts(practice_id: int) -> dict[Delivery, int]:
    """Return how many stand where; every delivery is in it."""
    rows = Writeback.objects.filter(practice_id=practice_id).order_by().values_list("delivery")
    found = {Delivery(delivery): n for delivery, n in rows.annotate(n=Count("id"))}
    return {delivery: found.get(delivery, 0) for delivery in Delivery}


def counts_by_word(practice_id: int) -> dict[str, int]:
    """Return how many stand under each of `WORDS`."""
    rows = Writeback.objects.filter(practice_id=practice_id)
    found: dict[str, int] = rows.aggregate(**{word: Count("id", filter=q) for word, q in WORDS.items()})
    return found


def listing(
    practice_id: int,
    *,
    word: str = "",
    deliveries: Sequence[Delivery] = (),
    reason_code: str = "",
    kind: str = "",
    patient_key: str = "",
    page: int = 1,
    size: int = 50,
) -> Listing:
    """Return a page of writebacks; filters that are empty filter nothing."""
    rows = Writeback.objects.filter(practice_id=practice_id)
    if word:
        rows = rows.filter(WORDS[word])
    if deliveries:
        rows = rows.filter(delivery__in=deliveries)
    given = {"reason_code": reason_code, "kind": kind, "patient_key": patient_key}
    rows = rows.filter(**{name: value for name, value in given.items() if value})
    total = rows.count()
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    return Listing(
        rows=list(_at_hand(rows)[(page - 1) * size : page * size]), total=total, page=page, pages=pages
    )


def reasons(practice_id: int) -> list[ReasonGroup]:
    """Return what waits for a person, grouped by reason, the most first."""
    rows = Writeback.objects.filter(WORDS["attention"] | WORDS["held"], practice_id=practice_id)
    groups = (
        rows.order_by()
        .values_list("reason_code", "delivery")
        .annotate(n=Count("id"), newest=Max("id"), at=Max("created_at"))
    )
    found = list(groups)
    said = dict(
        Writeback.objects.filter(pk__in=[newest for _, _, _, newest, _ in found]).values_list("pk", "reason")
    )
    made = [
        ReasonGroup(
            code=code, reason=said.get(newest, ""), delivery=Delivery(delivery), count=n, newest_at=at
        )
        for code, delivery, n, newest, at in found
    ]
    return sorted(made, key=lambda group: -group.count)


def timeline_writebacks(practice_id: int, patient_key: str, limit: int = 500) -> list[Writeback]:
    """Return a patient's newest writebacks, newest first, each with its activity at hand."""
    rows = Writeback.objects.filter(practice_id=practice_id, patient_key=patient_key)
    return list(_at_hand(rows)[:limit])


def moves_of(practice_id: int, writeback_id: int) -> list[WritebackEvent]:
    """Return every move that a writeback made, oldest first."""
    rows = WritebackEvent.objects.filter(practice_id=practice_id, writeback_id=writeback_id)
    return list(rows.order_by("id"))


def recent_by_kind(practice_id: int, since: datetime) -> dict[str, dict[str, int]]:
    """Return, for each kind, how many since then stand under each of `WORDS` (only words that occur)."""
    rows = Writeback.objects.filter(practice_id=practice_id, created_at__gte=since).order_by()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows.values("kind").annotate(**{word: Count("id", filter=q) for word, q in WORDS.items()}):
        told: Mapping[str, Any] = row
        found[told["kind"]] = {word: told[word] for word in WORDS if told[word]}
    return dict(found)


def activities_of_kind(practice_id: int, kind: str, *, since: datetime, limit: int) -> list[Activity]:
    """Return the newest activities of a type since a moment, for a rehearsal."""
    rows = Activity.objects.filter(practice_id=practice_id, kind=kind, occurred_at__gte=since)
    return list(rows.exclude(patient_key="").order_by("-id")[:limit])


def _at_hand(rows: QuerySet[Writeback]) -> QuerySet[Writeback]:
    return rows.select_related("activity", "connection").order_by("-id")
