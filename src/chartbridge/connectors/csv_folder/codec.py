"""Files ↔ records. Pure: bytes go in, records come out, and what can't be understood is named and never shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import datetime

from chartbridge.connectors.by_odbc.cells import BadValue, day, key_of, moment, number
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState
from chartbridge.pms.commands import AddNote
from chartbridge.pms.errors import Misconfigured, Unavailable, Unreadable
from chartbridge.pms.reading import BadRow, Record

Row = Mapping[str, str]
MORE = "\0"
"""Stands for cells beyond the last column: no column can be called so."""
NEEDED = {
    "patients.csv": ("patient_id", "last_name", "first_name", "status"),
    "appointments.csv": ("appointment_id", "patient_id", "starts_at", "minutes", "state", "status"),
    "note": ("marker", "patient_id", "text"),
}
LISTS = {
    LookupKind.PROVIDERS: "providers.csv",
    LookupKind.NOTE_TYPES: "note_types.csv",
    LookupKind.APPOINTMENT_STATUSES: "statuses.csv",
    LookupKind.OPERATORIES: "rooms.csv",
}
STATES = {each.value: each for each in BookingState if each is not BookingState.UNKNOWN}
PATIENT_STATES = {each.value: each for each in PatientStatus if each is not PatientStatus.UNKNOWN}
YES_NO = {"yes": True, "no": False}


def rows(content: bytes, name: str, encoding: str, kind: str = "") -> list[Row]:
    """A file's rows. Raises a sentence about the file that says what the program must write."""
    if not content.endswith(b"\n"):
        raise Unavailable(f"{name} is being written, or was cut short: its last line has no end.")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise Misconfigured(
            f"{name} is not written as the setting says. Let the program write UTF-8, or choose how it writes.",
            setting="encoding",
        ) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey=MORE, restval=None)
    for column in NEEDED.get(kind or name, ("key", "name")):
        if column not in (reader.fieldnames or ()):
            raise Unreadable(
                f"{name} has no column “{column}”. Let the program write it.", evidence=f"{name}: {column}"
            )
    try:
        return list(reader)
    except csv.Error:
        raise Unreadable(
            f"{name} is no CSV file: quotation marks or line ends are wrong.", evidence=name
        ) from None


def patient(row: Row) -> Patient:
    """One person."""
    return Patient(
        key=key_of(row["patient_id"], "patient_id"),
        last_name=row["last_name"],
        first_name=row["first_name"],
        middle=row.get("middle_name", ""),
        preferred=row.get("preferred_name", ""),
        status=PATIENT_STATES.get(row["status"], PatientStatus.UNKNOWN),
        status_raw=row["status"],
        birthdate=day(row.get("birthdate"), "birthdate"),
        mobile_phone=row.get("mobile_phone", ""),
        home_phone=row.get("home_phone", ""),
        work_phone=row.get("work_phone", ""),
        email=row.get("email", ""),
        guarantor_key=row.get("guarantor_id", ""),
        provider_key=row.get("provider_id", ""),
        text_ok=YES_NO.get(row.get("text_ok", "")),
    )


def appointment(row: Row) -> Appointment:
    """One visit."""
    minutes = number(row["minutes"], "minutes")
    if minutes is None or not 0 <= minutes <= 24 * 60:
        raise BadValue("minutes is out of bounds")
    return Appointment(
        key=key_of(row["appointment_id"], "appointment_id"),
        patient_key=key_of(row["patient_id"], "patient_id"),
        starts_local=_wall(row, "starts_at") or moment("", "starts_at"),
        minutes=minutes,
        state=STATES.get(row["state"], BookingState.UNKNOWN),
        state_raw=row["state"],
        status_key=row["status"],
        operatory_key=row.get("room_id", ""),
        provider_key=row.get("provider_id", ""),
        reason=row.get("reason", ""),
        arrived_local=_wall(row, "arrived_at"),
        seated_local=_wall(row, "seated_at"),
        dismissed_local=_wall(row, "dismissed_at"),
    )


def record(row: Row, key: str, make: Callable[[Row], Record]) -> Record | BadRow:
    """A record, or which column of the row is wrong."""
    if None in row.values() or MORE in row:
        return BadRow(key=row.get(key) or "", why="the row has more or fewer cells than the file has columns")
    try:
        return make(row)
    except BadValue as error:
        return BadRow(key=row[key], why=str(error))


def item(kind: LookupKind, order: int, row: Row) -> LookupItem:
    """One entry of a list. Only `no` in `active` hides it; `meaning` is the program's own word."""
    return LookupItem(
        kind=kind,
        key=row["key"],
        name=row["name"] or row["key"],
        short=row.get("short") or "",
        active=row.get("active") != "no",
        meaning=frozenset((row.get("meaning") or "").split()),
        order=order,
    )


def note(command: AddNote) -> bytes:
    """A note as a file of one row."""
    told = {
        "marker": command.marker,
        "patient_id": command.patient_key,
        "provider_id": command.provider_key,
        "note_type": command.note_type_key,
        "occurred_at": command.occurred_at.isoformat(timespec="seconds"),
        "medium": str(command.medium),
        "direction": str(command.direction),
        "text": command.text,
    }
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, told, lineterminator="\n")
    writer.writeheader()
    writer.writerow(told)
    return out.getvalue().encode()


def _wall(row: Row, column: str) -> datetime | None:
    if not row.get(column):
        return None
    if (at := moment(row[column], column)).tzinfo:
        raise BadValue(f"{column} has a zone: write the time that the clock on the wall shows")
    return at
