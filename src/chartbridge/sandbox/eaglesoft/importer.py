"""Stands in for the vendor's program that imports a document: makes the index entry, never a container.

Its arguments are SETTINGS FILE PATIENT NAME GROUP; SETTINGS is a JSON file with the server and its
sign-in and what is to go wrong. Must not be in it: the knobs that write that file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from chartbridge.sandbox.eaglesoft.knobs import Knobs
from chartbridge.sandbox.eaglesoft.practice import EaglesoftPractice
from chartbridge.sandbox.server import Server

REFUSED = 3


def main(settings: str, file: str, patient: str, name: str, group: str) -> int:
    """Import one document. Returns 0, or `REFUSED`."""
    told = json.loads(Path(settings).read_text())
    fault = told.pop("fault", "")
    Path(settings).write_text(json.dumps(told))
    practice = EaglesoftPractice(Server(**told["server"]), owner=told["owner"])
    if fault == "refuse" or not Path(file).read_bytes().startswith(b"%PDF"):
        return REFUSED
    if fault == "dies_before":
        os.kill(os.getpid(), signal.SIGKILL)
    Knobs(practice).add_document(patient, name, int(group) if group.isdecimal() else 1)
    if fault == "dies_after":
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
