"""Into the queue: from an accepted activity, or from a move on the board, to writebacks that stand somewhere.

Settings decide here at first, and again when a writeback is claimed. Must not be in it: talking to a PMS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.pms.commands import CommandKind
from chartbridge.store import deliveries, handed_in, ledger, mirror, moving
from chartbridge.store.activities import file_sizes
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, connection_for_writing, read_desk
from chartbridge.store.mirror import appointment
from chartbridge.store.models import Activity, Delivery, Writeback
from chartbridge.store.wake import Lane, wake
from chartbridge.writeback.changes import change
from chartbridge.writeback.planning import Given, Planned, plan, row_of
from chartbridge.writeback.rules import APPOINTMENT_STATUS, Case, judge
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import NEW, Event, allows, move, state_of

_FRESH = timedelta(seconds=60)


class UnknownAppointment(Exception):
    """The appointment is not in the mirror (any more)."""


def enqueue_activity(activity: Activity, who: str) -> list[Writeback]:
    """Make an activity's writebacks; inside the transaction that keeps the activity."""
    return enqueue_many([activity], who)[0]


def enqueue_many(activities: Sequence[Activity], who: str) -> list[list[Writeback]]:
    """Make the writebacks of several activities of one practice at once, in their order."""
    if not activities:
        return []
    practice_id = activities[0].practice_id
    with ledger.turn(practice_id):
        _retract_nameless(activities, who)
        connection_id = connection_for_writing(practice_id)
        desk = read_desk(connection_id) if connection_id else None
        made = [
            [row_of(activity, planned, desk) for planned in of_one]
            for activity, of_one in zip(activities, plan_all(activities, desk), strict=True)
        ]
        at = max(activity.accepted_at for activity in activities)
        moving.add(practice_id, [each for rows in made for each in rows], who=who, at=at)
        if connection_id:
            wake(connection_id, Lane.WRITE)
    return [[row for row, _ in rows] for rows in made]


def plan_all(activities: Sequence[Activity], desk: Desk | None) -> list[list[Planned]]:
    """Return the writebacks that activities become, in their order. A derived marker that is another writeback's
    already gives way to one made up anew."""
    givens = given_of(activities, desk)
    planned = [plan(activity, desk, givens[activity.pk]) for activity in activities]
    derived = [
        each.marker
        for activity, of_one in zip(activities, planned, strict=True)
        for each in of_one
        if each.marker and givens[activity.pk].seed
    ]
    taken = handed_in.markers_taken(derived)
    return [
        plan(activity, desk, replace(givens[activity.pk], seed=None))
        if any(each.marker in taken for each in of_one)
        else of_one
        for activity, of_one in zip(activities, planned, strict=True)
    ]


def given_of(activities: Sequence[Activity], desk: Desk | None) -> dict[int, Given]:
    """Return what is known of activities beside themselves, in three queries."""
    keys = [activity.patient_key for activity in activities]
    known = mirror.patients_known(desk.connection_id, keys) if desk else {}
    sizes = file_sizes([activity.pk for activity in activities])
    seeds = handed_in.seeds(activities) if desk else {}
    return {
        activity.pk: Given(
            patient=known.get(activity.patient_key),
            size=sizes.get(activity.pk),
            seed=seeds.get(activity.pk),
        )
        for activity in activities
    }


def _retract_nameless(activities: Sequence[Activity], who: str) -> None:
    """Once it is known whose an activity is, what was held for want of a patient gives way to new writebacks."""
    named = [activity for activity in activities if activity.patient_key]
    held = deliveries.nameless([activity.pk for activity in named])
    if held:
        fields = {"reason_code": "superseded", "reason": sentence("patient_named")}
        changes = [change(row, Event.SUPERSEDE, fields=fields) for row in held]
        moving.apply(held[0].practice_id, changes, who=who, at=max(each.accepted_at for each in named))


def enqueue_status_move(
    connection_id: int,
    appointment_key: str,
    status_key: str,
    expected_key: str,
    who: str,
    *,
    corrects: int | None = None,
    clock: Clock | None = None,
) -> Writeback:
    """Wish for an appointment's status. A wish that has not gone out yet is replaced: the last one wins.

    `expected_key` is the status that the person saw; `corrects` the move that this one undoes. Raises
    `UnknownAppointment`.
    """
    now = (clock or SystemClock()).now()
    desk = read_desk(connection_id)
    with ledger.turn(desk.practice_id):
        booked = appointment(connection_id, appointment_key)
        if booked is None or booked.gone_at:
            raise UnknownAppointment
        patient_key = booked.patient_key
        earlier = [
            row
            for row in deliveries.status_moves(connection_id, patient_key)
            if row.payload.get("appointment_key") == appointment_key
        ]
        expected = _supersede(earlier, who, now) or _really_expected(earlier, expected_key, now)
        row = _status_row(desk, patient_key, now)
        row.corrects_id = corrects
        row.payload = {
            "appointment_key": appointment_key,
            "status_key": status_key,
            "expected_key": expected,
        }
        event = _judge_status(row, desk, now)
        moving.add(desk.practice_id, [(row, event)], who=who, at=now)
        wake(connection_id, Lane.WRITE)
    return row


def _status_row(desk: Desk, patient_key: str, now: datetime) -> Writeback:
    return Writeback(
        practice_id=desk.practice_id,
        connection_id=desk.connection_id,
        kind=APPOINTMENT_STATUS,
        command=CommandKind.SET_APPOINTMENT_STATUS,
        patient_key=patient_key,
        created_at=now,
        due_at=now,
    )


def _judge_status(row: Writeback, desk: Desk, now: datetime) -> Event:
    # A visit may stand on the board before its patient was read; the PMS knows him all the same.
    case = Case(
        kind=row.kind,
        command=row.command,
        patient_key=row.patient_key,
        patient=True,
        created_at=now,
        status_key=row.payload.get("status_key", ""),
    )
    verdict = judge(desk, case, now)
    after = move(NEW, verdict.event)
    assert after.delivery is not None
    row.delivery, row.seen = after.delivery, after.seen
    row.reason_code, row.reason = verdict.code, verdict.reason
    return verdict.event


def _supersede(earlier: Sequence[Row], who: str, now: datetime) -> str:
    """Retract the wishes that have not gone out; return the status that the oldest of them was made from."""
    open_ones = [
        row
        for row in earlier
        if allows(state_of(row), Event.SUPERSEDE)
        and not (
            row.delivery == Delivery.PARKED and row.reason_code in ("uncertain", "internal", "unreadable")
        )
    ]
    fields = {"reason_code": "superseded", "reason": sentence("superseded")}
    changes = [change(row, Event.SUPERSEDE, fields=fields) for row in open_ones]
    if open_ones:
        moving.apply(open_ones[0].practice_id, changes, who=who, at=now)
    unsent = [row for row in open_ones if row.delivery in (Delivery.QUEUED, Delivery.HELD)]
    return unsent[-1].payload.get("expected_key", "") if unsent else ""


def _really_expected(earlier: Sequence[Row], seen_key: str, now: datetime) -> str:
    """The board may not show our own last move yet; then that move's status is what the PMS has."""
    for row in earlier:
        if row.delivery in (Delivery.SENDING, Delivery.UNCERTAIN):
            return row.payload.get("status_key", "")
        if row.delivery == Delivery.TAKEN:
            fresh = row.taken_at is not None and now - row.taken_at < _FRESH
            behind = seen_key == row.payload.get("expected_key")
            return row.payload.get("status_key", "") if fresh and behind else seen_key
    return seen_key
