"""First sync of the big practice by the served hub, beside a front desk at work; and dlt loading the same rows.

Measured: time and processor time per row, memory, when today's schedule can be read, going on after kill -9 at
half, and how long the desk's UPDATEs waited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict

from bench import peers, practice
from bench.figures import Part
from bench.hub import Hub
from bench.measure import whole_cpu_seconds
from bench.server import MariaDb
from bench.sizes import Sizes

Runs = defaultdict[str, list[float]]


def run(part: Part, maria: MariaDb, engine: str, sizes: Sizes) -> None:
    """Sync and load in turn, `sizes.syncs` times; then kill one at half. Leaves a hub that has read everything."""
    name = practice.ensure(maria, engine, sizes.big)
    rest = _resting_memory()
    runs: Runs = defaultdict(list)
    with Desk(maria, name) as desk:
        time.sleep(sizes.desk_alone_s)
    runs["desk.alone_p99"].append(desk.waits["p99_ms"])
    runs["desk.alone_max"].append(desk.waits["max_ms"])
    for _ in range(sizes.syncs):
        _sync(runs, maria, engine, rest, sizes)
        _load(runs, maria, name)
    rows, records, updates = (int(runs.pop(key)[-1]) for key in ("first.rows", "records", "updates"))
    for key in ("first.wall", "first.cpu"):
        ours, theirs = runs[key], runs[key.replace(".", ".dlt_")]
        runs[f"{key}_ratio"] = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    runs["first.rows"].append(rows)
    runs["first.kept"].append(_killed_at_half(maria, name, rows, records))
    notes = {
        f"desk.{engine}_p99": f"{updates:,} updates a run",
        "first.kept": f"then all {rows:,}, as undisturbed",
    }
    for key, values in runs.items():
        part.add(key, values, engine, note=notes.get(key, ""))


def _sync(runs: Runs, maria: MariaDb, engine: str, rest: float, sizes: Sizes) -> None:
    name = practice.database_name(engine, sizes.big)
    hub = Hub(practice.hub_folder(name))
    hub.set_up(values=practice.connection_values(maria, name), secrets=practice.SECRETS, start=False)
    with Desk(maria, name) as desk:
        begun = hub.start()
        runs["first.today"].append(_until_today_is_there(hub, maria, name, begun))
        finished = practice.until_read(hub)
        cpu = whole_cpu_seconds(hub.pid)
        time.sleep(sizes.checking_s)  # scans and checks, beside the desk
    rows, peak = _rows(hub), hub.memory()[1]
    runs["records"].append(_read(hub)[0])
    hub.stop()
    practice.mark_of(hub).touch()
    runs["first.rows"].append(rows)
    runs["first.wall"].append((finished - begun) / rows * 1e6)
    runs["first.cpu"].append(cpu / rows * 1e6)
    runs["first.memory"].append(peak - rest)
    runs["serve.memory_sync"].append(peak)
    runs[f"desk.{engine}_p99"].append(desk.waits["p99_ms"])
    runs[f"desk.{engine}_max"].append(desk.waits["max_ms"])
    runs["updates"].append(desk.waits["n"])


def _load(runs: Runs, maria: MariaDb, name: str) -> None:
    with Desk(maria, name) as desk:
        step = peers.dlt("initial", maria, name)[0]
    runs["first.dlt_wall"].append(step["wall"] / max(step["rows"], 1) * 1e6)
    runs["first.dlt_cpu"].append(step["cpu"] / max(step["rows"], 1) * 1e6)
    runs["desk.dlt_max"].append(desk.waits["max_ms"])


class Desk:
    """A front desk at work during the block; afterwards `waits` holds how long its updates took."""

    def __init__(self, maria: MariaDb, name: str) -> None:
        self.waits: dict[str, float] = {}
        self._command = [sys.executable, "-m", "bench.desk", str(maria.port), name]

    def __enter__(self) -> Desk:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        said, _none = self._process.communicate("", timeout=60)  # its input ends: it stops and tells
        self.waits = json.loads(said)


def _resting_memory() -> float:
    hub = Hub(practice.FOLDER / "hub-rest")
    hub.set_up(values={}, secrets={}, start=False)
    hub.start()
    time.sleep(3)
    memory = hub.memory()[1]
    hub.stop()
    return memory


def _until_today_is_there(hub: Hub, maria: MariaDb, name: str, begun: float) -> float:
    with maria.connect(name) as db, db.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*), CURDATE() FROM appointment WHERE AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY AND AptStatus IN (1, 2, 5)"
        )
        row = cursor.fetchone()
    assert row is not None
    visits, day = int(row[0]), row[1]
    while True:
        answer = hub.get(f"/appointments?day={day:%Y-%m-%d}")
        shown = answer["appointments"] if isinstance(answer, dict) else answer
        if len(shown) >= visits and all(each.get("patient_key") for each in shown):
            return time.time() - begun
        if time.time() - begun > 120:
            raise SystemExit(f"only {len(shown)} of {visits} visits of today after two minutes")
        time.sleep(0.25)


def _rows(hub: Hub) -> int:
    return int(
        hub.rows(
            "SELECT (SELECT COUNT(*) FROM store_mirrorpatient) + (SELECT COUNT(*) FROM store_mirrorappointment)"
        )[0][0]
    )


def _read(hub: Hub) -> tuple[int, int]:
    """How many records the full reads of patients and appointments have read so far, and how often they began."""
    records, begun = hub.rows(
        "SELECT SUM(pass_records), SUM(pass_generation) FROM store_streamstate"
        " WHERE stream IN ('patients', 'appointments')"
    )[0]
    return int(records or 0), int(begun or 0)


def _killed_at_half(maria: MariaDb, name: str, rows: int, records: int) -> float:
    """kill -9 when half is stored; returns how much of what was then stored was not read again, in per cent."""
    hub = Hub(practice.FOLDER / "hub-killed")
    hub.set_up(values=practice.connection_values(maria, name), secrets=practice.SECRETS, start=False)
    hub.start()
    while _rows(hub) < rows / 2:
        time.sleep(0.02)
    hub.kill()
    held, (_records, begun) = _rows(hub), _read(hub)
    hub.start()
    practice.until_read(hub)
    after, (in_all, begun_in_all) = _rows(hub), _read(hub)
    hub.stop()
    assert after == rows, f"{after} rows after a kill, {rows} without"
    if begun_in_all > begun + 1:  # one of the two may not have begun at the kill
        return 0.0
    return 100 * (1 - max(0, in_all - records) / held)
