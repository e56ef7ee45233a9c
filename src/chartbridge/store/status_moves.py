"""Which changes of an appointment's status a page shows, before it is applied: for those who want to be told of each.

A status is seen by two streams, and passes through states that the mirror never shows. Each move of the mirror is
told once, and each state that was passed through as well. Must not be in it: writing to the mirror.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chartbridge.domain.schedule import Appointment, StatusSeen
from chartbridge.domain.webhooks import WebhookEvent
from chartbridge.pms.reading import Page
from chartbridge.store.mirror_rows import local_text
from chartbridge.store.models import MirrorAppointment, StatusSighting
from chartbridge.store.outbox import Told

_AT_ONCE = 500
Status = tuple[str, str]


@dataclass(slots=True)
class _Known:
    """What is held of one appointment: as the mirror shows it, and as it was last seen."""

    mirror: Status | None = None
    seen: Status | None = None
    passing: Status | None = None  # the last state of this page that was passed through


def status_moves(connection_id: int, page: Page) -> list[Told]:
    """Return an event per change; call it in the page's transaction, before `apply_page`."""
    records = [r for r in page.records if isinstance(r, Appointment | StatusSeen)]
    if not records:
        return []
    known = _known(connection_id, list(dict.fromkeys(r.key for r in records)))
    sightings = [r.seen_key[:64] for r in records if isinstance(r, StatusSeen)]
    old = _old_sightings(connection_id, sightings)
    told: list[Told] = []
    for record in records:
        held = known.setdefault(record.key, _Known())
        status = (record.state.value, record.status_key)
        if isinstance(record, Appointment):
            before, held.mirror = held.mirror, status
        else:
            before = _sighting(held, record, status, is_new=record.seen_key[:64] not in old)
        if before is not None and before != status:
            told.append(_told(record, before, status))
    return told


def _sighting(held: _Known, record: StatusSeen, status: Status, *, is_new: bool) -> Status | None:
    """Return the status from which this is a change, or None where it is nothing new."""
    if record.latest:
        before = held.passing if is_new and held.passing is not None else held.mirror
        if held.mirror is not None:  # else the appointment itself has yet to be read: no change of it
            held.mirror = status
    else:
        before = (held.passing or held.seen or held.mirror) if is_new else None
        held.passing = status if is_new else held.passing
    held.seen = status
    return before


def _told(record: Appointment | StatusSeen, before: Status, status: Status) -> Told:
    at = local_text(record.at_local) if isinstance(record, StatusSeen) else None
    data = {
        "appointment_key": record.key,
        "patient_key": record.patient_key,
        "state": status[0],
        "status_key": status[1],
        "before": {"state": before[0], "status_key": before[1]},
        "at_local": at,
    }
    return Told(event=WebhookEvent.STATUS_CHANGED, data=data)


def _known(connection_id: int, keys: Sequence[str]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for piece in _pieces(keys):
        mirror = MirrorAppointment.objects.filter(connection_id=connection_id, key__in=piece)
        for key, *status in mirror.values_list("key", "state", "status_key"):
            known[key] = _Known(mirror=(status[0], status[1]))
        seen = StatusSighting.objects.filter(connection_id=connection_id, appointment_key__in=piece)
        for key, *status in seen.order_by("pk").values_list("appointment_key", "state", "status_key"):
            known.setdefault(key, _Known()).seen = (status[0], status[1])
    return known


def _old_sightings(connection_id: int, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for piece in _pieces(keys):
        rows = StatusSighting.objects.filter(connection_id=connection_id, seen_key__in=piece)
        found |= set(rows.values_list("seen_key", flat=True))
    return found


def _pieces(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
