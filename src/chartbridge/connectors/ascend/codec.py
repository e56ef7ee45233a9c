"""Objects of the API → records. Pure: what can't be understood is named by its field, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chartbridge.connectors.ascend.words import PATIENT_STATES, PHONES, STATUSES, status_key
from chartbridge.connectors.by_odbc.cells import BadValue, day, key_of, number
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState
from chartbridge.pms.reading import BadRow, Record

Item = dict[str, Any]


def moment(value: object, field: str) -> datetime:
    """A moment with its zone. Raises `BadValue`."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadValue(f"{field} is no time") from None
    if at.tzinfo is None:
        raise BadValue(f"{field} does not say its zone")
    return at


def appointment(item: Item, zone: ZoneInfo) -> Appointment:
    """One visit; its status says both where it stands and what it is in the book."""
    starts = moment(item.get("start"), "start")
    word = _text(item, "status")
    key = status_key(word)
    return Appointment(
        key=key_of(item.get("id"), "id"),
        patient_key=key_of(_ref(item, "patient"), "patient"),
        starts_local=starts.astimezone(zone).replace(tzinfo=None, microsecond=0),
        minutes=_minutes(item, starts),
        state=STATUSES[key][1] if key in STATUSES else BookingState.UNKNOWN,
        state_raw=word,
        status_key=key,
        operatory_key=_ref(item, "operatory"),
        provider_key=_ref(item, "provider"),
        reason=_text(item, "title"),
    )


def patient(item: Item) -> Patient:
    """One person. The first phone of a kind is the one that is shown."""
    phones: dict[str, str] = {}
    for each in sorted(_items(item.get("phones")), key=_place):
        if (field := PHONES.get(_text(each, "phoneType"))) and _text(each, "number"):
            phones.setdefault(field, _text(each, "number"))
    word = _text(item, "patientStatus")
    return Patient(
        key=key_of(item.get("id"), "id"),
        last_name=_text(item, "lastName"),
        first_name=_text(item, "firstName"),
        middle=_text(item, "middleInitial"),
        preferred=_text(item, "preferredName"),
        status=PATIENT_STATES.get(word, PatientStatus.UNKNOWN),
        status_raw=word,
        birthdate=day(item.get("dateOfBirth"), "dateOfBirth"),
        email=_text(item, "emailAddress"),
        guarantor_key=_ref(item, "primaryGuarantor"),
        provider_key=_ref(item, "primaryProvider"),
        home_phone=phones.get("home_phone", ""),
        work_phone=phones.get("work_phone", ""),
        mobile_phone=phones.get("mobile_phone", ""),
    )


def _place(phone: Item) -> int:
    """Where a phone stands among a person's; before all others where it does not say so."""
    said = _text(phone, "sequence")
    return int(said) if said.isascii() and said.isdecimal() else -1


def decode(items: list[Item], make: Callable[[Item], Record]) -> tuple[list[Record], list[BadRow]]:
    """Make records; an object that can't be understood is named by its number and field."""
    good: list[Record] = []
    bad: list[BadRow] = []
    for item in items:
        try:
            good.append(make(item))
        except BadValue as error:
            bad.append(BadRow(key=_text(item, "id"), why=str(error)))
    return good, bad


def _minutes(item: Item, starts: datetime) -> int:
    """From `duration`, else from `end` (both seen in use)."""
    said = number(item.get("duration"), "duration")
    length = timedelta(minutes=said) if said is not None else moment(item.get("end"), "end") - starts
    if not timedelta() <= length <= timedelta(days=1):
        raise BadValue("duration is out of bounds")
    return int(length.total_seconds() // 60)


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    return "" if value is None else str(value).strip()


def _ref(item: Item, name: str) -> str:
    """The number in a reference to another object: {id, type, url}."""
    held = item.get(name)
    return _text(held, "id") if isinstance(held, dict) else ""


def _items(value: object) -> list[Item]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
