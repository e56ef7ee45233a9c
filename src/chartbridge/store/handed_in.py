"""What came with an idempotency key: from what its markers are derived, so that they come out the same after a restore.

Must not be in it: making markers (`writeback.planning`), which are looked for (`writeback.handed_in`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chartbridge.store import tokens
from chartbridge.store.models import Activity, Writeback
from chartbridge.store.secrets import derive

_BY_TOKEN = "api:"  # noqa: S105  the word before a token's number


def seeds(activities: Sequence[Activity]) -> dict[int, bytes]:
    """Return, for each that came with a key, what is the same whenever the same request comes by the same token under
    the same key, and never for another request. Nothing where the installation's key is lost: taking in goes on."""
    keyed = [each for each in activities if each.idempotency_key is not None]
    if not keyed:
        return {}
    whose = _whose({each.source for each in keyed})
    ours = [each for each in keyed if each.source in whose]
    told = [
        ("marker", str(each.practice_id), whose[each.source], each.idempotency_key or "", each.request_digest)
        for each in ours
    ]
    try:
        return {each.pk: seed for each, seed in zip(ours, derive(told), strict=True)}
    except FileNotFoundError:
        return {}


def markers_taken(markers: Collection[str]) -> set[str]:
    """Return those of these markers that are a writeback's."""
    if not markers:
        return set()
    rows = Writeback.objects.filter(marker__in=markers).exclude(marker="")  # as the index says it
    return set(rows.values_list("marker", flat=True))


def came_with_key(writeback_ids: Sequence[int]) -> set[int]:
    """Return those of these writebacks whose activity came with a key."""
    rows = Writeback.objects.filter(pk__in=writeback_ids, activity__idempotency_key__isnull=False)
    return set(rows.values_list("pk", flat=True))


def _whose(sources: set[str]) -> dict[str, str]:
    """A token's number may be given again after a restore, to another program; what it is known by is not."""
    numbers = {
        source: int(source.removeprefix(_BY_TOKEN)) for source in sources if source.startswith(_BY_TOKEN)
    }
    digests = tokens.digests(numbers.values()) if numbers else {}
    known = {source: digests[number] for source, number in numbers.items() if number in digests}
    return {source: source for source in sources - numbers.keys()} | known
