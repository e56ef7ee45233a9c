"""What a process remembers of the connections that it tends, so that an idle check asks the store for nothing.

All of it is derived from the rows: lose it and it is read again. What people set (on, interval, buttons,
settings) is looked at for all connections together every few seconds, and at each wake.
Must not be in it: talking to a PMS, deciding about pages.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from chartbridge.domain.clock import Clock
from chartbridge.pms.manifest import StreamClaim
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import observations
from chartbridge.store import streams as rows
from chartbridge.store.models import Connection, StreamState
from chartbridge.sync.brake import BUSY

NO_PASS, FIRST, READING, SWEEP_OWED = "", "first", "reading", "sweep"
"""How far a full read is: `StreamState.pass_state`."""

REFRESH_EVERY_S = 3.0
SPREAD_PER_CONNECTION_S = 0.02
RANKS = {
    Stream.APPOINTMENT_STATUS: 0,
    Stream.APPOINTMENTS: 1,
    Stream.PATIENTS: 2,
    Stream.LOOKUPS: 3,
    Stream.PHOTOS: 4,
    Stream.DOCUMENTS: 5,
}

_PEOPLE_AND_BOOK = (Stream.PATIENTS, Stream.APPOINTMENTS)
_AFTER_PEOPLE = frozenset({Stream.PHOTOS, Stream.DOCUMENTS})


class Tended:
    """One stream: its row and when it is to be looked at next. Times are the clock's monotonic seconds.

    `check_at` is for the ordinary check, `next_at` for anything (also a piece of a first read, scan or pass).
    """

    __slots__ = (
        *("button", "check_at", "claim", "next_at", "pass_at", "pass_failures"),
        *("rank", "scan_at", "scan_begun", "scanning", "state", "stream"),
    )

    def __init__(self, state: StreamState, claim: StreamClaim, at: float) -> None:
        self.state = state
        self.claim = claim
        self.stream = claim.stream
        self.rank = RANKS[claim.stream]
        self.check_at = self.next_at = at
        self.pass_at = self.scan_at = 0.0
        self.pass_failures = 0
        self.scanning = self.scan_begun = False
        self.button: object = state.wanted_at

    @property
    def has_backlog(self) -> bool:
        """Whether it is in the middle of something long."""
        state = self.state
        return self.scanning or state.first_read_done_at is None or state.pass_state == READING


class Desk:
    """One connection: its row, its streams, and what is only of the moment."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        self.streams: dict[Stream, Tended] = {}
        self.skew = timedelta(0)
        self.identify_at = self.witness_at = 0.0
        self.attempt_at = 0.0
        self.stretch = 1.0
        self.stale = False
        self.lookups_seen: dict[str, int] = {}
        self.paused: frozenset[str] = frozenset()
        self.setting_row: tuple[object, ...] = ()
        self.rows: frozenset[str] = frozenset()

    @property
    def readable(self) -> bool:
        """Whether reading is on and not held."""
        return self.connection.on and not self.connection.hold_code

    def active(self, tended: Tended) -> bool:
        """Whether a stream is to be checked, as far as people's settings go."""
        return tended.state.on and (tended.stream is not Stream.PHOTOS or self.connection.show_photos)

    def next_at(self, tended: Tended) -> float | None:
        """When a stream is due, or None while it is off or held."""
        if self.connection.hold_code == BUSY and self.connection.on:
            return self.identify_at if tended is self._first() else None
        if not self.readable or not self.active(tended):
            return None
        return max(tended.next_at, self.attempt_at)

    def others_wait(self, mine: Tended, at: float) -> bool:
        """Whether a more urgent stream's ordinary check is due while `mine` is at something long."""
        return any(
            other.rank < mine.rank and other.check_at <= at and self.active(other) and not other.has_backlog
            for other in self.streams.values()
        )

    def waits_for_people(self, mine: Tended) -> bool:
        """Whether a first read of papers or photos is to let those of the people and the book go first."""
        return (
            mine.stream in _AFTER_PEOPLE
            and mine.state.first_read_done_at is None
            and any(
                self.active(other) and other.state.first_read_done_at is None and not other.state.failures
                for stream in _PEOPLE_AND_BOOK
                if (other := self.streams.get(stream)) is not None
            )
        )

    def _first(self) -> Tended | None:
        return min((t for t in self.streams.values() if self.active(t)), key=lambda t: t.rank, default=None)


class Desks:
    """The desks of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._desks: dict[int, Desk] = {}
        self._refreshing = threading.Lock()
        self._refresh_at = 0.0

    def of(self, connection_id: int) -> Desk | None:
        """Return a connection's desk, reading its rows where it is new; None where there is none."""
        self._refresh_if_old()
        desk = self._desks.get(connection_id)
        if desk is None:
            self._open([connection_id])
            desk = self._desks.get(connection_id)
        return desk

    def of_all(self, connection_ids: Sequence[int]) -> list[Desk]:
        """Return the desks of connections that exist."""
        self._refresh_if_old()
        self._open([each for each in connection_ids if each not in self._desks])
        return [self._desks[each] for each in connection_ids if each in self._desks]

    def forget(self, connection_ids: Iterable[int]) -> None:
        """Have the rows of these be read anew when they are asked for again. A check that runs keeps its desk."""
        for each in connection_ids:
            self._desks.pop(each, None)

    def look_again(self) -> None:
        """People may have set something: look at the next occasion."""
        self._refresh_at = 0.0

    def freshen(self, desk: Desk) -> None:
        """Read a desk's rows anew if something fundamental was changed. The caller has the desk's lock."""
        if not desk.stale:
            return
        desk.stale = False
        connections, states = rows.load([desk.connection.pk])
        connection = connections.get(desk.connection.pk)
        if connection is None:
            self._desks.pop(desk.connection.pk, None)
            desk.streams = {}
            return
        other_settings = connection.settings_version != desk.connection.settings_version
        desk.connection = connection
        desk.lookups_seen.clear()
        desk.paused = observations.paused(connection.pk)
        self._seat(desk, states[connection.pk], mended=other_settings)
        desk.identify_at = desk.attempt_at = 0.0

    def _open(self, connection_ids: Iterable[int]) -> None:
        wanted = list(connection_ids)
        if not wanted:
            return
        connections, states = rows.load(wanted)
        setting_rows = {row[0]: row for row in rows.setting_rows(wanted)[1]}
        paused = observations.paused_of(wanted)
        for pk, connection in connections.items():
            desk = Desk(connection)
            desk.paused = paused.get(pk, frozenset())
            desk.setting_row = setting_rows.get(pk, ())
            self._seat(desk, states[pk], mended=False)
            self._desks.setdefault(pk, desk)

    def _seat(self, desk: Desk, states: list[StreamState], *, mended: bool) -> None:
        """Make a desk's streams from rows. `mended`: settings changed, so earlier failures count no more."""
        manifest = registry().manifests.get(desk.connection.connector)
        claims = manifest.streams if manifest else {}
        seated: dict[Stream, Tended] = {}
        for state in states:
            claim = claims.get(Stream(state.stream))
            if claim is None:
                continue
            if mended:
                state.not_before = None
            seated[claim.stream] = Tended(state, claim, self._when(state))
        desk.streams = seated
        desk.rows = frozenset(state.stream for state in states)

    def _when(self, state: StreamState) -> float:
        """When a stream that was just read from its row is to be checked, spread where there are many."""
        now, mono = self._clock.now(), self._clock.monotonic()
        if state.wanted:
            return mono
        if state.not_before and state.not_before > now:
            return mono + (state.not_before - now).total_seconds()
        since = (
            (now - state.last_check_at).total_seconds() if state.last_check_at else float(state.interval_s)
        )
        spread = min(float(state.interval_s), SPREAD_PER_CONNECTION_S * len(self._desks))
        return mono + max(spread * share_of(state), min(float(state.interval_s), state.interval_s - since))

    def _refresh_if_old(self) -> None:
        if self._clock.monotonic() < self._refresh_at or not self._refreshing.acquire(blocking=False):
            return
        try:
            self._refresh_at = self._clock.monotonic() + REFRESH_EVERY_S
            self._refresh()
        finally:
            self._refreshing.release()

    def _refresh(self) -> None:
        desks = dict(self._desks)
        streams, connections = rows.setting_rows(list(desks))
        for row in connections:
            desk = desks[row[0]]
            if row != desk.setting_row:
                desk.setting_row = row
                desk.stale = True
        for pk in desks.keys() - {row[0] for row in connections}:
            desks[pk].stale = True
        for connection_id, stream, on, interval_s, wanted, wanted_at in streams:
            self._take_setting(desks[connection_id], stream, bool(on), interval_s, wanted, wanted_at)
        for desk in desks.values():
            if desk.stale and desk.lock.acquire(blocking=False):
                try:
                    self.freshen(desk)
                finally:
                    desk.lock.release()

    def _take_setting(
        self, desk: Desk, stream: str, on: bool, interval_s: int, wanted: str, wanted_at: object
    ) -> None:
        tended = desk.streams.get(Stream(stream))
        if tended is None:
            desk.stale |= stream not in desk.rows
            return
        state, now = tended.state, self._clock.monotonic()
        if on != state.on or interval_s != state.interval_s:
            if on and not state.on:
                tended.check_at = tended.next_at = now
            state.on, state.interval_s = on, interval_s
            tended.check_at = min(tended.check_at, now + interval_s)
            tended.next_at = min(tended.next_at, now + interval_s)
        if wanted and wanted_at != tended.button:
            state.wanted, tended.button = wanted, wanted_at
            state.not_before = None
            tended.check_at = tended.next_at = tended.pass_at = now
            desk.attempt_at = min(desk.attempt_at, now)


def share_of(state: StreamState) -> float:
    """A fraction from 0 to 1 that is the same for this stream in every process."""
    return zlib.crc32(f"{state.connection_id}:{state.stream}".encode()) / 2**32
