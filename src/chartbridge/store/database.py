"""Transactions. On SQLite writers of one process queue here, fairly, instead of sleeping on a locked file.

Must not be in it: queries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction

from chartbridge.store.room import free, heeding

_turn = threading.RLock()


@contextmanager
def writing() -> Iterator[None]:
    """Open a transaction that writes. Keep it short: everybody else who writes waits.

    On SQLite the commit is durable (synchronous=FULL) before this returns; on PostgreSQL likewise.
    """
    if connection.vendor == "sqlite":
        with heeding(), _turn, transaction.atomic():
            yield
    else:
        with heeding(), transaction.atomic():
            yield


@contextmanager
def writing_what_may_be_lost() -> Iterator[None]:
    """Like `writing`, for what costs nothing to lose at a power cut: does not wait for the disk.

    A later transaction of `writing` makes it durable with its own.
    """
    with _with_pragmas("synchronous=NORMAL", "synchronous=FULL"):
        yield


@contextmanager
def writing_much() -> Iterator[None]:
    """Like `writing_what_may_be_lost`, for some ten thousand rows.

    Other threads' small writes move SQLite's log into the database meanwhile; only if it grows to 160 MB, this does.
    """
    with _with_pragmas(
        "synchronous=NORMAL;PRAGMA wal_autocheckpoint=40000",
        "synchronous=FULL;PRAGMA wal_autocheckpoint=1000",
    ):
        yield


@contextmanager
def _with_pragmas(during: str, after: str) -> Iterator[None]:
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with writing():
            yield
        return
    with _turn:
        _pragmas(during)
        try:
            with heeding(), transaction.atomic():
                yield
        finally:
            if connection.connection is not None:
                _pragmas(after)


def _pragmas(texts: str) -> None:
    with connection.cursor() as cursor:
        for each in texts.split(";"):
            cursor.execute(each if each.startswith("PRAGMA") else f"PRAGMA {each}")


def take_in_log() -> None:
    """Move SQLite's log into the database, synced, before this process acknowledges anything: see decision 15.

    Waits for other processes' readers at most as long as any statement does, then leaves the rest of it as it is. Where
    it would take the last room on the disk, it stays: a hub that is started there shows what it has, and says so.
    """
    if connection.vendor == "sqlite" and free() >= _size_of_log():
        _pragmas("wal_checkpoint(TRUNCATE)")


def _size_of_log() -> int:
    lies = Path(f"{connection.settings_dict['NAME']}-wal")
    return lies.stat().st_size if lies.exists() else 0


def drop_broken() -> None:
    """Close this thread's connection to the database if it is broken; the next query opens a new one."""
    connection.close_if_unusable_or_obsolete()
