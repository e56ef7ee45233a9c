"""Patients, appointments and what was seen of them: rows as read → records. Pure.

A row is a tuple of texts in the order of the FIELDS below, the same from the database and from the API. What
can't be understood becomes a `BadRow` that names the column and never the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar
from zlib import crc32

from chartbridge.connectors.open_dental.words import (
    BOOKING_STATES,
    NO_KEY,
    NO_MOMENT,
    PATIENT_STATES,
    TEXT_OK,
    TRUE,
)
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.reading import BadRow, Record

Texts = Sequence[str | None]
R = TypeVar("R", bound=Record)

APPOINTMENT_FIELDS = (
    "AptNum", "PatNum", "AptStatus", "AptDateTime", "Pattern", "Confirmed", "Op", "ProvNum", "ProvHyg",
    "IsNewPatient", "ProcDescript", "DateTimeArrived", "DateTimeSeated", "DateTimeDismissed", "DateTStamp",
)  # fmt: skip
HISTORY_FIELDS = (
    "HistApptNum", "AptNum", "PatNum", "AptStatus", "Confirmed", "HistApptAction", "HistDateTStamp",
    "DateTimeArrived", "DateTimeSeated", "DateTimeDismissed", "DateTStamp",
)  # fmt: skip
PATIENT_FIELDS = (
    "PatNum", "LName", "FName", "MiddleI", "Preferred", "PatStatus", "Birthdate", "WirelessPhone", "HmPhone",
    "WkPhone", "Email", "Guarantor", "PriProv", "TxtMsgOk", "DateTStamp",
)  # fmt: skip
_MOMENTS = frozenset(
    {"AptDateTime", "DateTimeArrived", "DateTimeSeated", "DateTimeDismissed", "HistDateTStamp", "DateTStamp"}
)
_KEYS = frozenset({"AptNum", "PatNum", "HistApptNum", "DocNum"})

UNDATED = datetime(1, 1, 1)  # noqa: DTZ001 - Open Dental's own "none"; only for visits without a place in the book


class BadValue(ValueError):
    """A value that its column can't hold in a healthy Open Dental."""


def appointment(row: Texts) -> Appointment:
    """One appointment. `starts_local` is the year 1 for planned and unscheduled ones that have no time."""
    state, word = BOOKING_STATES.get(row[2]) or (BookingState.UNKNOWN, row[2] or "")
    starts = row[3]
    if starts in NO_MOMENT:
        if state in (BookingState.SCHEDULED, BookingState.COMPLETE, BookingState.UNKNOWN):
            raise BadValue("a visit without a time")
        begins = UNDATED
    else:
        begins = datetime.fromisoformat(starts)  # type: ignore[arg-type]
    return Appointment(
        key=needed_key(row[0]),
        patient_key=needed_key(row[1]),
        starts_local=begins,
        minutes=5 * len(row[4] or ""),
        state=state,
        state_raw=word,
        status_key=key_or_empty(row[5]),
        operatory_key=key_or_empty(row[6]),
        provider_key=key_or_empty(row[7]),
        hygienist_key=key_or_empty(row[8]),
        is_new_patient=row[9] in TRUE,
        reason=row[10] or "",
        arrived_local=moment(row[11]),
        seated_local=moment(row[12]),
        dismissed_local=moment(row[13]),
    )


def status_of_row(row: Texts) -> StatusSeen:
    """The present state of an appointment row, as a sighting of its own; the same row read twice has the same key."""
    state, word = BOOKING_STATES.get(row[2]) or (BookingState.UNKNOWN, row[2] or "")
    seen = "|".join(each or "" for each in (row[2], row[5], row[11], row[12], row[13], row[14]))
    return StatusSeen(
        key=needed_key(row[0]),
        seen_key=f"a{row[0]}.{crc32(seen.encode()):08x}",
        patient_key=needed_key(row[1]),
        state=state,
        state_raw=word,
        status_key=key_or_empty(row[5]),
        arrived_local=moment(row[11]),
        seated_local=moment(row[12]),
        dismissed_local=moment(row[13]),
    )


def status_of_history(row: Texts, *, latest: bool) -> StatusSeen:
    """One row of an appointment's history."""
    state, word = BOOKING_STATES.get(row[3]) or (BookingState.UNKNOWN, row[3] or "")
    return StatusSeen(
        key=needed_key(row[1]),
        seen_key=f"h{needed_key(row[0])}",
        patient_key=needed_key(row[2]),
        state=state,
        state_raw=word,
        status_key=key_or_empty(row[4]),
        at_local=moment(row[6]),
        arrived_local=moment(row[7]),
        seated_local=moment(row[8]),
        dismissed_local=moment(row[9]),
        latest=latest,
    )


def patient(row: Texts) -> Patient:
    """One patient, deleted ones as such."""
    status, word = PATIENT_STATES.get(row[5]) or (PatientStatus.UNKNOWN, row[5] or "")
    born = row[6]
    return Patient(
        key=needed_key(row[0]),
        last_name=row[1] or "",
        first_name=row[2] or "",
        middle=row[3] or "",
        preferred=row[4] or "",
        status=status,
        status_raw=word,
        birthdate=None if born in NO_MOMENT else date.fromisoformat(born[:10]),  # type: ignore[index]
        mobile_phone=row[7] or "",
        home_phone=row[8] or "",
        work_phone=row[9] or "",
        email=row[10] or "",
        guarantor_key=key_or_empty(row[11]),
        provider_key=key_or_empty(row[12]),
        text_ok=TEXT_OK.get(row[13]),
    )


def decode(
    rows: Iterable[Texts], one: Callable[[Texts], R], table: str, fields: Sequence[str]
) -> tuple[list[R], list[BadRow]]:
    """Decode many rows; those that can't be understood come back as `BadRow`."""
    good: list[R] = []
    bad: list[BadRow] = []
    add = good.append
    for row in rows:
        try:
            add(one(row))
        except (ValueError, TypeError, IndexError):
            bad.append(bad_row(row, table, fields))
    return good, bad


def bad_row(row: Texts, table: str, fields: Sequence[str]) -> BadRow:
    """Name what is wrong with a row: its key, the column and the kind of fault."""
    values = dict(zip(fields, row, strict=False))
    key = next((values[name] or "" for name in fields if name in _KEYS), "")
    if not key.lstrip("-").isdigit():
        key = ""
    for name, value in values.items():
        if name in _KEYS and (value in NO_KEY or not (value or "").lstrip("-").isdigit()):
            return BadRow(key=key, why=f"{table}.{name} has no number")
        if name in _MOMENTS and not _is_moment(value):
            return BadRow(key=key, why=f"{table}.{name} is not a date and time")
        if name == "Birthdate" and not _is_moment(value):
            return BadRow(key=key, why=f"{table}.{name} is not a date")
    if table == "appointment":
        return BadRow(key=key, why="appointment.AptDateTime is empty though the visit is scheduled")
    return BadRow(key=key, why=f"{table}: a value can't be understood")


def moment(value: str | None) -> datetime | None:
    """A wall time, or None for the year 1 and the year 0. Raises `ValueError`."""
    return None if value in NO_MOMENT else datetime.fromisoformat(value)  # type: ignore[arg-type]


def needed_key(value: str | None) -> str:
    """A key that must be there: a whole number that isn't 0. Raises `BadValue`."""
    if value and value != "0" and (value.isdigit() or value.lstrip("-").isdigit()):
        return value
    raise BadValue("no key")


def key_or_empty(value: str | None) -> str:
    """A foreign key; 0 means none in Open Dental."""
    return "" if value in NO_KEY else value  # type: ignore[return-value]


def texts(item: Mapping[str, object], fields: Sequence[str]) -> tuple[str | None, ...]:
    """An object of the API as a row: numbers and texts alike become text (the API mixes them)."""
    return tuple(_text(item.get(name)) for name in fields)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise BadValue("neither text nor number")


def _is_moment(value: str | None) -> bool:
    try:
        moment(value)
    except ValueError:
        return False
    return True
