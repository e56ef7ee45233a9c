"""`make faults`: every test marked `fault`, in two stages; one table and one report of both.

First the files with whole processes that are killed, cut off and starved, and whose times are promised: one after the
other, with nothing of ours beside them. Then all the others, in several processes at once. The second stage comes
whatever the first one found, unless somebody breaks it off; it ends with 1 unless all is well in both.
Must not be in it: what a test reports (reporting), how large a fault is (sizes).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults import reporting
from tests.faults.sizes import FULL

ROOT = Path(__file__).resolve().parents[2]
NOTHING_THERE = 5
"""How pytest ends where it found no test."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run both stages, print the table. What follows `--` is for pytest."""
    asked = argparse.ArgumentParser(prog="make faults", description=__doc__)
    asked.add_argument("--report", type=Path, default=ROOT / "build" / "faults.json")
    asked.add_argument("--jobs", type=int, default=2, help="processes at once in the second stage")
    asked.add_argument("--alone", nargs="*", default=[], help="the files of the first stage")
    asked.add_argument("--only", nargs="*", default=[], help="the tests to choose from")
    words = [*(sys.argv[1:] if argv is None else argv), "--"]
    at = words.index("--")
    given = asked.parse_args(words[:at])
    return play(
        given.report,
        only=given.only or ["tests"],
        alone=given.alone,
        jobs=given.jobs,
        more=words[at + 1 : -1],
    )


def play(
    report: Path, *, only: Sequence[str], alone: Sequence[str], jobs: int, more: Sequence[str] = ()
) -> int:
    """Run both stages on the tests of `only`; `more` are words for pytest. Returns how the command ends."""
    before = version()
    began: dict[str, Any] = {
        **before,
        "size": "full" if FULL else "short",
        "began": now(),
        "ended": None,
        "stages": {},
        "tests": {},
    }
    reporting.write(report, began)
    for stage, how in {"alone": [], "beside": ["-n", str(jobs), "--dist", "loadfile"]}.items():
        ended, broken_off = run(stage, [*only, *how, *more], report, alone)
        told = read(report)
        told["stages"][stage] = ended
        for each in told["tests"].values():
            if each["verdict"] == reporting.BEGUN:
                each["verdict"] = "broken off"
        reporting.write(report, told)
        if broken_off:
            break
    told |= {
        "changed": before["changed"] or version() != before,
        "ended": now(),
        "sums": reporting.sums(told["tests"]),
    }
    reporting.write(report, told)
    print("\n".join(summary(told)), flush=True)
    return 0 if is_well(told) else 1


def run(stage: str, words: Sequence[str], report: Path, alone: Sequence[str]) -> tuple[int, bool]:
    """Run pytest on one stage; returns how it ended, and whether somebody broke it off."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-m", "fault", "-q", "-p", "tests.faults.reporting", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "FAULTS_REPORT": str(report.resolve()),
            "FAULTS_STAGE": stage,
            "FAULTS_ALONE": " ".join(alone),
        },
    )
    broken_off = False
    while True:
        try:
            return process.wait(), broken_off
        except KeyboardInterrupt:  # pytest got it too: it ends what it had started
            broken_off = True


def is_well(told: Mapping[str, Any]) -> bool:
    """Whether both stages were run to their ends, found something to play, and all of it passed."""
    ends = list(told["stages"].values())
    passed = all(each["verdict"] in ("passed", "skipped") for each in told["tests"].values())
    return len(ends) == 2 and 0 in ends and set(ends) <= {0, NOTHING_THERE} and passed


def summary(told: Mapping[str, Any]) -> Iterator[str]:
    """The table of all that was played, and of what and when."""
    yield ""
    yield from reporting.table(told["tests"])
    numbers = ", ".join(f"{name} {count}" for name, count in told["sums"].items())
    verdicts = Counter(each["verdict"] for each in told["tests"].values())
    yield ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) + f"; {numbers}"
    changed = ", with changes that are not in it" if told["changed"] else ""
    yield f"{told['size']} size, commit {told['commit'] or 'unknown'}{changed}, {told['began']} to {told['ended']}"
    for stage, ended in told["stages"].items():
        if ended not in (0, NOTHING_THERE):
            yield f"the stage {stage} ended with {ended}"


def version() -> dict[str, object]:
    """The commit that is played, and whether the files differ from it; without git nobody can say that they do not."""
    try:
        commit, changed = (
            subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "", "changed": True}
    return {"commit": commit.strip(), "changed": bool(changed)}


def read(report: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main())
