"""A right that was taken away: what waits says why, and goes on by itself once it is given back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.errors import Unauthorised
from chartbridge.store.models import Connection, Delivery, Seen, Writeback, WritebackEvent
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.giving_back import FIRST, LONGEST, try_now, try_what_was_refused
from tests.writeback.conftest import Office

WHY = "The key may not write notes."


def take_away(office: Office) -> None:
    def refuse(_command: Command) -> None:
        raise Unauthorised(WHY, ability="add_note")

    office.pms.before = refuse


def refuse_notes_for_good(office: Office, *, ability: str) -> None:
    def refuse(command: Command) -> None:
        if command.kind is CommandKind.ADD_NOTE:
            raise Unauthorised(WHY, ability=ability, until_asked=True)

    office.pms.before = refuse


def give_back(office: Office) -> None:
    office.pms.before = lambda _command: None


def test_what_waits_for_a_right_says_why_also_what_comes_later(office: Office) -> None:
    for _ in range(3):
        office.enqueue()
    take_away(office)
    office.settle()
    office.enqueue(patient="2")
    waiting = Writeback.objects.filter(delivery=Delivery.QUEUED)
    assert list(waiting.values_list("reason_code", "reason")) == [("paused", WHY)] * 3


def test_a_right_that_was_given_back_is_noticed_by_itself(office: Office) -> None:
    for _ in range(3):
        office.enqueue()
    take_away(office)
    office.settle()
    office.enqueue(patient="2")
    give_back(office)
    assert try_what_was_refused(office.clock) == 0, "nothing is hammered"
    office.clock.advance(FIRST.total_seconds())
    assert try_what_was_refused(office.clock) == 1
    assert not Writeback.objects.exclude(reason="").exists()
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 4
    assert Connection.objects.get().write_hold == ""
    office.check()


def test_a_right_that_stays_away_is_tried_ever_more_rarely_with_one_call(office: Office) -> None:
    for _ in range(3):
        office.enqueue()
    take_away(office)
    office.settle()
    minutes = 12 * 60
    for _ in range(minutes):
        office.clock.advance(60)
        try_what_was_refused(office.clock)
        office.deliver()
    assert 12 <= office.pms.writes <= 17
    parked = WritebackEvent.objects.filter(move="park").order_by("-id").values_list("at", flat=True)
    assert parked[0] - parked[1] >= LONGEST - timedelta(minutes=1)
    assert Writeback.objects.filter(delivery=Delivery.QUEUED, reason=WHY).count() == 2
    office.check()


def test_a_person_who_tries_it_lets_everything_go_on_at_once(office: Office) -> None:
    for _ in range(3):
        office.enqueue()
    take_away(office)
    office.settle()
    give_back(office)
    assert try_now(office.connection.pk, "mary@example.com", office.clock) == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 3


@pytest.mark.parametrize("ability", ["add_note", "all"])
def test_a_refusal_that_is_final_until_asked_is_not_tried_by_itself(office: Office, ability: str) -> None:
    for _ in range(3):
        office.enqueue()
    refuse_notes_for_good(office, ability=ability)
    office.settle()
    give_back(office)
    for _ in range(12 * 60):
        office.clock.advance(60)
        assert try_what_was_refused(office.clock) == 0
    assert Writeback.objects.filter(delivery=Delivery.PARKED, reason=WHY).count() == 1
    assert try_now(office.connection.pk, "mary@example.com", office.clock) == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 3
    office.check()


def test_what_was_refused_for_another_reason_afterwards_is_tried_by_itself_again(office: Office) -> None:
    office.enqueue()
    refuse_notes_for_good(office, ability="add_note")
    office.settle()
    take_away(office)
    assert try_now(office.connection.pk, "mary@example.com", office.clock) == 1
    office.settle()
    give_back(office)
    office.clock.advance(2 * FIRST.total_seconds())
    assert try_what_was_refused(office.clock) == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 1


def test_a_kind_that_waits_to_be_asked_for_keeps_no_other_from_being_tried(office: Office) -> None:
    def refuse(command: Command) -> None:
        raise Unauthorised(WHY, ability=command.kind, until_asked=command.kind is CommandKind.ADD_NOTE)

    office.appointment("7")
    office.enqueue()
    enqueue_status_move(office.connection.pk, "7", "22", "21", "mary@example.com", clock=office.clock)
    office.pms.before = refuse
    office.settle()
    assert Writeback.objects.filter(delivery=Delivery.PARKED, reason_code="unauthorised").count() == 2
    give_back(office)
    office.clock.advance(FIRST.total_seconds())
    assert try_what_was_refused(office.clock) == 1
    office.settle()
    assert Writeback.objects.get(seen=Seen.SEEN).command == CommandKind.SET_APPOINTMENT_STATUS
    assert Writeback.objects.get(delivery=Delivery.PARKED).command == CommandKind.ADD_NOTE
    office.check()
