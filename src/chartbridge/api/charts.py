"""Reading the mirror: patients, appointments with their history, the PMS's lists; and moving an appointment.

Names are searched for in a body, never in an address: addresses end up in logs.
Must not be in it: which column means what (flow).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from chartbridge.api.access import Bearer, caller
from chartbridge.api.answers import (
    ActivityDetail,
    AppointmentDetail,
    AppointmentOut,
    LookupOut,
    PatientOut,
    SightingOut,
    WritebackOut,
    activity_detail,
    appointment_fields,
    patient_out,
    writeback_out,
)
from chartbridge.api.errors import ERRORS, ApiError, ErrorOut, bad_field, not_found
from chartbridge.api.handing_in import clock
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.flow.columns import column_of
from chartbridge.flow.moves import choices
from chartbridge.store import activities, board, lookups, mirror
from chartbridge.store.models import Connection, MirrorAppointment, MirrorPatient, Practice
from chartbridge.writeback.enqueue import UnknownAppointment, enqueue_status_move

router = Router(tags=["Charts"])
Key = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,40}$", description="The PMS's own number.")]


class SearchIn(Schema):
    """Part of a name, digits of a phone, or a patient's number."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=200)
    limit: int = Field(20, ge=1, le=100)


class MoveIn(Schema):
    """Where to: a status of the PMS, or a column of the board whose status is set on the Statuses page.

    `expected` is the status that the caller believes it has now; left out, it is the one last read.
    """

    model_config = ConfigDict(extra="forbid")
    status_key: str = Field("", max_length=40)
    flow_status: FlowStatus | None = None
    expected: str | None = Field(None, max_length=40)


# Before /patients/{key}: the first address that fits is taken.
@router.post(
    "/patients/search",
    response={200: list[PatientOut], ERRORS: ErrorOut},
    auth=Bearer(reads=True),
    summary="Find patients",
)
def search(request: HttpRequest, payload: SearchIn) -> list[PatientOut]:
    """Find patients by part of a name, digits of a phone, or number."""
    text = payload.text.replace("\x00", "")
    found = mirror.search_patients(connection_for(request).pk, text, payload.limit)
    return [patient_out(row) for row in found]


@router.get("/patients/{key}", response={200: PatientOut, ERRORS: ErrorOut}, summary="One patient")
def get_patient(request: HttpRequest, key: Key) -> PatientOut:
    """Return a patient as last read from the PMS."""
    return patient_out(_patient(request, key))


@router.get(
    "/patients/{key}/timeline",
    response={200: list[ActivityDetail], ERRORS: ErrorOut},
    summary="What happened with a patient",
)
def get_timeline(
    request: HttpRequest, key: Key, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> list[ActivityDetail]:
    """List a patient's activities with their receipts, the latest first."""
    rows = activities.timeline(caller(request).practice_id, key, limit=limit)
    if not rows:
        _patient(request, key)
    return [activity_detail(row) for row in rows]


@router.get(
    "/appointments", response={200: list[AppointmentOut], ERRORS: ErrorOut}, summary="A day's appointments"
)
def get_day(request: HttpRequest, day: date) -> list[AppointmentOut]:
    """List what the PMS's schedule shows for a day, by time."""
    connection = connection_for(request)
    if day == date.max:  # the last day has no next one
        return []
    rows = mirror.appointments_of_day(connection.pk, day)
    places = _places(connection, rows)
    return [AppointmentOut.model_validate(appointment_fields(row, places.get(row.key))) for row in rows]


@router.get(
    "/appointments/{key}", response={200: AppointmentDetail, ERRORS: ErrorOut}, summary="One appointment"
)
def get_appointment(request: HttpRequest, key: Key) -> AppointmentDetail:
    """Return an appointment and every state that it was seen in."""
    connection = connection_for(request)
    row = _appointment(connection, key)
    seen = [
        SightingOut(state=s.state, status_key=s.status_key, at_local=s.at_local, stored_at=s.stored_at)
        for s in mirror.sightings_of(connection.pk, key)
    ]
    fields = appointment_fields(row, _places(connection, [row]).get(key))
    return AppointmentDetail.model_validate({**fields, "history": seen})


@router.post(
    "/appointments/{key}/status",
    response={202: WritebackOut, ERRORS: ErrorOut},
    summary="Move an appointment",
)
def post_status(request: HttpRequest, key: Key, payload: MoveIn) -> Status[WritebackOut]:
    """Ask for a status. The last wish wins; if the PMS moved it meanwhile, the writeback says so."""
    connection = connection_for(request)
    row = _appointment(connection, key)
    wish = _wished_status(connection, key, payload)
    expected = row.status_key if payload.expected is None else payload.expected
    try:
        made = enqueue_status_move(connection.pk, key, wish, expected, caller(request).who)
    except UnknownAppointment:  # it went between our look and the wish
        raise not_found("appointment") from None
    return Status(202, writeback_out(made))


@router.get(
    "/lookups/{kind}", response={200: list[LookupOut], ERRORS: ErrorOut}, summary="A list that the PMS owns"
)
def get_lookups(request: HttpRequest, kind: LookupKind, active_only: bool = False) -> list[LookupOut]:
    """List providers, note types, document types, statuses, operatories or verification statuses."""
    rows = lookups.entries(connection_for(request).pk, kind, active_only=active_only)
    return [
        LookupOut(
            key=row.key,
            name=row.name,
            short=row.short,
            active=row.active and row.gone_at is None,
            meaning=[str(m) for m in row.meaning],
            colour=row.colour,
        )
        for row in rows
    ]


def connection_for(request: HttpRequest) -> Connection:
    """Return the practice's connection, or raise the 409 that says there is none."""
    found = board.front_connection(caller(request).practice_id)
    if found is None:
        raise ApiError(
            409, "not_connected", "No PMS is connected yet. Connect it under Settings, PMS Connection."
        )
    return found


def _patient(request: HttpRequest, key: str) -> MirrorPatient:
    found = mirror.patient(connection_for(request).pk, key)
    if found is None or found.gone_at:
        raise not_found("patient")
    return found


def _appointment(connection: Connection, key: str) -> MirrorAppointment:
    found = mirror.appointment(connection.pk, key)
    if found is None or found.gone_at:
        raise not_found("appointment")
    return found


def _wished_status(connection: Connection, key: str, wish: MoveIn) -> str:
    if bool(wish.status_key) == bool(wish.flow_status):
        raise bad_field("status_key", "Give either status_key or flow_status.")
    if wish.status_key:
        known = lookups.entry(connection.pk, LookupKind.APPOINTMENT_STATUSES, wish.status_key)
        if known is None or not known.active:
            raise bad_field("status_key", "The PMS has no such active appointment status.")
        return wish.status_key
    move = next((m for m in choices(connection.pk, key) if m.flow_status == wish.flow_status), None)
    if move is None or not move.possible:
        why = move.why_not if move and move.why_not else "This appointment can't be moved there."
        raise ApiError(409, "not_possible", why, field="flow_status")
    return move.status_key


def _places(connection: Connection, rows: list[MirrorAppointment]) -> Mapping[str, str | None]:
    """Return the board's column of each of today's appointments; other days have no columns."""
    zone = ZoneInfo(Practice.objects.get(pk=connection.practice_id).time_zone)
    now = clock.now().astimezone(zone).replace(tzinfo=None)
    chosen = {m.status_key: m.flow_status for m in board.mappings(connection.pk)}
    places: dict[str, str | None] = {}
    for row in rows:
        place = None
        if row.starts_local.date() == now.date():
            place = column_of(board.as_appointment(row), chosen, now)
        places[row.key] = str(place.column) if place and place.column else None
    return places
