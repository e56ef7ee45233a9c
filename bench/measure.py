"""Processor time, memory and percentiles of processes, read from /proc; and the table that is printed."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Processor seconds of all living threads of `pid`, by the scheduler's own nanoseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def rss_mb(pid: int) -> float:
    """Resident memory of `pid` in MB."""
    return _status_mb(pid, "VmRSS")


def peak_rss_mb(pid: int) -> float:
    """Highest resident memory of `pid` in MB since it started."""
    return _status_mb(pid, "VmHWM")


def _status_mb(pid: int, key: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` 0.99 for p99. NaN without values."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def median(values: Sequence[float]) -> float:
    """The median; NaN without values."""
    return statistics.median(values) if values else float("nan")


@dataclass(kw_only=True)
class Figure:
    """One measured number beside what it must reach."""

    what: str
    measured: float
    unit: str
    must: str
    ok: bool | None = None
    note: str = ""


@dataclass
class Report:
    """All figures of one run."""

    figures: list[Figure] = field(default_factory=list)

    def add(
        self, what: str, measured: float, unit: str, must: str, *, ok: bool | None = None, note: str = ""
    ) -> None:
        """Keep a figure and print it at once."""
        figure = Figure(what=what, measured=round(measured, 4), unit=unit, must=must, ok=ok, note=note)
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def save(self, path: Path) -> None:
        """Write the figures as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(f) for f in self.figures], indent=1) + "\n")


def _line(figure: Figure) -> str:
    mark = {True: "reached", False: "SHORT", None: ""}[figure.ok]
    return (
        f"{figure.what:<72} {figure.measured:>12,.3f} {figure.unit:<8} {figure.must:<22} {mark} {figure.note}"
    )


@contextmanager
def spent(pid: int | None = None) -> Iterator[dict[str, float]]:
    """Measure wall and processor seconds of the block, of this process or of `pid`."""
    out: dict[str, float] = {}
    own = pid is None or pid == os.getpid()
    wall, cpu = time.perf_counter(), time.process_time() if own else cpu_seconds(pid or 0)
    yield out
    out["wall"] = time.perf_counter() - wall
    out["cpu"] = (time.process_time() if own else cpu_seconds(pid or 0)) - cpu
