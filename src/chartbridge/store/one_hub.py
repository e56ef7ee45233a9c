"""Whether this hub is the one that writes to a practice, or another copy of it does: then this one stands by.

On one machine a lock file tells; between machines the PMS does, where its connector can hold a practice. A hub
that comes in after another one looks in the chart for whatever it has, before it sends it, and waits until the
other's last request can't land any more. Must not be in it: sending, reading.
"""

from __future__ import annotations

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

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, HoldsPractice
from chartbridge.pms.errors import PmsError
from chartbridge.pms.manifest import OneHubClaim
from chartbridge.store.database import writing
from chartbridge.store.models import Connection, Writeback
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
_MARGIN = timedelta(seconds=GOOD_FOR_S + 5.0)


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

    def keep(self, link: Connection, connector: Connector) -> None:
        """Keep the practice held, by a reader. Raises `PmsError` where the PMS can't be asked."""
        known = self._held.get(link.pk)
        if not (known and known.ours and self._clock.monotonic() - known.at < _HELD_STILL_S):
            self.ours(link, connector)

    def overdue(self, connection_id: int) -> bool:
        """Whether it is time to ask again, so that the practice stays held."""
        known = self._held.get(connection_id)
        return known is not None and self._clock.monotonic() - known.at > LOOK_AGAIN_S

    def _ask(self, link: Connection, connector: Connector) -> bool:
        alone = _alone_on_this_machine(link)
        taken_anew = False
        if alone and connector.manifest.one_hub.how is OneHubClaim.SESSION:
            holding = cast(HoldsPractice, connector).hold_practice(str(link.pk))
            alone, taken_anew = holding.ours, holding.taken_anew
        self._held[link.pk] = _Held(alone, self._clock.monotonic())
        self._keep(link, connector, alone, again=taken_anew)
        return alone

    def _keep(self, link: Connection, connector: Connector, alone: bool, *, again: bool) -> None:
        """Remember in the row what has changed. Where the practice was taken anew (a start, a line that was lost),
        another hub may have held it before: a look costs little where the PMS can hold a practice."""
        row = Connection.objects.filter(pk=link.pk)
        stood_by = self._stands_by.get(link.pk, link.standby_since is not None)
        self._stands_by[link.pk] = not alone
        now = self._clock.now()
        if alone and (stood_by or again):
            with writing():
                look_first(link, now, wait=longest_settle(connector) + _MARGIN if stood_by else timedelta())
                row.update(standby_since=None)
                notice(link.practice_id, "streams", [], now)
                wake(link.pk, Lane.WRITE)
        elif not alone and not stood_by:
            with writing():
                row.update(standby_since=now)
                notice(link.practice_id, "streams", [], now)


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


def _opened(file: Path) -> int:
    """Open a lock file, also one that another user's hub has made: to hold a lock, it is enough to read it."""
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever the umask is
        return descriptor


def look_first(link: Connection, now: datetime, *, wait: timedelta) -> None:
    """From here on look for every present writeback before it is sent, and send nothing for a while."""
    newest = Writeback.objects.filter(connection_id=link.pk).order_by("-id").values_list("id", flat=True)
    changes: dict[str, object] = {"look_first_until": newest.first() or 0}
    if wait:
        changes |= {"write_not_before": now + wait, "write_failures": 0}
    Connection.objects.filter(pk=link.pk).update(**changes)


def longest_settle(connector: Connector) -> timedelta:
    """How long a request of another hub could still land."""
    claims = connector.manifest.commands.values()
    return timedelta(seconds=max((claim.settle_after for claim in claims), default=0.0))
