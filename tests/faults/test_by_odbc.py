"""R3, R4, R8 by ODBC: lost answers, commits that land late, and a full or closed folder for documents."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chartbridge.pms.connector import Settings
from chartbridge.store.connections import save_connection
from chartbridge.store.models import Delivery, Seen, Writeback, WritebackEvent
from chartbridge.writeback.giving_back import try_now, try_what_was_refused
from chartbridge.writeback.mend import free_after_setting, retry_alike
from tests.connectors.dentrix.practices import dentrix_practice, dentrix_rig
from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig
from tests.connectors.odbc_rig import OdbcRig
from tests.faults.behind_odbc import OdbcHub, odbc_hub
from tests.faults.conftest import Told, told
from tests.faults.disks import remounted, small_disk
from tests.faults.sizes import size
from tests.intake.papers import PDF
from tests.servers.proxy import Choose, Does, Fault

__all__ = ["dentrix_practice", "dentrix_rig", "eaglesoft_practice", "eaglesoft_rig", "told"]
pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]
SETTLE_S = 3.0
LATE_S = 1.0
A_WHILE = timedelta(minutes=10)
OFF = {"eaglesoft": {"authorisation": ""}, "dentrix": {"write_licence": "false"}}
"""Settings with which nothing is written into the PMS."""
WHO_ACTS = {"eaglesoft": "Patterson", "dentrix": "Henry Schein One|administers"}


@pytest.fixture(params=["eaglesoft", "dentrix"])
def rig(request: pytest.FixtureRequest) -> OdbcRig:
    made: OdbcRig = request.getfixturevalue(f"{request.param}_rig")
    return made


@pytest.fixture
def hub(rig: OdbcRig) -> Iterator[OdbcHub]:
    with odbc_hub(rig, settle_s=SETTLE_S) as made:
        yield made


def by_chance(seed: int, of: dict[bytes, dict[Fault, float]]) -> Choose:
    """Strike what carries one of these words, with the shares of its own."""
    chance, lock = random.Random(seed), threading.Lock()

    def choose(request: bytes) -> Fault | None:
        for word, shares in of.items():
            if word in request:
                with lock:
                    drawn = chance.random()
                for fault, share in shares.items():
                    if drawn < share:
                        return fault
                    drawn -= share
        return None

    return choose


@pytest.mark.fault("R3")
def test_lost_answers_to_commits_and_inserts_lose_and_double_nothing(hub: OdbcHub, told: Told) -> None:
    drops = {Fault(Does.DROPS_ANSWER): 0.2, Fault(Does.DROPS_REQUEST): 0.1}
    hub.line.choose = by_chance(31, {b"COMMIT": drops, b"INSERT INTO": {Fault(Does.DROPS_ANSWER): 0.2}})
    hub.hand_in_notes(size(40, 1000))
    hub.deliver(size(180, 1500), skip=True)
    lost = hub.line.struck[Does.DROPS_ANSWER]
    assert lost >= 5
    verdict = hub.judged()
    assert verdict.clean({}), verdict
    assert verdict.in_chart == verdict.writes == size(40, 1000)
    told("by ODBC: every fifth answer to COMMIT and INSERT lost", verdict, lost_answers=lost)


@pytest.mark.fault("R4")
def test_commits_that_land_late_are_not_written_again(hub: OdbcHub, told: Told) -> None:
    hub.line.choose = by_chance(41, {b"COMMIT": {Fault(Does.LANDS_LATE, LATE_S): 0.1 if size(0, 1) else 0.3}})
    hub.hand_in_notes(size(25, 300))
    hub.deliver(size(180, 1500))
    time.sleep(2 * LATE_S)
    late = hub.line.struck[Does.LANDS_LATE]
    assert late >= 3
    verdict = hub.judged()
    assert verdict.clean({}), verdict
    assert verdict.in_chart == verdict.writes == size(25, 300)
    told("by ODBC: commits that land after the line broke", verdict, late=late)


@pytest.mark.fault("R4")
def test_a_hub_that_would_not_wait_before_it_looks_is_found_out_by_odbc_too(rig: OdbcRig) -> None:
    """The lab's own proof: with the wait planted away, the same late commits are in the chart twice."""
    with odbc_hub(rig, settle_s=0.0) as hub:
        hub.line.choose = by_chance(42, {b"COMMIT": {Fault(Does.LANDS_LATE, LATE_S): 0.5}})
        hub.hand_in_notes(12)
        hub.deliver(60)
        time.sleep(2 * LATE_S)  # what is still on its way lands
        assert hub.judged().twice


@pytest.mark.fault("R8")
@pytest.mark.parametrize("closed", [False, True], ids=["full", "read-only"])
def test_a_folder_for_documents_that_takes_nothing_keeps_no_half_one_and_is_tried_again(
    rig: OdbcRig, tmp_path: Path, closed: bool, told: Told
) -> None:
    paper = PDF.replace(b"xref", b"%" + b"x" * 700_000 + b"\nxref")
    with small_disk(tmp_path / "disk", 8) as disk:
        folder = disk.folder / "waiting"
        folder.mkdir()
        with odbc_hub(rig, settle_s=SETTLE_S, document_program="", handoff_folder=str(folder)) as hub:
            hub.hand_in_paper(paper)
            hub.deliver(30)
            (whole,) = pairs(folder)
            if not closed:
                disk.fill(leave=300_000)
            with remounted(disk, read_only=closed):
                late = [hub.hand_in_paper(paper) for _ in range(2)]
                hub.hand_in_notes(5)
                hub.deliver(6)
                assert pairs(folder) == {whole}, "no half document is left"
                says_why(hub, late, closed=closed)
            disk.clear()
            goes_on(hub, closed=closed)
            assert len(pairs(folder)) == 3
            for file in folder.glob("*.pdf"):
                assert file.read_bytes() == paper
            for each in Writeback.objects.filter(command="add_document"):
                hub.rig.knobs.add_document(hub.rig.patient, f"Statement {each.marker}")  # they are imported
            look_for_what_was_imported(hub)
            verdict = hub.judged()
            assert verdict.clean({}), verdict
            assert verdict.in_chart == verdict.writes == 8
            told(f"the folder for documents {'read-only' if closed else 'full'} for a while", verdict)


@pytest.mark.parametrize("asking", ["retry", "test", "setting"])
def test_a_write_for_which_the_right_is_missing_waits_until_it_is_asked_for(
    hub: OdbcHub, asking: str
) -> None:
    hub.rig.expire_sign_in()
    hub.hand_in_notes(3)
    hub.deliver(15)
    parked = Writeback.objects.get(delivery=Delivery.PARKED)
    assert re.search(WHO_ACTS[hub.connection.connector], parked.reason)
    hub.rig.practice.open_gate()  # so that a try would be taken
    begun = WritebackEvent.objects.count()
    for _ in range(36):
        hub.rig.clock.ahead += A_WHILE
        assert try_what_was_refused(hub.rig.clock) == 0
        hub.deliverer.deliver(hub.connection.pk)
    assert WritebackEvent.objects.count() == begun
    assert hub.rig.knobs.markers() == {}
    enter(hub, hub.rig.settings(connection_string=hub.rig.practice.connection_string_over(hub.line.port)))
    who, clock = "manager@example.com", hub.rig.clock
    match asking:
        case "retry":
            assert retry_alike(hub.connection.practice_id, "unauthorised", who, clock=clock) == 1
        case "test":
            assert try_now(hub.connection.pk, who, clock) == 1
        case _:
            free_after_setting(hub.connection.pk, who, clock=clock)
    hub.deliver(30)
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 3
    hub.connection.refresh_from_db()
    assert hub.connection.write_hold == ""


@pytest.mark.parametrize("refused_by", ["settings", "database"])
def test_a_note_that_may_not_be_written_keeps_no_paper_from_the_folder(
    rig: OdbcRig, tmp_path: Path, refused_by: str
) -> None:
    folder = tmp_path / "waiting"
    folder.mkdir()
    name = rig.connect().manifest.id
    settings = {"document_program": "", "handoff_folder": str(folder)}
    settings |= OFF[name] if refused_by == "settings" else {}
    with odbc_hub(rig, settle_s=SETTLE_S, people=1, **settings) as hub:
        if refused_by == "database":
            rig.expire_sign_in()
        hub.hand_in_notes(2)
        hub.deliver(5)
        paper = hub.hand_in_paper()
        hub.deliver(10)
        paper.refresh_from_db()
        assert (paper.delivery, paper.reason_code) == (Delivery.TAKEN, "waiting_for_import")
        assert pairs(folder)
        notes = Writeback.objects.filter(command="add_note").order_by("id")
        assert [note.delivery for note in notes] == [Delivery.PARKED, Delivery.QUEUED]
        for note in notes:
            assert re.search(WHO_ACTS[name], note.reason)
        hub.connection.refresh_from_db()
        assert hub.connection.write_hold_code == "unauthorised:add_note"


def enter(hub: OdbcHub, settings: Settings) -> None:
    """Save what is entered on the PMS Connection page."""
    save_connection(hub.connection.practice_id, hub.connection.connector, settings)


def pairs(folder: Path) -> set[str]:
    """The documents that lie there, each a PDF and its manifest; fails where anything else does."""
    names = {file.name for file in folder.iterdir()}
    whole = {name.removesuffix(".pdf") for name in names if name.endswith(".pdf")}
    assert names == {f"{name}{ending}" for name in whole for ending in (".pdf", ".json")}
    return whole


def says_why(hub: OdbcHub, late: list[Writeback], *, closed: bool) -> None:
    """A full disk is waited for; a folder that may not be written into is somebody's to open, and documents pause."""
    hub.connection.refresh_from_db()
    for each in late:
        each.refresh_from_db()
    if closed:
        assert [each.delivery for each in late] == [Delivery.PARKED, Delivery.QUEUED]
        assert "may not write into the folder" in late[0].reason
        assert hub.connection.write_hold_code == "unauthorised:add_document"
    else:
        assert {each.delivery for each in late} == {Delivery.QUEUED}
        assert hub.connection.write_failures > 0


def goes_on(hub: OdbcHub, *, closed: bool) -> None:
    """Once there is room it goes on by itself; what was set aside for want of a right, when somebody says so."""
    if closed:
        assert retry_alike(hub.connection.practice_id, "unauthorised", "manager@example.com") == 1
    hub.rig.clock.ahead += A_WHILE
    hub.deliver(60)


def look_for_what_was_imported(hub: OdbcHub) -> None:
    for _ in range(20):
        hub.rig.clock.ahead += A_WHILE
        hub.deliverer.deliver(hub.connection.pk)
        if not Writeback.objects.exclude(seen="seen").exists():
            return
