"""Who delivers for a connection: one deliverer at a time, over all threads and processes of the installation.

Must not be in it: what is delivered.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

from chartbridge.store import place
from chartbridge.store.database import writing
from chartbridge.store.models import WriteLease

SECONDS = 90.0
SEND_WITHIN = 45.0
"""A holder that has not renewed for so long begins nothing more: somebody else may be about to take over."""
GO_OUT_WITHIN = 60.0
"""What it has begun goes out until then; what is left of the lease is for clocks that differ."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_count = itertools.count(1)


def new_holder() -> str:
    """Return a name for a deliverer that tells its data folder on this machine, and its process."""
    return f"{place.here()}:{os.getpid()}:{next(_count)}"


def renew(connection_id: int, holder: str, now: datetime) -> bool:
    """Renew the lease; inside a transaction. False where another one has held it since, even if it has left again.

    Whoever comes after takes what was being sent for left behind: none of it may be sent on.
    """
    until = now + timedelta(seconds=SECONDS)
    return bool(WriteLease.objects.filter(connection_id=connection_id, holder=holder).update(until=until))


def take(connection_id: int, holder: str, now: datetime) -> bool:
    """Take the lease; inside a transaction. False while another one holds it."""
    until = now + timedelta(seconds=SECONDS)
    free = WriteLease.objects.filter(connection_id=connection_id)
    mine = free.filter(holder=holder).update(until=until)
    if mine or free.filter(until__lte=now).update(holder=holder, until=until):
        return True
    # A clock that was set back must not leave a lease for hours: none is ever longer than SECONDS.
    if free.filter(until__gt=now + timedelta(seconds=SECONDS * 2)).update(holder=holder, until=until):
        return True
    if free.exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store_writelease (connection_id, holder, until) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [connection_id, holder, connection.ops.adapt_datetimefield_value(until)],
        )
        return bool(cursor.rowcount == 1)


def others_hold(connection_ids: Iterable[int], holder: str, now: datetime) -> dict[int, datetime]:
    """Return for which of these connections another one delivers, and until when `take` will say no if it does not
    renew or give back."""
    if connection.vendor == "sqlite":  # one hub, and in it one deliverer
        return {}
    held = WriteLease.objects.filter(until__gt=now, until__lte=now + timedelta(seconds=SECONDS * 2))
    held = held.filter(connection_id__in=connection_ids).exclude(holder=holder)
    return dict(held.values_list("connection_id", "until"))


@contextmanager
def looking(connection_id: int, holder: str, now: datetime, *, keep: bool) -> Iterator[bool]:
    """Hold the lease while it is looked what the PMS shows; it yields False where another one has it. `keep`: it is
    held already, and is not given back behind it."""
    if connection.vendor == "sqlite":
        yield True
        return
    with writing():
        may = take(connection_id, holder, now)
    try:
        yield may
    finally:
        if may and not keep:
            give_back(connection_id, holder)


def give_back(connection_id: int, holder: str) -> None:
    """Let others deliver."""
    WriteLease.objects.filter(connection_id=connection_id, holder=holder).update(until=_LONG_AGO)


def free_dead() -> None:
    """At the start of a process that holds the data folder: drop leases of processes that held it before and are gone.

    Others run out by themselves: from here it can't be told whether the process of another folder, of another machine
    or of this one before it was started anew is gone. Only an SQLite store lies in the folder, and nobody else has it.
    """
    ours = f"{place.here()}:"
    for lease in WriteLease.objects.all():
        if not lease.holder.startswith(ours):
            gone = connection.vendor == "sqlite"
        else:
            pid = int(lease.holder.rsplit(":", 2)[1])
            gone = pid == os.getpid() or not _alive(pid)
        if gone:
            lease.delete()


def held_elsewhere(now: datetime) -> set[int]:
    """Return the connections that some other process delivers for at this moment."""
    return set(WriteLease.objects.filter(until__gt=now).values_list("connection_id", flat=True))


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 ends the process; its lease runs out by itself
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
