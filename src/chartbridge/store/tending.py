"""Which connections an engine looks after. Must not be in it: what is read or written over them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from chartbridge.pms.commands import CommandKind
from chartbridge.store.models import Activity, Connection, Delivery, Practice, StreamState, Writeback


def tended() -> list[int]:
    """Return the ids of every connection that is on, of all practices."""
    return list(Connection.objects.filter(on=True).order_by("id").values_list("id", flat=True))


def practices() -> dict[int, str]:
    """Return every practice's name by its number."""
    return dict(Practice.objects.order_by("id").values_list("id", "name"))


def connected_practices() -> list[int]:
    """Return the practices that have a connection that is on."""
    return sorted(set(Connection.objects.filter(on=True).values_list("practice_id", flat=True)))


def connections() -> list[Connection]:
    """Return every connection with its practice, whether it is on or not."""
    return list(Connection.objects.select_related("practice").order_by("practice_id", "id"))


def connections_of(practice_id: int) -> list[Connection]:
    """Return a practice's connections that are on."""
    return list(Connection.objects.filter(practice_id=practice_id, on=True).order_by("id"))


def stream_states(connection_id: int) -> list[StreamState]:
    """Return how a connection's streams are doing, by name."""
    return list(StreamState.objects.filter(connection_id=connection_id).order_by("stream"))


def standing(practice_id: int) -> dict[tuple[str, str], int]:
    """Count a practice's writebacks by how far they have come: (delivery, seen) → number."""
    rows = Writeback.objects.filter(practice_id=practice_id).values_list("delivery", "seen")
    return {(delivery, seen): n for delivery, seen, n in rows.annotate(n=Count("id")).order_by()}


def activities(practice_id: int) -> int:
    """Count a practice's activities."""
    return Activity.objects.filter(practice_id=practice_id).count()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What the store holds of one writeback. `explained`: it says why a person has to see to it."""

    activity_id: int | None
    patient_key: str
    marker: str
    delivery: str
    seen: str
    explained: bool


def kept(practice_id: int) -> dict[int, Kept]:
    """Return every writeback of a practice by its number."""
    rows = Writeback.objects.filter(practice_id=practice_id).values_list(
        "pk", "activity_id", "patient_key", "marker", "delivery", "seen", "reason_code", "reason"
    )
    return {
        pk: Kept(
            activity_id=activity,
            patient_key=patient,
            marker=marker,
            delivery=delivery,
            seen=seen,
            explained=bool(code and reason),
        )
        for pk, activity, patient, marker, delivery, seen, code, reason in rows
    }


def activity_ids(practice_id: int) -> set[int]:
    """Return the numbers of a practice's activities."""
    return set(Activity.objects.filter(practice_id=practice_id).values_list("pk", flat=True))


def written(practice_id: int) -> list[tuple[str, str]]:
    """Return marker and patient of every note and document that the PMS is said to hold."""
    rows = Writeback.objects.filter(practice_id=practice_id, delivery=Delivery.TAKEN).exclude(marker="")
    return list(rows.order_by("id").values_list("marker", "patient_key"))


def moved(practice_id: int) -> list[tuple[str, str, str]]:
    """Return appointment, status and patient of every move that the PMS is said to have taken."""
    rows = Writeback.objects.filter(
        practice_id=practice_id, delivery=Delivery.TAKEN, command=CommandKind.SET_APPOINTMENT_STATUS
    )
    return [
        (str(payload["appointment_key"]), str(payload["status_key"]), patient_key)
        for payload, patient_key in rows.order_by("id").values_list("payload", "patient_key")
    ]
