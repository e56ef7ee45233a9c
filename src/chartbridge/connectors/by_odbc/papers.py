"""Documents into a PMS that lets only its own programs put them: by such a program, or by a folder where they wait.

Both vendors keep files in password-protected containers; none is made or opened here. The program ends with code 0 when
the document is in, with 1 to 63 when it refused it and left nothing; anything else may have been taken. It writes into
the PMS, so it is run only where the practice has allowed writing; what lies in the folder a person imports.
Must not be in it: reading the index for the mirror, a vendor's words.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.pms.commands import AddDocument, CommandKind, Receipt
from chartbridge.pms.errors import Misconfigured, Refused, Unauthorised, Uncertain
from chartbridge.transport.handoff import HandOff
from chartbridge.transport.program import Program

REFUSALS = range(2, 64)
"""Codes of an importer that mean no. With 1 most programs end when they break, be it for want of their database."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ways:
    """A vendor's words for it. `program` is what the vendor's own is called; `kind` the placeholder for a document's
    type, `kind_of` what stands for it; `patient_of` makes a patient's key what the database takes; `index` are the
    arguments with which the index is searched, before the patient."""

    program: str
    kind: str
    kind_of: Callable[[str], str] = str
    patient_of: Callable[[str], object] = str
    index: Sequence[object] = ()


class Papers:
    """Hands documents over for one practice."""

    def __init__(self, settings: OdbcSettings, database: Database, ways: Ways) -> None:
        self._settings, self._database, self._ways = settings, database, ways

    def add(self, command: AddDocument) -> Receipt:
        """Have it imported, or lay it into the folder.

        Raises `Misconfigured` where there is neither, `Unauthorised` where there is only a program and writing is off.
        """
        by_program = self._by_program()
        if by_program:  # what can't be looked up afterwards is not begun
            self._database.check(CommandKind.ADD_DOCUMENT)
        self.patient_there(command.patient_key)
        if by_program:
            return self._imported(command)
        self._folder().put(
            command.marker,
            command.content,
            {
                "patient": command.patient_key,
                "name": command.name,
                self._ways.kind: self._ways.kind_of(command.document_type_key),
                "occurred_at": command.occurred_at.isoformat(),
            },
        )
        return self._waiting(command)

    def landed(self, command: AddDocument) -> Receipt | None:
        """In the index; else still in the folder; else nowhere, as far as this version has an index to look into."""
        self._database.look()
        indexed = self._database.has(CommandKind.ADD_DOCUMENT)
        found = indexed and self._database.rows(
            "document_by_name",
            (*self._ways.index, self._ways.patient_of(command.patient_key), f"%{command.marker}%"),
        )
        if found:
            return Receipt(
                record=f"document {text(found[0][0])}",
                patient_key=text(found[0][1]),
                text=text(found[0][2]),
                seen=True,
            )
        if self._settings.handoff_folder and self._folder().knows(command.marker, command.patient_key):
            return self._waiting(command)
        self._database.check(CommandKind.ADD_DOCUMENT)
        return None

    def patient_there(self, key: str) -> None:
        """Raise `Refused` where there is no such patient."""
        if not self._database.rows("patient_there", [self._ways.patient_of(key)]):
            raise Refused(
                f"There is no patient of this number in {self._database.name}.", reason="no such patient"
            )

    def check(self) -> None:
        """Raise what is wrong with the way that documents go, without handing one over."""
        if self._by_program():
            self._program()
        else:
            self._folder().check()

    def _by_program(self) -> bool:
        """Whether it goes through the program; else through the folder."""
        if not self._settings.document_program:
            return False
        if not self._database.may_write and not self._settings.handoff_folder:
            raise Unauthorised(self._database.vendor.off, ability=CommandKind.ADD_DOCUMENT, until_asked=True)
        return self._database.may_write

    def _imported(self, command: AddDocument) -> Receipt:
        program = self._program()
        with tempfile.TemporaryDirectory(prefix="chartbridge-") as folder:
            file = Path(folder) / f"{command.marker}.pdf"
            with file.open("wb") as out:
                out.writelines(command.content.pieces())
            code = program.run(
                {
                    "file": str(file),
                    "patient": command.patient_key,
                    "name": command.name,
                    self._ways.kind: self._ways.kind_of(command.document_type_key),
                }
            )
        if code in REFUSALS:
            raise Refused(f"The importer refused the document (code {code}).", reason=f"importer code {code}")
        if code:
            raise Uncertain(
                "The importer ended without saying whether it took the document. It is looked up."
            )
        return Receipt(record="", patient_key=command.patient_key, text=command.name)

    def _waiting(self, command: AddDocument) -> Receipt:
        return Receipt(
            record=f"hand-off {command.marker}",
            patient_key=command.patient_key,
            text=command.name,
            handed_over=True,
        )

    def _program(self) -> Program:
        return Program(
            self._settings.document_program,
            names=("file", "patient", "name", self._ways.kind),
            setting="document_program",
            name="importing documents",
        )

    def _folder(self) -> HandOff:
        if not self._settings.handoff_folder:
            raise Misconfigured(
                f"There is no way for documents into {self._database.name}: enter {self._ways.program}, or a folder in "
                "which they wait to be imported, on the PMS Connection page.",
                setting="handoff_folder",
            )
        return HandOff(self._settings.handoff_folder)
