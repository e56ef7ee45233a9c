"""`chartbridge sandbox open-dental`: starts a practice, says how to reach it, runs until it is told to stop.

Must not be in it: anything that a program would call instead of Sandbox itself.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence

from chartbridge.sandbox.open_dental.day import Day
from chartbridge.sandbox.open_dental.sandbox import Sandbox


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(
        prog="chartbridge sandbox open-dental", description="A practice on Open Dental, on this machine."
    )
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=30223)
    made.add_argument("--database", default="", help="mysql://user:password@host/name, or an SQLite file")
    made.add_argument(
        "--engine", choices=("MyISAM", "InnoDB"), default="MyISAM", help="of new tables on a MariaDB"
    )
    made.add_argument("--documents", default="", help="folder of the patients' documents")
    made.add_argument("--patients", type=int, default=500)
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--version", default="24.3.10", help="the Open Dental version to play")
    made.add_argument("--mode", choices=("local", "remote"), default="local")
    made.add_argument("--zone", default="", help="the practice's time zone, such as America/New_York")
    made.add_argument(
        "--play", type=float, default=0.0, metavar="N", help="play a day: N front-desk events a minute"
    )
    return made


def run(argv: Sequence[str]) -> int:
    """Run the sandbox until Ctrl-C or SIGTERM."""
    chosen = parser().parse_args(argv)
    sandbox = Sandbox(
        database=chosen.database,
        documents=chosen.documents,
        patients=chosen.patients,
        seed=chosen.seed,
        version=chosen.version,
        mode=chosen.mode,
        host=chosen.host,
        port=chosen.port,
        zone=chosen.zone,
        engine=chosen.engine,
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    sandbox.start()
    _tell(sandbox, chosen.mode)
    day = Day(sandbox.db, seed=chosen.seed, tell=_say)
    if chosen.play > 0:
        day.start(chosen.play)
    over.wait()
    day.stop()
    sandbox.stop()
    return 0


def _tell(sandbox: Sandbox, mode: str) -> None:
    about = sandbox.about()
    rows = about["rows"]
    shown = ", ".join(f"{n} {t}s" for t, n in rows.items()) if isinstance(rows, dict) else ""
    _say(f"Sandbox Dental on Open Dental {sandbox.version}, {mode} mode")
    _say(f"  address        {sandbox.base_url}")
    _say(f"  developer key  {sandbox.developer_key}")
    _say(f"  customer key   {sandbox.customer_key}")
    _say(f"  database       {_without_password(sandbox.db_url)}")
    _say(f"  documents      {sandbox.documents}")
    _say(f"  in it          {shown}; {about['today']} visits today")
    _say("Ctrl-C ends it.")


def _without_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if found and "@" in rest else url


def _say(line: str) -> None:
    print(line, flush=True)
