"""Whether this hub is the one that writes to a practice, or another copy of it does: then this one stands by.

On one machine a lock file tells; between machines the PMS does, where its connector can hold a practice. A hub
that comes in after another one looks in the chart for whatever it has, before it sends it, and waits until the
other's last request can't land any more. Must not be in it: sending, reading.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
from django.conf import settings

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, HoldsPractice
from chartbridge.pms.errors import PmsError
from chartbridge.pms.manifest import OneHubClaim
from chartbridge.store.database import writing
from chartbridge.store.models import Connection, Delivery, Writeback
from chartbridge.store.notices import notice
from chartbridge.store.wake import Lane, wake

GOOD_FOR_S = 10.0
"""For so long an answer holds; whoever sends asks again before each request that begins later."""
LOOK_AGAIN_S = 60.0
"""The session that holds a practice must say something so often, or the PMS's server ends it."""
_HELD_STILL_S = 40.0
"""A reader, who sends nothing, asks again after so long: so the practice stays held while nothing is written."""
_REST_S = 2.0
"""A PMS that could not be asked is not asked again sooner."""
_GO_OUT_WITHIN_S = GOOD_FOR_S + 10.0
"""What was begun on an answer goes out until then, or not at all."""
_MARGIN = timedelta(seconds=_GO_OUT_WITHIN_S + 5.0)


LOCKS = Path(tempfile.gettempdir())
"""Where the hubs of one machine see each other."""
NOT_OURS = (
    "This lock file belongs to another user and can't be opened, so a second Chartbridge on this machine would not be "
    "noticed. Look whether another one runs; if none does, remove the file."
)
log = structlog.get_logger("chartbridge.store")
_files: dict[str, int] = {}
_told: set[str] = set()
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Held:
    """`ours` as it was found at `at` (monotonic); `error` where the PMS could not be asked."""

    ours: bool
    at: float
    error: PmsError | None = None


class OneHub:
    """One a process; safe to ask from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[int, _Held] = {}
        self._taken: dict[int, int] = {}
        self._gaps: dict[int, timedelta] = {}
        self._stands_by: dict[int, bool] = {}

    def ours(self, link: Connection, connector: Connector) -> bool:
        """Whether this hub may write. Raises `PmsError` where the PMS can't be asked."""
        known = self._held.get(link.pk)
        now = self._clock.monotonic()
        if known and known.ours and now - known.at < GOOD_FOR_S:
            return True
        if known and known.error and now - known.at < _REST_S:
            raise known.error
        try:
            return self._ask(link, connector)
        except PmsError as error:
            self._held[link.pk] = _Held(False, now, error)
            raise

    def known_ours(self, connection_id: int) -> bool:
        """Whether the last answer was yes and still holds, so that `ours` would say yes too. Asks nobody."""
        known = self._held.get(connection_id)
        return known is not None and known.ours and self._clock.monotonic() - known.at < GOOD_FOR_S

    def still_ours(self, connection_id: int) -> bool:
        """Whether the last answer was yes, and lately enough for what is about to go out. Asks nobody."""
        known = self._held.get(connection_id)
        return known is not None and known.ours and self._clock.monotonic() - known.at < _GO_OUT_WITHIN_S

    def taken(self, connection_id: int) -> int:
        """How often this process has taken the practice anew, by whomever it was noticed. What was begun before the
        last time is not to go on: another hub may have sent it meanwhile. Asks nobody."""
        return self._taken.get(connection_id, 0)

    def keep(self, link: Connection, connector: Connector) -> None:
        """Keep the practice held, by a reader. Raises `PmsError` where the PMS can't be asked."""
        known = self._held.get(link.pk)
        if not (known and known.ours and self._clock.monotonic() - known.at < _HELD_STILL_S):
            self.ours(link, connector)

    def stands_by(self, connection_id: int) -> bool:
        """Whether another hub had the practice when the PMS was asked last. Asks nobody."""
        return self._stands_by.get(connection_id, False)

    def overdue(self, connection_id: int) -> bool:
        """Whether it is time to ask again, so that the practice stays held."""
        known = self._held.get(connection_id)
        return known is not None and self._clock.monotonic() - known.at > LOOK_AGAIN_S

    def _ask(self, link: Connection, connector: Connector) -> bool:
        began = self._clock.monotonic()
        alone = _alone_on_this_machine(link)
        gap: timedelta | None = None
        if alone and connector.manifest.one_hub.how is OneHubClaim.SESSION:
            holding = cast(HoldsPractice, connector).hold_practice(str(link.pk))
            alone = holding.ours
            if alone:
                if holding.taken_anew:
                    self._gaps[link.pk] = self._since_held(link.pk, began)
                gap = self._gaps.get(link.pk)
                _note_held(link.pk, self._clock.now())
        self._keep(link, connector, alone, gap)
        self._gaps.pop(link.pk, None)  # only once it is stored: the PMS says so only once
        self._held[link.pk] = _Held(alone, began)
        return alone

    def _since_held(self, connection_id: int, began: float) -> timedelta:
        """How long ago the practice was this hub's for certain, in this process or in one before."""
        known = self._held.get(connection_id)
        if known and known.ours:
            return timedelta(seconds=began - known.at)
        return _since_noted(connection_id, self._clock.now())

    def _keep(self, link: Connection, connector: Connector, alone: bool, gap: timedelta | None) -> None:
        """Remember in the row what has changed. Where the practice was taken anew (a start, a line that was lost),
        another hub may have held it in the `gap`: a look costs little where the PMS can hold a practice. One that came
        in after us waits before it sends: in a short gap there was no time for that, after a long one its last request
        may still be on the way."""
        row = Connection.objects.filter(pk=link.pk)
        stood_by = self._stands_by.get(link.pk, link.standby_since is not None)
        now = self._clock.now()
        if alone and (stood_by or gap is not None):
            lands_late = longest_settle(connector) + _MARGIN
            late = gap is not None and gap >= lands_late and _anything_unsent(link)
            wait = lands_late if stood_by or late else timedelta()
            with writing():
                look_first(link, now, wait=wait, restored=stood_by)
                row.update(standby_since=None)
                notice(link.practice_id, "streams", [], now)
                wake(link.pk, Lane.WRITE)
            self._taken[link.pk] = self.taken(link.pk) + 1
        elif not alone and not stood_by:
            with writing():
                row.update(standby_since=now)
                notice(link.practice_id, "streams", [], now)
        self._stands_by[link.pk] = not alone


def _alone_on_this_machine(link: Connection) -> bool:
    """Hold the lock file of this practice for the rest of the process."""
    told = json.dumps([link.pk, link.connector, link.values], sort_keys=True)
    name = f"chartbridge-{hashlib.sha256(told.encode()).hexdigest()[:24]}.lock"
    with _guard:
        if name in _files:
            return True
        try:
            descriptor = _opened(LOCKS / name)
        except OSError as error:  # it can't be told
            if name not in _told:
                _told.add(name)
                log.warning(
                    "lock_file_not_ours", file=str(LOCKS / name), why=error.strerror, sentence=NOT_OURS
                )
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        _files[name] = descriptor
        return True


def _note_held(connection_id: int, now: datetime) -> None:
    """Keep for the next process when the practice was held last."""
    with contextlib.suppress(OSError):  # a full disk: the next start then waits rather too long
        file = _noted(connection_id)
        file.touch()
        os.utime(file, (now.timestamp(), now.timestamp()))


def _since_noted(connection_id: int, now: datetime) -> timedelta:
    """How long ago that was. Nothing where it never was: then nobody can have had from here what waits. A moment that
    lies ahead says that the clock was set: it was long ago, for all we know."""
    try:
        ago = now.timestamp() - _noted(connection_id).stat().st_mtime
    except FileNotFoundError:
        return timedelta()
    return timedelta(seconds=ago) if ago >= 0 else timedelta.max


def _noted(connection_id: int) -> Path:
    return Path(settings.DATA_DIR) / f"held.{connection_id}"


def _anything_unsent(link: Connection) -> bool:
    over = (Delivery.TAKEN, Delivery.RETRACTED)
    return Writeback.objects.filter(connection_id=link.pk).exclude(delivery__in=over).exists()


def _opened(file: Path) -> int:
    """Open a lock file, also one that another user's hub has made: to hold a lock, it is enough to read it."""
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever the umask is
        return descriptor


def look_first(link: Connection, now: datetime, *, wait: timedelta, restored: bool) -> None:
    """From here on look for every present writeback before it is sent, and send nothing for a while. `restored`: look
    also for what programs hand in from now on and may have handed in before (`handed_in`)."""
    newest = Writeback.objects.filter(connection_id=link.pk).order_by("-id").values_list("id", flat=True)
    changes: dict[str, object] = {"look_first_until": newest.first() or 0}
    if restored:
        changes["restored_at"] = now
    if wait:
        changes |= {"write_not_before": now + wait, "write_failures": 0}
    Connection.objects.filter(pk=link.pk).update(**changes)


def longest_settle(connector: Connector) -> timedelta:
    """How long a request of another hub could still land."""
    claims = connector.manifest.commands.values()
    return timedelta(seconds=max((claim.settle_after for claim in claims), default=0.0))
