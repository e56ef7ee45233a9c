"""From records to the mirror's rows: what is stored of a record, in which column, and the hash of it.

Pure: computes, reads nothing, writes nothing. Must not be in it: SQL beyond the names of tables and columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from chartbridge.domain.charts import Document, Photo
from chartbridge.domain.people import Patient
from chartbridge.domain.schedule import Appointment

_AS_TEXT = ["\x1f".join(["%s"] * columns) for columns in range(32)]
"""By the number of columns. One formatting is half the cost of taking each value by itself."""

Value = str | int | None
Row = tuple[Value, ...]

_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"\s*(?:x|ext|#).*$", re.IGNORECASE)
_LONGEST_NUMBER = 20


def digits_of(phone: str) -> str:
    """Return a phone number's digits for comparison: of US numbers the last ten, of others all.

    Small on purpose: it runs over every phone of 200,000 patients. Extensions are dropped.
    """
    if not phone:
        return ""
    digits = phone.replace("(", "").replace(")", "").replace("-", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10:
        digits = _NOT_A_DIGIT.sub("", phone)
        if len(digits) > 10:
            digits = _NOT_A_DIGIT.sub("", _EXTENSION.sub("", phone))
    if len(digits) == 11 and digits[0] == "1":
        return digits[1:]
    return digits[:_LONGEST_NUMBER]


def searchable(text: str) -> str:
    """Return text as the search box compares it: lower case, without accents and apostrophes."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        text = text.replace("\u2019", "")
    return text.lower().replace("'", "")


def hash_of(row: Row) -> bytes:
    """Return eight bytes that differ where the stored content differs."""
    text = _AS_TEXT[len(row)] % row
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def local_text(value: datetime | None) -> str | None:
    """Return the stored form of a wall time."""
    return None if value is None else str(value)[:19]


def _patient(p: Patient) -> Row:
    return (
        p.last_name[:100],
        p.first_name[:100],
        p.middle[:100],
        p.preferred[:100],
        p.status._value_,
        p.status_raw[:40],
        p.birthdate.isoformat() if p.birthdate else None,
        p.mobile_phone[:40],
        p.home_phone[:40],
        p.work_phone[:40],
        p.email[:200],
        p.guarantor_key,
        p.provider_key,
        p.text_ok if p.text_ok is None else int(p.text_ok),
    )


def _patient_extra(p: Patient) -> Row:
    mobile = digits_of(p.mobile_phone) if p.mobile_phone else ""
    home = digits_of(p.home_phone) if p.home_phone else ""
    work = digits_of(p.work_phone) if p.work_phone else ""
    names = searchable(f"{p.last_name} {p.first_name} {p.preferred} {p.middle}")
    return mobile, home, work, f"{names} {mobile} {home} {work}"[:500].rstrip()


def _appointment(a: Appointment) -> Row:
    return (
        a.patient_key,
        str(a.starts_local)[:19],
        a.minutes,
        a.state._value_,
        a.state_raw[:40],
        a.status_key,
        a.operatory_key,
        a.provider_key,
        a.hygienist_key,
        int(a.is_new_patient),
        a.reason[:500],
        local_text(a.arrived_local),
        local_text(a.seated_local),
        local_text(a.dismissed_local),
    )


def _document(d: Document) -> Row:
    created = local_text(d.created_local)
    return d.patient_key, d.name[:255], d.type_key, created, d.media_type[:100], d.ref[:500]


def _photo(p: Photo) -> Row:
    return p.patient_key, p.version[:64], p.ref[:500]


def _nothing(_record: object) -> Row:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One mirror table: the columns that are content, those computed from it, those only set at birth."""

    name: str
    topic: str
    content: tuple[str, ...]
    row: Callable[..., Row]
    computed: tuple[str, ...] = ()
    extra: Callable[..., Row] = _nothing
    at_birth: tuple[str, ...] = ()
    booleans: frozenset[str] = frozenset()


PATIENTS = Table(
    name="store_mirrorpatient",
    topic="patients",
    content=(
        *("last_name", "first_name", "middle", "preferred", "status", "status_raw", "birthdate"),
        *("mobile_phone", "home_phone", "work_phone", "email", "guarantor_key", "provider_key", "text_ok"),
    ),
    row=_patient,
    computed=("mobile_digits", "home_digits", "work_digits", "search"),
    extra=_patient_extra,
    at_birth=("photo_key", "photo_version", "photo_ref"),
    booleans=frozenset({"text_ok"}),
)
APPOINTMENTS = Table(
    name="store_mirrorappointment",
    topic="appointments",
    content=(
        *("patient_key", "starts_local", "minutes", "state", "state_raw", "status_key", "operatory_key"),
        *("provider_key", "hygienist_key", "is_new_patient", "reason"),
        *("arrived_local", "seated_local", "dismissed_local"),
    ),
    row=_appointment,
    booleans=frozenset({"is_new_patient"}),
)
DOCUMENTS = Table(
    name="store_mirrordocument",
    topic="documents",
    content=("patient_key", "name", "type_key", "created_local", "media_type", "ref"),
    row=_document,
)
PHOTOS = Table(
    name="store_mirrorphoto",
    topic="patients",
    content=("patient_key", "version", "ref"),
    row=_photo,
)
TABLE_OF: dict[type, Table] = {
    Patient: PATIENTS,
    Appointment: APPOINTMENTS,
    Document: DOCUMENTS,
    Photo: PHOTOS,
}
