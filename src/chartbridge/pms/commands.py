"""What can be written into a PMS, and the proof that it was. Plain data, so that it can travel.

Must not be in it: settings, texts in the making (writeback makes them), a vendor's field names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from chartbridge.domain.activities import Direction, Medium
from chartbridge.domain.content import Content


class CommandKind(StrEnum):
    """The commands that a manifest may declare."""

    ADD_NOTE = "add_note"
    ADD_DOCUMENT = "add_document"
    SET_APPOINTMENT_STATUS = "set_appointment_status"
    MARK_INSURANCE_VERIFIED = "mark_insurance_verified"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddNote:
    """Put a note into a patient's chart.

    `text` already ends with `marker` and is already within the PMS's limit. `occurred_at` is the original
    time, aware, UTC.
    """

    patient_key: str
    text: str
    marker: str
    note_type_key: str
    provider_key: str
    occurred_at: datetime
    medium: Medium
    direction: Direction

    @property
    def kind(self) -> CommandKind:
        return CommandKind.ADD_NOTE


@dataclass(frozen=True, kw_only=True, slots=True)
class AddDocument:
    """Put a file into a patient's document list. `name` ends with `marker`; `media_type` is application/pdf."""

    patient_key: str
    name: str
    marker: str
    document_type_key: str
    provider_key: str
    content: Content
    occurred_at: datetime
    media_type: str = "application/pdf"

    @property
    def kind(self) -> CommandKind:
        return CommandKind.ADD_DOCUMENT

    def __repr__(self) -> str:
        return f"AddDocument(marker={self.marker!r}, {len(self.content)} bytes)"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAppointmentStatus:
    """Set an appointment's status. `expected_key` is the status it had when the wish was made, or empty.

    If the PMS meanwhile shows a status that is neither `expected_key` nor `status_key`: `Conflict`.
    """

    patient_key: str
    appointment_key: str
    status_key: str
    expected_key: str = ""

    @property
    def kind(self) -> CommandKind:
        return CommandKind.SET_APPOINTMENT_STATUS


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkInsuranceVerified:
    """Mark a patient's primary insurance (or `plan_key`'s) as verified on `verified_on`, with a short note."""

    patient_key: str
    verified_on: date
    marker: str
    note: str = ""
    plan_key: str = ""
    status_key: str = ""

    @property
    def kind(self) -> CommandKind:
        return CommandKind.MARK_INSURANCE_VERIFIED


Command = AddNote | AddDocument | SetAppointmentStatus | MarkInsuranceVerified


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """As what the PMS shows a record beside its text; empty where it does not say.

    `type_key` is its note or document type; `medium` and `direction` are the PMS's own words; `at` is the wall time
    that it bears, e.g. `2026-03-02T10:15:00`. What two looks at one record showed is compared, and nothing is
    converted: so it must be the same by every way in which the PMS can be asked. What can't be understood is empty.
    """

    type_key: str = ""
    medium: str = ""
    direction: str = ""
    at: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What the PMS showed when a write was read back.

    `record` is the PMS's own word and number, e.g. `commlog 4711`, or empty if its answer did not say.
    `text` is the stored text, document name or status key as the PMS shows it; the writeback compares it
    and keeps only its hash. `seen` is False when this is the PMS's answer to the write and nothing was
    read back yet. `patient_key` is the patient on whom the record stands. `handed_over`: it was laid ready for
    somebody to import, and stands in no chart yet. `filed` is None where the PMS shows no more than the text.
    """

    record: str
    patient_key: str
    text: str = ""
    recorded_at: datetime | None = None
    seen: bool = False
    handed_over: bool = False
    filed: Filed | None = None

    def __repr__(self) -> str:
        return f"Receipt(record={self.record!r}, seen={self.seen})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """A write that is believed to be in the PMS: its command (a document without its bytes), and what its receipt
    said the record is, e.g. `commlog 4711`, or empty."""

    command: AddNote | AddDocument
    record: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finds:
    """Every record that carries one of the markers that were sought, on whichever patient it stands.

    `everyone` is False where other patients than those of the sought commands could not be searched. `merged` says, of
    the sought commands' patients, who was merged into whom, the one that stayed; None where the PMS can't be asked.
    """

    records: tuple[Receipt, ...]
    everyone: bool
    merged: Mapping[str, str] | None = None
