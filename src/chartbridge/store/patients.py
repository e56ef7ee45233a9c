"""What the patients' pages ask for beyond the mirror: who was opened last, who is here today, families.

Must not be in it: how a page looks, searching (that is `store.mirror`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from chartbridge.store.mirror import (
    appointments_of_day,
    appointments_of_patient,
    family_of,
    patient,
    patients,
    patients_by_phone,
)
from chartbridge.store.models import Activity, ActivityFile, AuditEntry, MirrorAppointment, MirrorPatient

LOOKED_BACK = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Somebody who belongs to a patient: by the same guarantor, or only by a phone number."""

    patient: MirrorPatient
    same_guarantor: bool
    guarantor: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Visits:
    """A patient's visits around now: the next ones soonest first, the past ones latest first."""

    coming: list[MirrorAppointment]
    past: list[MirrorAppointment]


def opened_last(practice_id: int, connection_id: int, who: str, limit: int = 8) -> list[MirrorPatient]:
    """The patients whom a person opened last, by the audit trail."""
    recent = AuditEntry.objects.filter(practice_id=practice_id).order_by("-id")
    seen = recent.values_list("who", "what", "patient_key")[:LOOKED_BACK]
    keys = [key for by, what, key in seen if by == who and what == "patient.viewed" and key]
    wanted = list(dict.fromkeys(keys))[:limit]
    found = patients(connection_id, wanted)
    return [found[key] for key in wanted if key in found]


def here_today(connection_id: int, day: date) -> list[tuple[MirrorAppointment, MirrorPatient]]:
    """Who is in the schedule of a wall day, by time, once each."""
    visits = [
        each
        for each in appointments_of_day(connection_id, day)
        if each.state not in ("planned", "unscheduled", "note", "broken")
    ]
    found = patients(connection_id, [each.patient_key for each in visits])
    first: dict[str, MirrorAppointment] = {}
    for each in visits:
        first.setdefault(each.patient_key, each)
    return [(each, found[key]) for key, each in first.items() if key in found]


def related(connection_id: int, who: MirrorPatient) -> list[Related]:
    """The patient's family, the guarantor first, then others who share a phone number."""
    family = family_of(connection_id, who.key)
    known = {who.key, *(each.key for each in family)}
    sharing: dict[str, MirrorPatient] = {}
    for number in {who.mobile_phone, who.home_phone, who.work_phone} - {""}:
        for each in patients_by_phone(connection_id, number):
            if each.key not in known:
                sharing[each.key] = each
    return [
        *(Related(patient=p, same_guarantor=True, guarantor=p.key == who.guarantor_key) for p in family),
        *(Related(patient=p, same_guarantor=False, guarantor=False) for p in sharing.values()),
    ]


def guarantor(connection_id: int, who: MirrorPatient) -> MirrorPatient | None:
    """Who pays for this patient, if that is somebody else."""
    return patient(connection_id, who.guarantor_key) if who.guarantor_key not in ("", who.key) else None


def visits(connection_id: int, key: str, now_local: datetime, limit: int = 8) -> Visits:
    """A patient's visits; planned and unscheduled ones have no day and are left out."""
    booked = [
        each
        for each in appointments_of_patient(connection_id, key)
        if each.state not in ("planned", "unscheduled", "note")
    ]
    coming = [each for each in booked if _at(each) >= now_local and each.state != "broken"]
    past = [each for each in booked if _at(each) < now_local or each.state == "broken"]
    return Visits(coming=coming[::-1][:limit], past=past[:limit])


def file_of(practice_id: int, activity_id: int) -> ActivityFile | None:
    """The file of a document activity."""
    return ActivityFile.objects.filter(activity__practice_id=practice_id, activity_id=activity_id).first()


def file_names(activities: list[Activity]) -> dict[int, str]:
    """Names of the files of those activities, without their bytes."""
    rows = ActivityFile.objects.filter(activity__in=activities)
    return dict(rows.values_list("activity_id", "name"))


def _at(each: MirrorAppointment) -> datetime:
    at = each.starts_local
    assert isinstance(at, datetime)
    return at
