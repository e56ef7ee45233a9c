"""Where the demo's practice lives: on Open Dental's sandbox, or on a database behind ODBC for Eaglesoft and Dentrix.

A place starts its process, says what is to be entered in the hub, and proves from its own tables what was written.
Must not be in it: what comes in, how the hub is run.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx2

from chartbridge.demo.processes import Child, free_port
from chartbridge.pms.connector import Settings
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite, Proof

DESK_EVENTS_A_MINUTE = 12.0
PMSS = ("open-dental", "eaglesoft", "dentrix")


@dataclass(frozen=True, kw_only=True, slots=True)
class Office:
    """What is asked for of the practice."""

    folder: Path
    zone: str
    patients: int
    seed: int
    speed: float

    @property
    def play(self) -> str:
        """How many events a minute happen at its front desk."""
        return str(DESK_EVENTS_A_MINUTE * self.speed)


class Place(Protocol):
    """A practice to be."""

    connector: str
    label: str
    quiet_within_s: float
    """How long an uncertain write may take until it is settled."""
    at_each_start: frozenset[str]
    """What of the entered values is another one at each start."""

    def child(self) -> Child:
        """Its process, not started yet. Raises `CannotStart` where a part is missing."""
        ...

    def entered(self) -> Settings:
        """What is to be entered in the hub, once it runs."""
        ...

    def told(self) -> str:
        """How to look at it oneself."""
        ...

    def prove(self, writes: Iterable[ExpectedWrite], moves: Iterable[ExpectedMove]) -> tuple[Proof, Proof]:
        """What its own tables say."""
        ...


def place_of(pms: str, office: Office) -> Place:
    """One of `PMSS`."""
    return OnOpenDental(office) if pms == "open-dental" else ByOdbc(pms, office)


class OnOpenDental:
    """Open Dental's API service and an SQLite file."""

    connector, label, quiet_within_s = "open_dental", "Open Dental", 90.0
    at_each_start = frozenset({"api_address", "image_folder"})

    def __init__(self, office: Office) -> None:
        self._office = office
        self._file = office.folder / "practice" / "practice.sqlite3"
        self._images = office.folder / "practice" / "OpenDentImages"
        self._port = free_port()
        self._api = f"http://127.0.0.1:{self._port}/api/v1/"

    def child(self) -> Child:
        office = self._office
        self._file.parent.mkdir(exist_ok=True)
        return Child(
            "sandbox practice",
            [
                *(sys.executable, "-m", "chartbridge.sandbox.open_dental", "--port", str(self._port)),
                *("--database", str(self._file), "--documents", str(self._images)),
                *("--patients", str(office.patients), "--seed", str(office.seed)),
                *("--zone", office.zone, "--mode", "local", "--play", office.play),
            ],
            log=office.folder / "sandbox.log",
            env={},
            answers=lambda: answers_http(f"http://127.0.0.1:{self._port}/sandbox"),
        )

    def entered(self) -> Settings:
        from chartbridge.sandbox.open_dental.sandbox import DEVELOPER_KEY

        return Settings(
            values={
                "read_mode": "api",
                "api_mode": "service",
                "api_address": self._api,
                "image_folder": str(self._images),
            },
            secrets={
                "developer_key": DEVELOPER_KEY,
                "customer_key": f"SandboxCustomerKey{self._office.seed}",
            },
        )

    def told(self) -> str:
        return f"Open Dental API  {self._api}   (the sandbox)"

    def prove(self, writes: Iterable[ExpectedWrite], moves: Iterable[ExpectedMove]) -> tuple[Proof, Proof]:
        from chartbridge.sandbox.open_dental.proof import read_moves, read_proof

        return read_proof(str(self._file), writes), read_moves(str(self._file), moves)


class ByOdbc:
    """A MariaDB of its own, with Eaglesoft's or Dentrix's public tables."""

    quiet_within_s = 200.0
    at_each_start = frozenset({"document_program"})

    def __init__(self, pms: str, office: Office) -> None:
        from chartbridge.sandbox.by_odbc.command import LABELS

        self.connector, self.label = pms, LABELS[pms]
        self._office = office
        self._folder = office.folder / "practice"
        self._port = free_port()

    def child(self) -> Child:
        from chartbridge.sandbox.server import check_parts

        check_parts()
        office = self._office
        (self._folder / "entered.json").unlink(missing_ok=True)
        return Child(
            "sandbox practice",
            [
                *(sys.executable, "-m", "chartbridge.cli", "sandbox", self.connector),
                *("--port", str(self._port), "--folder", str(self._folder)),
                *("--patients", str(office.patients), "--seed", str(office.seed), "--play", office.play),
            ],
            log=office.folder / "sandbox.log",
            env={"TZ": office.zone},
            answers=self._answers,
        )

    def entered(self) -> Settings:
        from chartbridge.sandbox.by_odbc.office import entered_in

        entered = entered_in(self._folder)
        return Settings(values=entered.values, secrets=entered.secrets)

    def told(self) -> str:
        return (
            f"Its database     127.0.0.1:{self._port}   (the sandbox; {self._folder}/entered.json says how)"
        )

    def prove(self, writes: Iterable[ExpectedWrite], moves: Iterable[ExpectedMove]) -> tuple[Proof, Proof]:
        from chartbridge.sandbox.by_odbc.office import knobs_in

        knobs = knobs_in(self._folder)
        try:
            return knobs.prove(writes, moves)
        finally:
            knobs.at.close()

    def _answers(self) -> None:
        if not (self._folder / "entered.json").exists():
            raise FileNotFoundError
        socket.create_connection(("127.0.0.1", self._port), timeout=2).close()


def answers_http(url: str) -> None:
    """Raise unless a page is answered well."""
    httpx2.get(url, timeout=5, trust_env=False).raise_for_status()
