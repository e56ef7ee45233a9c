"""The demo as a new user runs it, and as somebody who doesn't believe it: processes killed in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pyodbc
import pytest

from chartbridge.cli import main
from tests.cli.test_commands import clean_environment
from tests.faults.checker import interrupted_often
from tests.faults.conftest import Told, told
from tests.faults.sizes import size
from tests.servers.process import free_port, stop, tied_to_this_process

__all__ = ["told"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Demo:
    """A demo in a process of its own; `told` grows while it runs."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.report = folder / "report.json"
        self.told: list[str] = []
        self.process = subprocess.Popen(
            tied_to_this_process(
                [
                    *(sys.executable, "-u", "-m", "chartbridge.cli", "demo", "--data", str(folder / "data")),
                    *("--json", str(self.report), "--port", str(free_port()), "--patients", "80", *words),
                ]
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment(),
        )
        self._new = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._new:
                self.told.append(line)
                self._new.notify_all()

    def lines(self, pattern: str) -> list[re.Match[str]]:
        """Those lines so far that fit."""
        return [match for line in self.told if (match := re.search(pattern, line))]

    def wait_for(
        self, pattern: str, *, times: int = 1, more: bool = False, seconds: float = 200.0
    ) -> re.Match[str]:
        """Wait until so many lines fit; with `more`, so many beyond those that are there already."""
        with self._new:
            times += len(self.lines(pattern)) if more else 0
            assert self._new.wait_for(lambda: len(self.lines(pattern)) >= times, seconds), "".join(self.told)
            return self.lines(pattern)[times - 1]

    def end(self, seconds: float = 200.0) -> dict[str, object]:
        """Wait for the end and return the report."""
        assert self.process.wait(seconds) == 0, "".join(self.told)
        report: dict[str, object] = json.loads(self.report.read_text())
        return report


def test_a_minute_of_the_demo_writes_everything_once_and_ends_by_itself(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--seconds", "25", "--speed", "2")
    try:
        report = demo.end()
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    assert set(report) == {"activities", "writebacks", "proof", "streams"}
    writebacks, proof, streams = report["writebacks"], report["proof"], report["streams"]
    assert isinstance(writebacks, dict)
    assert isinstance(proof, dict)
    assert isinstance(streams, dict)
    assert set(writebacks) == {"done", "waiting", "held", "skipped", "parked", "uncertain"}
    assert (proof["missing"], proof["twice"], proof["wrong_patient"]) == (0, 0, 0)
    assert proof["in_pms"] == writebacks["done"] > 10
    assert (writebacks["waiting"], writebacks["uncertain"]) == (0, 0)
    assert writebacks["held"] >= 1, "a text from a number that nobody has waits for a person"
    assert streams["appointment_status"]["interval_s"] == 15
    assert streams["appointment_status"]["checks"] >= 1


@pytest.mark.parametrize("pms", ["eaglesoft", "dentrix"])
def test_the_same_day_is_played_on_a_database_behind_odbc(tmp_path: Path, pms: str) -> None:
    demo = Demo(tmp_path, "--pms", pms, "--seconds", "20", "--speed", "2")
    try:
        report = demo.end(350)
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    writebacks, proof = report["writebacks"], report["proof"]
    assert isinstance(writebacks, dict)
    assert isinstance(proof, dict)
    assert (proof["missing"], proof["twice"], proof["wrong_patient"]) == (0, 0, 0)
    assert proof["in_pms"] == writebacks["done"] > 10
    assert (writebacks["waiting"], writebacks["uncertain"]) == (0, 0)


@pytest.mark.parametrize("words", [("demo", "--pms", "dentrix"), ("sandbox", "eaglesoft")])
def test_a_missing_part_is_said_in_a_sentence_with_what_to_install(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chartbridge.sandbox.server._DRIVERS", ())
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as ended:
            main(words)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended.value.code == 2
    said = capfd.readouterr().err
    assert "odbc-mariadb" in said
    assert "make test-parts" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("pms", ["eaglesoft", "dentrix"])
def test_a_sandbox_says_how_to_connect_and_what_it_says_works(tmp_path: Path, pms: str) -> None:
    process = subprocess.Popen(
        tied_to_this_process(
            [
                *(sys.executable, "-u", "-m", "chartbridge.cli", "sandbox", pms, "--port", str(free_port())),
                *("--folder", str(tmp_path / "office"), "--patients", "40", "--play", "60"),
            ]
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    )
    told = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            told += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"connection string +(\S.*)", told)
        assert found, told
        with contextlib.closing(pyodbc.connect(found[1])) as link:
            table = {"eaglesoft": "PPM.patient", "dentrix": "admin.v_patient"}[pms]
            assert link.execute(f"SELECT COUNT(*) FROM {table}").fetchval() == 40
    finally:
        stop(process)  # type: ignore[arg-type]
    assert process.returncode == 0, told


@pytest.mark.fault("R1")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pms", ["open-dental", "eaglesoft", "dentrix"])
def test_after_kills_of_the_hub_and_of_the_practice_all_settles_reconciliation_is_green_and_the_ledger_fits(
    tmp_path: Path, pms: str, told: Told
) -> None:
    """As a new user would try it: everything is done from the outside, while the demo runs."""
    kills = size(3, 10)
    demo = Demo(tmp_path, "--pms", pms, "--speed", "2")
    try:
        hub = int(demo.wait_for(r"hub (\d+), sandbox").group(1))
        sandbox = int(demo.wait_for(r"sandbox (\d+):").group(1))
        for turn in range(1, kills + 1):
            demo.wait_for("came in", more=True)
            hub = killed(demo, hub, "hub", turn)
            demo.wait_for("came in", more=True)
            sandbox = killed(demo, sandbox, "sandbox practice", turn)
        demo.wait_for(
            r"came in · \d+ in the chart and read back(?!.*(on the way|being looked for))",
            more=True,
            seconds=600,
        )
        looked = by_command("reconcile", tmp_path / "data" / "hub")
        demo.process.send_signal(signal.SIGINT)
        report = demo.end()
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    found = re.search(r"(\d+) of (\d+) in the chart as written", looked)
    assert found, looked
    assert int(found[1]) == int(found[2]) > 10, looked
    assert "✗" not in looked
    verified = by_command("ledger", tmp_path / "data" / "hub", "verify")
    assert "Nothing was changed" in verified
    proof, writebacks = report["proof"], report["writebacks"]
    assert isinstance(proof, dict)
    assert isinstance(writebacks, dict)
    assert (proof["missing"], proof["twice"], proof["wrong_patient"]) == (0, 0, 0)
    assert proof["in_pms"] >= writebacks["done"] > 10
    stand = set_aside(tmp_path / "data" / "hub")
    assert stand.pop("crashed", 0) <= interrupted_often(kills, 1)["crashed"]
    assert set(stand) <= {"text_too_long"}, "the day's longest note, at a PMS that takes shorter ones"
    told(
        f"the demo on {pms}: the hub and the practice killed in turn",
        ops=proof["accepted"],
        kills=2 * kills,
        lost=proof["missing"],
        twice=proof["twice"],
        wrong_patient=proof["wrong_patient"],
        unknown=0,
        reconciled=int(found[1]),
    )


def set_aside(data: Path) -> dict[str, int]:
    """Which activities need attention, by reason.

    Moves of visits do where the practice's own desk was quicker; and verifications of patients without insurance, or
    whose note a later verification has put into the history.
    """
    with contextlib.closing(sqlite3.connect(data / "chartbridge.sqlite3")) as store:
        return dict(
            store.execute(
                "SELECT reason_code, COUNT(*) FROM store_writeback"
                " WHERE activity_id IS NOT NULL AND command <> 'mark_insurance_verified'"
                " AND (delivery IN ('parked', 'refused') OR seen='missing') GROUP BY 1"
            ).fetchall()
        )


def killed(demo: Demo, process: int, name: str, turn: int) -> int:
    """kill -9; returns the number of the process that runs in its place."""
    os.kill(process, signal.SIGKILL)
    return int(demo.wait_for(rf"the {name} runs again, process (\d+)", times=turn).group(1))


def by_command(name: str, data: Path, *words: str) -> str:
    """`chartbridge …` on the demo's hub; it must say that all is well."""
    done = subprocess.run(
        [sys.executable, "-m", "chartbridge.cli", name, *words, "--data", str(data)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


def test_an_activity_that_the_hub_lost_altogether_is_missing_in_the_report(tmp_path: Path) -> None:
    """Its rows are taken out of the store behind the hub, after it was acknowledged."""
    demo = Demo(tmp_path, "--speed", "2")
    try:
        demo.wait_for(r"[1-9]\d* in the chart and read back")
        store = sqlite3.connect(tmp_path / "data" / "hub" / "chartbridge.sqlite3", timeout=30)
        with contextlib.closing(store), store:
            done = "SELECT activity_id FROM store_writeback WHERE seen='seen' AND activity_id IS NOT NULL LIMIT 1"
            ((lost,),) = store.execute(done).fetchall()
            store.execute("DELETE FROM store_writeback WHERE activity_id=?", (lost,))
            store.execute("DELETE FROM store_activity WHERE id=?", (lost,))
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(200) == 1, "".join(demo.told)
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    proof = json.loads(demo.report.read_text())["proof"]
    assert (proof["missing"], proof["twice"], proof["wrong_patient"]) == (1, 0, 0)


def test_ctrl_c_ends_it_cleanly_with_a_summary(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    try:
        pids = demo.wait_for(r"hub (\d+), sandbox (\d+)").groups()
        demo.wait_for("came in", times=2)
        demo.process.send_signal(signal.SIGINT)
        demo.end()
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    assert any("The practice's own tables" in line for line in demo.told)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
