"""While a PMS is away all turns ask now and then; once it is back nobody waits for a time that was set before."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chartbridge.engine.outages import ASK_EVERY, JUST_NOW, ONE_LINE, Outages
from chartbridge.store.wake import Lane


def asks(outages: Outages, lanes: list[Lane], began: float, ended: float) -> list[tuple[Lane, float]]:
    """Have these lanes ask in vain whenever they may, by a clock of a fiftieth of a second."""
    asked: list[tuple[Lane, float]] = []
    for tick in range(round((ended - began) * 50)):
        now = began + tick / 50
        for lane in lanes:
            if outages.ask(1, lane, now) is None:
                asked.append((lane, now))
                outages.heard(1, lane, False, now)
    return asked


def test_while_it_is_away_reading_and_writing_take_turns_and_together_ask_every_two_seconds() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, False, 100.0)
    asked = asks(outages, list(Lane), 100.1, 130.0)
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(asked)]
    assert min(gaps) >= 2.0
    assert max(gaps) <= ASK_EVERY + 0.05
    assert all(one != other for (one, _), (other, _) in pairwise(asked))
    assert outages.ask(2, Lane.READ, 130.0) is None, "another practice's"


@pytest.mark.parametrize("lane", Lane)
def test_where_only_one_has_something_to_ask_it_asks_every_two_seconds(lane: Lane) -> None:
    outages = Outages()
    outages.heard(1, lane, False, 100.0)
    asked = asks(outages, [lane], 100.1, 120.0)
    assert len(asked) == 9


def test_a_place_that_was_left_unused_lets_nobody_ask_in_between() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, False, 100.0)
    assert outages.ask(1, Lane.WRITE, 100.1) == 100.0 + ASK_EVERY
    asked = asks(outages, [Lane.READ], 100.2, 110.0)
    again = outages.ask(1, Lane.WRITE, 110.0)
    assert again is not None
    assert 2.0 <= again - asked[-1][1] <= 2 * ASK_EVERY


def test_an_answer_in_one_lane_lets_the_other_go_on() -> None:
    outages = Outages()
    outages.heard(1, Lane.WRITE, False, 100.0)
    assert outages.ask(1, Lane.WRITE, 100.1) is not None
    assert outages.heard(1, Lane.READ, True, 102.0), "it is back"
    assert outages.ask(1, Lane.WRITE, 102.0) is None
    assert outages.ask(1, Lane.WRITE, 102.1) is None
    assert not outages.heard(1, Lane.READ, True, 103.0), "it was not away"
    assert not outages.heard(1, Lane.READ, None, 103.0)
    assert outages.ask(1, Lane.READ, 103.1) is None


def test_a_line_that_breaks_just_after_an_answer_stops_its_own_lane_for_a_moment_only() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, True, 100.0)
    outages.heard(1, Lane.WRITE, False, 100.1)
    assert outages.ask(1, Lane.READ, 100.2) is None
    assert outages.ask(1, Lane.WRITE, 100.2) == 100.1 + ONE_LINE
    assert outages.ask(1, Lane.WRITE, 100.1 + ONE_LINE) is None
    outages.heard(1, Lane.READ, False, 100.0 + JUST_NOW)
    assert outages.ask(1, Lane.READ, 102.1) == 100.0 + JUST_NOW + ASK_EVERY, "it is away after all"


def test_the_second_that_gets_no_answer_says_that_it_is_away_however_lately_it_was_there() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, True, 100.0)
    outages.heard(1, Lane.READ, False, 100.1)
    outages.heard(1, Lane.WRITE, False, 100.5)
    asked = asks(outages, list(Lane), 100.6, 111.0)
    assert [at for _, at in asked] == pytest.approx([100.5 + n * ASK_EVERY for n in range(1, 5)], abs=0.1)


def test_a_turn_that_asked_nothing_does_not_say_that_it_is_back() -> None:
    outages = Outages()
    outages.heard(1, Lane.READ, False, 100.0)
    assert outages.ask(1, Lane.READ, 103.0) is None
    assert not outages.heard(1, Lane.READ, None, 103.0)
    assert outages.ask(1, Lane.READ, 103.5) == 103.0 + ONE_LINE, "but it need not wait as if it had asked"
    assert outages.ask(1, Lane.WRITE, 103.5) == 103.0 + ASK_EVERY
