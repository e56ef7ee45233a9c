"""`chartbridge sandbox eaglesoft` and `dentrix`: starts an office, says how to reach it, runs until it is told to stop.

Must not be in it: anything that a program would call instead of `Office` itself.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from chartbridge.sandbox.by_odbc.day import Day
from chartbridge.sandbox.by_odbc.office import PORTS, Entered, Office
from chartbridge.sandbox.server import CannotStart

LABELS = {"eaglesoft": "Eaglesoft", "dentrix": "Dentrix"}
SWITCHES = {
    "write_licence": "write licence",
    "authorisation": "authorisation",
    "document_program": "uploader",
}


def parser(pms: str) -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(
        prog=f"chartbridge sandbox {pms}",
        description=f"A practice on {LABELS[pms]}'s public tables, on a MariaDB of its own behind its ODBC driver.",
    )
    made.add_argument("--port", type=int, default=PORTS[pms], help="the next free one if it is taken")
    made.add_argument("--folder", help="where it lives, to be taken up again (default: it is thrown away)")
    made.add_argument("--patients", type=int, default=500)
    made.add_argument("--seed", type=int, default=7)
    made.add_argument(
        "--play", type=float, default=0.0, metavar="N", help="play a day: N front-desk events a minute"
    )
    return made


def run(pms: str, argv: Sequence[str]) -> int:
    """Run the sandbox until Ctrl-C or SIGTERM."""
    chosen = parser(pms).parse_args(argv)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with ExitStack() as stack:
        folder = chosen.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="chartbridge-"))
        office = Office(
            pms, Path(folder), port=_free_from(chosen.port), patients=chosen.patients, seed=chosen.seed
        )
        stack.callback(office.stop)
        try:
            entered = office.start()
        except CannotStart as error:
            print(f"{error} `make test-parts` does it.", file=sys.stderr)
            return 2
        _tell(office, entered)
        day = Day(office.knobs, seed=chosen.seed, tell=_say)
        if chosen.play > 0:
            day.start(chosen.play)
        over.wait()
        day.stop()
    return 0


def _tell(office: Office, entered: Entered) -> None:
    practice = office.practice
    _say(f"Sandbox Dental on {LABELS[office.pms]}'s tables. Enter under PMS Connection:")
    _say(f"  connection string  {entered.secrets['connection_string']}")
    for name, value in {**entered.values, **entered.secrets}.items():
        if name in SWITCHES:
            _say(f"  {SWITCHES[name]:<18} {'on' if value == 'true' else value}")
    people = practice.rows("SELECT COUNT(*) AS n FROM patient")[0]["n"]
    _say(f"  in it              {people} patients, {len(office.knobs.visits_today())} visits today")
    _say("Ctrl-C ends it.")


def _free_from(wished: int) -> int:
    for port in range(wished, wished + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
