"""Office Journal entries and statuses into Dentrix's database: one transaction each, once.

An entry is a row of `contact` and its text in `fullnotes`. Its number is found by the marker, which stands in its title
too: the highest number, as seen elsewhere, may be somebody else's. Must not be in it: documents, looking.
"""

from __future__ import annotations

from chartbridge.connectors.by_odbc.cells import Row, number, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.moving import set_status
from chartbridge.connectors.by_odbc.words import title_of
from chartbridge.connectors.dentrix import codec
from chartbridge.connectors.dentrix.words import (
    COMPLETED,
    CONTACT_TYPES,
    JOURNAL_NOTE,
    LAST,
    NAME,
    NO_DATA,
    NO_REFERENCE,
    NO_STATUS,
    NOT_CREATED,
    NOT_DELETED,
    OF_PROVIDER,
    OF_STAFF,
    STATUS_LETTERS,
    WHO,
)
from chartbridge.pms.commands import AddNote, Receipt, SetAppointmentStatus
from chartbridge.pms.errors import Misconfigured, Refused, Unreadable
from chartbridge.transport.odbc import Transaction


def record_of_entry(key: object) -> str:
    """How an Office Journal entry is named in a receipt."""
    return f"journal {text(key)}"


class Writer:
    """Writes for one practice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_note(self, command: AddNote) -> Receipt:
        """Insert an entry and its text."""
        database = self._database
        database.check("add_note")
        if command.note_type_key not in {str(value) for value in CONTACT_TYPES}:
            raise Misconfigured(
                f"The note type is not one of {NAME}'s any more. Choose another one.", setting="note_type"
            )
        at, patient = database.to_local(command.occurred_at), int(command.patient_key)
        title = f"{title_of(command)} {command.marker}"
        with database.writing() as step:
            if not step.rows(database.text_of("patient_there"), [patient]):
                raise Refused(f"There is no patient of this number in {NAME}.", reason="no such patient")
            kind = OF_STAFF if self._is_staff(step, command.provider_key) else OF_PROVIDER
            step.run(
                database.text_of("add_entry"),
                [
                    at.date(), codec.seconds_of(at), patient, command.provider_key, title, int(command.note_type_key),
                    kind, NO_DATA, NO_REFERENCE,
                ],
            )  # fmt: skip
            key = self._just_added(step, patient, command.marker)
            step.run(database.text_of("add_text"), [JOURNAL_NOTE, key, at.date(), command.text])
        return Receipt(record=record_of_entry(key), patient_key=command.patient_key, text=command.text)

    def set_status(self, command: SetAppointmentStatus) -> Receipt:
        """Set one of the practice's own statuses, with the row of the history that goes with it."""
        database = self._database
        database.check("set_appointment_status")
        words = {text(key): text(word) for key, word in database.rows("statuses")}
        wish, visit = command.status_key, int(command.appointment_key)
        if wish not in words or wish == str(COMPLETED):
            raise Refused(f"{NAME} has no such status that may be set from outside.", reason="unknown status")
        now = database.local_now()

        def move(step: Transaction, row: Row) -> int:
            was = number(row[1], "status")
            touched = step.run(
                database.text_of("set_status"), [int(wish), visit, NO_STATUS if was is None else was]
            )
            if touched:
                step.run(
                    database.text_of("log_visit"),
                    [
                        visit, now.date(), codec.seconds_of(now), "", words[wish][:STATUS_LETTERS], NOT_CREATED, LAST,
                        NOT_DELETED, WHO,
                    ],
                )  # fmt: skip
            return touched

        return set_status(database, command, codec.shown, move)

    def _is_staff(self, step: Transaction, provider: str) -> bool:
        if not self._database.has("staff"):
            return False
        return bool(step.rows(self._database.text_of("is_staff"), [provider]))

    def _just_added(self, step: Transaction, patient: int, marker: str) -> int:
        key = step.rows(self._database.text_of("entry_by_title"), [patient, f"%{marker}%"])[0][0]
        if key is None:
            raise Unreadable(f"{NAME} took an entry and does not show it.", evidence="contact.contactid")
        return int(str(key))
