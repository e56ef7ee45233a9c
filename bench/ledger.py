"""A ledger of a million entries: how long `verify` takes over it, and how much memory, on SQLite and PostgreSQL.

`python -m bench.ledger` measures by itself. The database is filled and verified in processes of their own, since
which database a process uses is fixed at its start.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from bench.measure import Report
from bench.practice import FOLDER
from tests.servers.postgres import running_postgres

ENTRIES = 1_000_000
MOST_SECONDS = 30.0
MOVES = (
    ("queue", "queued", "owed"),
    ("claim", "sending", "owed"),
    ("take", "taken", "owed"),
    ("see", "taken", "seen"),
)


def run(report: Report, *, entries: int = ENTRIES) -> None:
    """Measure on both databases."""
    folder = (FOLDER / "ledger").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = {**os.environ, "CHARTBRIDGE_DATA": str(folder)}
    _measure(report, "SQLite", entries, {**here, "CHARTBRIDGE_DATABASE_URL": ""})
    with running_postgres() as server:
        url = server.url(server.create_database("ledger"))
        _measure(report, "PostgreSQL", entries, {**here, "CHARTBRIDGE_DATABASE_URL": url})
    shutil.rmtree(folder, ignore_errors=True)


def _measure(report: Report, where: str, entries: int, env: dict[str, str]) -> None:
    told = {}
    for what in ("fill", "verify"):
        command = [sys.executable, "-m", "bench.ledger", what, str(entries)]
        out = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
        told[what] = json.loads(out.splitlines()[-1])
    seconds, grown = told["verify"]["seconds"], told["verify"]["grown_mb"]
    name = f"ledger of {told['verify']['entries']:,} entries verified, {where}"
    report.add(
        name, seconds, "s", f"≤ {MOST_SECONDS:.0f} s", ok=told["verify"]["whole"] and seconds <= MOST_SECONDS
    )
    report.add("  memory that it took", grown, "MB", "≤ 50 MB", ok=grown <= 50)


def _fill(entries: int) -> dict[str, object]:
    """Writebacks of four moves each, appended by the product itself."""
    from chartbridge.bootstrap import make_data_folder, migrate
    from chartbridge.store import ledger
    from chartbridge.store.models import Practice, Writeback

    make_data_folder()
    migrate()
    practice = Practice.objects.create(name="Long ledger")
    at = datetime(2026, 1, 2, 8, 0, tzinfo=UTC)
    left = entries // len(MOVES)
    while left:
        rows = [
            Writeback(
                practice=practice, kind="patient_note", command="add_note", patient_key=str(n % 5000),
                delivery="taken", seen="seen", created_at=at, due_at=at,
            )
            for n in range(min(2500, left))
        ]  # fmt: skip
        left -= len(rows)
        at += timedelta(minutes=7, microseconds=1234)
        with ledger.turn(practice.pk):
            Writeback.objects.bulk_create(rows)
            told = [
                ledger.Entry(writeback_id=row.pk, move=move, delivery=delivery, seen=seen, attempt=int(at_ > 0),
                             detail={"record": f"commlog {row.pk}"} if move == "take" else {})
                for row in rows
                for at_, (move, delivery, seen) in enumerate(MOVES)
            ]  # fmt: skip
            ledger.append(practice.pk, told, who="chartbridge", at=at)
    return {}


def _verify(_entries: int) -> dict[str, object]:
    from chartbridge.store import ledger
    from chartbridge.store.models import Practice

    practice_id, before = Practice.objects.get().pk, _peak_mb()
    begun = time.perf_counter()
    found = ledger.verify(practice_id)
    return {
        "seconds": time.perf_counter() - begun,
        "grown_mb": _peak_mb() - before,
        "entries": found.entries,
        "whole": found.whole,
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if len(sys.argv) == 3:
        from chartbridge.bootstrap import prepare

        prepare()
        print(json.dumps({"fill": _fill, "verify": _verify}[sys.argv[1]](int(sys.argv[2]))))
    else:
        run(Report())
