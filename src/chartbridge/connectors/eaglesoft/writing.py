"""Notes and statuses into Eaglesoft's database: one transaction each, once. Must not be in it: documents, looking."""

from __future__ import annotations

from chartbridge.connectors.by_odbc.cells import Row, number, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.moving import set_status
from chartbridge.connectors.by_odbc.words import title_of
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.words import (
    CONFIRMATIONS,
    LOG_ACTION,
    LOG_SLOT,
    NAME,
    NO_CLAIM,
    NO_COLOUR,
    NOT_ARRIVED,
    NOT_CONFIRMED,
    NOT_LOCKED,
    NOT_ON_STATEMENT,
    NOTE_CLASS,
    NOTE_STATUS,
    POST_PROC_STATUS,
    WALKED_OUT,
)
from chartbridge.pms.commands import AddNote, Receipt, SetAppointmentStatus
from chartbridge.pms.errors import Misconfigured, Refused
from chartbridge.transport.odbc import Transaction


def record_of_note(key: object) -> str:
    """How a note is named in a receipt."""
    return f"note {text(key)}"


class Writer:
    """Writes for one practice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_note(self, command: AddNote) -> Receipt:
        """Insert a note and read its number back within the same transaction."""
        database = self._database
        database.check("add_note")
        letter, _, kind = command.note_type_key.partition(":")
        if not kind.isdecimal():
            raise Misconfigured(
                f"The note type is not one of {NAME}'s any more. Choose another one.", setting="note_type"
            )
        entered, now = database.to_local(command.occurred_at), database.local_now()
        provider = command.provider_key
        described = title_of(command)
        with database.writing() as step:
            if not step.rows(database.text_of("patient_there"), [command.patient_key]):
                raise _no_patient()
            step.run(
                database.text_of("add_note"),
                [
                    command.patient_key, entered, provider, NOTE_CLASS, letter, int(kind), described, command.text,
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
        wish, knows_arrivals = codec.status_parts(command.status_key), database.has("arrivals")
        if wish is None or (wish != ("arrival", WALKED_OUT) and not _is_confirmation(wish)):
            raise Refused(f"{NAME} has no such status that may be set from outside.", reason="unknown status")
        if not _is_confirmation(wish):
            database.check("arrivals")
        value, visit, now = wish[1], int(command.appointment_key), database.local_now()

        def move(step: Transaction, row: Row) -> int:
            _patient, confirmation, arrival, _kind, starts = row
            was = _or(number(confirmation, "confirmation_status"), NOT_CONFIRMED)
            arrived = _or(number(arrival, "arrival_status"), NOT_ARRIVED)
            if not _is_confirmation(wish):
                touched = step.run(database.text_of("set_arrival"), [value, visit, arrived, was])
            elif arrived == NOT_ARRIVED:
                setting = "set_confirmation" if knows_arrivals else "set_confirmation_alone"
                touched = step.run(database.text_of(setting), [value, now, visit, was])
            else:
                raise Refused(
                    f"The visit shows in {NAME} that the patient has come, and a confirmation can't show beside that. "
                    f"Take the arrival back in {NAME} first.",
                    reason="has arrived",
                )
            if touched:
                step.run(database.text_of("log_visit"), [visit, LOG_SLOT, starts, LOG_ACTION, "", ""])
            return touched

        return set_status(database, command, codec.shown, move)


def _is_confirmation(wish: tuple[str, int]) -> bool:
    return wish[0] == "confirmation" and wish[1] in CONFIRMATIONS


def _or(found: int | None, none: int) -> int:
    return none if found is None else found


def _no_patient() -> Refused:
    return Refused(f"There is no patient of this number in {NAME}.", reason="no such patient")
