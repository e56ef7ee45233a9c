"""What a person must decide because the PMS is not asked any more: lost answers, and what was made for that PMS.

The connection was switched off, or another PMS was connected in its place. Must not be in it: looking.
"""

from __future__ import annotations

from collections.abc import Sequence

from chartbridge.domain.clock import Clock
from chartbridge.store import deliveries, ledger, moving
from chartbridge.store.deliveries import WAITING_FOR_IMPORT, Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.models import Connection, Delivery, Seen, Writeback
from chartbridge.store.moving import Change
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.claiming import CORRECTION
from chartbridge.writeback.outcomes import may_be_taken
from chartbridge.writeback.rules import APPOINTMENT_STATUS
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event

WHO = "chartbridge"
OFF = "off_while_looking"
REPLACED = "pms_replaced"
FOR_ANOTHER = "made_for_other_pms"
_UNSENT = (Delivery.QUEUED, Delivery.HELD, Delivery.PARKED, Delivery.REFUSED)


def give_up_where_off(clock: Clock) -> int:
    """Give what is looked for in connections that are switched off to a person. Returns how many."""
    waiting = Writeback.objects.filter(delivery=Delivery.UNCERTAIN, connection__on=False)
    links = waiting.order_by("connection_id").values_list("connection_id", flat=True).distinct()
    return sum(give_up(link, OFF, clock) for link in list(links) if link is not None)


def give_up(connection_id: int, code: str, clock: Clock) -> int:
    """Give what is looked for in a connection to a person, with the reason. Returns how many."""
    now, link = clock.now(), Connection.objects.get(pk=connection_id)
    fields = _because(code, read_desk(connection_id))
    with ledger.turn(link.practice_id):
        rows = deliveries.standing(connection_id=connection_id, deliveries=[Delivery.UNCERTAIN])
        changes = [change(row, Event.PARK, fields=fields) for row in rows]
        return len(moving.apply(link.practice_id, changes, who=WHO, at=now))


def part_with(connection_id: int, clock: Clock) -> int:
    """Give all that is not over to a person, before another PMS is connected; inside the `ledger.turn` in which that is
    done. What is being sent and what is skipped keeps only the reason, for whoever takes it up. Returns how many."""
    now, desk = clock.now(), read_desk(connection_id)
    mine = Writeback.objects.filter(connection_id=connection_id)
    mine.filter(delivery=Delivery.SENDING).update(**_because(REPLACED, desk))
    mine.filter(delivery=Delivery.SKIPPED).update(**_because(FOR_ANOTHER, desk))
    missing = deliveries.standing(
        connection_id=connection_id, deliveries=[Delivery.TAKEN], seen=[Seen.MISSING]
    )
    doubtful = [change(row, Event.LOOK) for row in missing if row.reason_code != REPLACED]
    moving.apply(desk.practice_id, doubtful, who=WHO, at=now)
    rows = deliveries.standing(connection_id=connection_id, deliveries=[*_UNSENT, Delivery.UNCERTAIN])
    owed = deliveries.standing(connection_id=connection_id, deliveries=[Delivery.TAKEN], seen=[Seen.OWED])
    return len(moving.apply(desk.practice_id, parted([*rows, *owed], desk), who=WHO, at=now))


def parted(rows: Sequence[Row], desk: Desk) -> list[Change]:
    """Return the changes for what was made for the PMS of `desk`, in whose place another one is connected."""
    return [each for row in rows if row.patient_key for each in _parted(row, desk)]


def _parted(row: Row, desk: Desk) -> list[Change]:
    if row.delivery == Delivery.TAKEN:
        owed = row.seen == Seen.OWED and row.reason_code != WAITING_FOR_IMPORT
        return [change(row, Event.MISS, fields=_because(REPLACED, desk))] if owed else []
    told = row.delivery == Delivery.PARKED and row.reason_code in (REPLACED, FOR_ANOTHER)
    if told or row.delivery not in (*_UNSENT, Delivery.UNCERTAIN):
        return []
    code = REPLACED if _means_nothing_elsewhere(row) else FOR_ANOTHER
    return [change(row, Event.PARK, fields=_because(code, desk))]


def _means_nothing_elsewhere(row: Row) -> bool:
    """Whether it may stand in the chart there, or is about a visit or a record of that PMS."""
    doubtful = row.delivery == Delivery.UNCERTAIN or may_be_taken(row)
    return doubtful or row.kind == APPOINTMENT_STATUS or CORRECTION in row.payload


def _because(code: str, desk: Desk) -> dict[str, object]:
    return {**CLEAR, "reason_code": code, "reason": sentence(code, pms=desk.pms)}
