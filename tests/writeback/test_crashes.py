"""Processes that end at any moment, lines that drop at any moment: nothing is lost, nothing is written twice."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chartbridge.pms.commands import Command, Receipt
from chartbridge.pms.errors import Refused, Unavailable, Uncertain
from chartbridge.store import leases
from chartbridge.store.deliveries import Row, Tries
from chartbridge.store.desk import Desk
from chartbridge.store.models import Delivery, NoteSetting, Seen, Writeback
from chartbridge.store.moving import Change
from chartbridge.writeback import look, outcomes
from chartbridge.writeback.mend import back_fill, dismiss, free_after_setting, retry, retry_alike
from chartbridge.writeback.recover import recover
from tests.writeback.conftest import NOON, Office, open_office

STEPS = ["claimed", "before_sending", "answered", "kept", "before_looking", "looked", "looks_kept"]


class Died(BaseException):
    """The process ended here."""


def dies_at(step: str, *, after: int = 0) -> Callable[[str], None]:
    left = after

    def at_step(name: str) -> None:
        nonlocal left
        if name == step:
            if left == 0:
                raise Died
            left -= 1

    return at_step


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_process_that_ends_anywhere_loses_and_doubles_nothing(
    office: Office, step: str, after: int
) -> None:
    for n in range(12):
        office.enqueue(patient=str(1 + n % 3))
    died = 0
    for _ in range(8):
        try:
            office.deliver(office.deliverer(at_step=dies_at(step, after=after)))
        except Died:
            died += 1
            recover(office.clock)
        office.enqueue()
    assert died or after
    recover(office.clock)
    assert not Writeback.objects.filter(delivery=Delivery.SENDING).exists()
    office.settle()
    assert set(Writeback.objects.values_list("delivery", "seen")) == {(Delivery.TAKEN, Seen.SEEN)}
    office.check()


def test_a_process_that_ends_in_the_middle_of_a_write_looks_before_it_sends_again(office: Office) -> None:
    office.enqueue()

    def die(_command: Command) -> None:
        raise Died

    office.pms.after = die
    with pytest.raises(Died):
        office.deliver()
    office.pms.after = lambda _: None
    assert recover(office.clock) == 1
    assert office.only().delivery == Delivery.UNCERTAIN
    office.clock.advance(30)
    office.deliver()
    assert office.pms.looks == 0, "the earlier attempt could still land"
    office.settle()
    assert office.pms.writes == 1
    office.check()


def test_what_is_on_its_way_whenever_somebody_kills_the_process_settles_by_itself(office: Office) -> None:
    """Ten kills, each in the middle of whatever is being sent: the oldest note is among it every time."""
    for n in range(10):
        office.enqueue(patient=str(1 + n % 3))
    kills = 0

    def kill(_command: Command) -> None:
        nonlocal kills
        if kills < 10 and (office.pms.writes % 2 or kills < 2):
            kills += 1
            raise Died

    office.pms.before = kill
    for _ in range(12):
        try:
            office.settle()
        except Died:
            recover(office.clock)
    assert kills == 10
    assert set(Writeback.objects.values_list("delivery", "seen")) == {(Delivery.TAKEN, Seen.SEEN)}
    office.check()


def test_a_write_that_kills_the_process_each_time_is_set_aside_and_the_others_go_on(office: Office) -> None:
    deadly = office.enqueue(patient="2")[0]
    for n in range(10):
        office.enqueue(patient=str(1 + n % 3))

    def kill(command: Command) -> None:
        if getattr(command, "marker", "") == deadly.marker:
            raise Died

    office.pms.before = kill
    for _ in range(6):
        try:
            office.settle()
        except Died:
            recover(office.clock)
    deadly.refresh_from_db()
    assert (deadly.delivery, deadly.reason_code) == (Delivery.PARKED, "crashed")
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 10
    office.check()


def test_a_write_that_is_broken_off_each_time_is_set_aside_once_others_have_gone_through(
    office: Office,
) -> None:
    poison = office.enqueue(patient="2")[0]

    def break_off(command: Command) -> None:
        if getattr(command, "marker", "") == poison.marker:
            raise Uncertain("The answer was lost.")

    office.pms.before = break_off
    for n in range(20):
        office.enqueue(patient=("1", "3")[n % 2])
        if n % 5 == 4:
            office.settle(minutes=3)
    poison.refresh_from_db()
    assert (poison.delivery, poison.reason_code) == (Delivery.PARKED, "always_lost")
    assert poison.attempts == outcomes.MOST_LOST
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 20
    office.pms.before = lambda _command: None
    assert retry(office.practice.pk, [poison.pk], "mary@example.com", clock=office.clock) == 1
    office.settle()
    poison.refresh_from_db()
    assert (poison.delivery, poison.seen) == (Delivery.TAKEN, Seen.SEEN)
    office.check()


def test_an_outage_that_breaks_everything_off_burns_nothing(office: Office) -> None:
    for n in range(4):
        office.enqueue(patient=str(1 + n % 3))

    def break_off(_command: Command) -> None:
        raise Uncertain("The answer was lost.")

    office.pms.before = break_off
    office.settle(minutes=60)
    assert min(Writeback.objects.values_list("attempts", flat=True)) > outcomes.MOST_LOST
    office.pms.before = lambda _command: None
    office.settle(minutes=10)
    assert set(Writeback.objects.values_list("delivery", "seen")) == {(Delivery.TAKEN, Seen.SEEN)}
    office.check()


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_on_one_queue_never_write_twice(registered: None) -> None:
    office = open_office()
    for n in range(60):
        office.enqueue(patient=str(1 + n % 3))
    faults: list[BaseException] = []

    def run() -> None:
        deliverer = office.deliverer()
        try:
            for _ in range(20):
                deliverer.deliver(office.connection.pk)
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert office.pms.most_in_flight == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 60
    office.check()


@pytest.mark.django_db(transaction=True)
def test_one_deliverer_called_from_many_threads_sends_one_thing_at_a_time(registered: None) -> None:
    office = open_office()
    for _ in range(30):
        office.enqueue()
    deliverer = office.deliverer()

    def run() -> None:
        deliverer.deliver(office.connection.pk)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.settle(deliverer=deliverer)
    assert (office.pms.most_in_flight, office.pms.writes) == (1, 30)
    office.check()


def test_a_deliverer_that_stands_still_does_not_send_after_another_took_over(office: Office) -> None:
    for _ in range(4):
        office.enqueue()
    slept = False

    def sleep(name: str) -> None:
        nonlocal slept
        if name == "before_sending" and not slept:
            slept = True
            office.clock.advance(91)
            office.deliver(other)
            assert office.pms.writes == 0

    other = office.deliverer()
    office.deliver(office.deliverer(at_step=sleep))
    office.settle(deliverer=other)
    office.check()
    assert office.pms.writes == 4


class OnPostgres:
    """A connection to the store that says of itself that it is PostgreSQL's, where several hubs may be."""

    vendor = "postgresql"

    def __getattr__(self, name: str) -> Any:
        return getattr(connection, name)


@pytest.mark.parametrize("step", ["before_sending", "before_looking"])
def test_while_another_hub_delivers_or_looks_nobody_else_does_and_asks_little(
    office: Office, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "connection", OnPostgres())
    other, pk = office.deliverer(), office.connection.pk
    found: list[bool] = []

    def meanwhile(name: str) -> None:
        if name != step or found:
            return
        before = office.pms.writes, office.pms.looks
        with CaptureQueriesContext(connection) as asked:
            outcome = other.deliver(pk)
        found.append(not outcome.again and outcome.next_in == leases.SECONDS / 6)
        assert (office.pms.writes, office.pms.looks) == before
        assert len(asked) == 1
        assert other.due([pk]).get(pk, office.clock.now()) >= office.clock.now() + timedelta(seconds=60)

    for patient in "123":
        office.enqueue(patient=patient)
    deliverer = office.deliverer(at_step=meanwhile)
    office.deliver(deliverer)
    assert found == [True]
    office.settle(deliverer=deliverer)
    assert (office.pms.writes, office.pms.looks) == (3, 1)
    office.enqueue()
    office.settle(deliverer=other)
    assert office.pms.writes == 4, "who has nothing more to do is in nobody's way"
    office.check()


class Days(RuleBasedStateMachine):
    """A practice on which chance works: activities, faults, lost lines, dying processes, people who mend."""

    def __init__(self) -> None:
        super().__init__()
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        self.office = open_office()
        self.deliverer = self.office.deliverer()
        self.told = 0
        self.something_happens(["1", "2", "1"], False)

    @rule(patients=st.lists(st.sampled_from("123"), min_size=1, max_size=4), long=st.booleans())
    def something_happens(self, patients: list[str], long: bool) -> None:
        for patient in patients:
            self.told += len(self.office.enqueue(patient=patient, body="word " * 900 if long else "Short."))
        self.a_while(0.5)

    @rule(seconds=st.sampled_from([0.5, 5, 70, 4000]))
    def a_while(self, seconds: float) -> None:
        self.deliverer.deliver(self.office.connection.pk)
        self.office.clock.advance(seconds)
        self.office.pms.land_late()
        self.deliverer.deliver(self.office.connection.pk)

    @rule(step=st.sampled_from(STEPS), after=st.integers(0, 4))
    def the_process_dies(self, step: str, after: int) -> None:
        doomed = self.office.deliverer(at_step=dies_at(step, after=after))
        with contextlib.suppress(Died):
            doomed.deliver(self.office.connection.pk)
        recover(self.office.clock)
        self.deliverer = self.office.deliverer()

    @rule(
        fault=st.sampled_from(["late", "away", "before", "after", "no", "none"]),
        every=st.integers(1, 3),
        patient=st.sampled_from("123"),
    )
    def the_line_changes(self, fault: str, every: int, patient: str = "") -> None:
        pms = self.office.pms
        pms.before = pms.after = lambda _: None
        count = 0

        def now_and_then(command: Command) -> None:
            nonlocal count
            count += 1
            if count % every == 0:
                self._fail(fault, command)

        if fault == "after":
            pms.after = now_and_then
        elif fault != "none":
            pms.before = now_and_then
        if patient:
            self.something_happens([patient], False)

    @rule(shows=st.booleans())
    def the_pms_shows_or_hides(self, shows: bool) -> None:
        def away() -> None:
            raise Unavailable("away")

        self.office.pms.looking = (lambda: None) if shows else away

    @rule(alike=st.booleans())
    def somebody_retries(self, alike: bool) -> None:
        office = self.office
        if not alike:
            ids = list(Writeback.objects.values_list("id", flat=True))
            retry(office.practice.pk, ids, "mary", clock=office.clock)
        for code in set(Writeback.objects.values_list("reason_code", flat=True)) - {""} if alike else ():
            retry_alike(office.practice.pk, code, "mary", clock=office.clock)

    @precondition(lambda self: self.told > 3)
    @rule()
    def somebody_lets_the_first_go(self) -> None:
        first = Writeback.objects.order_by("id").values_list("id", flat=True)[:1]
        dismiss(self.office.practice.pk, list(first), "mary", clock=self.office.clock)

    @invariant()
    def nothing_is_in_a_chart_twice(self) -> None:
        markers = self.office.pms.markers()
        assert len(markers) == len(set(markers))

    def teardown(self) -> None:
        try:
            self.the_line_changes("none", 1)
            self.the_pms_shows_or_hides(True)
            self.office.settle(minutes=24 * 60)
            assert Writeback.objects.count() == self.told
            self.office.check()
            left = Writeback.objects.exclude(delivery=Delivery.TAKEN, seen=Seen.SEEN)
            assert set(left.values_list("delivery", flat=True)) <= {
                Delivery.REFUSED, Delivery.PARKED, Delivery.RETRACTED,
            }  # fmt: skip
        finally:
            transaction.set_rollback(True)
            self._atomic.__exit__(None, None, None)

    def _fail(self, fault: str, command: Command) -> None:
        pms = self.office.pms
        if fault == "away":
            raise Unavailable("away")
        if fault == "no":
            raise Refused("no", reason="no")
        if fault == "late":
            pms.late.append(lambda: pms.store(command) and None)
        raise Uncertain("lost")


def test_chance_finds_no_way_to_lose_or_double_a_write(db: None, registered: None) -> None:
    run_state_machine_as_test(
        Days,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def _resend_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    was = outcomes.after_look
    monkeypatch.setattr(look, "after_look", lambda row, desk, _found, now, n: was(row, desk, None, now, n))


def _adopt_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    def adopted(row: Row, desk: Desk, _found: object, now: datetime, tries: Tries) -> tuple[Change, ...]:
        guess = Receipt(record="note 1", patient_key=row.patient_key, text=row.text, seen=True)
        return outcomes.after_look(row, desk, guess, now, tries)

    monkeypatch.setattr(look, "after_look", adopted)


def _look_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "settle_time", lambda _desk, _row: timedelta(0))


@pytest.mark.parametrize("plant", [_resend_blindly, _adopt_blindly, _look_too_early])
def test_a_planted_fault_is_found_by_chance(
    db: None, registered: None, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(
            Days,
            settings=settings(
                max_examples=200,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
                derandomize=True,
                phases=[Phase.generate],
            ),
        )


@pytest.mark.parametrize("meanwhile", ["writing is off", "its type is not allowed"])
def test_what_may_be_in_the_chart_is_looked_for_whatever_is_set_meanwhile(
    office: Office, meanwhile: str
) -> None:
    def fail(_command: Command) -> None:
        raise ValueError

    office.pms.after = fail
    office.enqueue()
    office.deliver()
    office.pms.after = lambda _: None
    assert (office.only().delivery, office.only().reason_code) == (Delivery.PARKED, "internal")
    off = meanwhile == "writing is off"
    if off:
        office.change(writing_on=False)
    else:
        NoteSetting.objects.update(allow=False)
    retry(office.practice.pk, [office.only().pk], "mary", clock=office.clock)
    office.change(writing_on=True)
    NoteSetting.objects.update(allow=True)
    free_after_setting(office.connection.pk, "mary", clock=office.clock)
    back_fill(office.connection.pk, "patient_note", NOON - timedelta(days=1), "mary", clock=office.clock)
    office.settle()
    assert (office.pms.writes, office.only().seen) == (1, Seen.SEEN)
    office.check()


def test_the_last_of_a_long_batch_may_land_late_though_its_batch_was_claimed_long_ago(office: Office) -> None:
    """Each takes five seconds; the process ends with the sixteenth, whose request lands a minute later."""
    for _ in range(16):
        office.enqueue()

    def slow(command: Command) -> None:
        office.clock.advance(5)
        if office.pms.writes == 16:
            landing.append(office.clock.monotonic() + 60)
            office.pms.late.append(lambda: office.pms.store(command) and None)
            raise Died

    landing: list[float] = []
    office.pms.before = slow
    with pytest.raises(Died):
        office.deliver()
    office.pms.before = lambda _: None
    recover(office.clock)
    deliverer = office.deliverer()
    while office.clock.monotonic() < landing[0]:
        deliverer.deliver(office.connection.pk)
        office.clock.advance(5)
    office.settle(deliverer=deliverer)
    assert office.pms.writes == 16
    office.check()
