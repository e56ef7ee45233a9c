"""When the ledger was last looked through, by whom and what was found, with the hash that it ended with then.

The next look compares with that hash, and so notices also that the end was cut off. Must not be in it: the chain.
"""

from __future__ import annotations

from datetime import datetime

from chartbridge.store import ledger
from chartbridge.store.ledger import LedgerReport
from chartbridge.store.models import LedgerCheck


def newest(practice_id: int, *, whole: bool | None = None) -> LedgerCheck | None:
    """Return the newest look; with `whole` the newest that found that."""
    rows = LedgerCheck.objects.filter(practice_id=practice_id)
    return (rows if whole is None else rows.filter(whole=whole)).order_by("-id").first()


def verify(practice_id: int, who: str, now: datetime, *, kept_hash: str = "") -> LedgerReport:
    """Look through the whole ledger and keep what was found: against the hash that the last good look has kept, or
    against one that somebody kept elsewhere."""
    before = newest(practice_id, whole=True)
    report = ledger.verify(practice_id, kept_hash=kept_hash or (before.last_hash if before else ""))
    if kept_hash and report.only_cut:
        return report
    LedgerCheck.objects.create(
        practice_id=practice_id,
        at=now,
        who=who,
        whole=report.whole,
        entries=report.entries,
        last_hash=report.last_hash,
    )
    return report
