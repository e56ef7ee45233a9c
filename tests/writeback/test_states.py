from __future__ import annotations

import os
from pathlib import Path

import pytest

from chartbridge.store.models import Delivery, Seen
from chartbridge.writeback.drawing import drawing
from chartbridge.writeback.states import (
    DONE,
    NEW,
    RETRACTED,
    SENDING,
    STATES,
    TABLE,
    UNCERTAIN,
    Event,
    NotAllowed,
    State,
    move,
)

PAGE = Path(__file__).parents[2] / "docs" / "writeback-states.md"


@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("event", Event)
def test_every_pair_is_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in TABLE:
        assert move(state, event) in STATES
        assert move(state, event) != NEW
    else:
        with pytest.raises(NotAllowed):
            move(state, event)


def test_every_delivery_and_every_seen_is_a_state() -> None:
    assert {s.delivery for s in STATES} == {None, *Delivery}
    assert {s.seen for s in STATES} == set(Seen)


def test_only_a_claim_leads_to_sending_and_never_from_uncertain() -> None:
    assert {(s.delivery, e) for (s, e), after in TABLE.items() if after == SENDING} == {
        (Delivery.QUEUED, Event.CLAIM)
    }


def test_an_uncertain_write_is_queued_again_only_when_it_is_provably_absent() -> None:
    again = {e for (s, e), after in TABLE.items() if s == UNCERTAIN and after.delivery == Delivery.QUEUED}
    assert again == {Event.ABSENT}


def test_what_is_done_or_retracted_stays_so() -> None:
    after = {key for key in TABLE if key[0] in (DONE, RETRACTED)}
    assert after == {
        (DONE, Event.VANISH),  # it is no longer in the chart
        (DONE, Event.UNTICK),  # it was a person who said so, and takes it back
        (RETRACTED, Event.REOPEN),  # a person takes up again what never was sent
    }


def test_every_state_can_be_reached() -> None:
    reached, before = {NEW}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {after for (state, _), after in TABLE.items() if state in reached}
    assert reached == set(STATES)


def test_the_drawing_is_current() -> None:
    """CHARTBRIDGE_WRITE_DOCS=1 makes it anew."""
    if os.environ.get("CHARTBRIDGE_WRITE_DOCS"):
        PAGE.write_text(drawing(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == drawing(), (
        "run CHARTBRIDGE_WRITE_DOCS=1 pytest tests/writeback"
    )
