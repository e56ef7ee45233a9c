"""A lost answer that can't be looked up, because the PMS is not asked any more: it is given to a person.

The connection was switched off, or another PMS was connected in its place. Must not be in it: looking.
"""

from __future__ import annotations

from chartbridge.domain.clock import Clock
from chartbridge.store import deliveries, ledger
from chartbridge.store.desk import read_desk
from chartbridge.store.models import Connection, Delivery, Writeback
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event

WHO = "chartbridge"
OFF = "off_while_looking"
REPLACED = "pms_replaced"


def give_up_where_off(clock: Clock) -> int:
    """Give what is looked for in connections that are switched off to a person. Returns how many."""
    waiting = Writeback.objects.filter(delivery=Delivery.UNCERTAIN, connection__on=False)
    links = waiting.order_by("connection_id").values_list("connection_id", flat=True).distinct()
    return sum(give_up(link, OFF, clock) for link in list(links) if link is not None)


def give_up(connection_id: int, code: str, clock: Clock) -> int:
    """Give what is looked for in a connection to a person, with the reason. Returns how many."""
    now, link = clock.now(), Connection.objects.get(pk=connection_id)
    fields = {**CLEAR, "reason_code": code, "reason": sentence(code, pms=read_desk(connection_id).pms)}
    with ledger.turn(link.practice_id):
        rows = deliveries.standing(connection_id=connection_id, deliveries=[Delivery.UNCERTAIN])
        changes = [change(row, Event.PARK, fields=fields) for row in rows]
        return len(deliveries.apply(link.practice_id, changes, who=WHO, at=now))
