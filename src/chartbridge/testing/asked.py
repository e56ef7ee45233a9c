"""The commands that the suite gives to a connector, made of what a rig has.

Must not be in it: how any one PMS does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from chartbridge.domain.activities import Direction, Medium
from chartbridge.domain.content import Content
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    MarkInsuranceVerified,
    SetAppointmentStatus,
)

CANARIES = ("Quuxbertha", "Xyzzyowski", "(555)019-8642", "quux.canary@example.org")
"""A patient's names, phone and address, which must show nowhere but in the chart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Whom and what the commands are about. `book` books a visit and returns its key; `day` is the practice's."""

    patient: str
    note_type: str
    document_type: str
    provider: str
    status: str
    book: Callable[[], str]
    now: datetime
    day: date

    def command(self, kind: CommandKind, marker: str, text: str = "") -> Command:
        """A command of a kind; `text` instead of the usual one."""
        if kind is CommandKind.ADD_NOTE:
            return AddNote(
                patient_key=self.patient,
                text=f"{text or 'Reminder sent.'} {marker}",
                marker=marker,
                note_type_key=self.note_type,
                provider_key=self.provider,
                occurred_at=self.now,
                medium=Medium.TEXT,
                direction=Direction.OUTGOING,
            )
        if kind is CommandKind.ADD_DOCUMENT:
            return AddDocument(
                patient_key=self.patient,
                name=f"{text or 'Statement'} {marker}",
                marker=marker,
                document_type_key=self.document_type,
                provider_key=self.provider,
                content=Content.of(b"%PDF-1.7\n%made up\n"),
                occurred_at=self.now,
            )
        if kind is CommandKind.MARK_INSURANCE_VERIFIED:
            return MarkInsuranceVerified(
                patient_key=self.patient,
                verified_on=self.day,
                marker=marker,
                note=f"{text or 'Active'} {marker}",
            )
        return SetAppointmentStatus(
            patient_key=self.patient, appointment_key=self.book(), status_key=self.status
        )
