"""Rows as read → records. Pure.

A row is a tuple in the order of the columns in `statements`. What can't be understood raises `BadValue`.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from chartbridge.connectors.by_odbc.cells import BadValue, Row, day, key_of, moment, number, text
from chartbridge.connectors.dentrix.words import BROKEN, COMPLETED, NO_TEXTS, PATIENT_STATES
from chartbridge.domain.charts import Document
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState


def state_of(row: Row) -> tuple[BookingState, str]:
    """What the visit is in the book, and Dentrix's own word for it."""
    broken = number(row[10], "broken")
    state = BROKEN.get(broken or 0)
    if state is None:
        return BookingState.UNKNOWN, text(row[10])
    if state is BookingState.BROKEN:
        return state, "broken"
    if number(row[8], "status_id") == COMPLETED:
        return BookingState.COMPLETE, "completed"
    return state, text(row[10])


def counts(row: Row) -> bool:
    """Whether it is a patient's visit: one of somebody who has no chart yet is none."""
    return text(row[1]) not in ("", "0")


def appointment(row: Row) -> Appointment:
    """One visit."""
    state, word = state_of(row)
    minutes = number(row[5], "length")
    if minutes is None or minutes < 0:
        raise BadValue("length is no length")
    return Appointment(
        key=key_of(row[0], "appointment_id"),
        patient_key=key_of(row[1], "patient_id"),
        starts_local=_starts(row),
        minutes=minutes,
        state=state,
        state_raw=word,
        status_key=status_of(row),
        operatory_key=text(row[7]),
        provider_key=text(row[6]),
        reason=text(row[9]),
    )


def status_of(row: Row) -> str:
    """The status that a visit of the schedule shows."""
    return status_key(row[8])


def shown(row: Row) -> str:
    """The status that a row of `visit_status` shows."""
    return status_key(row[1])


def status_key(value: object) -> str:
    """A status as it is known here: its number in the practice's own list."""
    found = number(value, "status")
    return "" if found is None else str(found)


def patient(row: Row) -> Patient:
    """One person."""
    state, flags = number(row[5], "status"), number(row[12], "privacy_flags")
    return Patient(
        key=key_of(row[0], "patient_id"),
        last_name=text(row[1]),
        first_name=text(row[2]),
        middle=text(row[3]),
        preferred=text(row[4]),
        status=PATIENT_STATES.get(state or 0, PatientStatus.UNKNOWN),
        status_raw=text(row[5]),
        birthdate=day(row[6], "birth_date"),
        mobile_phone=text(row[7]),
        home_phone=text(row[8]),
        work_phone=text(row[9]),
        email=text(row[10]),
        guarantor_key=text(row[11]),
        provider_key=text(row[13]),
        text_ok=None if flags is None else not flags & NO_TEXTS,
    )


def document(row: Row) -> Document:
    """One document as it is attached to one patient."""
    return Document(
        key=key_of(row[0], "attachid"),
        patient_key=key_of(row[1], "attachtoentityid"),
        name=text(row[2]),
        created_local=moment(row[3], "createdate") if text(row[3]) else None,
        type_key=text(row[4]),
    )


def entered_at(on: object, seconds: object) -> datetime | None:
    """When an Office Journal entry is dated: a day and seconds since midnight."""
    found = day(on, "contactdate")
    if found is None:
        return None
    return datetime.combine(found, time()) + timedelta(seconds=number(seconds, "contacttime") or 0)


def seconds_of(at: datetime) -> int:
    """Seconds since midnight."""
    return at.hour * 3600 + at.minute * 60 + at.second


def _starts(row: Row) -> datetime:
    on, hour, minute = (
        day(row[2], "appointment_date"),
        number(row[3], "start_hour"),
        number(row[4], "start_minute"),
    )
    if on is None:
        raise BadValue("appointment_date is empty")
    try:
        return datetime.combine(on, time(hour or 0, minute or 0))
    except ValueError:
        raise BadValue("start_hour and start_minute are no time") from None
