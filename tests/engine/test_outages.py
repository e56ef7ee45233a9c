"""While a PMS is away all turns ask now and then; once it is back nobody waits for a time that was set before."""

from __future__ import annotations

from chartbridge.engine.outages import ASK_EVERY, JUST_NOW, ONE_LINE, Outages
from chartbridge.store.wake import Lane


def test_while_it_is_away_each_lane_asks_every_four_seconds() -> None:
    outages = Outages()
    for lane in Lane:
        assert not outages.heard(1, lane, False, 100.0)
    for lane in Lane:
        assert outages.ask(1, lane, 101.0) == 100.0 + ASK_EVERY
        assert outages.ask(1, lane, 104.0) is None
        outages.heard(1, lane, False, 104.1)
        assert outages.ask(1, lane, 105.0) == 104.0 + ASK_EVERY
    assert outages.ask(2, Lane.READ, 105.0) is None, "another practice's"


def test_an_answer_in_one_lane_lets_the_other_go_on() -> None:
    outages = Outages()
    outages.heard(1, Lane.WRITE, False, 100.0)
    assert outages.heard(1, Lane.READ, True, 102.0), "it is back"
    assert outages.ask(1, Lane.WRITE, 102.0) is None
    assert not outages.heard(1, Lane.READ, True, 103.0), "it was not away"
    assert not outages.heard(1, Lane.READ, None, 103.0)


def test_a_line_that_breaks_just_after_an_answer_stops_its_own_lane_for_a_moment_only() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, True, 100.0)
    outages.heard(1, Lane.WRITE, False, 100.1)
    assert outages.ask(1, Lane.READ, 100.2) is None
    assert outages.ask(1, Lane.WRITE, 100.2) == 100.1 + ONE_LINE
    assert outages.ask(1, Lane.WRITE, 100.1 + ONE_LINE) is None
    outages.heard(1, Lane.READ, False, 100.0 + JUST_NOW)
    assert outages.ask(1, Lane.READ, 103.0) == 100.0 + JUST_NOW + ASK_EVERY, "it is away after all"


def test_a_turn_that_asked_nothing_does_not_say_that_it_is_back() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, False, 100.0)
    assert outages.ask(1, Lane.READ, 104.0) is None
    assert not outages.heard(1, Lane.READ, None, 104.0)
    assert outages.ask(1, Lane.READ, 104.5) == 104.0 + ONE_LINE, "but it need not wait as if it had asked"
    assert outages.ask(1, Lane.WRITE, 103.0) == 100.0 + ASK_EVERY
