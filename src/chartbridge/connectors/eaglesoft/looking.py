"""Looks whether a command is in Eaglesoft: by patient and marker. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chartbridge.connectors.by_odbc.cells import moment, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.looking import Place, receipt, wall
from chartbridge.connectors.by_odbc.moving import status_landed
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.lists import note_type_key
from chartbridge.connectors.eaglesoft.words import PATIENTS_PAPERS
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Filed, Receipt, SetAppointmentStatus
from chartbridge.transport.odbc import Row


class Looker:
    """Looks for one practice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.places = {
            CommandKind.ADD_NOTE: Place(
                word="note",
                carrying="notes_carrying",
                highest="highest_note",
                of_patient=self._notes,
                filed=_filed,
            ),
            CommandKind.ADD_DOCUMENT: Place(
                word="document",
                carrying="documents_carrying",
                highest="highest_document",
                of_patient=self._documents,
            ),
        }

    def note(self, command: AddNote) -> Receipt | None:
        """The receipt of a note that is there, or nothing."""
        rows = self._notes(command)
        if not rows:
            return None
        entered = rows[0][3]
        at = self._database.to_utc(moment(entered, "date_entered")) if entered else None
        return replace(receipt(rows[0], self.places[CommandKind.ADD_NOTE]), recorded_at=at)

    def status(self, command: SetAppointmentStatus) -> Receipt | None:
        """The receipt of a visit that shows the wished status, or nothing."""
        return status_landed(self._database, command, codec.shown)

    def _notes(self, command: AddNote | AddDocument) -> Sequence[Row]:
        return self._database.rows("note_by_marker", (command.patient_key, f"%{command.marker}%"))

    def _documents(self, command: AddNote | AddDocument) -> Sequence[Row]:
        like = f"%{command.marker}%"
        return self._database.rows("document_by_name", (PATIENTS_PAPERS, command.patient_key, like))


def _filed(row: Row) -> Filed:
    letter, kind = text(row[4]), text(row[5])
    known = letter.isascii() and letter.isalnum() and kind.isascii() and kind.isdigit()
    return Filed(
        type_key=note_type_key(letter, kind) if known else "",
        at=wall(lambda: moment(row[3], "date_entered") if row[3] else None),
    )
