"""Reading the lists that the PMS owns (lookups). Must not be in it: what a setting chose from them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.errors import PmsError, Unavailable
from chartbridge.pms.reading import Stream
from chartbridge.store import lookups, streams
from chartbridge.store.database import writing
from chartbridge.store.notices import notice
from chartbridge.store.wake import Lane, wake
from chartbridge.sync import brake, drift
from chartbridge.sync.turns import WORDS, Turn

_MAY_EMPTY = 3
"""A list of fewer entries may become empty; a longer one that does is a sign that something is wrong."""


def read_lookups(turn: Turn) -> None:
    """Read every list that the connector offers; store those that moved. One that fails stops no other."""
    failed: PmsError | None = None
    for kind in sorted(turn.connector.manifest.lookups):
        try:
            _read_lookup(turn, kind)
        except Unavailable:
            raise
        except PmsError as error:
            failed = failed or error
    if failed:
        raise failed
    state = turn.tended.state
    if state.first_read_done_at is None or state.sweep_agreed:
        turn.save({"first_read_done_at": turn.clock.now(), "sweep_agreed": False})


def _read_lookup(turn: Turn, kind: LookupKind) -> None:
    desk, now = turn.desk, turn.clock.now()
    items = list(turn.connector.lookups(kind))
    content = _digest(items)
    if desk.lookups_seen.get(kind.value) == content:
        return
    pk = desk.connection.pk
    living = 0 if items else lookups.live_count(pk, kind)
    if living >= _MAY_EMPTY and not turn.tended.state.sweep_agreed:
        raise brake.mass_removal(WORDS[Stream.LOOKUPS], living, living)
    with writing():
        stored = lookups.store_lookups(pk, kind, items, now)
        moved = stored.moved
        drift.list_seen(desk.connection, kind, stored.changes, now)
        if moved:
            streams.save_progress(turn.tended.state, {"last_change_at": now})
            notice(desk.connection.practice_id, "settings", [], now)
            wake(pk, Lane.WRITE)
    desk.lookups_seen[kind.value] = content
    if moved:
        turn.changes += 1
        turn.remember({"last_change_at": now})


def _digest(items: Sequence[LookupItem]) -> int:
    told = sorted((i.key, i.name, i.short, i.active, sorted(i.meaning), i.colour, i.order) for i in items)
    return zlib.crc32(repr(told).encode())
