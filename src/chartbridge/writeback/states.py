"""Every move that a writeback may make, as one table. Nothing moves but through it.

A state is two axes: how far the delivery has come, and whether a later read has shown it.
Must not be in it: when or why a move is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from chartbridge.store.deliveries import Row
from chartbridge.store.models import Delivery, Seen


class Event(StrEnum):
    """What happens to a writeback; its value is the `move` of its ledger entry."""

    QUEUE = "queue"  # may be sent
    HOLD = "hold"  # waits for a setting or a person
    SKIP = "skip"  # its type is not allowed; kept for a later back-fill
    PARK = "park"  # can't be sent until somebody mends something
    CLAIM = "claim"  # the next thing is its first byte to the PMS
    PUT_BACK = "put_back"  # provably not taken
    TAKE = "take"  # the PMS said yes
    LOSE = "lose"  # the answer was lost
    RESTART = "restart"  # the process ended while it was being sent
    REFUSE = "refuse"  # the PMS said no
    FIND = (
        "find"  # looked after a lost answer, or before sending what another copy may have sent: it is there
    )
    ABSENT = "absent"  # looked after a lost answer: it provably is not
    SEE = "see"  # read back
    UNTICK = "untick"  # a person takes back that he ticked it off as imported
    MISS = "miss"  # taken, and still not to be found
    VANISH = "vanish"  # it was read back, and a later look does not find it any more
    RETRY = "retry"  # a person or a mended setting sends it again: it can't have been taken
    LOOK = "look"  # the same, but it may have been taken: look first
    DISMISS = "dismiss"  # a person lets it go
    REOPEN = "reopen"  # a person takes up again what was let go and never was sent
    SUPERSEDE = "supersede"  # a later wish for the same thing replaces it


@dataclass(frozen=True, slots=True)
class State:
    """Where a writeback stands. `None` as delivery: it does not exist yet."""

    delivery: Delivery | None
    seen: Seen = Seen.OWED


class NotAllowed(Exception):
    """A move that is not in the table; a fault of ours, never of the PMS."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event} from {state.delivery or 'new'}/{state.seen}")


NEW = State(None)
HELD, SKIPPED, QUEUED = State(Delivery.HELD), State(Delivery.SKIPPED), State(Delivery.QUEUED)
SENDING, UNCERTAIN = State(Delivery.SENDING), State(Delivery.UNCERTAIN)
TAKEN, DONE = State(Delivery.TAKEN), State(Delivery.TAKEN, Seen.SEEN)
MISSING = State(Delivery.TAKEN, Seen.MISSING)
REFUSED, PARKED, RETRACTED = State(Delivery.REFUSED), State(Delivery.PARKED), State(Delivery.RETRACTED)

STATES = (
    NEW,
    HELD,
    SKIPPED,
    QUEUED,
    SENDING,
    UNCERTAIN,
    TAKEN,
    DONE,
    MISSING,
    REFUSED,
    PARKED,
    RETRACTED,
)

_E = Event
TABLE: dict[tuple[State, Event], State] = {
    (NEW, _E.QUEUE): QUEUED,
    (NEW, _E.HOLD): HELD,
    (NEW, _E.SKIP): SKIPPED,
    (NEW, _E.PARK): PARKED,
    (HELD, _E.QUEUE): QUEUED,
    (HELD, _E.HOLD): HELD,
    (HELD, _E.SKIP): SKIPPED,
    (HELD, _E.PARK): PARKED,
    (HELD, _E.DISMISS): RETRACTED,
    (HELD, _E.SUPERSEDE): RETRACTED,
    (SKIPPED, _E.QUEUE): QUEUED,
    (SKIPPED, _E.HOLD): HELD,
    (SKIPPED, _E.PARK): PARKED,
    (SKIPPED, _E.DISMISS): RETRACTED,
    (QUEUED, _E.CLAIM): SENDING,
    (QUEUED, _E.HOLD): HELD,
    (QUEUED, _E.SKIP): SKIPPED,
    (QUEUED, _E.PARK): PARKED,
    (QUEUED, _E.DISMISS): RETRACTED,
    (QUEUED, _E.SUPERSEDE): RETRACTED,
    (SENDING, _E.TAKE): TAKEN,
    (SENDING, _E.PUT_BACK): QUEUED,
    (SENDING, _E.LOSE): UNCERTAIN,
    (SENDING, _E.RESTART): UNCERTAIN,
    (SENDING, _E.REFUSE): REFUSED,
    (SENDING, _E.PARK): PARKED,
    (SENDING, _E.FIND): DONE,
    (UNCERTAIN, _E.FIND): DONE,
    (UNCERTAIN, _E.ABSENT): QUEUED,
    (UNCERTAIN, _E.PARK): PARKED,
    (UNCERTAIN, _E.TAKE): TAKEN,
    (UNCERTAIN, _E.DISMISS): RETRACTED,
    (TAKEN, _E.SEE): DONE,
    (TAKEN, _E.MISS): MISSING,
    (TAKEN, _E.PARK): PARKED,
    (DONE, _E.VANISH): MISSING,
    (DONE, _E.UNTICK): TAKEN,
    (MISSING, _E.SEE): DONE,
    (MISSING, _E.LOOK): UNCERTAIN,
    (MISSING, _E.DISMISS): RETRACTED,
    (REFUSED, _E.RETRY): QUEUED,
    (REFUSED, _E.HOLD): HELD,
    (REFUSED, _E.PARK): PARKED,
    (REFUSED, _E.DISMISS): RETRACTED,
    (REFUSED, _E.SUPERSEDE): RETRACTED,
    (PARKED, _E.RETRY): QUEUED,
    (PARKED, _E.LOOK): UNCERTAIN,
    (PARKED, _E.HOLD): HELD,
    (PARKED, _E.SKIP): SKIPPED,
    (PARKED, _E.PARK): PARKED,
    (PARKED, _E.DISMISS): RETRACTED,
    (PARKED, _E.SUPERSEDE): RETRACTED,
    (RETRACTED, _E.REOPEN): HELD,
}


def move(state: State, event: Event) -> State:
    """Return the state after `event`. Raises `NotAllowed`."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise NotAllowed(state, event) from None


@cache
def after(delivery: str, seen: str, event: Event) -> tuple[str, str, str]:
    """Return the move's name and where a row that stands there stands after it, as words. Raises `NotAllowed`."""
    state = move(State(Delivery(delivery), Seen(seen)), event)
    assert state.delivery is not None
    return event.value, state.delivery.value, state.seen.value


def state_of(row: Row) -> State:
    """Return where a row stands."""
    return State(Delivery(row.delivery), Seen(row.seen))


def allows(state: State, event: Event) -> bool:
    """Whether the table has this move."""
    return (state, event) in TABLE
