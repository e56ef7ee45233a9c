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

from chartbridge.sandbox.by_odbc.practice import OdbcPractice
from chartbridge.sandbox.server import Server

REFUSED = 3


def instruct(settings: Path, practice: OdbcPractice, fault: str = "") -> None:
    """Write the settings file."""
    told = {
        "pms": practice.pms,
        "server": asdict(practice.server),
        "owner": practice.owner,
        "fault": fault,
    }
    settings.touch(mode=0o600)
    settings.write_text(json.dumps(told))


def command(settings: Path, kind: str) -> str:
    """The command line to be entered; `kind` is the placeholder for a document's type."""
    source = Path(__file__).parents[3]
    return (
        f"env PYTHONPATH={source} {sys.executable} -m chartbridge.sandbox.by_odbc.importer"
        f" {settings} {{file}} {{patient}} {{name}} {{{kind}}}"
    )


def main(settings: str, file: str, patient: str, name: str, kind: str) -> int:
    """Import one document. Returns 0, or `REFUSED`."""
    from chartbridge.sandbox.by_odbc.office import knobs_of  # which writes this program's settings

    told = json.loads(Path(settings).read_text())
    fault = told["fault"]
    knobs = knobs_of(told["pms"], Server(**told["server"]), owner=told["owner"])
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
