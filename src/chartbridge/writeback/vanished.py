"""What was in the chart and is no longer there: found by looking once more, listed for a person to decide.

A record of the same number is not ours: each is looked for by its patient and its marker. Status moves and
verifications are left out: what the PMS shows now is what counts. Must not be in it: sending anything again.
"""

from __future__ import annotations

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


def newest_gone(link: Connection, connector: Connector) -> int:
    """How many of the newest writes are gone, if all of them are; else 0. Raises `PmsError`."""
    rows = deliveries.shown(link.pk, limit=WITNESSES)
    if len(rows) < WITNESSES:
        return 0
    desk = desk_of(link)
    found = ask(connector, [command_of(row, desk, to_send=False) for row in rows])
    return len(rows) if all(each is None for each in found) else 0


def look(link: Connection, connector: Connector, clock: Clock) -> int:
    """Look from the newest write back until a whole piece is there; what is not, is missing. Returns how many.

    Raises `PmsError` where the PMS can't be asked; what was found until then is kept.
    """
    desk, count, before = desk_of(link), 0, None
    while rows := deliveries.shown(link.pk, limit=PIECE, before=before):
        before = rows[-1].id
        found = ask(connector, [command_of(row, desk, to_send=False) for row in rows])
        gone = [row for row, answer in zip(rows, found, strict=True) if answer is None]
        if not gone:
            break
        fields = {**CLEAR, "reason_code": "vanished", "reason": sentence("vanished", pms=desk.pms)}
        with ledger.turn(link.practice_id):
            changes = [change(row, Event.VANISH, fields=fields) for row in reversed(gone)]
            count += len(moving.apply(link.practice_id, changes, who=WHO, at=clock.now()))
    return count
