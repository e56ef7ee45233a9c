"""The ledger as rows for other programs: codes, numbers, hashes, times and who. Must not be in it: texts of a chart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from chartbridge.store.models import WritebackEvent

COLUMNS = (
    "entry", "at", "writeback", "move", "delivery", "seen", "attempt", "who", "detail", "before", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def entries(
    practice_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    writebacks: list[int] | None = None,
) -> Iterator[dict[str, object]]:
    """Yield a practice's entries in their order, a few thousand in memory at a time."""
    rows = WritebackEvent.objects.filter(practice_id=practice_id)
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    if writebacks is not None:
        rows = rows.filter(writeback_id__in=writebacks)
    for each in rows.order_by("id").iterator(chunk_size=2000):
        yield {
            "entry": each.pk,
            "at": each.at.astimezone(UTC).isoformat(),
            "writeback": each.writeback_id,
            "move": each.move,
            "delivery": each.delivery,
            "seen": each.seen,
            "attempt": each.attempt,
            "who": each.who,
            "detail": json.dumps(each.detail, sort_keys=True),
            "before": each.prev_hash,
            "hash": each.hash,
        }


def harmless(value: object) -> object:
    """A value as a spreadsheet may open it: what would be a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
