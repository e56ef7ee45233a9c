"""Who is this? From a phone number or an e-mail address to the people it may be; never a guess.

One active patient alone with that number is that patient. A family's shared number, or one that only
someone who is no active patient has, waits for a person to say; so does every number while the patients are
read for the first time, because the rest of a family may still be to come.
Must not be in it: keeping activities, what happens to their writebacks.
"""

from __future__ import annotations

from dataclasses import dataclass

from chartbridge.domain.people import PatientStatus
from chartbridge.store.contacts import everybody_read, patients_by_email
from chartbridge.store.mirror import patients_by_phone
from chartbridge.store.mirror_rows import digits_of
from chartbridge.store.models import MirrorPatient

_OUT_OF_PLAY = {
    PatientStatus.INACTIVE,
    PatientStatus.ARCHIVED,
    PatientStatus.DECEASED,
    PatientStatus.DELETED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """Someone it may be, and why: `mobile phone`, `home phone`, `work phone`, `e-mail`."""

    patient: MirrorPatient
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The patient, or why nobody was chosen: `code` is `who_is_this` or `unknown_number`, `sentence` for people."""

    patient_key: str = ""
    code: str = ""
    sentence: str = ""


def candidates(connection_id: int, *, phone: str = "", email: str = "") -> list[Candidate]:
    """Return everyone with that number or address, active patients with most reasons first."""
    found: dict[str, MirrorPatient] = {}
    if phone:
        found.update({p.key: p for p in patients_by_phone(connection_id, phone)})
    if email:
        found.update({p.key: p for p in patients_by_email(connection_id, email)})
    all_of_them = [Candidate(patient=p, reasons=_reasons(p, phone, email)) for p in found.values()]
    return sorted(all_of_them, key=_rank)


def match(connection_id: int | None, *, phone: str = "", email: str = "") -> Match:
    """Return the one active patient it must be, or why a person has to say."""
    everyone = candidates(connection_id, phone=phone, email=email) if connection_id else []
    in_play = [c for c in everyone if c.patient.status not in _OUT_OF_PLAY]
    if phone and email:
        in_play = _who_have_both(in_play) or in_play
    what = "phone number" if phone else "e-mail address"
    if connection_id and not everybody_read(connection_id):
        sentence = f"Not all patients have been read from the PMS yet. Say whose {what} this is."
        return Match(code="who_is_this", sentence=sentence)
    if len(in_play) == 1 and in_play[0].patient.status == PatientStatus.ACTIVE:
        return Match(patient_key=in_play[0].patient.key)
    if not everyone:
        return Match(
            code="unknown_number",
            sentence=f"No patient in the PMS has this {what}. Say who it is, or enter it in the PMS first.",
        )
    if len(everyone) == 1:
        sentence = f"The only person with this {what} is not an active patient. Say whether it is them."
    else:
        sentence = f"{len(everyone)} people share this {what}. Say which of them it is."
    return Match(code="who_is_this", sentence=sentence)


def _who_have_both(in_play: list[Candidate]) -> list[Candidate]:
    return [c for c in in_play if "e-mail" in c.reasons and len(c.reasons) > 1]


def _reasons(patient: MirrorPatient, phone: str, email: str) -> tuple[str, ...]:
    wanted = digits_of(phone) if phone else ""
    phones = {
        "mobile phone": patient.mobile_phone,
        "home phone": patient.home_phone,
        "work phone": patient.work_phone,
    }
    reasons = [name for name, number in phones.items() if wanted and digits_of(number) == wanted]
    if email and patient.email.strip().lower() == email.strip().lower():
        reasons.append("e-mail")
    return tuple(reasons)


def _rank(candidate: Candidate) -> tuple[bool, int, str]:
    inactive = candidate.patient.status != PatientStatus.ACTIVE
    return (inactive, -len(candidate.reasons), candidate.patient.key)
