"""A CSV folder, held to the contract that every connector is held to."""

from __future__ import annotations

import csv
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from chartbridge.connectors.csv_folder.connector import connect
from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.connector import Connector, Settings
from chartbridge.testing.plain_rig import PlainRig
from chartbridge.testing.rig import Truth
from chartbridge.testing.suite import ConnectorContract
from chartbridge.transport.folder import Folder

KEYS = {"patients": "patient_id", "appointments": "appointment_id"}


class CsvRig(PlainRig):
    """A program that writes a folder, and puts the notes of its outbox into its charts at once."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.folder, self.fault, self.writes, self.leaving = folder, 0, 0, {}
        self.columns: dict[str, dict[str, None]] = {}
        self.tables |= {"note_types": {"TEXT": {"name": "Texts"}}, "rooms": {"1": {"name": "Room 1"}}}
        (folder / "outbox" / "imported").mkdir(parents=True)
        self.publish()
        read, rename = Folder.read, Folder._rename
        patch.setattr(Folder, "read", lambda *args: (read(*args), self.answered())[0])
        patch.setattr(Folder, "_rename", lambda *args: self.taking(lambda: rename(*args)))

    def connect(self) -> Connector:
        return connect(Settings(values={"folder": str(self.folder)}, secrets={}), self.clock)

    def publish(self) -> None:
        for name, rows in self.tables.items():
            told = [{KEYS.get(name, "key"): key, **row} for key, row in rows.items()]
            told = [{("patient_id" if c == "patient" else c): v for c, v in row.items()} for row in told]
            with (part := self.folder / f"{name}.part").open("w", encoding="utf-8", newline="") as file:
                columns = dict.fromkeys(c for row in told for c in row) or self.columns[name]
                self.columns[name] = columns
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(told)
            part.replace(self.folder / f"{name}.csv")

    def taking(self, rename: Callable[[], None]) -> None:
        """A note is laid down and put into the chart; or the folder is lost before or after that, or full."""
        self.writes += 1
        fault, self.fault = self.fault, 0
        if fault < 0:
            raise OSError(-fault, "")
        rename()
        for note in (self.folder / "outbox").glob("*.csv"):
            note.replace(note.parent / "imported" / note.name)
        if fault > 0:
            raise OSError(fault, "")

    def truth(self, marker: str) -> list[Truth]:
        found = []
        for file in self.folder.rglob("outbox/**/CB-*.csv"):
            with file.open(encoding="utf-8", newline="") as opened:
                row = next(csv.DictReader(opened))
            if marker in row["text"]:
                found.append(
                    Truth(record=f"note {file.stem}", patient_key=row["patient_id"], text=row["text"])
                )
        return found

    def writes_received(self) -> int:
        return self.writes

    def cut_before_write(self) -> None:
        self.fault = -errno.EIO

    def cut_after_write(self) -> None:
        self.fault = errno.EIO

    def throttle(self) -> None:
        self.fault = -errno.ENOSPC

    def go_offline(self) -> None:
        self.folder.rename(f"{self.folder}.away")

    def come_back(self) -> None:
        Path(f"{self.folder}.away").rename(self.folder)

    def expire_sign_in(self) -> None:
        (self.folder / "outbox").rename(self.folder / "no outbox")

    def be_busy(self) -> None:
        (self.folder / "BUSY").touch()

    def refuse(self) -> None:
        """The patient leaves; until the next wish about him."""
        self.leaving = {self.patient: self.tables["patients"].pop(self.patient)}
        self.publish()

    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        self.tables["patients"] |= self.leaving
        self.publish()
        return super().command(kind, marker, text=text)


class TestCsvFolder(ConnectorContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CsvRig:
        return CsvRig(tmp_path / "office", monkeypatch)
