"""A pytest plugin for `make faults`: keeps what each test marked `fault` reported, and prints it as one table.

Used with `-p tests.faults.reporting`; a test reports with `told` (conftest) or pytest's own `record_property`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COLUMNS = ("ops", "kills", "lost", "twice", "wrong_patient", "unknown")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write a test's faults beside what it reports."""
    for item in items:
        for mark in item.iter_markers("fault"):
            item.user_properties.append(("fault", mark.args[0]))


class _Played:
    def __init__(self) -> None:
        self.tests: dict[str, dict[str, Any]] = {}

    def keep(self, report: pytest.TestReport) -> None:
        faults = [value for name, value in report.user_properties if name == "fault"]
        if not faults or (report.when != "call" and not report.failed):
            return
        told = {name: value for name, value in report.user_properties if name != "fault"}
        before = self.tests.get(report.nodeid, {"verdict": "passed"})
        verdict = "failed" if report.failed or before["verdict"] == "failed" else report.outcome
        self.tests[report.nodeid] = {
            **before,
            **told,
            "faults": sorted(set(faults), key=lambda each: int(str(each)[1:])),
            "verdict": verdict,
            "seconds": round(report.duration, 1),
        }


_played = _Played()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test reported."""
    _played.keep(report)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, and write it down where FAULTS_REPORT says."""
    if not _played.tests:
        return
    terminalreporter.section("faults")
    for line in table(_played.tests):
        terminalreporter.line(line)
    if file := os.environ.get("FAULTS_REPORT"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        told = {"tests": _played.tests, "sums": sums(_played.tests)}
        Path(file).write_text(json.dumps(told, indent=2, default=str) + "\n")


def sums(tests: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Add the numbers up."""
    return {name: sum(int(each.get(name, 0)) for each in tests.values()) for name in COLUMNS}


def table(tests: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The table, line by line."""
    yield (
        f"{'fault':<10} {'verdict':<8} {'s':>6} "
        + " ".join(f"{name:>7.7}" for name in COLUMNS)
        + "  what was done"
    )
    rows = sorted(tests.items(), key=lambda item: (int(item[1]["faults"][0][1:]), item[0]))
    for name, each in rows:
        numbers = " ".join(f"{each.get(column, '')!s:>7}" for column in COLUMNS)
        did = each.get("did") or name.partition("::")[2].removeprefix("test_").replace("_", " ")
        yield f"{' '.join(each['faults']):<10} {each['verdict']:<8} {each['seconds']:>6} {numbers}  {did}"
        figures = {k: v for k, v in each.items() if k not in _SHOWN and v != {}}
        if figures:
            yield " " * 27 + ", ".join(f"{k} {v}" for k, v in figures.items())


_SHOWN = {
    *COLUMNS, "faults", "verdict", "seconds", "did", "writes", "in_chart", "in_desk", "ledger_whole",
}  # fmt: skip
