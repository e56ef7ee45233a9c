"""Looks whether a command is in Dentrix: by patient and marker. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.looking import Place, receipt, wall
from chartbridge.connectors.by_odbc.moving import status_landed
from chartbridge.connectors.dentrix import codec
from chartbridge.connectors.dentrix.words import JOURNAL_NOTE, TO_PATIENT
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Filed, Receipt, SetAppointmentStatus
from chartbridge.transport.odbc import Row


class Looker:
    """Looks for one practice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.places = {
            CommandKind.ADD_NOTE: Place(
                word="journal",
                carrying="entries_carrying",
                highest="highest_entry",
                of_patient=self._entries,
                extra=(JOURNAL_NOTE,),
                filed=_filed,
            ),
            CommandKind.ADD_DOCUMENT: Place(
                word="document",
                carrying="documents_carrying",
                highest="highest_document",
                of_patient=self._documents,
                extra=(TO_PATIENT,),
            ),
        }

    def note(self, command: AddNote) -> Receipt | None:
        """The receipt of an entry that is there, or nothing."""
        rows = self._entries(command)
        if not rows:
            return None
        entered = codec.entered_at(rows[0][3], rows[0][4])
        at = self._database.to_utc(entered) if entered else None
        return replace(receipt(rows[0], self.places[CommandKind.ADD_NOTE]), recorded_at=at)

    def status(self, command: SetAppointmentStatus) -> Receipt | None:
        """The receipt of a visit that shows the wished status, or nothing."""
        return status_landed(self._database, command, codec.shown)

    def _entries(self, command: AddNote | AddDocument) -> Sequence[Row]:
        return self._of_patient("entry_by_marker", JOURNAL_NOTE, command)

    def _documents(self, command: AddNote | AddDocument) -> Sequence[Row]:
        return self._of_patient("document_by_name", TO_PATIENT, command)

    def _of_patient(self, statement: str, extra: int, command: AddNote | AddDocument) -> Sequence[Row]:
        return self._database.rows(statement, (extra, int(command.patient_key), f"%{command.marker}%"))


def _filed(row: Row) -> Filed:
    kind = text(row[5])
    return Filed(
        type_key=kind if kind.isascii() and kind.isdigit() else "",
        at=wall(lambda: codec.entered_at(row[3], row[4])),
    )
