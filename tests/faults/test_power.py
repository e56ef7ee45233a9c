"""R10: the power goes. What was acknowledged is still there, and what was sent is known to have been sent."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.checker import interrupted_often
from tests.faults.conftest import Told
from tests.faults.lab import Lab
from tests.faults.power import (
    Disk,
    Happened,
    await_record,
    moments,
    put_back,
    read_record,
    recorded,
    said_by,
    store_files,
)
from tests.faults.sizes import size

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
CUTS = 60


@pytest.mark.fault("R10")
def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged_and_doubles_nothing(
    tmp_path: Path, told: Told
) -> None:
    chance = random.Random(101)
    lab = Lab(tmp_path / "lab", seed=101)
    cuts, turns = 0, size(3, 20)
    try:
        lab.start()
        for turn in range(turns):
            lab.hub.stop()
            before = store_files(lab.data)
            record = work_until_the_cut(lab, tmp_path / f"record{turn}", chance)
            assert not [wrong for wrong, _ in after_cuts(record, before, chance, tmp_path / "cut") if wrong]
            cuts += CUTS
            put_back(lab.data, last_cut(record, before, chance))
            lab.restart()
        lab.hand_in(5)
        verdict = lab.settle(300, at_desk=interrupted_often(turns, len(lab.offices)))
    finally:
        lab.close()
    told(
        "power cuts: what was not synced is lost, kept or torn by sectors; the hub goes on with what it finds",
        verdict,
        kills=turns,
        cuts=cuts,
    )


@pytest.mark.fault("R10")
@pytest.mark.parametrize("careless", ["NORMAL", "OFF"])
def test_a_hub_that_would_not_sync_each_commit_is_found_out(careless: str, tmp_path: Path) -> None:
    """The lab's own proof: the same cuts take from it what it had acknowledged."""
    chance = random.Random(102)
    lab = Lab(tmp_path / "lab", patients=20, seed=102)
    try:
        lab.start()
        lab.hub.stop()
        before = store_files(lab.data)
        record = work_until_the_cut(lab, tmp_path / "record", chance, synchronous=careless)
    finally:
        lab.close()
    found = [wrong for wrong, _ in after_cuts(record, before, chance, tmp_path / "cut") if wrong]
    assert len(found) > CUTS // 10, "cuts that lost something"


def work_until_the_cut(lab: Lab, log: Path, chance: random.Random, **more: object) -> list[Happened]:
    """Start the hub, let programs hand in for a moment, end it in the middle of that; what it did until then."""
    lab.hub = lab.make_hub(wrap=recorded(log), **more)
    lab.hub.start()
    pid, until = lab.hub.pid, time.monotonic() + chance.uniform(1.0, 2.5)
    at_the_latest = until + 60
    program, line = lab.offices[0].program, lab.offices[0].api
    notes = 0

    def count(request: bytes) -> None:
        nonlocal notes
        notes += request.startswith(b"POST") and b"/commlogs" in request.partition(b"\r\n")[0]

    line.choose = count
    with program.client() as web:
        # A hub whose every write is recorded starts slowly: it goes on until something went to the PMS.
        while time.monotonic() < until or (notes == 0 and time.monotonic() < at_the_latest):
            program.make(2)
            program.try_once(web)
    lab.hub.kill()
    await_record(log, pid)
    record = read_record(log)
    assert said_by(record, "acknowledged"), "nothing was acknowledged"
    assert said_by(record, "sent"), "nothing was sent to the PMS"
    return record


def after_cuts(
    record: Sequence[Happened], before: dict[str, bytearray], chance: random.Random, folder: Path
) -> list[tuple[str, int]]:
    """Cut the power at many moments; what is wrong with what was found then (or nothing), and the moment."""
    disk = Disk({name: bytearray(content) for name, content in before.items()})
    wanted = moments(record, chance, CUTS)
    said: dict[str, set[str]] = {"acknowledged": set(), "sent": set()}
    found = []
    for at, each in enumerate(record):
        if at in wanted:
            put_back(folder, disk.after_the_cut(chance))
            found.append((wrong_in(folder, **said), at))
        disk.play(each)
        if each.what in said:
            said[each.what] |= each.told
    return found


def last_cut(
    record: Sequence[Happened], before: dict[str, bytearray], chance: random.Random
) -> dict[str, bytes]:
    """The files as the cut at the very end left them."""
    disk = Disk({name: bytearray(content) for name, content in before.items()})
    for each in record:
        disk.play(each)
    return disk.after_the_cut(chance)


def wrong_in(folder: Path, *, acknowledged: set[str], sent: set[str]) -> str:
    """What this store should hold and does not."""
    store = sqlite3.connect(folder / "chartbridge.sqlite3")
    try:
        if (whole := store.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            return f"damaged: {whole}"
        kept = {str(pk) for (pk,) in store.execute("SELECT id FROM store_activity")}
        if acknowledged - kept:
            return f"{len(acknowledged - kept)} acknowledged activities are gone"
        known = "SELECT marker FROM store_writeback WHERE delivery IN ('sending', 'uncertain', 'taken')"
        if forgotten := sent - {marker for (marker,) in store.execute(known)}:
            return f"{len(forgotten)} requests to the PMS are forgotten"
    except sqlite3.DatabaseError as error:
        return f"damaged: {error}"
    finally:
        store.close()
    return ""
