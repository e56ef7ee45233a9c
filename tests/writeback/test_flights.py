"""While one batch is being sent, the answers to the one before are kept and the next one is claimed: in order, one
write at a time, and nothing is sent behind a wall or behind a deliverer that has ended."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime

import pytest

from chartbridge.pms import fence
from chartbridge.pms.commands import Command, Receipt
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import Unavailable, Uncertain
from chartbridge.store import deliveries, one_hub
from chartbridge.store.deliveries import Row
from chartbridge.store.models import Connection, Delivery, Seen, Writeback, WritebackEvent
from chartbridge.store.one_hub import OneHub
from chartbridge.writeback import deliver, look, reading_back, sending
from chartbridge.writeback.recover import recover
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import ScriptedConnector
from tests.writeback.test_crashes import Died
from tests.writeback.test_enqueue import paper

PEOPLE = 12


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "BATCH", 4)
    monkeypatch.setattr(deliver, "LARGEST_BATCH", 4)


@pytest.fixture
def many(office: Office) -> Office:
    """Two notes for each of a dozen patients."""
    for key in range(4, PEOPLE + 1):
        office.patient(str(key))
    for n in range(2 * PEOPLE):
        office.enqueue(patient=str(1 + n % PEOPLE), body=f"Note {n}.")
    return office


def _standing(delivery: Delivery) -> int:
    return Writeback.objects.filter(delivery=delivery).count()


def _in_order(office: Office) -> None:
    """Each patient's notes stand in the chart in the order in which they were told."""
    wanted, found = defaultdict(list), defaultdict(list)
    for row in Writeback.objects.order_by("id"):
        wanted[row.patient_key].append(row.marker)
    for record in office.pms.records:
        found[record.patient_key].append(record.marker)
    assert found == wanted


def test_the_next_batch_is_claimed_and_the_last_one_kept_while_one_is_being_sent(many: Office) -> None:
    stood: list[tuple[int, int]] = []

    def at_step(name: str) -> None:
        if name == "claimed":
            stood.append((_standing(Delivery.TAKEN), _standing(Delivery.SENDING)))

    many.deliver(many.deliverer(at_step))
    assert stood[:3] == [(0, 4), (0, 8), (4, 8)]
    assert many.pms.most_in_flight == 1
    _in_order(many)
    many.check()


def test_what_was_taken_is_read_back_while_more_is_being_sent(
    many: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_back, "BESIDE", 4)
    looked = threading.Semaphore(0)
    beside: list[tuple[bool, int]] = []
    plain = ScriptedConnector.landed_all

    def landed_all(self: ScriptedConnector, commands: Sequence[Command]) -> list[Receipt | None]:
        found = plain(self, commands)
        looked.release()
        return found

    def once_looked(_command: Command) -> None:
        if many.pms.writes == 9:
            assert looked.acquire(timeout=60)
            if begun := deliverer._reading_back._begun.get(many.connection.pk):
                begun[1].result(60)

    def at_step(name: str) -> None:
        if name == "looked":
            beside.append(
                (threading.current_thread() is threading.main_thread(), _standing(Delivery.SENDING))
            )

    monkeypatch.setattr(ScriptedConnector, "landed_all", landed_all)
    many.pms.before = once_looked
    deliverer = many.deliverer(at_step)
    many.deliver(deliverer)
    assert (True, 8) in beside
    assert set(Writeback.objects.values_list("seen", flat=True)) == {Seen.SEEN}
    many.check()


def test_what_was_taken_just_now_is_looked_for_without_being_read_again_and_the_rest_now_and_then(
    many: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_back, "BESIDE", 4)
    asked: list[int] = []
    owed_due = deliveries.owed_due

    def counted(connection_id: int, now: datetime, limit: int) -> list[Row]:
        rows = owed_due(connection_id, now, limit)
        if _standing(Delivery.QUEUED):
            asked.append(len(rows))
        return rows

    def slowly(_command: Command) -> None:
        many.clock.advance(0.4)

    monkeypatch.setattr(deliveries, "owed_due", counted)
    many.deliver()
    assert asked == []
    for n in range(2 * PEOPLE):
        many.enqueue(patient=str(1 + n % PEOPLE), body=f"Later note {n}.")
    many.pms.before = slowly
    monkeypatch.setattr(look, "_OWED_EVERY", 2.0)
    many.settle()
    assert asked
    assert set(Writeback.objects.values_list("seen", flat=True)) == {Seen.SEEN}
    many.check()


def test_a_look_that_fails_meanwhile_holds_up_no_sending_and_is_made_again(
    many: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_back, "BESIDE", 4)

    def away() -> None:
        raise Unavailable("The PMS is away.")

    many.pms.looking = away
    many.deliver()
    assert many.pms.writes == 2 * PEOPLE
    assert _standing(Delivery.TAKEN) == 2 * PEOPLE
    many.pms.looking = lambda: None
    many.settle()
    assert set(Writeback.objects.values_list("seen", flat=True)) == {Seen.SEEN}
    many.check()


def test_nothing_that_was_claimed_ahead_is_sent_behind_a_wall(many: Office) -> None:
    ahead = threading.Event()

    def away(_command: Command) -> None:
        if many.pms.writes == 2:
            assert ahead.wait(60)
            raise Unavailable("The PMS is away.", retry_after=60)

    def at_step(name: str) -> None:
        if name == "claimed" and _standing(Delivery.SENDING) == 8:
            ahead.set()

    many.pms.before = away
    many.deliver(many.deliverer(at_step))
    assert many.pms.writes == 2
    assert (_standing(Delivery.QUEUED), _standing(Delivery.SENDING)) == (2 * PEOPLE - 1, 0)
    claims = Counter(WritebackEvent.objects.values_list("move", flat=True))
    assert claims["claim"] == 8
    assert claims["put_back"] == 7
    many.pms.before = lambda _command: None
    many.settle()
    _in_order(many)
    many.check()


def test_a_lost_answer_blocks_its_patient_over_batches_and_nobody_else(many: Office) -> None:
    def lost(command: Command) -> None:
        if command.patient_key == "1" and many.pms.writes == 1:
            raise Uncertain("The answer was lost.")

    many.pms.before = lost
    many.deliver()
    stand = {(row.patient_key, row.delivery) for row in Writeback.objects.exclude(delivery=Delivery.TAKEN)}
    assert stand == {("1", Delivery.UNCERTAIN), ("1", Delivery.QUEUED)}
    assert many.pms.writes == 2 * PEOPLE - 1
    many.settle()
    _in_order(many)
    many.check()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_at_any_write_each_patient_is_written_to_in_order_and_once(
    many: Office, seed: int
) -> None:
    chance = random.Random(seed)

    def mishap(_command: Command) -> None:
        if chance.random() < 0.2:
            raise chance.choice([Uncertain("Lost."), Unavailable("Away.")])

    def lost(_command: Command) -> None:
        if chance.random() < 0.1:
            raise Uncertain("Lost.")

    many.pms.before, many.pms.after = mishap, lost
    many.settle(minutes=60)
    many.pms.before = many.pms.after = lambda _command: None
    many.settle()
    assert len(many.pms.records) == 2 * PEOPLE
    _in_order(many)
    many.check()


def test_what_was_being_sent_when_the_process_ended_flies_with_nothing_else(many: Office) -> None:
    with pytest.raises(Died):
        many.deliver(many.deliverer(_dies_when(lambda: many.pms.writes == 0)))
    recover(many.clock)
    doubtful = set(Writeback.objects.filter(delivery=Delivery.UNCERTAIN).values_list("marker", flat=True))
    assert len(doubtful) == 4
    alone: list[int] = []

    def at_step(name: str) -> None:
        sending = Writeback.objects.filter(delivery=Delivery.SENDING)
        if name == "claimed" and doubtful & set(sending.values_list("marker", flat=True)):
            alone.append(sending.count())

    many.settle(deliverer=many.deliverer(at_step))
    assert alone == [1, 1, 1, 1]
    many.check()


def test_a_deliverer_that_ends_sends_nothing_behind_its_own_back(
    many: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while a batch is on its way ends that batch, once the write at hand has been answered."""
    begun, go = threading.Event(), threading.Event()
    wait = sending.wait

    def waits(_command: Command) -> None:
        begun.set()
        assert go.wait(60)

    def fails(name: str) -> None:
        if name == "claimed" and _standing(Delivery.SENDING) == 8:
            assert begun.wait(60)
            raise Died

    def for_the_write_at_hand(running: list[Future[None]], timeout: float | None = None) -> object:
        go.set()
        return wait(running, timeout=timeout)

    monkeypatch.setattr(sending, "wait", for_the_write_at_hand)
    many.pms.before = waits
    with pytest.raises(Died):
        many.deliver(many.deliverer(fails))
    assert many.pms.writes == 1
    assert many.pms.in_flight == 0


def test_the_practice_is_asked_for_again_within_a_batch_and_nothing_is_sent_once_it_is_another_s(
    many: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answers(_self: OneHub, _link: Connection, _connector: Connector) -> bool:
        asked.append(many.pms.writes)
        return many.pms.writes < 2

    monkeypatch.setattr(OneHub, "_ask", _remembered(answers))
    many.pms.before = lambda _command: many.clock.advance(11)
    many.deliver()
    assert many.pms.writes == 2
    assert asked[-1] == 2
    assert _standing(Delivery.SENDING) == 0
    assert _standing(Delivery.QUEUED) == 2 * PEOPLE - 2


@pytest.mark.parametrize("patients", [1, 2])
def test_few_patients_are_written_to_in_order_too(office: Office, patients: int) -> None:
    for n in range(9):
        office.enqueue(patient=str(1 + n % patients), body=f"Note {n}.")
    office.deliver()
    _in_order(office)
    office.check()


def _dies_when(so: Callable[[], bool]) -> Callable[[str], None]:
    def at_step(name: str) -> None:
        if name == "before_sending" and so():
            raise Died

    return at_step


def _remembered(answers: Callable[..., bool]) -> Callable[..., bool]:
    from chartbridge.store import one_hub

    def ask(self: OneHub, link: Connection, connector: Connector) -> bool:
        ours = answers(self, link, connector)
        self._held[link.pk] = one_hub._Held(ours, self._clock.monotonic())
        return ours

    return ask


@pytest.mark.parametrize(
    "said",
    [
        {"on": False},
        {"hold": "Restored."},
        {"writing_on": False},
        {"rereading": True},
        {"settings_version": 2},
    ],
)
def test_what_people_or_the_brake_stop_stops_a_flight_at_its_next_write(
    many: Office, monkeypatch: pytest.MonkeyPatch, said: dict[str, object]
) -> None:
    """And nothing of the batch that was claimed ahead goes out."""
    monkeypatch.setattr(deliver, "KEEP_EVERY", 0.01)
    ahead, seen, began = threading.Event(), threading.Event(), threading.Event()

    def waits(_command: Command) -> None:
        if many.pms.writes == 1:
            assert ahead.wait(10)
            began.set()
            assert seen.wait(10)

    def at_step(name: str) -> None:
        if name == "claimed" and many.pms.writes <= 1 and _standing(Delivery.SENDING) == 8:
            ahead.set()
        elif name == "kept" and began.is_set():
            if Connection.objects.filter(**said).exists():
                seen.set()
            many.change(**said)

    many.pms.before = waits
    many.deliverer(at_step).deliver(many.connection.pk)
    assert many.pms.writes == 1
    assert (_standing(Delivery.SENDING), _standing(Delivery.QUEUED)) == (0, 2 * PEOPLE - 1)


def test_what_stops_it_between_two_batches_stops_the_second(many: Office) -> None:
    ahead = threading.Event()

    def waits(_command: Command) -> None:
        assert ahead.wait(10)

    def at_step(name: str) -> None:
        if name == "claimed" and _standing(Delivery.SENDING) == 8:
            ahead.set()
        elif name == "before_sending" and many.pms.writes == 4:
            many.change(on=False)

    many.pms.before = waits
    many.deliverer(at_step).deliver(many.connection.pk)
    assert many.pms.writes == 4
    assert (_standing(Delivery.SENDING), _standing(Delivery.QUEUED)) == (0, 2 * PEOPLE - 4)


def test_a_batch_claimed_ahead_does_not_go_out_long_after_the_turn_s_time(many: Office) -> None:
    ahead = threading.Event()
    claimed: list[int] = []

    def slow(_command: Command) -> None:
        if many.pms.writes == 1:
            assert ahead.wait(10)
            many.clock.advance(5)

    def at_step(name: str) -> None:
        if name == "claimed":
            claimed.append(_standing(Delivery.SENDING))
            if claimed[-1] == 8:
                ahead.set()

    many.pms.before = slow
    deliverer = many.deliverer(at_step)
    assert deliverer.deliver(many.connection.pk, 1.0).again
    assert (many.pms.writes, _standing(Delivery.SENDING)) == (4, 0)
    assert WritebackEvent.objects.filter(move="put_back").count() == 4
    claimed.clear()
    deliverer.deliver(many.connection.pk, 1.0)
    assert claimed[:3] == [4, 4, 8], "nothing is claimed ahead while the PMS is slow"
    many.settle(deliverer=deliverer)
    _in_order(many)
    many.check()


def test_a_document_that_is_on_its_way_for_minutes_keeps_the_lease_and_the_practice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nobody else takes it for left behind, and looks for it before it has landed."""
    monkeypatch.setattr(deliver, "KEEP_EVERY", 0.01)
    paper(office)
    deliverer = office.deliverer()
    pk = office.connection.pk

    def slow(_command: Command) -> None:
        for _ in range(12):
            office.clock.advance(one_hub.GOOD_FOR_S + 1)
            until = time.monotonic() + 60
            while not deliverer._one_hub.known_ours(pk) and time.monotonic() < until:
                time.sleep(0.01)
            fence.last_moment()

    office.pms.before = slow
    office.deliver(deliverer)
    assert _standing(Delivery.TAKEN) == 1
    assert office.pms.writes == 1


def test_threads_are_used_again_and_end_when_nothing_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_KEPT_S", 1.0)
    others = set(threading.enumerate())
    pool, met = sending.Threads(), threading.Barrier(3)
    used = set()
    for _ in range(50):
        used.add(pool.submit(threading.current_thread).result())
        assert pool._idle.acquire(timeout=60), "it waits for the next job"
        pool._idle.release()
    assert len(used) <= 2
    both = [pool.submit(met.wait, 60) for _ in range(2)]
    met.wait(60)
    assert sorted(each.result(60) for each in both) != [None, None]
    failing = pool.submit(int, "no number")
    assert isinstance(failing.exception(60), ValueError)
    until = time.monotonic() + 60
    while set(threading.enumerate()) - others and time.monotonic() < until:
        time.sleep(0.05)
    assert not set(threading.enumerate()) - others
    assert pool.submit(int, "7").result(60) == 7
