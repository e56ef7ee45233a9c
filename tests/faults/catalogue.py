"""The faults that Chartbridge must survive, by number, and which tests play each: found from their marks.

Must not be in it: playing.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAULTS = {
    "R1": "the hub is killed with -9, at every step and at random",
    "R2": "the PMS's database is killed, restarted, made read-only",
    "R3": "the answer to a write is lost",
    "R4": "a write lands late, after the hub gave up",
    "R5": "a line stands open and carries nothing",
    "R6": "the agent in the office and the hub lose each other",
    "R7": "the hub's disk is full",
    "R8": "the PMS's disk is full",
    "R9": "the hub's disk does not keep what it was given",
    "R10": "the power goes",
    "R11": "the clock jumps",
    "R12": "both nights on which summer time begins and ends",
    "R13": "changes that are committed late or in the same second",
    "R14": "changes whose stamp does not tell of them",
    "R15": "deletions, merged patients, visits that move to another patient",
    "R16": "yesterday's backup of the PMS is restored",
    "R17": "the hub is restored from a backup, or cloned",
    "R18": "several hubs on one queue",
    "R19": "the PMS's tables change while it is read",
    "R20": "messages come twice, out of order, late",
    "R21": "one note always fails, or ends the process that writes it",
    "R22": "huge attachments",
    "R23": "characters that the PMS can't hold",
    "R24": "patient deleted, provider or note type gone, record locked",
    "R25": "the PMS is down for long while much is queued",
    "R26": "whoever is told by webhook does not answer",
    "R27": "an upgrade with a full queue",
    "R28": "backup and restore of the hub under load",
    "R29": "chance on a virtual clock, by thousands of seeds",
    "R30": "everything at once, for long",
}


def played() -> dict[str, list[tuple[str, str]]]:
    """Return fault → (file, test) of every test that is marked with it."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        of_all = [
            fault
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
            for fault in _faults(node.value)
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = [fault for decorator in node.decorator_list for fault in _faults(decorator)]
                for fault in dict.fromkeys(of_all + marks):
                    found[fault].append((file.relative_to(ROOT).as_posix(), node.name))
    return found


def _faults(tree: ast.AST) -> list[str]:
    """Every `pytest.mark.fault("…")` in an expression."""
    return [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.mark.fault"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def rows() -> str:
    """The table of docs/reliability.md."""
    by = played()
    lines = ["| | fault | played by |", "|---|---|---|"]
    for number, words in FAULTS.items():
        tests = [
            f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"
            for file, name in by.get(number, [])
        ]
        lines.append(f"| {number} | {words} | {'<br>'.join(tests) or 'not played'} |")
    return "\n".join(lines) + "\n"
