"""R22: huge attachments. What can't fit is refused at the door in words; what fits holds nobody else up."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import Lab
from tests.faults.sizes import size
from tests.intake.papers import PDF

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(1800)]
MEGABYTE = 1_000_000


@pytest.mark.fault("R22")
def test_huge_documents_are_written_whole_or_refused_at_the_door(lab: Lab, told: Told) -> None:
    office, other = lab.offices
    lab.await_quiet()
    before = resident_mb(lab.hub.pid)
    highest = Highest(lab.hub.pid)
    patients = office.program.patients
    for number, megabytes in enumerate([0.3, 5, 5, 11.5] * size(1, 3)):
        paper = of_size(megabytes)
        assert office.program.hand_in_paper(paper, patients[number]).status_code == 201
        other.program.hand_in(5)
    for megabytes in (13, 25, *([100] if size(0, 1) else [])):
        answer = office.program.hand_in_paper(of_size(megabytes), patients[0])
        assert answer.status_code in (413, 422)
        assert "MB" in answer.json()["error"]["message"], "said in words how large it may be"
    verdict = lab.settle(300)
    waited = lab.rows(
        "SELECT MAX(julianday(seen_at) - julianday(created_at)) * 86400 FROM store_writeback"
        f" WHERE practice_id={other.practice_id} AND seen='seen'"
        f" AND id > (SELECT MAX(id) FROM store_writeback) - {5 * 4 * size(1, 3)}"
    )
    assert not verdict.reasons
    growth = highest.stop() - before
    told(
        "PDFs of 0.3, 5 and 11.5 MB written, of 13, 25 and 100 MB refused",
        verdict,
        growth_mb=round(growth),
        others_longest_s=round(waited[0][0], 2),
    )
    assert growth <= 250


class Highest:
    """Watches a process's memory in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._over = pid, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, AssertionError):  # the process has ended
            while not self._over.wait(0.05):
                self._most = max(self._most, resident_mb(self._pid))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._most


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no such process")


def of_size(megabytes: float) -> bytes:
    """A whole PDF of that size."""
    return PDF.replace(b"xref", b"%" + b"x" * int(megabytes * MEGABYTE) + b"\nxref", 1)
