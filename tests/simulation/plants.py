"""Faults put into the product on purpose: each must be found by chance, or the simulation proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from chartbridge.intake import accept
from chartbridge.pms.commands import Receipt
from chartbridge.pms.reading import Page
from chartbridge.store import deliveries, ledger
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk
from chartbridge.store.moving import Change
from chartbridge.sync import reading
from chartbridge.sync.turns import Turn
from chartbridge.writeback import deliver, look, mend, outcomes, recover
from chartbridge.writeback.changes import change
from chartbridge.writeback.claiming import Claimer
from chartbridge.writeback.states import TABLE, Delivery, Event, Seen, State
from tests.simulation.pms import Line

_SENDING, _QUEUED = State(Delivery.SENDING), State(Delivery.QUEUED)


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Let the product have this fault."""
    with ExitStack() as stack:
        for patch in PLANTS[name]():
            stack.enter_context(patch)
        yield


def _resend_blindly() -> list[Any]:
    was = outcomes.after_look

    def never_found(row: Row, desk: Desk, _found: object, now: datetime, restarts: int) -> tuple[Change, ...]:
        return was(row, desk, None, now, restarts)

    return [mock.patch.object(look, "after_look", never_found)]


def _adopt_blindly() -> list[Any]:
    was = outcomes.after_look

    def found(row: Row, desk: Desk, _found: object, now: datetime, restarts: int) -> tuple[Change, ...]:
        guess = Receipt(record="note 1", patient_key=row.patient_key, text=row.text, seen=True)
        return was(row, desk, guess, now, restarts)

    return [mock.patch.object(look, "after_look", found)]


def _look_without_waiting() -> list[Any]:
    at_once = lambda _desk, _row: timedelta(0)  # noqa: E731
    return [
        mock.patch.object(outcomes, "settle_time", at_once),
        mock.patch.object(recover, "settle_time", at_once),
    ]


def _sending_is_queued_at_start() -> list[Any]:
    def back(row: Row, _desk: Desk, _now: datetime) -> Change:
        return change(row, Event.RESTART, fields={"sending_at": None})

    table = {**TABLE, (_SENDING, Event.RESTART): _QUEUED}
    return [
        mock.patch.dict(TABLE, table),
        mock.patch.object(recover, "left_behind", back),
        mock.patch.object(deliver, "left_behind", back),
    ]


def _cursor_of_now() -> list[Any]:
    was = Line.read

    def read(line: Line, stream: Any, cursor: str | None, *, thorough: bool = False) -> Page:
        page = was(line, stream, cursor, thorough=thorough)
        at = json.loads(page.cursor)
        return replace(page, cursor=json.dumps({**at, "seq": len(line.pms.books[stream].log)}))

    return [mock.patch.object(Line, "read", read)]


def _cursor_before_its_page() -> list[Any]:
    was = reading._take

    def take(turn: Turn, pages: list[Page], *, of_pass: bool) -> None:
        turn.save({"pass_cursor" if of_pass and turn.in_pass else "cursor": pages[-1].cursor})
        was(turn, pages, of_pass=of_pass)

    return [mock.patch.object(reading, "_take", take)]


def _keys_are_ignored() -> list[Any]:
    return [mock.patch.object(accept, "check_idempotency_key", return_value=None)]


def _a_held_row_forgets_that_it_may_be_there() -> list[Any]:
    def never(_desk: Desk, _row: Row) -> bool:
        return False

    return [mock.patch.object(mend, "_must_be_looked_for", never)]


def _who_came_is_not_written_to() -> list[Any]:
    return [
        mock.patch.object(Claimer, "free_arrived", return_value=None),
        mock.patch.object(deliveries, "whose_patient_came", return_value=[]),
    ]


def _a_taken_write_is_taken_as_seen() -> list[Any]:
    was = outcomes._taken

    def seen(row: Row, desk: Desk, receipt: Receipt, now: datetime) -> tuple[Change, ...]:
        return tuple(each._replace(seen=Seen.SEEN.value) for each in was(row, desk, receipt, now))

    return [mock.patch.object(outcomes, "_taken", seen)]


def _a_move_is_left_out_of_the_ledger() -> list[Any]:
    was = ledger.append

    def append(practice_id: int, entries: Sequence[ledger.Entry], **rest: Any) -> None:
        was(practice_id, [each for each in entries if each.move != "refuse"], **rest)

    return [mock.patch.object(ledger, "append", append)]


PLANTS: dict[str, Callable[[], list[Any]]] = {
    "resend blindly": _resend_blindly,
    "adopt blindly": _adopt_blindly,
    "look without waiting": _look_without_waiting,
    "sending is queued at start": _sending_is_queued_at_start,
    "cursor of now": _cursor_of_now,
    "cursor before its page": _cursor_before_its_page,
    "keys are ignored": _keys_are_ignored,
    "a held row forgets that it may be there": _a_held_row_forgets_that_it_may_be_there,
    "who came is not written to": _who_came_is_not_written_to,
    "a taken write is taken as seen": _a_taken_write_is_taken_as_seen,
    "a move is left out of the ledger": _a_move_is_left_out_of_the_ledger,
}
