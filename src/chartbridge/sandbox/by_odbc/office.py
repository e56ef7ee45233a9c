"""An office of its own: a MariaDB in a folder, a practice in it, an uploader; and what is to be entered in a hub.

What is in the folder is taken up again at the next start. Must not be in it: a vendor's tables, the command line.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chartbridge.sandbox.by_odbc import importer
from chartbridge.sandbox.by_odbc.knobs import Knobs
from chartbridge.sandbox.by_odbc.practice import OdbcPractice
from chartbridge.sandbox.server import OwnServer, Server, odbc_driver

PORTS = {"eaglesoft": 2638, "dentrix": 6597}
"""The vendors' own; the next free one is taken where somebody is there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """What is to be entered on a hub's PMS Connection page. Its repr shows no secret."""

    values: dict[str, str]
    secrets: dict[str, str]

    def __repr__(self) -> str:
        return f"Entered({', '.join(sorted([*self.values, *self.secrets]))})"


def knobs_of(pms: str, server: Server, **more: str) -> Knobs:
    """A practice of one of the PMSs on a server, with its knobs."""
    if pms == "dentrix":
        from chartbridge.sandbox.dentrix import DentrixKnobs, DentrixPractice

        return DentrixKnobs(DentrixPractice(server, **more))
    from chartbridge.sandbox.eaglesoft import EaglesoftKnobs, EaglesoftPractice

    return EaglesoftKnobs(EaglesoftPractice(server, **more))


class Office:
    """One office. `knobs` and what is `entered` are there once it was started."""

    def __init__(
        self,
        pms: str,
        folder: Path,
        *,
        port: int = 0,
        patients: int = 500,
        seed: int = 7,
        buffer_mb: int = 64,
    ) -> None:
        """`patients` 0 leaves it empty."""
        self.pms, self.folder = pms, folder.absolute()
        self._patients, self._seed = patients, seed
        self._server = OwnServer(self.folder / "mariadb", port=port, buffer_mb=buffer_mb)
        self.knobs: Knobs

    @property
    def practice(self) -> OdbcPractice:
        """The practice."""
        return self.knobs.at

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def start(self) -> Entered:
        """Start the server; make and fill the practice the first time. Raises `CannotStart`."""
        odbc_driver()
        self.folder.mkdir(parents=True, exist_ok=True)
        server = self._server.start()
        kept = self.folder / "hub-password"
        fresh = not kept.exists()
        password = secrets.token_urlsafe(12) if fresh else kept.read_text()
        self.knobs = knobs_of(self.pms, server, password=password)
        if fresh:
            self.practice.create()
            if self._patients:
                self.knobs.fill(self._patients, self._seed)
            _keep(kept, password)
        else:
            self.practice.resume()
        importer.instruct(self.folder / "uploader.json", self.practice)
        entered = self.entered()
        _keep(
            self.folder / "entered.json", json.dumps({"values": entered.values, "secrets": entered.secrets})
        )
        return entered

    def entered(self) -> Entered:
        """What is to be entered in a hub."""
        values, hidden = self.practice.permission()
        kind = {"dentrix": "type"}.get(self.pms, "group")
        return Entered(
            values={**values, "document_program": importer.command(self.folder / "uploader.json", kind)},
            secrets={**hidden, "connection_string": self.practice.connection_string},
        )

    def stop(self) -> None:
        """End the server; everything stays in the folder."""
        if hasattr(self, "knobs"):
            self.practice.close()
        self._server.stop()


def entered_in(folder: Path) -> Entered:
    """What an office in this folder said was to be entered."""
    told: dict[str, Any] = json.loads((folder / "entered.json").read_text())
    return Entered(values=told["values"], secrets=told["secrets"])


def knobs_in(folder: Path) -> Knobs:
    """The practice of an office in this folder that runs."""
    told: dict[str, Any] = json.loads((folder / "uploader.json").read_text())
    return knobs_of(told["pms"], Server(**told["server"]), owner=told["owner"])


def _keep(file: Path, secret: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(secret)
    part.chmod(0o600)
    part.replace(file)
