"""Commands → what the API is sent; what it or the database shows → receipts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.open_dental.codec import Texts, moment, texts
from chartbridge.connectors.open_dental.words import (
    MODES,
    SENT_OR_RECEIVED,
    SHOWN_DIRECTIONS,
    SHOWN_MODES,
)
from chartbridge.pms.commands import AddDocument, AddNote, Filed, MarkInsuranceVerified, Receipt
from chartbridge.pms.errors import Misconfigured, Refused
from chartbridge.transport.bodies import Base64

EXTENSIONS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}


def note_body(command: AddNote, at_local: datetime) -> dict[str, object]:
    """POST commlogs. Lines end as Open Dental stores them."""
    return {
        "PatNum": whole(command.patient_key, "patient"),
        "CommType": whole(command.note_type_key, "note_type"),
        "CommDateTime": local_text(at_local),
        "Mode_": MODES[command.medium],
        "SentOrReceived": SENT_OR_RECEIVED[command.direction],
        "Note": command.text.replace("\r\n", "\n").replace("\n", "\r\n"),
    }


def document_body(command: AddDocument, at_local: datetime) -> dict[str, object]:
    """POST documents/Upload."""
    body: dict[str, object] = {
        "PatNum": whole(command.patient_key, "patient"),
        "rawBase64": Base64(command.content),
        "extension": EXTENSIONS.get(command.media_type, ".pdf"),
        "DocCategory": whole(command.document_type_key, "document_type"),
        "Description": command.name,
        "ImgType": "Document",
        "DateCreated": local_text(at_local),
    }
    if command.provider_key:
        body["ProvNum"] = whole(command.provider_key, "provider")
    return body


def verification_bodies(command: MarkInsuranceVerified, plan_key: str) -> list[dict[str, object]]:
    """PUT insverifies: first the date, which moves an old note into the history, then the note that is to stay."""
    plan: dict[str, object] = {"VerifyType": "PatientEnrollment", "FKey": whole(plan_key, "plan")}
    bodies: list[dict[str, object]] = [{**plan, "DateLastVerified": command.verified_on.isoformat()}]
    if command.note or command.status_key:
        note: dict[str, object] = {**plan}
        if command.note:
            note["Note"] = command.note
        if command.status_key:
            note["DefNum"] = whole(command.status_key, "verification_status")
        bodies.append(note)
    return bodies


def later_day(rows: Sequence[Texts], command: MarkInsuranceVerified) -> str:
    """The last day on which a plan was verified, e.g. 2026-11-27, if it is later than the command's; else empty.

    From (InsVerifyNum, DateLastVerified, …): several rows of one plan may stand there, and the last day counts.
    """
    last = max(((row[1] or "")[:10] for row in rows), default="")
    return last if last > command.verified_on.isoformat() else ""


def note_receipt(row: Texts, *, utc_stamps: bool, offset: timedelta, seen: bool = True) -> Receipt:
    """From the fields of a note (see statements)."""
    recorded = _moment_or_none(row[5])
    if recorded is not None:
        recorded = (recorded if utc_stamps else recorded - offset).replace(tzinfo=UTC)
    return Receipt(
        record=f"commlog {row[0]}" if row[0] else "",
        patient_key=row[1] or "",
        text=row[4] or "",
        recorded_at=recorded,
        seen=seen,
        filed=Filed(
            type_key=_number(row[3]),
            medium=SHOWN_MODES.get(row[6], ""),
            direction=SHOWN_DIRECTIONS.get(row[7], ""),
            at=_wall(row[2]),
        ),
    )


def document_receipt(row: Texts, *, utc_stamps: bool, offset: timedelta, seen: bool = True) -> Receipt:
    """From the fields of a document (see codec_lists)."""
    recorded = _moment_or_none(row[6])
    if recorded is not None:
        recorded = (recorded if utc_stamps else recorded - offset).replace(tzinfo=UTC)
    return Receipt(
        record=f"document {row[0]}" if row[0] else "",
        patient_key=row[1] or "",
        text=row[2] or "",
        recorded_at=recorded,
        seen=seen,
        filed=Filed(type_key=_number(row[3]), at=_wall(row[4])),
    )


def answer_row(made: Mapping[str, object], fields: Sequence[str]) -> tuple[str | None, ...]:
    """An object that came back from a write, as a row; empty where it can't be understood."""
    try:
        return texts(made, fields)
    except ValueError:
        return (None,) * len(fields)


def whole(key: str, what: str) -> int:
    """A key as the number that the API wants. Keys are text here because they may exceed 2**53."""
    if key.isascii() and key.isdigit():
        return int(key)
    if what in ("patient", "plan", "appointment"):
        raise Refused(f"The number of the {what} is not one of Open Dental's.", reason=f"{what} is invalid")
    raise Misconfigured(
        f"No {what.replace('_', ' ')} is chosen. Choose one on the PMS Write Back Settings page.",
        setting=what,
    )


def local_text(at: datetime) -> str:
    """A wall time as the API takes it."""
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _number(value: str | None) -> str:
    return value if value and value.isascii() and value.isdigit() else ""


def _wall(value: str | None) -> str:
    at = _moment_or_none(value)
    return at.replace(tzinfo=None).isoformat(timespec="seconds") if at else ""


def _moment_or_none(value: str | None) -> datetime | None:
    try:
        return moment(value)
    except ValueError:
        return None
