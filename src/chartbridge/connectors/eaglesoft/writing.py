"""Notes and statuses into Eaglesoft's database: one transaction each, once. Must not be in it: documents, looking."""

from __future__ import annotations

from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.words import (
    CONFIRMATIONS,
    DELETED_CLASS,
    DESCRIPTION,
    DESCRIPTIONS,
    LOG_ACTION,
    LOG_SLOT,
    NAME,
    NO_CLAIM,
    NO_COLOUR,
    NOT_LOCKED,
    NOT_ON_STATEMENT,
    NOTE_CLASS,
    NOTE_STATUS,
    POST_PROC_STATUS,
    WALKED_OUT,
)
from chartbridge.pms.commands import AddNote, Receipt, SetAppointmentStatus
from chartbridge.pms.errors import Conflict, Misconfigured, Refused


def record_of_note(key: object) -> str:
    """How a note is named in a receipt."""
    return f"note {text(key)}"


def record_of_visit(key: str) -> str:
    """How a visit is named in a receipt."""
    return f"appointment {key}"


class Writer:
    """Writes for one practice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_note(self, command: AddNote) -> Receipt:
        """Insert a note and read its number back within the same transaction."""
        database = self._database
        database.check("add_note")
        letter, _, number = command.note_type_key.partition(":")
        if not number.isdecimal():
            raise Misconfigured(
                f"The note type is not one of {NAME}'s any more. Choose another one.", setting="note_type"
            )
        entered, now = database.to_local(command.occurred_at), database.local_now()
        provider = command.provider_key
        described = DESCRIPTIONS.get((command.medium, command.direction), DESCRIPTION)
        with database.writing() as step:
            if not step.rows(database.text_of("patient_there"), [command.patient_key]):
                raise _no_patient()
            step.run(
                database.text_of("add_note"),
                [
                    command.patient_key, entered, provider, NOTE_CLASS, letter, int(number), described, command.text,
                    NO_COLOUR, POST_PROC_STATUS, now, provider, NOT_LOCKED, NOTE_STATUS, NO_CLAIM, NOT_ON_STATEMENT,
                ],
            )  # fmt: skip
            key = step.rows(database.vendor.dialect.identity)[0][0]
        return Receipt(
            record=record_of_note(key), patient_key=command.patient_key, text=command.text, recorded_at=None
        )

    def set_status(self, command: SetAppointmentStatus) -> Receipt:
        """Set a confirmation status or walked out, with the row of the log that goes with it."""
        database = self._database
        database.check("set_appointment_status")
        wish = codec.status_parts(command.status_key)
        if wish is None or (wish[0] == "arrival") != (wish[1] == WALKED_OUT and wish[0] == "arrival"):
            raise Refused(f"{NAME} has no such status that may be set from outside.", reason="unknown status")
        column, value = wish
        if column == "confirmation" and value not in CONFIRMATIONS:
            raise Refused(f"{NAME} has no such confirmation status.", reason="unknown status")
        now = database.local_now()
        with database.writing() as step:
            found = step.rows(database.text_of("visit_status"), [int(command.appointment_key)])
            if not found or text(found[0][3]) == str(DELETED_CLASS):
                raise Refused(f"The appointment is no longer in {NAME}.", reason="no such appointment")
            confirmation, arrival, _patient, _kind, starts = found[0]
            current = codec.status_key(confirmation, arrival)
            if current == command.status_key:
                return Receipt(
                    record=record_of_visit(command.appointment_key),
                    patient_key=command.patient_key,
                    text=current,
                )
            if command.expected_key and current != command.expected_key:
                raise Conflict(f"The appointment shows another status in {NAME} by now.", current=current)
            if column == "confirmation":
                step.run(database.text_of("set_confirmation"), [value, now, int(command.appointment_key)])
            else:
                step.run(database.text_of("set_arrival"), [value, int(command.appointment_key)])
            step.run(
                database.text_of("log_visit"),
                [int(command.appointment_key), LOG_SLOT, starts, LOG_ACTION, "", ""],
            )
        return Receipt(
            record=record_of_visit(command.appointment_key),
            patient_key=command.patient_key,
            text=command.status_key,
        )


def _no_patient() -> Refused:
    return Refused(f"There is no patient of this number in {NAME}.", reason="no such patient")
