"""Looks whether a command is in Eaglesoft: by patient and marker. Writes nothing."""

from __future__ import annotations

from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.client import Database
from chartbridge.connectors.eaglesoft.papers import Papers
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.connectors.eaglesoft.writing import record_of_note, record_of_visit
from chartbridge.pms.commands import AddDocument, AddNote, Command, Receipt, SetAppointmentStatus
from chartbridge.pms.errors import Unreadable


class Looker:
    """Looks for one practice."""

    def __init__(self, database: Database, papers: Papers) -> None:
        self._database, self._papers = database, papers

    def landed(self, command: Command) -> Receipt | None:
        """The receipt of what is there, or nothing."""
        match command:
            case AddNote():
                return self._note(command)
            case AddDocument():
                return self._papers.landed(command)
            case SetAppointmentStatus():
                return self._status(command)
        raise Unreadable(f"{NAME} has no such record.", evidence="command")

    def _note(self, command: AddNote) -> Receipt | None:
        rows = self._database.rows("note_by_marker", (command.patient_key, f"%{command.marker}%"))
        if not rows:
            return None
        key, patient, note, entered = rows[0]
        return Receipt(
            record=record_of_note(key),
            patient_key=codec.text(patient),
            text=codec.text(note),
            recorded_at=self._database.to_utc(codec.moment(entered, "date_entered")) if entered else None,
            seen=True,
        )

    def _status(self, command: SetAppointmentStatus) -> Receipt | None:
        rows = self._database.rows("visit_status", (int(command.appointment_key),))
        if not rows or codec.status_key(rows[0][0], rows[0][1]) != command.status_key:
            return None
        return Receipt(
            record=record_of_visit(command.appointment_key),
            patient_key=codec.text(rows[0][2]),
            text=command.status_key,
            seen=True,
        )
