"""One turn of reading one stream: pages from the connector into the mirror, each with its cursor.

A turn ends when there is nothing more, when its time is up, or when a more urgent stream is due. What was
read and not stored is read again. Must not be in it: what an error means, when the next turn is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chartbridge.domain.schedule import Appointment
from chartbridge.domain.webhooks import WebhookEvent
from chartbridge.pms.reading import Page, Stream
from chartbridge.store import holds, mirror_indexes, mirror_pages, outbox, streams
from chartbridge.store.database import writing, writing_much
from chartbridge.store.notices import notice
from chartbridge.store.status_moves import status_moves
from chartbridge.store.wake import Lane, wake
from chartbridge.sync import brake
from chartbridge.sync.desks import FIRST, NO_PASS, READING, SWEEP_OWED, share_of
from chartbridge.sync.lags import percentile, with_lag
from chartbridge.sync.lists import read_lookups
from chartbridge.sync.sweeping import refuse_mass_removal, sweep
from chartbridge.sync.turns import Turn

SCAN_AT_MOST_EVERY_S = 900.0
SCAN_PIECE_S = 0.25
"""A scan goes on for so long, then pauses for as long."""
_ROWS_AT_ONCE = 2000
_ROWS_AT_ONCE_AT_FIRST = 10_000
"""While everything is new, an index is written over and over: the less often, the more rows come together."""
_SWEPT = frozenset({Stream.APPOINTMENTS, Stream.PATIENTS, Stream.PHOTOS, Stream.DOCUMENTS})


def read_changes(turn: Turn) -> None:
    """Read what changed since the last check, or go on with the first read or a scan."""
    tended, state = turn.tended, turn.tended.state
    if tended.stream is Stream.LOOKUPS:
        read_lookups(turn)
        return
    first = state.first_read_done_at is None
    # What moved during the pass is read once more before the sweep.
    sweep_owed = state.pass_state == SWEEP_OWED
    if not first and (tended.scanning or _scan_is_due(turn)):
        tended.scanning = True
        turn.until = min(turn.until, turn.clock.monotonic() + SCAN_PIECE_S)
    _read_pages(turn, of_pass=first)
    if not turn.more and tended.scanning:
        tended.scanning = tended.scan_begun = False
        state.scanned_at = turn.clock.now()
        turn.loose = True
    if not turn.more and sweep_owed:
        sweep(turn)


def read_pass(turn: Turn) -> None:
    """Go on with a full pass, beside the ordinary checks, on its own cursor."""
    turn.in_pass = True
    _read_pages(turn, of_pass=True)
    turn.in_pass = False


def _read_pages(turn: Turn, *, of_pass: bool) -> None:
    """Read until there is no more or it is others' turn.

    Pages of a full read are stored some at a time (the very first, which is today's, at once), because most of
    the cost of storing many rows is in the commit.
    """
    gathered: list[Page] = []
    at_once = _ROWS_AT_ONCE_AT_FIRST if _is_first_read(turn) else _ROWS_AT_ONCE
    begins_scan = turn.tended.scanning and not turn.tended.scan_begun
    turn.tended.scan_begun = turn.tended.scanning
    try:
        while True:
            cursor = gathered[-1].cursor if gathered else _cursor(turn)
            page = turn.connector.read(turn.tended.stream, cursor or None, thorough=turn.tended.scanning)
            if page.went_back:
                raise brake.went_back()
            gathered.append(page)
            # The first answer may be of changes that stood in front of the scan: then it is still to come.
            turn.more = page.more or (begins_scan and _tells(page))
            begins_scan = False
            end = not turn.more or turn.must_end()
            if end or not of_pass or not cursor or sum(len(p.records) for p in gathered) >= at_once:
                full, gathered = gathered, []
                _take(turn, full, of_pass=of_pass)
            if end:
                return
    except Exception:
        if gathered:  # what was read before the failure is kept
            _take(turn, gathered, of_pass=of_pass)
        raise


def _tells(page: Page) -> bool:
    return bool(page.records or page.gone or page.bad)


def _cursor(turn: Turn) -> str:
    state = turn.tended.state
    return state.pass_cursor if state.pass_state == READING and turn.in_pass else state.cursor


def begin_pass(turn: Turn) -> None:
    """A full sync was asked for. While a first read or a pass is under way, that one will do."""
    tended, state = turn.tended, turn.tended.state
    if tended.stream not in _SWEPT or state.first_read_done_at is None or state.pass_state == READING:
        return
    turn.save(_new_pass(turn, READING))
    tended.pass_at, tended.pass_failures = 0.0, 0


def _new_pass(turn: Turn, kind: str) -> dict[str, Any]:
    return {
        "pass_state": kind,
        "pass_generation": turn.tended.state.pass_generation + 1,
        "pass_started_at": turn.clock.now(),
        "pass_cursor": "",
        "pass_records": 0,
        "pass_bad": 0,
        "pass_from": None,
        "pass_until": None,
    }


def _scan_is_due(turn: Turn) -> bool:
    """A full scan now and then, at each connection at its own time."""
    state, claim = turn.tended.state, turn.tended.claim
    if not claim.scan_every or turn.clock.monotonic() < turn.tended.scan_at:
        return False
    if state.scanned_at is None:
        return True
    every = max(float(claim.scan_every), SCAN_AT_MOST_EVERY_S) * (1.0 + 0.1 * share_of(state))
    ago = turn.clock.now() - state.scanned_at
    return ago >= timedelta(seconds=every) or ago < timedelta(
        0
    )  # a scan of the future: the clock was set back


def _take(turn: Turn, pages: list[Page], *, of_pass: bool) -> None:
    """Keep pages: in memory if they have nothing to say, else in the mirror with the cursor of the last."""
    state = turn.tended.state
    if not of_pass and not any(_tells(page) for page in pages):
        state.cursor = pages[-1].cursor
        turn.loose = True
        return
    changes: dict[str, Any] = {}
    if of_pass and not state.pass_state and not state.first_read_done_at:
        changes = _new_pass(turn, FIRST)
    generation = changes.get("pass_generation", state.pass_generation)
    connection, now = turn.desk.connection, turn.clock.now()
    first = of_pass and _is_first_read(turn)
    with writing_much() if first else writing():
        if first:
            mirror_indexes.leave_out(turn.tended.stream, sum(len(page.records) for page in pages))
        moved = _apply(turn, pages, generation, now)
        if not moved and not of_pass and not any(page.bad for page in pages):
            state.cursor = pages[-1].cursor  # read again, and nothing new: no commit for the cursor alone
            turn.loose = True
            return
        changes |= _progress(turn, pages, of_pass=of_pass, changed=bool(moved), changes=changes)
        changes |= turn.good()
        streams.save_progress(state, changes)
        if "first_read_done_at" in changes and turn.tended.stream is Stream.PATIENTS and connection.rereading:
            holds.reread(connection)
        for topic, keys in moved.items():
            notice(connection.practice_id, topic, keys, now)
        if not _is_first_read(turn):
            outbox.put_patients(connection.practice_id, moved.get("patients", ()), now)
        if "patients" in moved and (not first or not turn.more or turn.must_end()):
            wake(connection.pk, Lane.WRITE)  # activities may wait for a patient who was not read yet
    if "first_read_done_at" in changes:
        mirror_indexes.restore()
    turn.remember(changes)
    turn.changes += sum(len(keys) for keys in moved.values())
    turn.loose = False


def _apply(turn: Turn, pages: list[Page], generation: int, now: datetime) -> dict[str, list[str]]:
    """Bring the mirror up to these pages; returns what really moved, by topic."""
    pk, stream, practice_id = turn.desk.connection.pk, turn.tended.stream, turn.desk.connection.practice_id
    tells = not _is_first_read(turn) and WebhookEvent.STATUS_CHANGED in outbox.wanted(practice_id)
    moved: dict[str, list[str]] = {}
    for page in pages:
        refuse_mass_removal(turn, page)
        if tells:
            outbox.put(practice_id, status_moves(pk, page), now)
        applied = mirror_pages.apply_page(pk, stream, page, generation=generation, now=now)
        for topic, keys in applied.changed.items():
            moved.setdefault(topic, []).extend(keys)
    return moved


def _is_first_read(turn: Turn) -> bool:
    """Whether everything is new to us, and so nothing a change of which programs are told."""
    return turn.tended.state.first_read_done_at is None


def _progress(
    turn: Turn, pages: list[Page], *, of_pass: bool, changed: bool, changes: dict[str, Any]
) -> dict[str, Any]:
    """Return the columns of the stream's row that these pages move."""
    state, now, last = turn.tended.state, turn.clock.now(), pages[-1]
    pass_state = changes.get("pass_state", state.pass_state)
    new: dict[str, Any] = {}
    if of_pass:
        new |= _pass_progress(turn, pages, changes)
    if of_pass and pass_state == READING:
        new["pass_cursor"] = last.cursor
    else:
        new["cursor"] = last.cursor
    if of_pass and pass_state == FIRST and (last.complete or not last.more):
        new["first_read_done_at"] = new["scanned_at"] = now
    if changed:
        new["last_change_at"] = now
    oldest = min((p.oldest_change for p in pages if p.oldest_change), default=None)
    if oldest is not None and changed and not of_pass:
        new |= _lag(turn, oldest)
    return new


def _pass_progress(turn: Turn, pages: list[Page], changes: dict[str, Any]) -> dict[str, Any]:
    def so_far(name: str) -> Any:
        return changes.get(name, getattr(turn.tended.state, name))

    new: dict[str, Any] = {
        "pass_records": so_far("pass_records") + sum(len(p.records) for p in pages),
        "pass_bad": so_far("pass_bad") + sum(len(p.bad) for p in pages),
    }
    starts: list[datetime] = []
    if turn.tended.stream in (Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS):
        starts = [r.starts_local for p in pages for r in p.records if isinstance(r, Appointment)]
    if starts:
        first, until = so_far("pass_from"), so_far("pass_until")
        new["pass_from"] = min(starts) if first is None else min(first, min(starts))
        new["pass_until"] = max(starts) if until is None else max(until, max(starts))
    if pages[-1].complete:
        new["pass_state"] = SWEEP_OWED if turn.tended.stream in _SWEPT else NO_PASS
    elif not pages[-1].more:
        new["pass_state"] = NO_PASS  # it ended without saying that it saw everything: nothing follows from it
    return new


def _lag(turn: Turn, oldest: datetime) -> dict[str, Any]:
    """The lag by the PMS's own clock."""
    late = turn.clock.now() + turn.desk.skew - oldest
    lags = with_lag(turn.tended.state.lags_ms, max(0, round(late.total_seconds() * 1000)))
    return {
        "lags_ms": lags,
        "lag_p50_ms": percentile(lags, 0.5),
        "lag_p95_ms": percentile(lags, 0.95),
    }
