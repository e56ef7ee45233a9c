"""The folder in the words of its files: tables that are read, notes that are laid down. It knows no cursor."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import blake2s

from chartbridge.connectors.csv_folder import codec
from chartbridge.connectors.csv_folder.settings import FolderSettings
from chartbridge.pms.commands import AddNote, Receipt
from chartbridge.pms.errors import Refused, Unauthorised, Unavailable
from chartbridge.transport.folder import Folder

BUSY_FILE = "BUSY"
BUSY = "The program is writing its files. They are read when it is done."
OUTBOX, IMPORTED = "outbox", "outbox/imported"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file's rows, and the hash of its bytes."""

    hash: str
    rows: list[codec.Row]


class Office:
    """One office's folder. May be used from several threads."""

    def __init__(self, settings: FolderSettings) -> None:
        self._folder, self._encoding = Folder(settings.folder), settings.encoding
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()

    def busy(self) -> bool:
        """Whether the program asks to be left alone."""
        return self._folder.has(BUSY_FILE)

    def table(self, name: str) -> Table:
        """A file as it is now. It is read each time (stamps of a share can't be trusted) and parsed when it differs."""
        if self.busy():
            raise Unavailable(BUSY, retry_after=5)
        content = self._folder.read(name)
        hashed = blake2s(content, digest_size=12).hexdigest()
        with self._lock:
            held = self._tables.get(name)
            if held is None or held.hash != hashed:
                rows = codec.rows(content, name, self._encoding)
                held = self._tables[name] = Table(hash=hashed, rows=rows)
            return held

    def list_of(self, name: str) -> list[codec.Row]:
        """A list's rows; none where the program writes no such list."""
        return self.table(name).rows if self._folder.has(name) else []

    def check_outbox(self) -> None:
        """Raise `Unauthorised` where the practice has made no outbox: it is its consent to be written to."""
        if not self._folder.has(OUTBOX):
            raise Unauthorised(
                "Writing is off: the folder has no folder named outbox. Make one when the program is ready to take "
                "notes from it.",
                ability="add_note",
            )

    def put_note(self, command: AddNote) -> None:
        """Lay a note down for a patient whom the program still knows."""
        self.check_outbox()
        if not any(row["patient_id"] == command.patient_key for row in self.table("patients.csv").rows):
            raise Refused("There is no patient of this number in patients.csv.", reason="no such patient")
        self._folder.put(f"{OUTBOX}/{command.marker}.csv", codec.note(command), ability="add_note")

    def find_note(self, command: AddNote) -> Receipt | None:
        """A note that lies there for this patient: waiting, or imported. A file that moves meanwhile is found."""
        for place in (OUTBOX, IMPORTED):
            name = f"{place}/{command.marker}.csv"
            if not self._folder.has(name):
                continue
            try:
                row = codec.rows(self._folder.read(name), name, "utf-8", "note")[0]
            except (Unavailable, IndexError):
                if place == OUTBOX and not self._folder.has(name):
                    continue  # it was moved just now
                raise
            if (row["patient_id"], row["marker"]) == (command.patient_key, command.marker):
                return Receipt(
                    record=f"note {command.marker}",
                    patient_key=command.patient_key,
                    text=row["text"],
                    seen=place == IMPORTED,
                    handed_over=place == OUTBOX,
                )
        return None
