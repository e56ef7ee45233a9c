"""What was in the chart and is no longer there: found by looking once more, listed for a person to decide.

A record of the same number is not ours: each is looked for by its patient and its marker. Status moves and
verifications are left out: what the PMS shows now is what counts. Must not be in it: sending anything again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector
from chartbridge.store import deliveries, ledger, moving
from chartbridge.store.desk import desk_of
from chartbridge.store.models import Connection
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.commands import command_of
from chartbridge.writeback.look import ask
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event

WHO = "chartbridge"
PIECE = 200
WITNESSES = 5
LATELY = timedelta(minutes=15)
"""Longer than from one look at the witnesses to the next: what was taken so lately may have been written after the
restore, and hides it."""


def newest_gone(link: Connection, connector: Connector, now: datetime) -> int:
    """How many of the newest writes are gone, if all of them are, or all of those that were not taken lately; else 0.

    Raises `PmsError`.
    """
    newest = deliveries.shown(link.pk, limit=WITNESSES)
    if len(newest) < WITNESSES:
        return 0
    earlier = deliveries.shown(link.pk, limit=WITNESSES, taken_before=now - LATELY)
    rows, desk = {row.id: row for row in (*newest, *earlier)}, desk_of(link)
    found = ask(connector, [command_of(row, desk, to_send=False) for row in rows.values()])
    gone = {number for number, answer in zip(rows, found, strict=True) if answer is None}
    for those in (newest, earlier):
        if len(those) == WITNESSES and all(row.id in gone for row in those):
            return WITNESSES
    return 0


def look(link: Connection, connector: Connector, clock: Clock) -> int:
    """Look from the newest write back until a whole piece that was not taken lately is there; what is not, is missing.
    Returns how many.

    Raises `PmsError` where the PMS can't be asked; what was found until then is kept.
    """
    desk, count, before, lately = desk_of(link), 0, None, clock.now() - LATELY
    while rows := deliveries.shown(link.pk, limit=PIECE, before=before):
        before = rows[-1].id
        found = ask(connector, [command_of(row, desk, to_send=False) for row in rows])
        gone = [row for row, answer in zip(rows, found, strict=True) if answer is None]
        if not gone and (rows[0].taken_at is None or rows[0].taken_at < lately):
            break
        fields = {**CLEAR, "reason_code": "vanished", "reason": sentence("vanished", pms=desk.pms)}
        with ledger.turn(link.practice_id):
            changes = [change(row, Event.VANISH, fields=fields) for row in reversed(gone)]
            count += len(moving.apply(link.practice_id, changes, who=WHO, at=clock.now()))
    return count
