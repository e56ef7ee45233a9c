"""Looks whether a command is in Eaglesoft: by patient and marker. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.client import Database
from chartbridge.connectors.eaglesoft.papers import Papers
from chartbridge.connectors.eaglesoft.words import NAME, PATIENTS_PAPERS
from chartbridge.connectors.eaglesoft.writing import record_of_note, record_of_visit
from chartbridge.domain.marker import PREFIX, markers_in
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    CommandKind,
    Finds,
    Receipt,
    SetAppointmentStatus,
    Sought,
)
from chartbridge.pms.errors import Unreadable
from chartbridge.transport.odbc import Row

KEYS_AT_ONCE = 2000


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

    def find(self, sought: Sequence[Sought]) -> Finds:
        """Search all charts, from the first key on that was written, a piece of keys at a time.

        What is not known by its key is looked for in its patient's chart only.
        """
        found: dict[str, Receipt] = {}
        everyone = True
        for kind, (name, top, word) in _SEARCHES.items():
            mine = [each for each in sought if each.command.kind is kind]
            wanted = {each.command.marker for each in mine}
            keys = [int(key) for each in mine if (key := _key_of(each, word))]
            if keys:
                highest = codec.number(self._database.rows(top)[0][0], "key") or 0
                for begin in range(min(keys), highest + 1, KEYS_AT_ONCE):
                    rows = self._database.rows(name, (begin, begin + KEYS_AT_ONCE, f"%{PREFIX}%"))
                    found |= _seen(rows, word, wanted)
            for each in mine:
                if not _key_of(each, word):
                    everyone = False
                    found |= _seen(self._of_patient(each), word, wanted)
        return Finds(records=tuple(found.values()), everyone=everyone)

    def _of_patient(self, each: Sought) -> Sequence[Row]:
        like = f"%{each.command.marker}%"
        if isinstance(each.command, AddNote):
            return self._database.rows("note_by_marker", (each.command.patient_key, like))
        return self._database.rows("document_by_name", (PATIENTS_PAPERS, each.command.patient_key, like))

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


_SEARCHES = {
    CommandKind.ADD_NOTE: ("notes_carrying", "highest_note", "note"),
    CommandKind.ADD_DOCUMENT: ("documents_carrying", "highest_document", "document"),
}


def _key_of(each: Sought, word: str) -> str:
    """The number by which its record is known; a document that waits to be imported has none."""
    said, _, key = each.record.partition(" ")
    return key if said == word and key.isdecimal() else ""


def _seen(rows: Sequence[Row], word: str, wanted: set[str]) -> dict[str, Receipt]:
    return {
        f"{word} {codec.text(row[0])}": Receipt(
            record=f"{word} {codec.text(row[0])}",
            patient_key=codec.text(row[1]),
            text=codec.text(row[2]),
            seen=True,
        )
        for row in rows
        if wanted & set(markers_in(codec.text(row[2])))
    }
