"""A ledger of a million entries: how long `verify` takes over it, and how much memory, on SQLite and PostgreSQL.

The database is filled and verified in processes of their own, since
which database a process uses is fixed at its start.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bench.figures import Part
from bench.practice import FOLDER
from bench.sizes import Sizes
from tests.servers.postgres import running_postgres

if TYPE_CHECKING:
    from chartbridge.store.models import Writeback

TEXT = (
    "Text message from the practice: we look forward to seeing you on Thursday at 9:40 AM. " * 2
    + "CB-7K2QM9XD"
)
MOVES = (
    ("queue", "queued", "owed"),
    ("claim", "sending", "owed"),
    ("take", "taken", "owed"),
    ("see", "taken", "seen"),
)


def run(part: Part, sizes: Sizes) -> None:
    """Measure on both databases."""
    folder = (FOLDER / "ledger").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = {**os.environ, "CHARTBRIDGE_DATA": str(folder)}
    _measure(part, "SQLite", sizes.entries, {**here, "CHARTBRIDGE_DATABASE_URL": ""})
    with running_postgres() as server:
        url = server.url(server.create_database("ledger"))
        _measure(part, "PostgreSQL", sizes.entries, {**here, "CHARTBRIDGE_DATABASE_URL": url})
    shutil.rmtree(folder, ignore_errors=True)


def _measure(part: Part, where: str, entries: int, env: dict[str, str]) -> None:
    told = {}
    for what in ("fill", "verify"):
        command = [sys.executable, "-m", "bench.ledger", what, str(entries)]
        out = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
        told[what] = json.loads(out.splitlines()[-1])
    found = told["verify"]
    part.add(
        "ledger.verify", found["seconds"], where, note=f"{found['entries']:,} entries", whole=found["whole"]
    )
    part.add("ledger.memory", found["grown_mb"], where)


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
                practice=practice, kind="patient_note", command="add_note", patient_key=str(n % 5000), text=TEXT,
                delivery="taken", seen="seen", created_at=at, due_at=at, record=f"commlog {left - n}",
            )
            for n in range(min(2500, left))
        ]  # fmt: skip
        left -= len(rows)
        at += timedelta(minutes=7, microseconds=1234)
        with ledger.turn(practice.pk):
            Writeback.objects.bulk_create(rows)
            told = [
                ledger.Entry(writeback_id=row.pk, move=move, delivery=delivery, seen=seen, attempt=int(at_ > 0),
                             detail=_detail(row, move))
                for row in rows
                for at_, (move, delivery, seen) in enumerate(MOVES)
            ]  # fmt: skip
            ledger.append(practice.pk, told, who="chartbridge", at=at)
    return {}


def _detail(row: Writeback, move: str) -> dict[str, object]:
    """As the product tells it: the record and the digest of what was written, and of what was read back."""
    from chartbridge.store import ledger

    if move not in ("take", "see"):
        return {}
    wrote = ledger.written(
        command=row.command,
        patient_key=row.patient_key,
        text=row.text,
        marker="",
        status_key="",
        record=row.record,
    )
    told: dict[str, object] = {"record": row.record, ledger.WROTE: wrote}
    return told if move == "take" else {**told, "text": hashlib.sha256(row.text.encode()).hexdigest()}


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
    from chartbridge.bootstrap import prepare

    prepare()
    print(json.dumps({"fill": _fill, "verify": _verify}[sys.argv[1]](int(sys.argv[2]))))
