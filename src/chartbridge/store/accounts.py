"""Practices, people, roles and the audit trail: the queries. Must not be in it: who may do what (web/access)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from chartbridge.store.database import writing
from chartbridge.store.models import AuditEntry, Delivery, Membership, Seen, Writeback


def memberships_of(user_id: int) -> list[Membership]:
    """Return a person's practices and roles, by the practices' names."""
    return list(
        Membership.objects.filter(user_id=user_id).select_related("practice").order_by("practice__name", "pk")
    )


def attention_count(practice_id: int) -> int:
    """Return how many writebacks wait for a person."""
    return Writeback.objects.filter(
        Q(delivery__in=[Delivery.PARKED, Delivery.REFUSED, Delivery.HELD])
        | Q(delivery=Delivery.TAKEN, seen=Seen.MISSING),
        practice_id=practice_id,
    ).count()


def add_audit_entry(
    *, practice_id: int | None, who: str, what: str, patient_key: str = "", detail: Mapping[str, Any]
) -> None:
    """Write one line of the audit trail."""
    with writing():
        AuditEntry.objects.create(
            practice_id=practice_id, who=who, what=what, patient_key=patient_key, detail=dict(detail)
        )
