"""Looking into the mirror: patients, the day, families, documents. What is gone is left out unless asked for.

Must not be in it: writing to the mirror (that is `store.mirror_pages`, of which `apply_page` is shown here too).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from django.db import connection as database
from django.db.models import Q, QuerySet

from chartbridge.domain.people import PatientStatus
from chartbridge.store.mirror_pages import apply_page
from chartbridge.store.mirror_rows import digits_of, searchable
from chartbridge.store.models import (
    DocumentSetting,
    MirrorAppointment,
    MirrorBadRow,
    MirrorDocument,
    MirrorPatient,
    StatusSighting,
)

__all__ = [
    "apply_page",
    "appointment",
    "appointments_of_day",
    "appointments_of_patient",
    "bad_rows",
    "document",
    "documents_of_patient",
    "family_of",
    "patient",
    "patients",
    "patients_by_phone",
    "patients_known",
    "patients_known_or_changed",
    "search_patients",
    "sightings_of",
]

_LAST = chr(0x10FFFF)


def patient(connection_id: int, key: str) -> MirrorPatient | None:
    """Return a patient, also one that is gone (`gone_at`), or None where we never read such a number."""
    return MirrorPatient.objects.filter(connection_id=connection_id, key=key).first()


def patients(connection_id: int, keys: Collection[str]) -> dict[str, MirrorPatient]:
    """Return several patients by key, for a board or a list."""
    found = MirrorPatient.objects.filter(connection_id=connection_id, key__in=set(keys))
    return {each.key: each for each in found}


def patients_by_phone(connection_id: int, e164: str) -> list[MirrorPatient]:
    """Return every patient with this number, mobile phones first. Any way of writing the number will do."""
    digits = digits_of(e164)
    if not digits:
        return []
    living = _patients(connection_id)
    found: dict[str, MirrorPatient] = {}
    for phone in ("mobile", "home", "work"):
        # Sorted here: asked to sort, SQLite walks the whole index by name instead of this one.
        for each in sorted(living.filter(**{f"{phone}_digits": digits}), key=lambda p: p.search):
            found.setdefault(each.key, each)
    return list(found.values())


def search_patients(connection_id: int, text: str, limit: int = 20) -> list[MirrorPatient]:
    """Find patients by parts of names, digits of a phone, or their number. Best first, at most `limit`.

    Every word must occur; a last name that begins with the first word comes before other finds.
    """
    words = _words(text)
    if not words:
        return []
    living = _patients(connection_id)
    found = {each.key: each for each in living.filter(key=text.strip())}
    matching = living
    for word in words:
        matching = matching.filter(search__contains=word)
    for query in (matching.filter(_begins(words[0])), matching):
        if len(found) < limit:
            for each in query.order_by("search")[:limit]:
                found.setdefault(each.key, each)
    return list(found.values())[:limit]


def family_of(connection_id: int, key: str) -> list[MirrorPatient]:
    """Return the others who have the same guarantor, the guarantor first."""
    who = patient(connection_id, key)
    if who is None or not who.guarantor_key:
        return []
    same = _patients(connection_id).filter(guarantor_key=who.guarantor_key).exclude(key=key)
    return sorted(same, key=lambda p: (p.key != who.guarantor_key, p.search))


def appointment(connection_id: int, key: str) -> MirrorAppointment | None:
    """Return an appointment, also one that is gone."""
    return MirrorAppointment.objects.filter(connection_id=connection_id, key=key).first()


def appointments_of_day(connection_id: int, day: date) -> list[MirrorAppointment]:
    """Return what the PMS's schedule shows for that day, by time. Patients of some may not be read yet."""
    return list(
        MirrorAppointment.objects.filter(
            connection_id=connection_id,
            gone_at=None,
            starts_local__gte=f"{day} 00:00:00",
            starts_local__lt=f"{day + timedelta(days=1)} 00:00:00",
        ).order_by("starts_local", "key")
    )


def appointments_of_patient(connection_id: int, key: str) -> list[MirrorAppointment]:
    """Return a patient's appointments, latest first."""
    mine = MirrorAppointment.objects.filter(connection_id=connection_id, patient_key=key, gone_at=None)
    return list(mine.order_by("-starts_local", "key"))


def sightings_of(connection_id: int, appointment_key: str) -> list[StatusSighting]:
    """Return every state that an appointment was seen in, oldest first."""
    mine = StatusSighting.objects.filter(connection_id=connection_id, appointment_key=appointment_key)
    return sorted(mine, key=lambda s: (str(s.at_local or ""), s.pk))


def document(connection_id: int, key: str) -> MirrorDocument | None:
    """Return an entry of a document list, if it is still there and its type is ticked for reading."""
    mine = MirrorDocument.objects.filter(connection_id=connection_id, key=key, gone_at=None)
    return mine.filter(type_key__in=_types_read(connection_id)).first()


def documents_of_patient(connection_id: int, key: str, *, every_type: bool = False) -> list[MirrorDocument]:
    """Return a patient's documents, newest first: of the types ticked for reading, or of `every_type`."""
    mine = MirrorDocument.objects.filter(connection_id=connection_id, patient_key=key, gone_at=None)
    if not every_type:
        mine = mine.filter(type_key__in=_types_read(connection_id))
    return sorted(mine, key=lambda d: (str(d.created_local or ""), d.pk), reverse=True)


def bad_rows(connection_id: int, limit: int = 100) -> list[MirrorBadRow]:
    """Return the PMS's rows that could not be understood, latest first."""
    mine = MirrorBadRow.objects.filter(connection_id=connection_id)
    return list(mine.order_by("-last_seen_at", "-pk")[:limit])


def _patients(connection_id: int) -> QuerySet[MirrorPatient]:
    return MirrorPatient.objects.filter(connection_id=connection_id, gone_at=None)


def _types_read(connection_id: int) -> list[str]:
    ticked = DocumentSetting.objects.filter(connection_id=connection_id, read=True)
    return [key for key in ticked.values_list("document_type_key", flat=True) if key]


def _words(text: str) -> list[str]:
    """Split what was typed; a phone number, however it is written, is one word of digits."""
    digits = digits_of(text) if not any(c.isalpha() for c in text) else ""
    return [digits] if len(digits) >= 3 else searchable(text).replace(",", " ").split()


def _begins(word: str) -> Q:
    if database.vendor == "sqlite":  # its LIKE can't use the index; a range in binary order can
        return Q(search__gte=word, search__lt=word + _LAST)
    return Q(search__startswith=word)


def patients_known_or_changed(
    connection_id: int, keys: Sequence[str]
) -> tuple[dict[str, bool], dict[str, datetime]]:
    """Return `patients_known`, and those of them whose number has come to stand for somebody else, and since when."""
    rows = MirrorPatient.objects.filter(connection_id=connection_id, key__in=set(keys))
    found = list(rows.values_list("key", "gone_at", "status", "other_since"))
    known = {key: _is_here(gone, status) for key, gone, status, _ in found}
    return known, {key: since for key, _, _, since in found if since}


def patients_known(connection_id: int, keys: Sequence[str]) -> dict[str, bool]:
    """Return, of these patients, those whom the mirror knows: True here, False deleted in the PMS."""
    rows = MirrorPatient.objects.filter(connection_id=connection_id, key__in=set(keys))
    return {key: _is_here(gone, status) for key, gone, status in rows.values_list("key", "gone_at", "status")}


def _is_here(gone: datetime | None, status: str) -> bool:
    return gone is None and status != PatientStatus.DELETED
