"""The ledger as CSV or JSON lines for other programs: codes, numbers, hashes, times and who.

Must not be in it: texts of a chart, where a file goes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from chartbridge.store.models import WritebackEvent

COLUMNS = (
    "entry", "at", "writeback", "move", "delivery", "seen", "attempt", "who", "detail", "before", "hash",
)  # fmt: skip
FORMS = {"csv": "text/csv", "json": "application/x-ndjson"}
_AT_ONCE = 2000
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
    after = 0  # by key, so that nothing is held open in the database while somebody takes the rows slowly
    while piece := list(rows.filter(pk__gt=after).order_by("id")[:_AT_ONCE]):
        after = piece[-1].pk
        yield from (_entry(each) for each in piece)


def lines(rows: Iterable[Mapping[str, object]], form: str) -> Iterator[str]:
    """Yield them as lines of a file, the heading first where the form has one."""
    if form == "json":
        yield from (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=COLUMNS)
    writer.writeheader()
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow({name: harmless(value) for name, value in row.items()})
        yield buffer.getvalue()


def harmless(value: object) -> object:
    """A value as a spreadsheet may open it: what would be a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _entry(each: WritebackEvent) -> dict[str, object]:
    return {
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
