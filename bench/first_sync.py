"""First sync of the big practice by the served hub, beside a front desk at work; and dlt loading the same rows.

Measured: time and processor time per row, memory, when today's schedule can be read, going on after kill -9 at
half, and how long the desk's UPDATEs waited (MyISAM).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import practice
from bench.hub import Hub
from bench.measure import Report, cpu_seconds
from bench.server import MariaDb

BIG_STREAMS = ("patients", "appointments")


def run(report: Report, maria: MariaDb, engine: str, *, peers: bool, desk_seconds: int = 60) -> Path:
    """Measure; returns the data folder of the synced hub, for the measurements that follow."""
    name = practice.ensure(maria, engine, practice.BIG)
    practice.grant(maria, name)
    rest = _resting_memory()
    hub = Hub(practice.FOLDER / f"hub-{engine.lower()}")
    hub.set_up(values=practice.connection_values(maria, name), secrets=practice.SECRETS, start=False)
    desk = _start_desk(maria, name, desk_seconds)
    begun = hub.start()
    today = _until_today_is_there(hub, maria, name, begun)
    finished = _until_read(hub)
    wall, cpu = finished - begun, cpu_seconds(hub.pid)
    rows = _rows(hub)
    peak = hub.memory()[1]
    desk_waits = json.loads(desk.communicate(timeout=desk_seconds + 60)[0])
    report.add(f"{engine}: first sync, rows", rows, "rows", "")
    report.add(f"{engine}: first sync, whole hub, wall", wall, "s", "")
    per_row = cpu / rows * 1e6
    report.add(f"{engine}: first sync, hub's processor time per row", per_row, "µs", "")
    report.add(f"{engine}: today's schedule by REST after the start", today, "s", "≤ 5 s", ok=today <= 5)
    report.add(f"{engine}: more memory than at rest", peak - rest, "MB", "≤ 150 MB", ok=peak - rest <= 150)
    report.add(
        f"{engine}: desk's UPDATE while syncing and checking, p99",
        desk_waits["p99_ms"],
        "ms",
        "≤ 25 ms",
        ok=desk_waits["p99_ms"] <= 25,
        note=f"{desk_waits['n']} updates",
    )
    report.add(
        f"{engine}: the same, longest", desk_waits["max_ms"], "ms", "≤ 100 ms", ok=desk_waits["max_ms"] <= 100
    )
    hub.stop()
    _killed_at_half(report, maria, engine, name, rows)
    if peers:
        _dlt(report, maria, engine, name, wall / rows * 1e6, per_row)
    return hub.data


def _resting_memory() -> float:
    hub = Hub(practice.FOLDER / "hub-rest")
    hub.set_up(values={}, secrets={}, start=False)
    hub.start()
    time.sleep(3)
    memory = hub.memory()[1]
    hub.stop()
    return memory


def _start_desk(maria: MariaDb, name: str, seconds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bench.desk",
            "--port",
            str(maria.port),
            "--database",
            name,
            "--seconds",
            str(seconds),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


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
        time.sleep(0.05)


def _until_read(hub: Hub) -> float:
    while True:
        done = hub.rows(
            "SELECT COUNT(*) FROM store_streamstate WHERE stream IN (?, ?) AND first_read_done_at IS NOT NULL",
            *BIG_STREAMS,
        )[0][0]
        if done == len(BIG_STREAMS):
            return time.time()
        time.sleep(0.2)


def _rows(hub: Hub) -> int:
    return int(
        hub.rows(
            "SELECT (SELECT COUNT(*) FROM store_mirrorpatient) + (SELECT COUNT(*) FROM store_mirrorappointment)"
        )[0][0]
    )


def _killed_at_half(report: Report, maria: MariaDb, engine: str, name: str, rows: int) -> None:
    hub = Hub(practice.FOLDER / "hub-killed")
    hub.set_up(values=practice.connection_values(maria, name), secrets=practice.SECRETS, start=False)
    hub.start()
    while _rows(hub) < rows / 2:
        time.sleep(0.1)
    hub.kill()
    held = _rows(hub)
    hub.start()
    first = hub.rows("SELECT MIN(pass_records) FROM store_streamstate")
    _until_read(hub)
    after = _rows(hub)
    hub.stop()
    report.add(
        f"{engine}: killed with -9 at half, rows kept and finished from there",
        held / rows * 100,
        "% kept",
        "goes on",
        ok=after == rows and held >= rows * 0.45,
        note=f"{after:,} of {rows:,} in the end {first[0][0] or ''}".strip(),
    )


def _dlt(report: Report, maria: MariaDb, engine: str, name: str, wall_row: float, cpu_row: float) -> None:
    folder = (practice.FOLDER / "dlt").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    url = f"mysql+pymysql://{practice.READER}:{practice.PASSWORD}@127.0.0.1:{maria.port}/{name}"
    now = datetime.now(UTC)
    window = [
        (now - timedelta(days=90)).strftime("%Y-%m-%d"),
        (now + timedelta(days=548)).strftime("%Y-%m-%d"),
    ]
    common = ["--url", url, "--folder", str(folder), "--window", *window]
    steps = [*_dlt_steps(["initial", *common, "--warm", "5"]), *_dlt_steps(["cold", *common])]
    first = next(s for s in steps if s["step"] == "initial")
    warm = sorted(s["cpu"] for s in steps if s["step"] == "warm")[2]
    cold = next(s["cpu"] for s in steps if s["step"] == "cold")
    per_row = first["wall"] / max(first["rows"], 1) * 1e6
    cpu_per_row = first["cpu"] / max(first["rows"], 1) * 1e6
    report.add(
        f"{engine}: dlt (pyarrow, DuckDB) per row, wall", per_row, "µs", "", note=f"{first['rows']:,} rows"
    )
    report.add(f"{engine}: dlt per row, processor time", cpu_per_row, "µs", "")
    report.add(
        f"{engine}: first sync per row against dlt, wall",
        wall_row / per_row,
        "×",
        "< 1",
        ok=wall_row < per_row,
    )
    report.add(
        f"{engine}: first sync per row against dlt, processor time",
        cpu_row / cpu_per_row,
        "×",
        "< 1",
        ok=cpu_row < cpu_per_row,
    )
    report.add(f"{engine}: dlt, nothing new, warm in one process", warm, "s CPU", "")
    report.add(f"{engine}: dlt, nothing new, cold process", cold, "s CPU", "")


def _dlt_steps(arguments: list[str]) -> list[dict[str, float]]:
    python = practice.FOLDER.parent.parent / ".venv-bench/bin/python"
    out = subprocess.run(
        [str(python), "bench/peers/dlt_run.py", *arguments], check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
