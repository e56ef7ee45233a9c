"""`make faults` itself: both stages are played and told of together, whatever becomes of one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import stages

_BARE = [
    word
    for plugin in ("django", "schemathesis", "hypothesispytest", "anyio", "faker")
    for word in ("-p", f"no:{plugin}")
]
_HEAD = (
    "import os, pytest\n"
    "@pytest.fixture\n"
    "def told(record_property):\n"
    "    return lambda **told: [record_property(name, value) for name, value in told.items()]\n"
)
_PASSES = (
    _HEAD + "@pytest.mark.fault('R2')\ndef test_b(told): told(did='cut off', kills=2, waited_s=[1, 2])\n"
)
_PIECES = _HEAD + (
    "@pytest.mark.fault('R29')\n@pytest.mark.parametrize('at', [1, 2])\n"
    "def test_chance(told, at): told(did='chance', seeds=at, lost=0)\n"
    "def test_of_no_fault(): assert False\n"
)
_FAILS = _HEAD + (
    "@pytest.mark.fault('R1')\n@pytest.mark.fault('R3')\n"
    "def test_a(told):\n    told(did='killed', ops=7, kills=3, lost=1)\n    assert not 'what was lost'\n"
)
_ENDS = _HEAD + "@pytest.mark.fault('R7')\ndef test_c(): os.kill(os.getpid(), 9)\n"


def played(folder: Path, **files: str) -> tuple[int, dict[str, Any]]:
    """Play these files, those whose names begin with alone in the first stage; how it ended, and the report."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = fault(number): a fault\n")
    for name, content in files.items():
        (folder / f"test_{name}.py").write_text(content)
    report = folder / "build" / "faults.json"
    alone = [f"test_{name}.py" for name in files if name.startswith("alone")]
    ended = stages.play(report, only=[str(folder)], alone=alone, jobs=1, more=_BARE)
    told = json.loads(report.read_text())
    told["by_name"] = {name.partition("::")[2]: each for name, each in told["tests"].items()}
    return ended, told


def test_both_stages_are_told_of_in_one_table_and_one_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended, told = played(tmp_path, alone=_PASSES, beside=_PIECES)
    said = capfd.readouterr().out
    assert (ended, told["stages"]) == (0, {"alone": 0, "beside": 0})
    where = {name: (each["stage"], each["faults"], each["verdict"]) for name, each in told["by_name"].items()}
    assert where == {
        "test_b": ("alone", ["R2"], "passed"),
        "test_chance[1]": ("beside", ["R29"], "passed"),
        "test_chance[2]": ("beside", ["R29"], "passed"),
    }
    assert told["sums"]["kills"] == 2
    assert told["size"] == "short"
    assert told["commit"] in said
    assert told["began"] <= told["ended"]
    rows = [line.split() for line in said.splitlines() if line.startswith("R")]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("R2", "passed", "off"),
        ("R29", "passed", "chance"),
    ]
    assert "waited_s [1, 2]" in said
    assert "seeds 3" in said, "what did the same is added up"


def test_what_fails_in_the_first_stage_hinders_nothing_and_is_told_with_its_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended, told = played(tmp_path, alone=_FAILS, beside=_PIECES)
    said = capfd.readouterr().out
    assert (ended, told["stages"]) == (1, {"alone": 1, "beside": 0})
    failed = told["by_name"]["test_a"]
    assert (failed["verdict"], failed["faults"], failed["ops"], failed["lost"]) == (
        "failed",
        ["R1", "R3"],
        7,
        1,
    )
    assert "call: AssertionError" in failed["why"]
    assert told["sums"]["lost"] == 1
    assert "R1 R3      failed" in said
    assert told["by_name"]["test_chance[2]"]["verdict"] == "passed"


def test_a_stage_that_is_killed_leaves_what_it_had_found(tmp_path: Path) -> None:
    ended, told = played(tmp_path, alone_1=_PASSES, alone_2=_ENDS, beside=_PIECES)
    assert (ended, told["stages"]) == (1, {"alone": -9, "beside": 0})
    verdicts = {name: each["verdict"] for name, each in told["by_name"].items()}
    assert verdicts == {
        "test_b": "passed",
        "test_c": "broken off",
        "test_chance[1]": "passed",
        "test_chance[2]": "passed",
    }


def test_a_process_of_the_second_stage_that_ends_is_no_success(tmp_path: Path) -> None:
    ended, told = played(tmp_path, alone=_PASSES, beside=_ENDS)
    assert (ended, told["stages"]) == (1, {"alone": 0, "beside": 1})
    assert (told["by_name"]["test_c"]["verdict"], told["by_name"]["test_c"]["faults"]) == ("failed", ["R7"])


def test_a_part_may_be_of_one_stage_alone_but_not_of_none(tmp_path: Path) -> None:
    assert played(tmp_path, beside=_PIECES)[0] == 0
    (tmp_path / "test_beside.py").unlink()
    ended, told = played(tmp_path, nothing="")
    assert (ended, told["tests"]) == (1, {})


def test_at_full_size_the_time_limits_of_the_short_form_do_not_end_a_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTBRIDGE_FAULTS", "full")
    slow = _HEAD + (
        "import time\n@pytest.mark.fault('R5')\n@pytest.mark.timeout(1)\ndef test_slow(): time.sleep(1.3)\n"
    )
    ended, told = played(tmp_path, alone=slow)
    assert (ended, told["by_name"]["test_slow"]["verdict"]) == (0, "passed")
