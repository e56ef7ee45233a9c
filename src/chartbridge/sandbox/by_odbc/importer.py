"""Stands in for the vendor's program that imports a document: makes the index entry, never a container.

Its arguments are SETTINGS FILE PATIENT NAME TYPE; SETTINGS is a JSON file with which practice it is, the server and its
sign-in, and what is to go wrong. Must not be in it: the knobs that write that file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from chartbridge.sandbox.by_odbc.knobs import Knobs
from chartbridge.sandbox.by_odbc.practice import OdbcPractice
from chartbridge.sandbox.server import Server

REFUSED = 3


def instruct(settings: Path, practice: OdbcPractice, fault: str = "") -> None:
    """Write the settings file."""
    told = {
        "practice": type(practice).__name__,
        "server": asdict(practice.server),
        "owner": practice.owner,
        "fault": fault,
    }
    settings.write_text(json.dumps(told))
    settings.chmod(0o600)


def command(settings: Path, kind: str) -> str:
    """The command line to be entered; `kind` is the placeholder for a document's type."""
    source = Path(__file__).parents[3]
    return (
        f"env PYTHONPATH={source} {sys.executable} -m chartbridge.sandbox.by_odbc.importer"
        f" {settings} {{file}} {{patient}} {{name}} {{{kind}}}"
    )


def main(settings: str, file: str, patient: str, name: str, kind: str) -> int:
    """Import one document. Returns 0, or `REFUSED`."""
    told = json.loads(Path(settings).read_text())
    fault = told["fault"]
    knobs = _knobs(told["practice"], Server(**told["server"]), told["owner"])
    if fault:
        instruct(Path(settings), knobs.at)
    if fault == "refuse" or not Path(file).read_bytes().startswith(b"%PDF"):
        return REFUSED
    if fault == "dies_before":
        os.kill(os.getpid(), signal.SIGKILL)
    knobs.add_document(patient, name, kind)
    if fault == "dies_after":
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _knobs(practice: str, server: Server, owner: str) -> Knobs:
    if practice == "DentrixPractice":
        from chartbridge.sandbox.dentrix import DentrixKnobs, DentrixPractice

        return DentrixKnobs(DentrixPractice(server, owner=owner))
    from chartbridge.sandbox.eaglesoft import EaglesoftKnobs, EaglesoftPractice

    return EaglesoftKnobs(EaglesoftPractice(server, owner=owner))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
