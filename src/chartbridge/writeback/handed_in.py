"""What another copy of this store may have sent: it is looked for before it is sent from here.

That is what the store held when it came here, and what programs hand in again that it does not know
(docs/decisions/0013). Must not be in it: looking.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chartbridge.domain.activities import AHEAD
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk
from chartbridge.store.handed_in import came_with_key

WITHOUT_A_TIME = timedelta(days=7)
"""For so long after a restore that is looked for of which the program does not say when it was."""


def maybe_sent(desk: Desk, rows: Sequence[Row]) -> list[Row]:
    """Return those of these rows that another copy of this store may have sent, in their order."""
    again = [row.id for row in rows if desk.restored_at and _may_be_older(row, desk.restored_at)]
    keyed = came_with_key(again) if again else set()
    return [row for row in rows if row.id <= desk.look_first_until or row.id in keyed]


def _may_be_older(row: Row, restored_at: datetime) -> bool:
    """Whether it may have been handed in before the restore. Taken in without a time, it was dated as it came in."""
    if row.occurred_at is None:
        return False
    if row.occurred_at == row.created_at:
        return row.created_at < restored_at + WITHOUT_A_TIME
    return row.occurred_at < restored_at + AHEAD
