"""Whether a writeback may go now, must wait, or needs a person: decided by settings and capability only.

The same rules hold when something is enqueued, when it is claimed, when a setting was mended and in a rehearsal.
Must not be in it: a query, a text in the making, what a connector answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import reaches
from chartbridge.store.desk import EVERYTHING, PAUSED, Box, Desk, Listed
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event

APPOINTMENT_STATUS = "appointment_status"
STATUS_MOVE_HOLDS = timedelta(hours=12)
_UNDER_PROVIDER = {CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is to be judged. `patient` is True here, False deleted, None unknown. `size` is of the file in bytes."""

    kind: str
    command: str
    patient_key: str
    patient: bool | None
    created_at: datetime
    size: int | None = None
    sent_before: bool = False
    status_key: str = ""
    other_since: datetime | None = None
    correction: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What becomes of it: QUEUE, HOLD, SKIP or PARK, with the reason; for QUEUE, why it does not go at once."""

    event: Event
    code: str = ""
    reason: str = ""


GO = Verdict(event=Event.QUEUE)
Rule = Callable[[Desk, Case], Verdict | None]


def judge(desk: Desk, case: Case, now: datetime, *, as_if_allowed: bool = False) -> Verdict:
    """Return the first verdict that applies."""
    if not as_if_allowed and (verdict := _allowed(desk, case)):
        return verdict
    if case.kind == APPOINTMENT_STATUS and now - case.created_at > STATUS_MOVE_HOLDS:
        return _verdict(Event.PARK, "too_late", desk, case)
    verdict = next((verdict for rule in _RULES if (verdict := rule(desk, case))), GO)
    if verdict is GO and desk.write_hold and desk.paused & {case.command, EVERYTHING}:
        return Verdict(event=Event.QUEUE, code=PAUSED, reason=desk.write_hold)
    return verdict


def kind_label(kind: str) -> str:
    """Return what a settings page calls the kind."""
    return "Appointment status" if kind == APPOINTMENT_STATUS else ActivityKind(kind).traits.label


def _verdict(event: Event, code: str, desk: Desk, case: Case, **words: object) -> Verdict:
    said = {"pms": desk.pms, "kind": kind_label(case.kind), "patient": case.patient_key, **words}
    return Verdict(event=event, code=code, reason=sentence(code, **said))


def _allowed(desk: Desk, case: Case) -> Verdict | None:
    box = desk.boxes.get(case.kind)
    if case.kind == APPOINTMENT_STATUS or case.correction or (box and box.allowed):
        return None
    return _verdict(Event.SKIP, "not_allowed", desk, case)


def _supported(desk: Desk, case: Case) -> Verdict | None:
    claim = desk.claim(case.command)
    if claim is None:
        why = desk.manifest.cannot.get(case.command) if desk.manifest else None
        event = Event.SKIP if case.command == CommandKind.MARK_INSURANCE_VERIFIED else Event.PARK
        why = why or "its connector does not offer it."
        return _verdict(event, "not_supported", desk, case, why=why)
    if not reaches(desk.version, claim.since):
        return _verdict(Event.PARK, "too_old", desk, case, since=claim.since, version=desk.version)
    if claim.max_bytes and case.size and case.size > claim.max_bytes:
        size, most = (f"{n / 1e6:.1f}" for n in (case.size, claim.max_bytes))
        return _verdict(Event.PARK, "file_too_large", desk, case, size=size, most=most)
    return None


def _switched_on(desk: Desk, case: Case) -> Verdict | None:
    if not desk.on:
        return _verdict(Event.HOLD, "connection_off", desk, case)
    return None if desk.writing_on else _verdict(Event.HOLD, "writing_off", desk, case)


def _provider(desk: Desk, case: Case) -> Verdict | None:
    if case.command not in _UNDER_PROVIDER:
        return None
    if not desk.provider_key:
        return _verdict(Event.HOLD, "no_provider", desk, case)
    chosen = _chosen(desk, LookupKind.PROVIDERS, desk.provider_key)
    if chosen.usable:
        return None
    return _verdict(Event.PARK, "provider_inactive", desk, case, provider=chosen.name)


def _typed(desk: Desk, case: Case) -> Verdict | None:
    listed = _TYPES.get(case.command)
    if listed is None or not desk.manifest or listed not in desk.manifest.lookups:
        return None
    what = "note_type" if listed is LookupKind.NOTE_TYPES else "document_type"
    key = desk.boxes.get(case.kind, Box(allowed=True, type_key="")).type_key
    if not key:
        return _verdict(Event.HOLD, f"no_{what}", desk, case)
    chosen = _chosen(desk, listed, key)
    return None if chosen.usable else _verdict(Event.PARK, f"{what}_gone", desk, case, type=chosen.name)


def _status(desk: Desk, case: Case) -> Verdict | None:
    if not case.status_key:
        return None
    chosen = _chosen(desk, LookupKind.APPOINTMENT_STATUSES, case.status_key)
    return None if chosen.usable else _verdict(Event.PARK, "status_gone", desk, case, status=chosen.name)


def _patient(desk: Desk, case: Case) -> Verdict | None:
    if case.other_since and case.created_at <= case.other_since:
        return _verdict(Event.PARK, "patient_changed", desk, case)
    if case.patient is None:
        return _verdict(Event.HOLD, "unknown_patient", desk, case)
    return None if case.patient else _verdict(Event.PARK, "patient_deleted", desk, case)


def _file(desk: Desk, case: Case) -> Verdict | None:
    if case.command == CommandKind.ADD_DOCUMENT and case.size is None and not case.sent_before:
        return _verdict(Event.PARK, "no_file", desk, case)
    return None


def _chosen(desk: Desk, kind: LookupKind, key: str) -> Listed:
    """Return the chosen entry. A list that was never read can't speak against the choice."""
    entries = desk.lists.get(kind)
    return entries.get(key, Listed(name=key, usable=False)) if entries else Listed(name=key, usable=True)


_TYPES = {
    CommandKind.ADD_NOTE.value: LookupKind.NOTE_TYPES,
    CommandKind.ADD_DOCUMENT.value: LookupKind.DOCUMENT_TYPES,
}
_RULES: tuple[Rule, ...] = (_supported, _file, _patient, _switched_on, _provider, _typed, _status)
