"""The peers, in an environment of their own: `.venv-bench`, made from bench/requirements.lock where it isn't there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

from bench import practice
from bench.server import MariaDb

LOCK = Path("bench/requirements.lock")
ENVIRONMENT = Path(".venv-bench")
WARM_RUNS = 5


def environment() -> Path:
    """The Python of the peers' environment; made anew when the lock has changed."""
    python, stamp = ENVIRONMENT / "bin/python", ENVIRONMENT / "lock.sha256"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making {ENVIRONMENT} for the peers", flush=True)
    rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "--retries", "5"]
    subprocess.run([*pip, "install", "-r", str(LOCK)], check=True)
    stamp.write_text(wanted)
    return python


def dlt(mode: str, maria: MariaDb, name: str) -> list[dict[str, float]]:
    """Run dlt in a process of its own. `initial` begins with nothing; `warm` and `cold` go on from the last one.

    Each step: {"wall": s, "cpu": s, "rows": n, "peak_rss_mb": x}; the first of `warm` belongs to its start.
    """
    folder = (practice.FOLDER / f"dlt-{name}").absolute()
    if mode == "initial":
        rmtree(folder, ignore_errors=True)
    url = f"mysql+pymysql://{practice.reader(name)}:{practice.PASSWORD}@127.0.0.1:{maria.port}/{name}"
    now = datetime.now(UTC)
    window = [
        (now - timedelta(days=90)).strftime("%Y-%m-%d"),
        (now + timedelta(days=548)).strftime("%Y-%m-%d"),
    ]
    runs = str(WARM_RUNS + 1 if mode == "warm" else 1)
    arguments = ["--url", url, "--folder", str(folder), "--window", *window, "--runs", runs]
    out = subprocess.run(
        [str(environment()), "bench/dlt_run.py", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    steps = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    return steps[1:] if mode == "warm" else steps


def has_loaded(name: str) -> bool:
    """Whether there is a load to go on from."""
    return (practice.FOLDER / f"dlt-{name}" / "bench.duckdb").exists()
