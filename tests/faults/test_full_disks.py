"""R7, R8, R9: the hub's disk is full, the PMS's disk is full, the hub's disk does not keep what it said it kept."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from chartbridge.store.disk_error import EXIT_CODE
from tests.faults.checker import interrupted_often
from tests.faults.conftest import Told
from tests.faults.disks import small_disk
from tests.faults.lab import Lab, Process, await_that, connect_value
from tests.faults.sizes import size
from tests.intake.papers import PDF
from tests.servers.mariadb import MariaDbProcess
from tests.servers.process import find_program, stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PAPER = PDF.replace(b"xref", b"%" + b"x" * 700_000 + b"\nxref")


@pytest.mark.fault("R7")
def test_a_full_disk_at_the_hub_turns_work_away_and_loses_nothing(tmp_path: Path, told: Told) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", 48))
        lab = Lab(tmp_path / "lab", hub_data=disk.folder / "hub", seed=71)
        stack.callback(lab.close)
        lab.start()
        program = lab.offices[0].program
        program.hand_in(100)
        person = signed_in(lab)
        stack.callback(person.close)
        assert not told_of_full_disk(person)
        disk.fill(leave=256 * 1024)
        pid, before = lab.hub.pid, len(program.acknowledged)
        turned_away = 0
        with program.client() as web:
            until = time.monotonic() + 60
            while turned_away < size(5, 40):
                assert time.monotonic() < until, program.answers
                program.make(20)
                turned_away += not program.try_once(web)
        assert set(program.answers) == {200, 503}, "said in words that it can come again"
        kept_while_filling = len(program.acknowledged) - before
        assert told_of_full_disk(person)
        assert "The disk of the data folder is full" in doctor(lab)
        disk.fill()
        await_that(lambda: refused_in_words(person), 60, "a page with patients that has no room for its note")
        time.sleep(size(3, 20))
        disk.clear()
        await_that(lambda: not told_of_full_disk(person), 60, "the end of the notice")  # with the next write
        assert "The disk of the data folder is full" not in doctor(lab)
        lab.offices[0].desk_edits(7)
        patient = program.patients[7 % len(program.patients)]
        await_that(lambda: lab.shows(lab.offices[0], patient, "P7"), 60, "reading that goes on")
        program.hand_in(0)
        verdict = lab.settle(600)
        assert person.get("/patients/").status_code == 200
        said = (tmp_path / "lab" / "hub.log").read_text()
        assert said.count("housekeeping_failed") == said.count("housekeeping_goes_on"), "once a spell"
        assert lab.hub.pid == pid, "it went on without a restart"
        assert lab.hub.ended() is None
        assert not verdict.reasons
        told(
            "the hub's disk full (a tmpfs)",
            verdict,
            turned_away=turned_away,
            kept_meanwhile=kept_while_filling,
        )


@pytest.mark.fault("R7")
def test_a_hub_starts_on_a_disk_that_is_all_but_full_and_shows_what_it_has(
    tmp_path: Path, told: Told
) -> None:
    """It was killed, and what it kept last lies in SQLite's log still: the database has no room for it."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", 48))
        lab = Lab(tmp_path / "lab", hub_data=disk.folder / "hub", seed=72)
        stack.callback(lab.close)
        lab.start()
        office, person = lab.offices[0], signed_in(lab)
        stack.callback(person.close)
        with somebody_reads(lab):
            for _ in range(2):
                assert office.program.hand_in_paper(PAPER, office.program.patients[0]).status_code == 201
            lab.hub.kill()
        disk.fill(leave=1024 * 1024)  # less than lies in the log
        lab.restart()
        assert told_of_full_disk(person)
        disk.clear()
        office.program.hand_in(5)
        verdict = lab.settle(300)
        told("the hub killed, its disk filled up, the hub started", verdict, kills=1)


def test_where_there_is_no_room_to_open_the_database_the_disk_is_called_full(tmp_path: Path) -> None:
    """SQLite calls that no full disk: it can't make the index of its log."""
    with small_disk(tmp_path / "disk", 8) as disk:

        def chartbridge(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "chartbridge.cli", *words, "--data", str(disk.folder / "hub")]
            return subprocess.run(command, capture_output=True, text=True, timeout=120)

        assert chartbridge("create-practice", "Maple Street", "--email", "mary@example.com").returncode == 0
        disk.fill()
        done = chartbridge("ledger", "verify")
        assert done.returncode == 2
        assert "The disk on which the database lies is full" in done.stderr
        disk.clear()
        assert chartbridge("ledger", "verify").returncode == 0


@contextmanager
def somebody_reads(lab: Lab) -> Iterator[None]:
    """Let what is written meanwhile, and nothing else, stay in SQLite's log."""
    lab.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(f"file:{lab.data}/chartbridge.sqlite3?mode=ro", uri=True)) as store:
        store.execute("BEGIN")
        store.execute("SELECT COUNT(*) FROM store_activity").fetchall()
        yield


def signed_in(lab: Lab) -> httpx2.Client:
    """The browser of the first practice's owner."""
    person = httpx2.Client(base_url=lab.address, timeout=30, trust_env=False, follow_redirects=True)
    person.get("/accounts/login/")
    told = {"login": "owner1@practice.example", "password": "Only 8741 for these tests"}
    person.post("/accounts/login/", data={**told, "csrfmiddlewaretoken": person.cookies["csrftoken"]})
    return person


def told_of_full_disk(person: httpx2.Client) -> bool:
    """Whether Health says it in full; other pages then have a word of it. It may end between two pages."""
    pages = ("/health/", "/settings/sync/", "/health/")
    before, other, after = (person.get(path).raise_for_status().text for path in pages)
    assert "Health" in other
    said = "The disk is full" in after
    assert ("Disk full" in other) in ("The disk is full" in before, said)
    return said


def refused_in_words(person: httpx2.Client) -> bool:
    """Whether the page with patients is refused now: then with a sentence, and with nobody on it."""
    answer = person.get("/patients/")
    if answer.status_code == 200:
        return False
    assert answer.status_code == 503
    assert "nor to note who looked at a patient" in answer.text
    assert "/patients/" in answer.text, "the way to try again"
    return True


def doctor(lab: Lab) -> str:
    """What `chartbridge doctor` says."""
    command = [sys.executable, "-m", "chartbridge.cli", "doctor"]
    env = {**os.environ, **lab.environment()}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert not done.stderr
    return done.stdout


@pytest.mark.fault("R8")
@pytest.mark.mariadb
def test_a_full_disk_at_the_pms_leaves_no_half_document(tmp_path: Path, told: Told) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", 400))
        small = [
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-fast-shutdown=2",
        ]
        database = MariaDbProcess(small, within=disk.folder)
        stack.callback(database.remove)
        lab = Lab(
            tmp_path / "lab", mariadb=database.server, engines=("InnoDB",), reads_database=True, seed=81
        )
        stack.callback(lab.close)
        lab.start()
        office = lab.offices[0]
        patients = office.program.patients
        disk.fill(leave=3_000_000)
        for number in range(size(10, 30)):
            assert office.program.hand_in_paper(PAPER, patients[number % len(patients)]).status_code == 201
        await_that(lambda: refused(lab), 180, "the first refusal", tell=lab.where_they_stand)
        disk.clear()
        if database.has_ended():  # a full disk ends some servers: then somebody starts them again
            database.start()
        verdict = lab.settle(600)
        assert not verdict.reasons
        lengths = connect_value(
            office.database,
            "SELECT GROUP_CONCAT(DISTINCT LENGTH(Note)) FROM document WHERE Description LIKE '%CB-%'",
        )
        assert "," not in lengths, "every document is whole"
        told("the disk of the PMS full while documents are written", verdict)


def refused(lab: Lab) -> bool:
    """Whether the hub has met the full disk: by a write whose outcome is open, or by a PMS that is away."""
    away = lab.rows("SELECT 1 FROM store_connection WHERE write_failures > 0")
    return bool(away or lab.standing("delivery='uncertain'"))


@pytest.mark.fault("R9")
def test_what_the_disk_did_not_keep_is_not_acknowledged(tmp_path: Path, told: Told) -> None:
    """strace lets each sync (or write) of a thread of the hub fail with EIO from the nth on, as a dying disk does.

    The hub ends by itself; the next one finds everything that was acknowledged.
    """
    lab = Lab(tmp_path, seed=91)
    try:
        lab.start()
        program = lab.offices[0].program
        syncs = (1, 2, 7, *size((), (3, 4, 5, 6, *range(8, 51))))
        deaths = [("fdatasync,fsync", nth) for nth in syncs]
        deaths += [("pwrite64", nth) for nth in size((1,), (1, 2, 3, 5, 10, 20, 40))]
        for number, (calls, nth) in enumerate(deaths):
            program.hand_in(10 + number)
            with dying_disk(lab.hub, calls, nth), program.client() as web:
                before = len(program.acknowledged)
                until = time.monotonic() + 120
                while lab.hub.ended() is None:
                    assert time.monotonic() < until, program.answers
                    program.make(2)
                    program.try_once(web)
                assert lab.hub.ended() == EXIT_CODE
                assert nth > 1 or len(program.acknowledged) == before
            assert (tmp_path / "hub.log").read_text().count(f"with exit code {EXIT_CODE}") == number + 1
            lab.restart()
        program.hand_in(0)
        verdict = lab.settle(300, at_desk=interrupted_often(len(deaths), len(lab.offices)))
        told(
            "every sync or write of the hub's threads fails with EIO from the nth on (strace); it ends by itself",
            verdict,
            kills=len(deaths),
        )
    finally:
        lab.close()


@contextmanager
def dying_disk(hub: Process, calls: str, nth: int) -> Iterator[None]:
    """Let these calls fail in each thread of the hub, from its nth on. Begins once strace has all threads."""
    strace = find_program(["strace"], part="strace")
    how = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={nth}+"]
    process = subprocess.Popen([strace, "-f", "-qq", "-o", "/dev/null", *how, "-p", str(hub.pid)])
    try:
        await_that(lambda: watched(hub), 60, "strace's hold of every thread")
        yield
    finally:
        stop(process)


def watched(hub: Process) -> bool:
    """Whether somebody traces each of its threads, or it is gone already."""
    tasks = Path(f"/proc/{hub.pid}/task").glob("*/status")
    if hub.ended() is not None:
        return True
    try:
        return all("TracerPid:\t0\n" not in task.read_text() for task in tasks)
    except OSError:  # a thread has just ended
        return False
