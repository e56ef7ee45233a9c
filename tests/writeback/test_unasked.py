"""A lost answer in a connection that is not asked any more stands at the failure desk, with a way out."""

from __future__ import annotations

from chartbridge.store.connections import set_on
from chartbridge.store.models import Delivery, Seen
from chartbridge.store.writebacks import Filter, groups
from chartbridge.writeback import mend, unasked
from chartbridge.writeback.recover import recover
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import lose_answer

WHO = "mary@example.com"


def lose(office: Office, *, lands: bool) -> None:
    if lands:
        office.pms.after = lose_answer
    else:
        office.pms.before = lose_answer
    office.enqueue()
    office.deliver()
    office.pms.before = office.pms.after = lambda _command: None
    assert office.only().delivery == Delivery.UNCERTAIN


def test_switched_off_while_looking_a_person_is_told_and_switching_on_looks(office: Office) -> None:
    lose(office, lands=True)
    set_on(office.connection, False)
    assert unasked.give_up_where_off(office.clock) == 1
    (group,) = groups(office.practice.pk, Filter())
    assert group.reason == unasked.OFF
    assert "Switch the connection on" in office.only().reason
    office.settle()
    assert office.pms.looks == 0
    set_on(office.connection, True)
    assert mend.free_after_setting(office.connection.pk, WHO, clock=office.clock) == 1
    office.settle()
    assert (office.only().seen, office.pms.writes) == (Seen.SEEN, 1)
    office.check()


def test_what_was_not_there_is_sent_once_it_could_be_looked_up(office: Office) -> None:
    lose(office, lands=False)
    set_on(office.connection, False)
    assert recover(office.clock) == 0
    assert office.only().reason_code == unasked.OFF, "also after a start"
    set_on(office.connection, True)
    mend.free_after_setting(office.connection.pk, WHO, clock=office.clock)
    office.deliver()
    assert office.pms.writes == 1, "its answer was lost a moment ago: it may still land"
    office.settle()
    assert (office.only().seen, office.pms.writes) == (Seen.SEEN, 2)
    office.check()


def test_what_another_pms_can_not_be_asked_for_is_dismissed_by_a_person(office: Office) -> None:
    lose(office, lands=True)
    assert unasked.give_up(office.connection.pk, unasked.REPLACED, office.clock) == 1
    assert "Scripted Dental" in office.only().reason
    office.settle()
    assert (office.pms.looks, office.pms.writes) == (0, 1)
    assert mend.free_after_setting(office.connection.pk, WHO, clock=office.clock) == 0
    assert mend.retry(office.practice.pk, [office.only().pk], WHO, clock=office.clock) == 0
    assert mend.dismiss(office.practice.pk, [office.only().pk], WHO, clock=office.clock) == 1
