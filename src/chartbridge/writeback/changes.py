"""Makes the change that an event means for a row: through the table of moves, with what belongs to it.

Must not be in it: a decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from chartbridge.store.deliveries import Row
from chartbridge.store.moving import Change
from chartbridge.writeback.rules import Verdict
from chartbridge.writeback.states import Event, after

CLEAR: Mapping[str, object] = {"reason_code": "", "reason": "", "pms_reason": ""}


def change(
    row: Row,
    event: Event,
    *,
    fields: Mapping[str, object] | None = None,
    detail: Mapping[str, object] | None = None,
) -> Change:
    """Return the change. Raises `NotAllowed` where the table has no such move."""
    name, delivery, seen = after(row.delivery, row.seen, event)
    given = dict(fields or {})
    told = dict(detail or {})
    if given.get("reason_code"):
        told.setdefault("code", given["reason_code"])
    return Change(
        row=row,
        move=name,
        delivery=delivery,
        seen=seen,
        fields=given,
        detail=told,
    )


def with_reason(row: Row, verdict: Verdict) -> Change:
    """Return the change that a verdict means."""
    fields = {**CLEAR, "reason_code": verdict.code, "reason": verdict.reason}
    return change(row, verdict.event, fields=fields)
