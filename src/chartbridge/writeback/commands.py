"""From a row to the command for the connector: the text as it was fixed, provider and types as they are set now.

Must not be in it: whether it may be sent.
"""

from __future__ import annotations

from datetime import date

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.content import NOTHING
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    MarkInsuranceVerified,
    SetAppointmentStatus,
)
from chartbridge.store.activities import content_of
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk


def command_of(row: Row, desk: Desk, *, to_send: bool) -> Command:
    """Return the command. For a look (`to_send` False) a document comes without its bytes: it is found by its name."""
    return _MAKERS[CommandKind(row.command)](row, desk, to_send)


def _note(row: Row, desk: Desk, _to_send: bool) -> Command:
    traits = ActivityKind(row.kind).traits
    return AddNote(
        patient_key=row.patient_key,
        text=row.text,
        marker=row.marker,
        note_type_key=_type_key(row, desk),
        provider_key=desk.provider_key,
        occurred_at=row.occurred_at or row.created_at,
        medium=traits.medium,
        direction=traits.direction,
    )


def _document(row: Row, desk: Desk, to_send: bool) -> Command:
    content, media_type = content_of(row.activity_id or 0) if to_send else (NOTHING, "application/pdf")
    return AddDocument(
        patient_key=row.patient_key,
        name=row.text,
        marker=row.marker,
        document_type_key=_type_key(row, desk),
        provider_key=desk.provider_key,
        content=content,
        media_type=media_type,
        occurred_at=row.occurred_at or row.created_at,
    )


def _status(row: Row, _desk: Desk, _to_send: bool) -> Command:
    return SetAppointmentStatus(
        patient_key=row.patient_key,
        appointment_key=row.payload["appointment_key"],
        status_key=row.payload["status_key"],
        expected_key=row.payload.get("expected_key", ""),
    )


def _verification(row: Row, _desk: Desk, _to_send: bool) -> Command:
    verified_on = row.verified_on or row.created_at.date()
    assert isinstance(verified_on, date)
    return MarkInsuranceVerified(
        patient_key=row.patient_key, verified_on=verified_on, marker=row.marker, note=row.text
    )


def _type_key(row: Row, desk: Desk) -> str:
    box = desk.boxes.get(row.kind)
    return box.type_key if box else ""


_MAKERS = {
    CommandKind.ADD_NOTE: _note,
    CommandKind.ADD_DOCUMENT: _document,
    CommandKind.SET_APPOINTMENT_STATUS: _status,
    CommandKind.MARK_INSURANCE_VERIFIED: _verification,
}
