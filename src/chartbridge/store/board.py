"""What the patient-flow board is made from: a day's visits, their people, statuses and wishes.

Must not be in it: in which column a visit stands (flow), how a page looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import Appointment, BookingState, FlowStatus
from chartbridge.pms.reading import Stream
from chartbridge.store.database import writing
from chartbridge.store.fields import as_local_text
from chartbridge.store.models import (
    Connection,
    LookupEntry,
    MirrorAppointment,
    MirrorPatient,
    StatusMapping,
    StatusSighting,
    StreamState,
    Writeback,
)

STATUS_MOVE = "appointment_status"


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingRow:
    """A status's place, as stored. `flow_status` None: it says nothing about where the patient is."""

    status_key: str
    flow_status: FlowStatus | None
    writes: bool
    means_confirmed: bool
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """As much of a patient as a card shows."""

    key: str
    name: str
    initials: str
    photo_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """As much of a lookup as a card shows."""

    key: str
    name: str
    short: str
    colour: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """The newest status move of an appointment."""

    writeback_id: int
    status_key: str
    expected_key: str
    delivery: str
    seen: str
    seen_at: datetime | None
    reason: str
    reason_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusFreshness:
    """How the reading of statuses is doing. The appointments' stream stands in where statuses have none."""

    on: bool
    read_at: datetime | None
    error: str
    hold: str
    first_read_done: bool


def front_connection(practice_id: int) -> Connection | None:
    """The connection whose day the board shows: the first that is on, else the first."""
    return Connection.objects.filter(practice_id=practice_id).order_by("-on", "id").first()


def connection(connection_id: int) -> Connection | None:
    """One connection."""
    return Connection.objects.filter(pk=connection_id).first()


def visits_of_day(connection_id: int, day: date, only: Collection[str] | None = None) -> list[Appointment]:
    """Everything in the PMS's schedule of that wall day, by time; `only` these keys, if given."""
    begin = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the PMS's wall time
    rows = MirrorAppointment.objects.filter(
        connection_id=connection_id,
        starts_local__gte=as_local_text(begin),
        starts_local__lt=as_local_text(begin + timedelta(days=1)),
        gone_at=None,
    ).order_by("starts_local", "id")
    if only is not None:
        rows = rows.filter(key__in=set(only))
    return [as_appointment(row) for row in rows]


def visit(connection_id: int, key: str) -> Appointment | None:
    """One appointment."""
    row = MirrorAppointment.objects.filter(connection_id=connection_id, key=key, gone_at=None).first()
    return as_appointment(row) if row else None


def as_appointment(row: MirrorAppointment) -> Appointment:
    """The domain's appointment of a mirror row."""
    return Appointment(
        key=row.key,
        patient_key=row.patient_key,
        starts_local=row.starts_local,
        minutes=row.minutes,
        state=_state(row.state),
        state_raw=row.state_raw,
        status_key=row.status_key,
        operatory_key=row.operatory_key,
        provider_key=row.provider_key,
        hygienist_key=row.hygienist_key,
        is_new_patient=row.is_new_patient,
        reason=row.reason,
        arrived_local=row.arrived_local,
        seated_local=row.seated_local,
        dismissed_local=row.dismissed_local,
    )


def _state(raw: str) -> BookingState:
    return BookingState(raw) if raw in set(BookingState) else BookingState.UNKNOWN


def people(connection_id: int, keys: Collection[str]) -> dict[str, Person]:
    """The patients of those numbers that the mirror has, gone or not."""
    found: dict[str, Person] = {}
    rows = MirrorPatient.objects.filter(connection_id=connection_id, key__in=set(keys)).values_list(
        "key", "first_name", "preferred", "last_name", "photo_ref", "photo_version"
    )
    for key, first, preferred, last, photo_ref, photo_version in rows:
        called = preferred or first
        letters = "".join(part[0] for part in (called, last) if part).upper()
        found[key] = Person(
            key=key,
            name=f"{called} {last}".strip() or f"Patient {key}",
            initials=letters or "?",
            photo_version=(photo_version or "1") if photo_ref else "",
        )
    return found


def lookup_entries(connection_id: int, kind: LookupKind) -> dict[str, Entry]:
    """A list of the PMS's by key, active or not, gone or not: old visits name them too."""
    rows = LookupEntry.objects.filter(connection_id=connection_id, kind=kind)
    return {
        key: Entry(key=key, name=name, short=short, colour=colour)
        for key, name, short, colour in rows.values_list("key", "name", "short", "colour")
    }


def status_meanings(connection_id: int) -> list[tuple[str, list[str]]]:
    """The PMS's appointment statuses in its order, each with what the PMS says that it means."""
    rows = LookupEntry.objects.filter(
        connection_id=connection_id, kind=LookupKind.APPOINTMENT_STATUSES, gone_at=None
    ).order_by("order", "id")
    return [(key, list(meaning)) for key, meaning in rows.values_list("key", "meaning")]


def mappings(connection_id: int) -> list[MappingRow]:
    """Which column each status means."""
    return [
        MappingRow(
            status_key=row.status_key,
            flow_status=FlowStatus(row.flow_status) if row.flow_status else None,
            writes=row.writes,
            means_confirmed=row.means_confirmed,
            origin=row.origin,
        )
        for row in StatusMapping.objects.filter(connection_id=connection_id).order_by("id")
    ]


def save_mappings(connection_id: int, rows: Iterable[MappingRow]) -> None:
    """Store those rows, new or changed."""
    made = [
        StatusMapping(
            connection_id=connection_id,
            status_key=row.status_key,
            flow_status=row.flow_status or "",
            writes=row.writes,
            means_confirmed=row.means_confirmed,
            origin=row.origin,
        )
        for row in rows
    ]
    with writing():
        StatusMapping.objects.bulk_create(
            made,
            update_conflicts=True,
            unique_fields=["connection", "status_key"],
            update_fields=["flow_status", "writes", "means_confirmed", "origin"],
        )


def wishes(connection_id: int, patient_keys: Collection[str], since: datetime) -> dict[str, Wish]:
    """The newest status move of each appointment of those patients, made since then."""
    rows = Writeback.objects.filter(
        connection_id=connection_id,
        patient_key__in=set(patient_keys),
        kind=STATUS_MOVE,
        created_at__gte=since,
    ).order_by("id")
    return {
        str(row.payload.get("appointment_key", "")): Wish(
            writeback_id=row.pk,
            status_key=str(row.payload.get("status_key", "")),
            expected_key=str(row.payload.get("expected_key", "")),
            delivery=row.delivery,
            seen=row.seen,
            seen_at=row.seen_at,
            reason=row.reason,
            reason_code=row.reason_code,
        )
        for row in rows
    }


def statuses_seen(connection_id: int, appointment_key: str) -> list[str]:
    """The statuses that an appointment was seen in, oldest first."""
    rows = StatusSighting.objects.filter(connection_id=connection_id, appointment_key=appointment_key)
    return list(rows.order_by("id").values_list("status_key", flat=True))


def status_times(connection_id: int, visits: Sequence[Appointment]) -> dict[str, datetime]:
    """By appointment: when the PMS says that its present status began, where it says so."""
    present = {each.key: each.status_key for each in visits}
    rows = StatusSighting.objects.filter(
        connection_id=connection_id, appointment_key__in=list(present), at_local__isnull=False
    ).order_by("id")
    found: dict[str, datetime] = {}
    for row in rows.only("appointment_key", "status_key", "at_local"):
        if row.at_local is not None and present[row.appointment_key] == row.status_key:
            found[row.appointment_key] = row.at_local
    return found


def freshness(on_connection: Connection) -> StatusFreshness:
    """When the statuses were last read with success, and what is in the way."""
    states = {row.stream: row for row in StreamState.objects.filter(connection=on_connection)}
    status = states.get(Stream.APPOINTMENT_STATUS)
    visits = states.get(Stream.APPOINTMENTS)
    best = status if status and status.on else visits
    return StatusFreshness(
        on=bool(on_connection.on and best and best.on),
        read_at=best.last_success_at if best else None,
        error=best.error if best and best.failures else "",
        hold=on_connection.hold,
        first_read_done=bool(visits and visits.first_read_done_at),
    )


def status_moves(practice_id: int, patient_key: str, limit: int = 50) -> list[Writeback]:
    """A patient's status moves, the latest first."""
    rows = Writeback.objects.filter(practice_id=practice_id, patient_key=patient_key, kind=STATUS_MOVE)
    return list(rows.order_by("-id")[:limit])
