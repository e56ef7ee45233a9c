"""Whether there is room for anything new where the store lies. It is asked and remembered in this process, never kept:
a full disk takes no note.

Must not be in it: what becomes of whatever was turned away.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

LEAST = 16 * 1024 * 1024
"""Bytes. A document may have 12 MB, and SQLite writes it to its log first."""
_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""The second: the index of SQLite's log could not grow. While there is none yet, nothing can be read then, either."""
_PG_DISK_FULL = "53100"
_refused = False


def is_full() -> bool:
    """Whether something new may not be taken in: the last write was refused so, or the data folder's disk is full."""
    return _refused or (connection.vendor == "sqlite" and free() < LEAST)


def free() -> int:
    """Bytes that are free on the disk of the data folder."""
    folder = Path(settings.DATA_DIR)
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    return shutil.disk_usage(there).free


def says_full(error: BaseException) -> bool:
    """Whether that is the database's word for a full disk."""
    said = error.__cause__
    if isinstance(said, sqlite3.Error):
        return getattr(said, "sqlite_errorcode", None) in _SQLITE_FULL
    return getattr(said, "sqlstate", None) == _PG_DISK_FULL


@contextmanager
def heeding() -> Iterator[None]:
    """Around a transaction that writes: remember whether it was refused because the disk is full."""
    global _refused
    try:
        yield
    except DatabaseError as error:
        _refused = _refused or says_full(error)
        raise
    _refused = False
