"""A pytest plugin for `make faults`: keeps what each test marked `fault` reports, as it goes, and the table of it.

`tests.faults.stages` starts pytest with it. A test reports with `told` (conftest) or pytest's own `record_property`;
after each of its steps the report is written anew, so that a run that is broken off leaves what it had found.
Must not be in it: starting pytest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.sizes import FULL

COLUMNS = ("ops", "kills", "lost", "twice", "wrong_patient", "unknown")
BEGUN = "begun"
"""The verdict on a test that has not ended."""
LIMIT_S = 3600.0
"""A test at full size waits for each thing within a limit of its own; pytest's limit is for what hangs altogether."""

Tests = dict[str, dict[str, Any]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests of this stage; write a test's faults beside what it reports."""
    alone = set(os.environ["FAULTS_ALONE"].split())
    is_alone = os.environ["FAULTS_STAGE"] == "alone"
    others = [
        item for item in items if (item.path.relative_to(config.rootpath).as_posix() in alone) is not is_alone
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]
    for item in items:
        for mark in item.iter_markers("fault"):
            item.user_properties.append(("fault", mark.args[0]))
        if FULL:
            item.add_marker(pytest.mark.timeout(LIMIT_S), append=False)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the report where all reports arrive: not in one of several processes that share the tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Keeper(Path(os.environ["FAULTS_REPORT"]), os.environ["FAULTS_STAGE"]))


class _Keeper:
    def __init__(self, file: Path, stage: str) -> None:
        self._file, self._stage = file, stage
        self._told = json.loads(file.read_text(encoding="utf-8"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a step of a test reported."""
        keep(self._told["tests"], report, stage=self._stage)
        write(self._file, self._told)


def keep(tests: Tests, report: pytest.TestReport, **more: object) -> None:
    """Add one step of a test (its setup, the test itself, its teardown) to what is known of it."""
    faults = {str(value) for name, value in report.user_properties if name == "fault"}
    each = tests.setdefault(
        report.nodeid, {"faults": sorted(faults, key=_number), "verdict": BEGUN, "seconds": 0.0, **more}
    )
    each |= {name: value for name, value in report.user_properties if name != "fault"}
    each["seconds"] = round(each["seconds"] + report.duration, 1)
    if report.failed:
        each["verdict"] = "failed"
        each.setdefault("why", _why(report))
    elif each["verdict"] == BEGUN and (report.when == "call" or report.skipped):
        each["verdict"] = report.outcome


def _why(report: pytest.TestReport) -> str:
    """The first line of what went wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr).strip().splitlines()
    return f"{report.when}: {lines[0] if lines else ''}"[:300]


def write(file: Path, told: Mapping[str, object]) -> None:
    """Write a report down: the whole of it, or what stood there before stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")
    fresh.replace(file)


def sums(tests: Tests) -> dict[str, int]:
    """Add the numbers up."""
    return {name: sum(int(each.get(name, 0)) for each in tests.values()) for name in COLUMNS}


def table(tests: Tests) -> Iterator[str]:
    """The table, line by line."""
    yield (
        f"{'fault':<10} {'verdict':<8} {'s':>6} "
        + " ".join(f"{name:>7.7}" for name in COLUMNS)
        + "  what was done"
    )
    rows = sorted(_rows(tests), key=lambda row: (_number((row["faults"] or [""])[0]), row["name"]))
    for each in rows:
        numbers = " ".join(f"{each.get(column, '')!s:>7}" for column in COLUMNS)
        yield (
            f"{' '.join(each['faults']):<10} {each['verdict']:<8} {each['seconds']:>6} {numbers}  {each['did']}"
        )
        figures = {k: v for k, v in each.items() if k not in _SHOWN and v != {}}
        if figures:
            yield " " * 27 + ", ".join(f"{k} {v}" for k, v in figures.items())
        if why := each.get("why"):
            yield " " * 27 + why


def _rows(tests: Tests) -> Iterator[dict[str, Any]]:
    """One for each test; those that did the same with other numbers, and passed, are added up."""
    alike: dict[str, dict[str, Any]] = {}
    for name, each in tests.items():
        words = name.partition("::")[2].removeprefix("test_").replace("_", " ")
        row = {"name": name, **each, "did": each.get("did") or words}
        before = alike.get(row["did"])
        if each["verdict"] != "passed" or "did" not in each or not _is_countable(row):
            yield row
        elif before and before["faults"] == row["faults"] and before.keys() == row.keys():
            for key in row.keys() - _WORDS:
                before[key] = round(before[key] + row[key], 1)
        else:
            alike[row["did"]] = row
    yield from alike.values()


def _is_countable(row: Mapping[str, object]) -> bool:
    return all(isinstance(value, int | float) for key, value in row.items() if key not in _WORDS)


def _number(fault: str) -> int:
    """R7 → 7; what has no number comes last."""
    return int(fault[1:] or 99)


_WORDS = frozenset({"name", "faults", "verdict", "did", "stage"})
_SHOWN = {
    *COLUMNS, *_WORDS, "seconds", "why", "writes", "in_chart", "in_desk", "ledger_whole",
}  # fmt: skip
