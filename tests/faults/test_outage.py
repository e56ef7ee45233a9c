"""R25: the PMS is down for long while much is queued. It is not hammered, neither while it is down nor when it is
back, and nothing is thrown away for age.
"""

from __future__ import annotations

import re
import subprocess
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import Lab, Process
from tests.faults.sizes import size
from tests.servers.process import find_program, stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
WINDOW_S = 10.0


@pytest.mark.fault("R25")
def test_a_pms_that_is_down_is_asked_at_most_every_two_seconds_and_nothing_is_given_up(
    tmp_path: Path, told: Told
) -> None:
    practices, each = size(5, 100), size(40, 100)
    lab = Lab(tmp_path, offices=practices, sandboxes=1, seed=25, interval=2)
    try:
        lab.start()
        asked = Asked(lab)
        usual = [asked.in_a_usual_drain(each)]
        for office in lab.offices:
            office.api.cut()
        lab.hand_in(each, at_once=100)
        seconds = size(20, 600)
        with connects(lab.hub, tmp_path / "connects") as counted:
            began = time.monotonic()
            time.sleep(seconds)
            lasted = time.monotonic() - began
        most = max(counted[office.api.port] for office in lab.offices)
        assert lab.taken() == practices * each
        asked.times.clear()
        for office in lab.offices:
            office.api.restore()
        restored = time.monotonic()
        lab.await_quiet(1200)
        drained = time.monotonic() - restored
        afterwards = asked.most()
        verdict = lab.settle()
        assert (verdict.in_chart, verdict.reasons) == (practices * each, {})
        usual.append(
            asked.in_a_usual_drain(each)
        )  # once more: the machine may be busier than at the beginning
        told(
            f"{practices} PMSs down for {lasted:.0f} s with {verdict.writes} queued",
            verdict,
            most_attempts=most,
            allowed=int(lasted / 2) + 1,
            drained_after_s=round(drained, 1),
            requests_per_s_usual=[round(rate, 1) for rate in usual],
            requests_per_s_afterwards=round(afterwards, 1),
        )
        assert most <= lasted / 2 + 1
        assert afterwards <= 2 * max(usual)
    finally:
        lab.close()


class Asked:
    """When each request passed a line to the API service, of all practices together."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.times: list[float] = []
        for office in lab.offices:
            office.api.choose = self._note

    def _note(self, _request: bytes) -> None:
        self.times.append(time.monotonic())

    def in_a_usual_drain(self, each: int) -> float:
        """Let every practice write so many with nothing in the way; returns `most` of that."""
        self.times.clear()
        self._lab.hand_in(each, at_once=100)
        self._lab.settle(1200)
        return self.most()

    def most(self) -> float:
        """Requests a second in the busiest ten seconds."""
        times = sorted(self.times)
        assert times, "nothing was asked"
        return max(bisect_left(times, at + WINDOW_S) - n for n, at in enumerate(times)) / WINDOW_S


@contextmanager
def connects(process: Process, log: Path) -> Iterator[Counter[int]]:
    """Count, by port, every connect() that the process asks of the kernel; filled in at the end."""
    strace = find_program(["strace"], part="strace")
    tracer = subprocess.Popen(
        [strace, "-f", "-qq", "-e", "trace=connect", "-o", str(log), "-p", str(process.pid)]
    )
    counted: Counter[int] = Counter()
    try:
        yield counted
    finally:
        stop(tracer)
        counted.update(int(port) for port in re.findall(r"connect\(.*?htons\((\d+)\)", log.read_text()))
        assert counted, "nothing was counted"
