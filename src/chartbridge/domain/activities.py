"""What happens with a patient and may be written into the chart.

Must not be in it: how a PMS calls it, whether it may be written (settings), its way there (writeback).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

AHEAD = timedelta(minutes=5)
"""A program's clock may be so far ahead of ours."""


class Medium(StrEnum):
    """How the practice and the patient met."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    NOTE = "note"
    INSURANCE = "insurance"
    DOCUMENT = "document"


class Direction(StrEnum):
    """Who started it."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"
    NEITHER = "neither"


class ActivityKind(StrEnum):
    """The kinds of activity that have an Allow box, and the two kinds of document."""

    OUTGOING_TEXT = "outgoing_text"
    INCOMING_TEXT = "incoming_text"
    OUTGOING_EMAIL = "outgoing_email"
    INCOMING_CALL = "incoming_call"
    OUTGOING_CALL = "outgoing_call"
    MISSED_CALL = "missed_call"
    INCOMING_CALL_TRANSCRIPT = "incoming_call_transcript"
    OUTGOING_CALL_TRANSCRIPT = "outgoing_call_transcript"
    INCOMING_CALL_SUMMARY = "incoming_call_summary"
    OUTGOING_CALL_SUMMARY = "outgoing_call_summary"
    PATIENT_NOTE = "patient_note"
    TASK_NOTE = "task_note"
    VERIFICATION_NOTE = "verification_note"
    INSURANCE_VERIFICATION = "insurance_verification"
    ACCOUNT_STATEMENT = "account_statement"

    @property
    def traits(self) -> KindTraits:
        """Everything else that is fixed about this kind."""
        return TRAITS[self]

    @property
    def is_document(self) -> bool:
        """True where a file goes into the chart, False where a note does."""
        return TRAITS[self].medium is Medium.DOCUMENT


@dataclass(frozen=True, kw_only=True, slots=True)
class KindTraits:
    """What is fixed about a kind of activity. `label` and `group` are the settings page's words."""

    label: str
    group: str
    medium: Medium
    direction: Direction
    written_by_ai: bool = False


_SMS, _PHONE, _NOTES, _INS, _DOCS = "SMS and e-mail", "Phone", "Notes", "Insurance", "Documents"
_OUT, _IN, _NO = Direction.OUTGOING, Direction.INCOMING, Direction.NEITHER


def _t(label: str, group: str, medium: Medium, direction: Direction, *, ai: bool = False) -> KindTraits:
    return KindTraits(label=label, group=group, medium=medium, direction=direction, written_by_ai=ai)


TRAITS: dict[ActivityKind, KindTraits] = {
    ActivityKind.OUTGOING_TEXT: _t("Outgoing SMS", _SMS, Medium.TEXT, _OUT),
    ActivityKind.INCOMING_TEXT: _t("Incoming SMS", _SMS, Medium.TEXT, _IN),
    ActivityKind.OUTGOING_EMAIL: _t("Outgoing Email", _SMS, Medium.EMAIL, _OUT),
    ActivityKind.INCOMING_CALL: _t("Incoming Phone Call", _PHONE, Medium.PHONE, _IN),
    ActivityKind.OUTGOING_CALL: _t("Outgoing Phone Call", _PHONE, Medium.PHONE, _OUT),
    ActivityKind.MISSED_CALL: _t("Missed Phone Call", _PHONE, Medium.PHONE, _IN),
    ActivityKind.INCOMING_CALL_TRANSCRIPT: _t("Incoming Call Transcript", _PHONE, Medium.PHONE, _IN, ai=True),
    ActivityKind.OUTGOING_CALL_TRANSCRIPT: _t(
        "Outgoing Call Transcript", _PHONE, Medium.PHONE, _OUT, ai=True
    ),
    ActivityKind.INCOMING_CALL_SUMMARY: _t("Incoming Call Summary", _PHONE, Medium.PHONE, _IN, ai=True),
    ActivityKind.OUTGOING_CALL_SUMMARY: _t("Outgoing Call Summary", _PHONE, Medium.PHONE, _OUT, ai=True),
    ActivityKind.PATIENT_NOTE: _t("Patient Notes", _NOTES, Medium.NOTE, _NO),
    ActivityKind.TASK_NOTE: _t("Task Notes", _NOTES, Medium.NOTE, _NO),
    ActivityKind.VERIFICATION_NOTE: _t("Verification notes", _INS, Medium.INSURANCE, _NO),
    ActivityKind.INSURANCE_VERIFICATION: _t("Insurance Verification", _DOCS, Medium.DOCUMENT, _NO),
    ActivityKind.ACCOUNT_STATEMENT: _t("Account Statement", _DOCS, Medium.DOCUMENT, _NO),
}

NOTE_KINDS: tuple[ActivityKind, ...] = tuple(k for k in ActivityKind if not k.is_document)
DOCUMENT_KINDS: tuple[ActivityKind, ...] = tuple(k for k in ActivityKind if k.is_document)
