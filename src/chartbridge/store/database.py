"""Transactions. On SQLite writers of one process queue here, fairly, instead of sleeping on a locked file.

Must not be in it: queries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_turn = threading.RLock()


@contextmanager
def writing() -> Iterator[None]:
    """Open a transaction that writes. Keep it short: everybody else who writes waits.

    On SQLite the commit is durable (synchronous=FULL) before this returns; on PostgreSQL likewise.
    """
    if connection.vendor == "sqlite":
        with _turn, transaction.atomic():
            yield
    else:
        with transaction.atomic():
            yield


def drop_broken() -> None:
    """Close this thread's connection to the database if it is broken; the next query opens a new one."""
    connection.close_if_unusable_or_obsolete()
