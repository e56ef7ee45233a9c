"""Rows as read → records, and what a status key means. Pure.

A row is a tuple in the order of the columns in `statements`. What can't be understood raises `BadValue`.
"""

from __future__ import annotations

from chartbridge.connectors.by_odbc.cells import BadValue, Row, day, key_of, moment, number, text
from chartbridge.connectors.eaglesoft.words import (
    BLOCK_CLASS,
    BOOKING_STATES,
    DELETED_CLASS,
    PATIENT_STATES,
    REMOVED,
    WALKED_OUT,
    YES_NO,
)
from chartbridge.domain.charts import Document
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState


def status_key(confirmation: object, arrival: object) -> str:
    """Which status a visit shows: that it has arrived somewhere outranks whether it was confirmed."""
    arrived = number(arrival, "arrival_status")
    if arrived:
        return f"arrival:{arrived}"
    confirmed = number(confirmation, "confirmation_status")
    return "" if confirmed is None else f"confirmation:{confirmed}"


def status_of(row: Row) -> str:
    """The status that a visit of the schedule shows."""
    return status_key(row[6], row[7])


def shown(row: Row) -> str | None:
    """The status that a row of `visit_status` shows; None for a deleted visit."""
    return None if text(row[3]) == str(DELETED_CLASS) else status_key(row[1], row[2])


def status_parts(key: str) -> tuple[str, int] | None:
    """Back from a status key to column and number; None for what is no key of ours."""
    column, _, value = key.partition(":")
    if column in ("confirmation", "arrival") and value.isdecimal():
        return column, int(value)
    return None


def state_of(row: Row) -> tuple[BookingState, str]:
    """What the visit is in the book, and Eaglesoft's own word for it."""
    kind = number(row[5], "classification")
    if number(row[4], "location_id") == REMOVED:
        return BookingState.UNSCHEDULED, "removed from the schedule"
    state = BOOKING_STATES.get(kind) if kind is not None else None
    if state is None:
        return BookingState.UNKNOWN, text(row[5])
    if number(row[7], "arrival_status") == WALKED_OUT:
        return BookingState.COMPLETE, "walked out"
    return state, text(row[5])


def counts(row: Row) -> bool:
    """Whether it is a visit at all: blocks of the schedule and deleted ones are none."""
    return text(row[5]) not in (str(BLOCK_CLASS), str(DELETED_CLASS))


def appointment(row: Row) -> Appointment:
    """One visit. Its provider is the first of those that the visit has."""
    state, word = state_of(row)
    starts, ends = moment(row[2], "start_time"), moment(row[3], "end_time")
    if ends < starts:
        raise BadValue("end_time lies before start_time")
    place = number(row[4], "location_id")
    return Appointment(
        key=key_of(row[0], "appointment_id"),
        patient_key=key_of(row[1], "patient_id"),
        starts_local=starts,
        minutes=int((ends - starts).total_seconds() // 60),
        state=state,
        state_raw=word,
        status_key=status_of(row),
        operatory_key="" if place in (None, REMOVED) else str(place),
        provider_key=text(row[9]),
        reason=text(row[8]),
    )


def patient(row: Row) -> Patient:
    """One person."""
    states = (text(row[5]).upper(), text(row[6]).upper() or "N")
    return Patient(
        key=key_of(row[0], "patient_id"),
        last_name=text(row[1]),
        first_name=text(row[2]),
        middle=text(row[3]),
        preferred=text(row[4]),
        status=PATIENT_STATES.get(states, PatientStatus.UNKNOWN),
        status_raw="/".join(states),
        birthdate=day(row[7], "birth_date"),
        mobile_phone=text(row[8]),
        home_phone=text(row[9]),
        work_phone=text(row[10]),
        email=text(row[11]),
        guarantor_key=text(row[12]),
        text_ok=YES_NO.get(text(row[13]).upper()),
    )


def document(row: Row) -> Document:
    """One entry of a patient's SmartDoc index."""
    return Document(
        key=key_of(row[0], "document_id"),
        patient_key=key_of(row[1], "ref_id"),
        name=text(row[2]),
        type_key=text(row[4]),
        created_local=moment(row[3], "document_creation_date") if text(row[3]) else None,
    )
