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
from tests.servers.process import free_port, stop, tied_to_this_process

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

    def wait_for(self, pattern: str, *, times: int = 1, seconds: float = 90.0) -> re.Match[str]:
        """Wait until so many lines fit."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.told if (match := re.search(pattern, line))]

        with self._new:
            assert self._new.wait_for(lambda: len(found()) >= times, seconds), "".join(self.told)
        return found()[times - 1]

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


@pytest.mark.parametrize("pms", ["open-dental", "dentrix"])
def test_killing_the_hub_and_the_practice_loses_nothing_and_doubles_nothing(tmp_path: Path, pms: str) -> None:
    demo = Demo(tmp_path, "--pms", pms, "--seconds", "40", "--speed", "3")
    try:
        hub = int(demo.wait_for(r"hub (\d+), sandbox").group(1))
        sandbox = int(demo.wait_for(r"sandbox (\d+):").group(1))
        for turn in range(1, 4):
            demo.wait_for("came in", times=turn * 2)
            with contextlib.suppress(ProcessLookupError):
                os.kill(hub, signal.SIGKILL)
            hub = int(demo.wait_for(r"the hub runs again, process (\d+)", times=turn).group(1))
        os.kill(sandbox, signal.SIGKILL)
        demo.wait_for("the sandbox practice runs again")
        report = demo.end(330)
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    proof, writebacks = report["proof"], report["writebacks"]
    assert isinstance(proof, dict)
    assert isinstance(writebacks, dict)
    assert (proof["missing"], proof["twice"], proof["wrong_patient"]) == (0, 0, 0)
    assert proof["in_pms"] == writebacks["done"] > 10


def test_an_activity_that_the_hub_lost_altogether_is_missing_in_the_report(tmp_path: Path) -> None:
    """Its rows are taken out of the store behind the hub, after it was acknowledged."""
    demo = Demo(tmp_path, "--seconds", "12", "--speed", "2")
    try:
        demo.wait_for(r"[1-9]\d* in the chart and read back")
        store = sqlite3.connect(tmp_path / "data" / "hub" / "chartbridge.sqlite3", timeout=30)
        with contextlib.closing(store), store:
            done = "SELECT activity_id FROM store_writeback WHERE seen='seen' AND activity_id IS NOT NULL LIMIT 1"
            ((lost,),) = store.execute(done).fetchall()
            store.execute("DELETE FROM store_writeback WHERE activity_id=?", (lost,))
            store.execute("DELETE FROM store_activity WHERE id=?", (lost,))
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
        demo.end(30)
    finally:
        stop(demo.process)  # type: ignore[arg-type]
    assert any("The practice's own tables" in line for line in demo.told)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
