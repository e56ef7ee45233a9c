"""R16, R17, R28: a backup of the PMS or of the hub is put back, and a copy of the hub runs beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chartbridge.sandbox.open_dental.database import open_database
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.sandbox.open_dental.schema import schema_of
from tests.faults.checker import Verdict, together
from tests.faults.conftest import Told
from tests.faults.lab import Lab, Office, Process, await_that, connect_value
from tests.faults.sizes import FULL, size
from tests.intake.papers import PDF
from tests.servers.process import free_port

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.timeout(1800)]
STORE = "chartbridge.sqlite3"
_NEWEST = "SELECT COALESCE(MAX(id), 0) FROM store_activity"


def command(lab: Lab, data: Path, *words: str) -> None:
    """Run `chartbridge …` on a data folder."""
    done = subprocess.run(
        [sys.executable, "-m", "chartbridge.cli", *words],
        env={**os.environ, **lab.environment(data)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def copied(lab: Lab, folder: Path) -> Path:
    """Back the hub up as it works, and put the backup back elsewhere, with its key."""
    file, data = folder / "hub.backup", folder / "copy"
    data.mkdir()
    command(lab, lab.data, "backup", str(file))
    shutil.copy(lab.data / "secret.key", data / "secret.key")
    command(lab, data, "restore", str(file))
    return data


@contextmanager
def on(lab: Lab, data: Path) -> Iterator[None]:
    """Look into another hub's store."""
    before, lab.data = lab.data, data
    try:
        yield
    finally:
        lab.data = before


def judged(lab: Lab, data: Path) -> Verdict:
    """What the checker says of a copy: of all that it knows of, whoever acknowledged it."""
    told = [
        {
            "practice_id": o.practice_id,
            "database": o.database,
            "acknowledged": known(lab, data, o.program.acknowledged),
        }
        for o in lab.offices
    ]
    with on(lab, data):
        return together([Verdict(**each) for each in lab.run("tests.faults.checker", told)])


def assert_whole(verdict: Verdict) -> None:
    """Of what the copy knows, all is in the chart once. (What came later it can't know.)"""
    wrong = (verdict.lost, verdict.twice, verdict.wrong_patient)
    assert not any(wrong), verdict
    assert verdict.ledger_whole
    assert verdict.in_chart == verdict.writes


def known(lab: Lab, data: Path, acknowledged: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of what was acknowledged, what had been when the copy was made."""
    with closing(sqlite3.connect(data / STORE)) as store:
        (newest,) = store.execute(_NEWEST).fetchone()
    return [each for each in acknowledged if int(each["activity"]) <= newest]


@contextmanager
def other_machine(lab: Lab, folder: Path) -> Iterator[None]:
    """What is started within does not see the other hub's lock file."""
    elsewhere = folder / "tmp"
    elsewhere.mkdir(exist_ok=True)
    lab._env["TMPDIR"] = str(elsewhere)
    try:
        yield
    finally:
        del lab._env["TMPDIR"]


def hub_on(lab: Lab, data: Path, folder: Path) -> Process:
    with other_machine(lab, folder):
        made = lab.make_hub(port=free_port(), data=data)
    made.start()
    return made


def hand_in_quickly(lab: Lab, count: int) -> None:
    for office in lab.offices:
        office.knob("delay", seconds=1.0, times=None)  # until the copy is made, however long that takes
    lab.hand_in(count)


def no_delays(lab: Lab) -> None:
    for office in lab.offices:
        office.knob("heal")


@pytest.mark.fault("R17")
def test_a_second_hub_on_a_copy_stands_by_takes_over_and_doubles_nothing(
    lab: Lab, tmp_path: Path, told: Told
) -> None:
    count = size(30, 500)
    hand_in_quickly(lab, count)
    data = copied(lab, tmp_path)
    second = hub_on(lab, data, tmp_path)
    try:
        with on(lab, data):
            assert lab.moving() > 0, "the copy was made too late to have anything to double"
            stands_by = "SELECT COUNT(*) FROM store_connection WHERE standby_since IS NOT NULL"
            await_that(
                lambda: lab.rows(stands_by)[0][0] == len(lab.offices), 60, "both practices' standing by"
            )
        lab.hand_in(count // 2)
        no_delays(lab)
        lab.await_quiet(300)
        with on(lab, data):
            assert lab.rows(stands_by)[0][0] == len(lab.offices), "it took over while the first was there"
        lab.hub.kill()
        with on(lab, data):
            await_that(
                lambda: lab.moving() == 0, 400, "the second hub's taking over", tell=lab.where_they_stand
            )
        of_copy = judged(lab, data)
        assert_whole(of_copy)
    finally:
        second.stop()
    lab.restart()
    verdict = lab.settle()
    told(
        "two hubs on one practice, the second on a copy; the first killed, the second takes over",
        verdict,
        kills=1,
    )


@pytest.mark.fault("R28")
def test_a_backup_taken_under_load_is_restored_elsewhere_and_doubles_nothing(
    lab: Lab, tmp_path: Path, told: Told
) -> None:
    hand_in_quickly(lab, size(30, 500))
    data = copied(lab, tmp_path)
    with on(lab, data):
        waiting = lab.moving()
    assert waiting > 0, "the backup was made too late to have anything to double"
    lab.hub.kill()
    no_delays(lab)
    restored = hub_on(lab, data, tmp_path)
    try:
        with on(lab, data):
            await_that(lambda: lab.moving() == 0, 400, "the restored hub's rest", tell=lab.where_they_stand)
            told_of_it = lab.rows("SELECT COUNT(*) FROM store_observation WHERE what = 'store' AND told")
        assert told_of_it[0][0] == len(lab.offices)
        of_copy = judged(lab, data)
        assert_whole(of_copy)
    finally:
        restored.stop()
    lab.restart()  # the first one once more, with what the restored one has written meanwhile
    verdict = lab.settle()
    told(
        "the hub's backup, taken under load, restored elsewhere; then the old one started again",
        verdict,
        kills=1,
    )


@pytest.mark.fault("R17")
@pytest.mark.parametrize("way", ["backup", "older folder", "older file"])
def test_what_programs_hand_in_again_after_a_restore_is_in_the_chart_once(
    lab: Lab, tmp_path: Path, told: Told, way: str
) -> None:
    count, kept = size(40, 500), tmp_path / "kept"
    lab.settle()
    lab.hub.stop()
    keep(lab, kept, way)
    lab.restart()
    handed_in = [said_and_unsaid_times(office, count) for office in lab.offices]
    hand_in_papers(lab, f"paper {way}")
    lab.hand_in(0)
    lab.settle(300)
    written = [notes_in_chart(office) for office in lab.offices]
    await_that(lambda: mark_of(lab) >= newest_entry(lab), 60, "the mark beside the store")
    lab.hub.kill()
    put_back(lab, kept, way)
    for office in lab.offices:
        office.program.acknowledged = known(lab, lab.data, office.program.acknowledged)
    lab.restart()
    for office, again in zip(lab.offices, handed_in, strict=True):
        office.program.left = again
    hand_in_papers(lab, f"paper {way}")
    lab.hand_in(count // 2)
    verdict = lab.settle(300)
    for office, before in zip(lab.offices, written, strict=True):
        assert notes_in_chart(office) == before + count // 2
    told(
        f"the hub set back ({way}); what had been handed in and written since came again under the same keys",
        verdict,
        kills=1,
    )


def said_and_unsaid_times(office: Office, count: int) -> list[dict[str, Any]]:
    """Have activities made up, every second one with its time; returns them."""
    office.program.make(count)
    for each in office.program.left[::2]:
        each["occurred_at"] = datetime.now(UTC).isoformat()
    return list(office.program.left)


def hand_in_papers(lab: Lab, key: str) -> None:
    """A document for each practice, unknown so far."""
    for office in lab.offices:
        answer = office.program.hand_in_paper(PDF, office.program.patients[0], key)
        assert answer.status_code == 201, answer.status_code


def notes_in_chart(office: Office) -> int:
    return int(connect_value(office.database, "SELECT COUNT(*) FROM commlog WHERE Note LIKE '%CB-%'"))


def mark_of(lab: Lab) -> int:
    file = lab.data / "place.mark"
    return int(file.read_text()) if file.exists() else 0


def newest_entry(lab: Lab) -> int:
    return int(lab.rows("SELECT MAX(id) FROM store_writebackevent")[0][0])


def keep(lab: Lab, kept: Path, way: str) -> None:
    """Of a hub that stands still."""
    if way == "backup":
        command(lab, lab.data, "backup", str(kept))
    elif way == "older folder":
        shutil.copytree(lab.data, kept)
    else:
        with closing(sqlite3.connect(lab.data / STORE)) as store, closing(sqlite3.connect(kept)) as old:
            store.backup(old)


def put_back(lab: Lab, kept: Path, way: str) -> None:
    """In the place of a hub that was killed."""
    if way == "backup":
        command(lab, lab.data, "restore", str(kept))
    elif way == "older folder":
        lab.data.rename(kept.with_name("newer"))
        shutil.copytree(kept, lab.data)
    else:
        with closing(sqlite3.connect(kept)) as old, closing(sqlite3.connect(lab.data / STORE)) as store:
            old.backup(store)  # the same file, with less in it


@pytest.mark.fault("R16")
def test_yesterdays_backup_of_the_pms_stops_everything_and_what_vanished_is_written_again_by_choice(
    lab: Lab, told: Told
) -> None:
    """Whoever restored it works on before the hub is let in again: numbers of notes and of a patient come again."""
    office, count = lab.offices[0], size(20, 1000)
    assert office.sql is not None
    lab.settle()
    office.knob("back_up")
    before = lab.taken(office)
    newcomer = str(office.knob("add_patient", last="Newcomer", first="Nora"))
    known = (
        f"SELECT 1 FROM store_mirrorpatient WHERE connection_id={office.connection_id} AND key='{newcomer}'"
    )
    await_that(lambda: bool(lab.rows(known)), 90, "reading the new patient")
    office.program.hand_in(3, patients=[newcomer])
    office.program.hand_in(count)
    lab.settle()
    vanishes = lab.taken(office) - before
    assert vanishes >= count + 3
    records = records_of(lab, office, after=before)
    for line in (office.api, office.sql):
        line.cut()
    office.knob("restore_backup")
    foreign = foreign_notes(office, 100)
    assert str(office.knob("add_patient", last="Foreign", first="Person")) == newcomer, (
        "the number comes again"
    )
    assert records & foreign, "numbers of notes come again"
    for line in (office.api, office.sql):
        line.restore()
    restored = time.monotonic()
    of_it = f"connection_id = {office.connection_id}"
    held = f"SELECT hold_code FROM store_connection WHERE id = {office.connection_id}"
    await_that(lambda: lab.rows(held)[0][0] == "brake", 120, "the brake")
    braked = time.monotonic() - restored
    listed = f"SELECT COUNT(*) FROM store_writeback WHERE reason_code = 'vanished' AND {of_it}"
    await_that(
        lambda: lab.rows(listed)[0][0] == vanishes, 60 + vanishes, "the list", tell=lab.where_they_stand
    )
    other = lab.offices[1]
    other.program.hand_in(3)  # other practices go on
    chosen = {"connection_id": office.connection_id, "practice_id": office.practice_id}
    desk = lab.run("tests.faults.desk", chosen)
    assert desk["went_on"]
    await_that(lambda: lab.rows(listed)[0][0] == 0, 120, "the writing again", tell=lab.where_they_stand)
    verdict = lab.settle(600, at_desk={"patient_changed": 3})
    assert verdict.reasons == {"patient_changed": 3}, (
        "nothing of the one goes to the other of the same number"
    )
    in_foreign_chart = f"SELECT COUNT(*) FROM commlog WHERE PatNum={newcomer} AND Note LIKE '%CB-%'"
    assert connect_value(office.database, in_foreign_chart) == "0"
    kept = f"SELECT COUNT(*) FROM commlog WHERE Note='{FOREIGN}'"
    assert connect_value(office.database, kept) == str(len(foreign))
    told(
        "the PMS restored from a backup, numbers given again; what vanished written again by choice",
        verdict,
        written_again=vanishes - 3,
        noticed_after_s=round(braked, 1),
    )
    assert braked <= (35.0 if FULL else 90.0), "two looks of the default interval"


FOREIGN = "Called about the bill."


def foreign_notes(office: Office, count: int) -> set[str]:
    """Let somebody write notes of their own; returns their numbers."""
    db = open_database(office.database, schema_of((24, 3, 10)))
    try:
        desk, patients = FrontDesk(db), office.program.patients
        return {f"commlog {desk.add_note(int(patients[n % len(patients)]), FOREIGN)}" for n in range(count)}
    finally:
        db.close()


def records_of(lab: Lab, office: Office, *, after: int) -> set[str]:
    """The PMS's numbers of what was written last."""
    rows = lab.rows(
        f"SELECT record FROM store_writeback WHERE practice_id={office.practice_id} AND record LIKE 'commlog %'"
        f" ORDER BY id LIMIT -1 OFFSET {after}"
    )
    return {record for (record,) in rows}
