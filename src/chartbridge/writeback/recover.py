"""After a process has ended: what it was sending may be in the PMS, so it becomes uncertain and is looked for.

Must not be in it: looking, sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chartbridge.domain.clock import Clock
from chartbridge.store import deliveries, leases, ledger, moving
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.models import Connection, Delivery
from chartbridge.store.moving import Change
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.outcomes import settle_time
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event
from chartbridge.writeback.unasked import REPLACED, give_up_where_off

WHO = "chartbridge"


def recover(clock: Clock) -> int:
    """At the start of a process: every `sending` that nobody living tends becomes `uncertain`. Returns how many."""
    leases.free_dead()
    now = clock.now()
    elsewhere = leases.held_elsewhere(now)
    touched = 0
    for connection_id, practice_id in Connection.objects.order_by("id").values_list("id", "practice_id"):
        if connection_id in elsewhere or not deliveries.in_flight(connection_id):
            continue
        desk = read_desk(connection_id)
        with ledger.turn(practice_id):
            changes = left_behind(deliveries.in_flight(connection_id), desk, now)
            touched += len(moving.apply(practice_id, changes, who=WHO, at=now))
    give_up_where_off(clock)
    return touched


def left_behind(rows: Sequence[Row], desk: Desk, now: datetime) -> list[Change]:
    """Return the changes for the rows at `sending` whose deliverer has ended."""
    return [_left_behind(row, desk, now, alone=len(rows) == 1) for row in rows]


def _left_behind(row: Row, desk: Desk, now: datetime, *, alone: bool) -> Change:
    """Look once the attempt can't land any more."""
    assert row.delivery == Delivery.SENDING
    if row.reason_code == REPLACED:  # it was sent to another PMS than is connected now
        return change(row, Event.PARK, detail={"code": REPLACED})
    # Counted from now: a long batch is sent over minutes, so its last attempt may have begun just before the end.
    fields = {
        **CLEAR,
        "reason_code": "looking",
        "reason": sentence("looking", pms=desk.pms),
        "due_at": now + settle_time(desk, row),
    }
    return change(row, Event.RESTART, fields=fields, detail={deliveries.ALONE: 1} if alone else {})
