"""A lost answer, and a deliverer that stood still: clocks that are set and leases that come back let nothing double."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from chartbridge.pms.commands import Command
from chartbridge.pms.errors import Unavailable, Uncertain
from chartbridge.store.models import Delivery, Seen, Writeback
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.mend import retry
from tests.writeback.conftest import Office

MARY = "mary@example.com"


def lands_late(office: Office, command: Command) -> None:
    """The answer is lost, and the request is still on its way."""
    office.pms.late.append(lambda: office.pms.store(command) and None)
    raise Uncertain("The answer was lost.")


def lose_answer(_command: Command) -> None:
    raise Uncertain("The answer was lost.")


def away_for_a_minute(_command: Command) -> None:
    raise Unavailable("The PMS is busy.", retry_after=60)


@pytest.mark.fault("R11")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_lets_nobody_look_before_a_late_write_has_landed(
    office: Office, jump: timedelta
) -> None:
    office.enqueue()
    office.pms.before = lambda command: lands_late(office, command)
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.pms.before = lambda _: None
    office.clock.jump(office.clock.now() + jump)
    office.deliver(deliverer)
    assert office.pms.looks == 0
    office.clock.advance(64)
    office.deliver(deliverer)
    assert office.pms.looks == 0
    office.pms.land_late()
    office.clock.advance(2)
    office.deliver(deliverer)
    assert office.pms.looks > 0, "a clock that was set back does not put it off either"
    office.settle(deliverer=deliverer)
    assert office.pms.writes == 1
    office.check()


@pytest.mark.fault("R11")
@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_set_before_a_lost_answer_is_kept_puts_nothing_off_and_forward(
    office: Office, jump: timedelta
) -> None:
    office.enqueue()
    office.pms.before = lambda command: lands_late(office, command)
    jumped = False

    def at_step(name: str) -> None:
        nonlocal jumped
        if name == "kept" and not jumped:
            jumped = True
            office.clock.jump(office.clock.now() + jump)

    deliverer = office.deliverer(at_step)
    office.deliver(deliverer)
    assert jumped
    office.pms.before = lambda _: None
    office.clock.advance(64)
    office.deliver(deliverer)
    assert office.pms.looks == 0
    office.pms.land_late()
    office.clock.advance(2)
    office.deliver(deliverer)
    assert office.only().seen == Seen.SEEN
    assert office.pms.writes == 1


@pytest.mark.fault("R11")
def test_a_clock_that_was_set_back_while_the_hub_was_not_running_puts_looking_off_by_a_minute_at_most(
    office: Office,
) -> None:
    office.enqueue()
    office.pms.after = lose_answer
    office.deliver()
    office.clock.jump(office.clock.now() - timedelta(days=1))
    later = office.deliverer()
    assert later.due([office.connection.pk])[office.connection.pk] <= office.clock.now() + timedelta(
        seconds=65
    )
    office.clock.advance(66)
    office.deliver(later)
    assert office.only().seen == Seen.SEEN
    assert office.pms.writes == 1


@pytest.mark.fault("R11")
@pytest.mark.parametrize("back", [timedelta(minutes=-20), timedelta(days=-1)])
def test_a_clock_that_is_set_back_does_not_put_reading_back_off(office: Office, back: timedelta) -> None:
    office.enqueue()
    office.pms.shows = False
    deliverer = office.deliverer()
    office.deliver(deliverer)
    assert office.only().seen == Seen.OWED
    office.clock.jump(office.clock.now() + back)
    office.pms.shows = True
    assert deliverer.due([office.connection.pk])[office.connection.pk] <= office.clock.now()
    office.deliver(deliverer)
    assert office.only().seen == Seen.SEEN
    office.check()


@pytest.mark.fault("R11")
@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_pms_that_is_away_is_asked_again_as_soon_and_no_sooner_when_the_clock_is_set(
    office: Office, jump: timedelta
) -> None:
    office.enqueue()
    office.pms.before = away_for_a_minute
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.clock.jump(office.clock.now() + jump)
    office.clock.advance(59)
    office.deliver(deliverer)
    assert office.pms.writes == 1
    office.pms.before = lambda _: None
    office.clock.advance(2)
    assert deliverer.due([office.connection.pk])[office.connection.pk] <= office.clock.now()
    office.deliver(deliverer)
    assert office.pms.writes == 2
    office.check()


def test_it_says_when_it_will_look_by_the_clock_as_it_goes_now(office: Office) -> None:
    office.enqueue()
    office.pms.before = lambda command: lands_late(office, command)
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.clock.jump(office.clock.now() + timedelta(hours=1))
    office.clock.advance(5)
    due = deliverer.due([office.connection.pk])[office.connection.pk]
    assert (due - office.clock.now()).total_seconds() == pytest.approx(60, abs=0.1)


def test_a_deliverer_that_stood_still_sends_nothing_on_that_another_one_has_taken_over(
    office: Office,
) -> None:
    """The other one has gone again and its lease is free: it has settled what was claimed, all the same."""
    for _ in range(3):
        office.enqueue()
    other = office.deliverer()
    written, over = threading.Event(), threading.Event()

    def stands_still(_command: Command) -> None:
        written.set()
        assert over.wait(10)

    def at_step(name: str) -> None:
        if name == "kept" and not over.is_set():
            assert written.wait(10)
            office.clock.advance(100)
            office.deliver(other)
            assert set(Writeback.objects.values_list("delivery", flat=True)) == {Delivery.UNCERTAIN}
            assert office.pms.writes == 1
            over.set()

    office.pms.after = stands_still
    office.deliver(office.deliverer(at_step))
    assert office.pms.writes == 1, "the rest of the batch is no longer this one's"
    office.settle()
    assert office.pms.writes == 3
    office.check()


def test_a_move_is_not_made_again_after_a_later_wish(office: Office) -> None:
    office.appointment("500")
    first = enqueue_status_move(office.connection.pk, "500", "22", "21", MARY, clock=office.clock)
    office.pms.shows = False
    office.deliver()
    enqueue_status_move(office.connection.pk, "500", "25", "22", MARY, clock=office.clock)
    office.deliver()
    office.pms.shows = True
    office.settle()
    first.refresh_from_db()
    assert (first.delivery, first.reason_code) == (Delivery.TAKEN, "status_moved_on")
    assert retry(office.practice.pk, [first.pk], MARY, clock=office.clock) == 0
    office.settle()
    first.refresh_from_db()
    assert (first.delivery, first.reason_code) == (Delivery.RETRACTED, "superseded")
    assert office.pms.statuses["500"] == "25"
    every = list(Writeback.objects.values_list("id", flat=True))
    assert retry(office.practice.pk, every, MARY, clock=office.clock) == 0, "what is done or let go stays so"
