"""A hub that is not the only one, or not the one it was: it stands by, or looks before it sends."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from django.conf import settings
from django.db import OperationalError, connection

from chartbridge.pms import fence
from chartbridge.pms.commands import AddNote, Command, Receipt
from chartbridge.pms.connector import Holding
from chartbridge.pms.errors import Unavailable
from chartbridge.pms.manifest import OneHub as Claim
from chartbridge.pms.manifest import OneHubClaim, Repeat
from chartbridge.pms.registry import install
from chartbridge.store import one_hub
from chartbridge.store.connections import as_entered, connection_of, save_connection
from chartbridge.store.models import AuditEntry, Connection, Observation, StorePlace, Writeback
from chartbridge.store.one_hub import OneHub
from chartbridge.store.place import Moved
from chartbridge.store.secrets import ensure_key
from chartbridge.writeback import mend, whereabouts
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.whereabouts import keep_watch, settle_in
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import ScriptedConnector, ScriptedPms, Written, scripted_registry


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own; the tests' store does not really move."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(one_hub, "LOCKS", tmp_path)
    monkeypatch.setattr(one_hub, "_files", {})
    return tmp_path


class Shared:
    """Who holds the practice at the PMS."""

    def __init__(self) -> None:
        self.holder = ""
        self.away = False


def let_be_held(office: Office, shared: Shared, me: str) -> None:
    """From here on the PMS says who holds the practice."""
    manifest = replace(office.manifest, one_hub=Claim(how=OneHubClaim.SESSION))

    class Holder(ScriptedConnector):
        def hold_practice(self, name: str) -> Holding:
            if shared.away:
                raise Unavailable("The PMS is away.")
            anew = shared.holder != me
            if shared.holder in ("", me):
                shared.holder = me
                return Holding(ours=True, taken_anew=anew)
            return Holding(ours=False)

    made = scripted_registry(office.pms, manifest)
    install(replace(made, factories={"scripted": lambda _settings, _clock: Holder(office.pms, manifest)}))


def standing_by(office: Office) -> bool:
    return Connection.objects.get(pk=office.connection.pk).standby_since is not None


def sent_by_another(pms: ScriptedPms, row: Writeback) -> None:
    """The other copy has delivered it."""
    pms.records.append(Written(900, row.patient_key, row.marker, row.text))


def test_while_another_hub_holds_the_practice_nothing_is_sent(office: Office) -> None:
    shared = Shared()
    let_be_held(office, shared, "second")
    shared.holder = "first"
    office.enqueue()
    deliverer = office.deliverer()
    for _ in range(10):
        outcome = deliverer.deliver(office.connection.pk)
        assert not outcome.again
        office.clock.advance(5)
    assert office.pms.writes == 0
    assert office.only().delivery == "queued"
    assert standing_by(office)


def test_the_second_hub_takes_over_when_the_first_is_gone_waits_and_looks_first(office: Office) -> None:
    shared = Shared()
    let_be_held(office, shared, "second")
    shared.holder = "first"
    done, left = office.enqueue()[0], office.enqueue(patient="2")[0]
    deliverer = office.deliverer()
    office.deliver(deliverer)
    sent_by_another(office.pms, done)
    shared.holder = ""
    office.clock.advance(5)
    office.deliver(deliverer)
    assert not standing_by(office)
    assert office.pms.writes == 0, "the first hub's last request may still land"
    office.clock.advance(91)
    later = office.enqueue(patient="3")[0]
    office.settle(deliverer=deliverer)
    assert sorted(office.pms.markers()) == sorted([done.marker, left.marker, later.marker])
    done.refresh_from_db()
    assert (done.delivery, done.seen, done.record) == ("taken", "seen", "note 900")
    office.check()


@pytest.mark.parametrize("failures", [0, 3])
def test_a_mended_setting_does_not_cut_the_wait_for_the_other_hub_short(
    office: Office, failures: int
) -> None:
    shared = Shared()
    let_be_held(office, shared, "second")
    shared.holder = "first"
    office.enqueue()
    office.change(write_failures=failures)
    deliverer = office.deliverer()
    office.deliver(deliverer)
    shared.holder = ""
    office.clock.advance(5)
    office.deliver(deliverer)
    assert not standing_by(office)
    mend.free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock)
    mend.retry_alike(office.practice.pk, "", "mary@example.com", clock=office.clock)
    ensure_key()
    held = connection_of(office.practice.pk)
    save_connection(office.practice.pk, "scripted", as_entered(held, "scripted", {}, {}))
    let_be_held(office, shared, "second")
    office.deliver(deliverer)
    assert office.pms.writes == 0, "the first hub's last request may still land"
    office.clock.advance(91)
    office.settle(deliverer=deliverer)
    assert office.pms.writes == 1


def test_a_lock_file_of_another_user_tells_as_well_as_ones_own(office: Office, tmp_path: Path) -> None:
    """It is made so that everybody may read it: reading is enough to see whether another hub holds it."""
    office.enqueue()
    office.deliver()
    [lock] = tmp_path.glob("chartbridge-*.lock")
    assert lock.stat().st_mode & 0o777 == 0o644
    held = os.open(lock, os.O_RDONLY)
    for descriptor in one_hub._files.values():
        os.close(descriptor)
    one_hub._files.clear()
    fcntl.flock(held, fcntl.LOCK_EX)  # as another user's hub does, in a process of its own
    office.enqueue(patient="2")
    office.deliver()
    os.close(held)
    assert (office.pms.writes, standing_by(office)) == (1, True)


def test_a_lock_file_that_cannot_be_opened_is_told_once_in_a_sentence(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_file: Path) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(one_hub, "_opened", refused)
    monkeypatch.setattr(one_hub, "_told", set())
    with structlog.testing.capture_logs() as logs:
        for patient in ("1", "2"):
            office.enqueue(patient=patient)
            office.deliver()
    told = [each for each in logs if each["event"] == "lock_file_not_ours"]
    assert len(told) == 1
    assert "belongs to another user" in told[0]["sentence"]
    assert office.pms.writes == 2


def test_a_mended_setting_ends_a_wait_for_a_pms_that_was_away(office: Office) -> None:
    def away(_command: object) -> None:
        raise Unavailable("The PMS is away.", retry_after=600)

    office.pms.before = away
    office.enqueue()
    deliverer = office.deliverer()
    office.deliver(deliverer)
    assert office.pms.records == []
    office.pms.before = lambda _command: None
    mend.free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock)
    office.deliver(deliverer)
    assert len(office.pms.records) == 1


@pytest.mark.parametrize("anew", [False, True])
def test_a_hub_that_was_long_without_the_practice_waits_for_what_another_may_have_on_its_way(
    office: Office, *, anew: bool
) -> None:
    """It stood still, or was off, and saw nothing of the one that came in and left again."""
    shared = Shared()
    let_be_held(office, shared, "first")
    office.enqueue()
    deliverer = office.deliverer()
    office.deliver(deliverer)
    done = office.enqueue(patient="2")[0]
    shared.holder = "second"
    office.clock.advance(600)
    shared.holder = ""
    office.pms.late.append(lambda: sent_by_another(office.pms, done))
    if anew:
        deliverer = office.deliverer()
    office.deliver(deliverer)
    assert office.pms.writes == 1, "the second hub's last request may still land"
    office.settle(deliverer=deliverer)
    assert office.pms.writes == 1
    office.check()


@pytest.mark.parametrize("anew", [False, True])
def test_a_line_lost_or_a_start_after_a_moment_delays_nothing(office: Office, *, anew: bool) -> None:
    shared = Shared()
    let_be_held(office, shared, "first")
    office.enqueue()
    deliverer = office.deliverer()
    office.deliver(deliverer)
    shared.holder = ""
    office.clock.advance(30)
    office.enqueue(patient="2")
    office.deliver(office.deliverer() if anew else deliverer)
    assert office.pms.writes == 2


def test_a_write_whose_own_reads_took_too_long_does_not_go_out(office: Office) -> None:
    """By then another hub may have the practice, and may have looked in the chart already."""
    shared = Shared()
    let_be_held(office, shared, "first")
    office.enqueue()

    def slow(_command: object) -> None:
        office.clock.advance(21)
        office.pms.before = lambda _command: fence.last_moment()
        fence.last_moment()

    office.pms.before = slow
    office.deliver()
    assert office.pms.records == []
    assert office.only().delivery == "queued"
    office.settle()
    assert len(office.pms.records) == 1


def test_a_write_that_outlived_the_lease_does_not_go_out(office: Office) -> None:
    office.enqueue()
    deliverer = office.deliverer()

    def slow(_command: object) -> None:
        for _ in range(7):
            office.clock.advance(9.5)
            deliverer._one_hub.ours(office.connection, office.live.of(office.connection))
        fence.last_moment()

    office.pms.before = slow
    office.deliver(deliverer)
    assert office.pms.records == []
    assert office.only().delivery == "queued"


def test_where_the_pms_cannot_say_who_holds_the_practice_nothing_is_sent(office: Office) -> None:
    shared = Shared()
    let_be_held(office, shared, "only")
    shared.away = True
    office.enqueue()
    deliverer = office.deliverer()
    office.deliver(deliverer)
    assert office.pms.writes == 0
    assert not standing_by(office)
    shared.away = False
    office.clock.advance(5)
    office.deliver(deliverer)
    assert office.pms.writes == 1


def test_a_hub_that_lost_the_practice_in_the_middle_of_a_batch_stops(office: Office) -> None:
    shared = Shared()
    let_be_held(office, shared, "first")
    for _ in range(4):
        office.enqueue()

    def lose_it(_command: object) -> None:
        if office.pms.writes == 2:
            shared.holder = "second"
            office.clock.advance(one_hub.GOOD_FOR_S + 1)

    office.pms.after = lose_it
    office.deliver()
    assert office.pms.writes == 2
    assert standing_by(office)


def test_two_hubs_on_one_machine_see_each_other_without_the_pms(office: Office, folder: Path) -> None:
    office.enqueue()
    office.deliver()
    assert office.pms.writes == 1
    (lock,) = folder.glob("chartbridge-*.lock")
    office.enqueue()
    one_hub._files.clear()  # as another process would find it: held by somebody
    office.deliver()
    assert office.pms.writes == 1
    assert standing_by(office)
    assert lock.exists()


def start(office: Office, *, how: Moved) -> None:
    assert settle_in(office.clock) is how


def test_a_copied_store_looks_for_everything_before_it_sends_it(office: Office) -> None:
    start(office, how=Moved.NEW)
    start(office, how=Moved.SAME)
    done, left = office.enqueue()[0], office.enqueue(patient="2")[0]
    sent_by_another(office.pms, done)
    StorePlace.objects.update(facts={"machine": "another"})
    start(office, how=Moved.COPIED)
    office.deliver()
    assert office.pms.writes == 0, "the other store's last request may still land"
    office.clock.advance(71)
    office.settle()
    assert sorted(office.pms.markers()) == sorted([done.marker, left.marker])
    office.check()
    assert AuditEntry.objects.filter(what="store.moved").count() == 1
    assert Observation.objects.get().what == "store"
    start(office, how=Moved.SAME)


def test_a_store_that_is_behind_its_mark_was_set_back(office: Office, folder: Path) -> None:
    start(office, how=Moved.NEW)
    office.enqueue()
    keep_watch(office.clock)
    mark = folder / "place.mark"
    ahead = int(mark.read_text()) + 100
    mark.write_text(str(ahead))
    keep_watch(office.clock)  # also while it runs
    assert Connection.objects.get().look_first_until == office.only().pk
    assert Observation.objects.get().event == Moved.SET_BACK
    assert int(mark.read_text()) < ahead
    start(office, how=Moved.SAME)


def test_a_folder_that_was_copied_is_known_by_its_files(office: Office, folder: Path) -> None:
    start(office, how=Moved.NEW)
    if connection.vendor != "sqlite":
        (folder / "place").write_text("")
    text = (folder / "place").read_text()
    (folder / "place").unlink()
    (folder / "other").write_text("")  # so that the number of the file can't be the same one
    (folder / "place").write_text(text)
    start(office, how=Moved.COPIED if connection.vendor == "sqlite" else Moved.SAME)  # a cluster has a name


def test_a_machine_that_was_started_anew_looks_first_and_says_nothing(office: Office) -> None:
    start(office, how=Moved.NEW)
    row = office.enqueue()[0]
    StorePlace.objects.update(boot="an earlier one")
    sent_by_another(office.pms, row)
    start(office, how=Moved.BOOTED)
    office.deliver()
    assert office.pms.markers() == [row.marker]
    assert not Observation.objects.exists()


def test_what_came_in_after_the_copy_is_sent_without_a_look(office: Office) -> None:
    start(office, how=Moved.NEW)
    StorePlace.objects.update(facts={})
    start(office, how=Moved.COPIED)
    office.clock.advance(71)
    office.enqueue()
    office.pms.looking = lambda: (
        pytest.fail("nothing is to be looked for") if office.pms.writes == 0 else None
    )
    office.deliver()
    assert office.pms.writes == 1


def test_when_the_look_before_sending_fails_it_is_tried_again(office: Office) -> None:
    start(office, how=Moved.NEW)
    row = office.enqueue()[0]
    StorePlace.objects.update(facts={})
    start(office, how=Moved.COPIED)
    office.clock.advance(71)

    def away() -> None:
        raise Unavailable("away")

    office.pms.looking = away
    office.deliver()
    assert office.pms.writes == 0
    row.refresh_from_db()
    assert (row.delivery, row.attempts) == ("queued", 1)
    office.pms.looking = lambda: None
    office.settle()
    assert office.pms.markers() == [row.marker]


def test_what_can_not_be_looked_up_waits_for_a_person_in_a_copy(make_office: Callable[..., Office]) -> None:
    office = make_office(repeat=Repeat.NEVER)
    start(office, how=Moved.NEW)
    office.enqueue()
    StorePlace.objects.update(facts={})
    start(office, how=Moved.COPIED)
    office.clock.advance(71)
    office.deliver()
    assert office.pms.writes == 0
    assert office.only().reason_code == "uncertain"


def test_a_hub_that_ends_while_it_settles_in_is_careful_at_the_next_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.enqueue()
    settle_in(office.clock)
    StorePlace.objects.update(copied_from="backup")

    def ends(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(whereabouts, "look_first", ends)
        with pytest.raises(KeyboardInterrupt):
            settle_in(office.clock)
    assert settle_in(office.clock) is Moved.COPIED
    assert Connection.objects.get(pk=office.connection.pk).look_first_until == office.only().pk


@pytest.mark.parametrize("noticed_by_a_reader", [False, True])
def test_a_practice_taken_anew_in_mid_turn_ends_the_turn(office: Office, noticed_by_a_reader: bool) -> None:
    """The hub stands still in a write; meanwhile another has the practice, delivers what waits, and goes."""
    shared = Shared()
    let_be_held(office, shared, "me")
    rows = [office.enqueue(patient=str(1 + n % 3), body=f"Note {n}.")[0] for n in range(9)]
    hub, gone, noticed = OneHub(office.clock), threading.Event(), threading.Event()

    def at_step(name: str) -> None:
        if noticed_by_a_reader and name == "kept" and gone.is_set() and not noticed.is_set():
            hub.keep(office.connection, office.live.of(office.connection))
            noticed.set()

    deliverer = Deliverer(office.live, office.clock, one_hub=hub, at_step=at_step)

    def answers(_command: Command) -> None:
        if office.pms.writes == 1:
            for at, row in enumerate(rows[1:8]):
                office.pms.records.append(Written(900 + at, row.patient_key, row.marker, row.text))
            shared.holder = ""
            office.clock.advance(150)  # only now: while only a write hangs, the practice is kept
            gone.set()
            assert not noticed_by_a_reader or noticed.wait(10)

    office.pms.after = answers
    deliverer.deliver(office.connection.pk)
    assert office.pms.writes == 1
    office.clock.advance(200)
    office.settle(deliverer=deliverer)
    assert sorted(office.pms.markers()) == sorted(row.marker for row in rows)
    office.check()


def test_that_it_was_taken_anew_is_not_forgotten_where_it_could_not_be_stored(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Shared()
    let_be_held(office, shared, "me")
    office.enqueue()
    connector = office.live.of(office.connection)
    hub = OneHub(office.clock)
    plain = one_hub.look_first

    def fails(*_args: object, **_given: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(one_hub, "look_first", fails)
    with pytest.raises(OperationalError):
        hub.ours(office.connection, connector)
    monkeypatch.setattr(one_hub, "look_first", plain)
    assert hub.ours(office.connection, connector)
    office.connection.refresh_from_db()
    assert office.connection.look_first_until == office.only().pk


def test_where_a_look_for_many_fails_few_are_looked_for_at_a_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that breaks now and then would carry the look for a large batch never."""
    rows = [office.enqueue(patient=str(1 + n % 3), body=f"Note {n}.")[0] for n in range(40)]
    Connection.objects.filter(pk=office.connection.pk).update(look_first_until=rows[-1].pk)
    looked: list[int] = []
    plain = ScriptedConnector.landed_all

    def landed_all(self: ScriptedConnector, commands: Sequence[Command]) -> list[Receipt | None]:
        there = {each.marker for each in office.pms.records}
        asked = [each for each in commands if isinstance(each, AddNote) and each.marker not in there]
        looked.append(len(asked))
        if len(asked) > 2:
            raise Unavailable("The line broke.")
        return plain(self, commands)

    monkeypatch.setattr(ScriptedConnector, "landed_all", landed_all)
    deliverer = office.deliverer()
    for _ in range(60):
        office.deliver(deliverer)
        office.clock.advance(61)
    assert looked[0] > 2
    assert office.pms.writes == 40
    assert set(Writeback.objects.values_list("seen", flat=True)) == {"seen"}
    office.check()
