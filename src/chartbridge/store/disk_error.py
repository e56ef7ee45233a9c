"""When the disk of the data folder does not take or keep what it was given: the process ends at once.

After a failed sync the kernel may call pages clean that never reached the disk. A later sync then succeeds and says
nothing about them, so a process that goes on would acknowledge what a power cut takes away. One that ends leaves the
judgement to the next start, where SQLite reads its log by checksums and `database.take_in_log` moves it into the
database. `serve` alone asks for this; a command ends with its error anyway.

PostgreSQL is not concerned: its server does the same by itself ("PANIC"), and a hub only sees that it was away.
Must not be in it: what is answered while a disk is full (room), or while the store is busy.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from types import TracebackType
from typing import Any

import structlog
from django.db.backends.signals import connection_created
from django.db.utils import DatabaseErrorWrapper

log = structlog.get_logger("chartbridge.store")

EXIT_CODE = 74
"""How the process ends: EX_IOERR of sysexits.h."""
_SAYING_MAY_TAKE_S = 2.0
_NOT_KEPT = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}
)
_ending = threading.Lock()
"""Held from the first such error until the process is gone."""


def says_not_kept(error: BaseException | None) -> bool:
    """Whether SQLite says that a file did not take what was written, or that a sync of a file or its folder failed.

    The others of its family "disk I/O error" don't end the process, since nothing that was acknowledged is in doubt:

    - a full disk is `SQLITE_FULL`, and `IOERR_SHMSIZE` where the index of the log can't grow: the hub goes on with
      what there is room for (`room`). A quota that is used up is not told apart from a failed write, and ends it;
    - reading (`READ`, `SHORT_READ`, `CORRUPTFS`, `DATA`): whoever asked gets an error. Ending would take everything
      away for one bad sector, and the next start would read it again;
    - locks (`LOCK`, `RDLOCK`, `UNLOCK`, `CHECKRESERVEDLOCK`, `BLOCKED`), memory (`NOMEM`, `MMAP`), the index of the log
      (`SHMOPEN`, `SHMMAP`, `SHMLOCK`), names and sizes (`ACCESS`, `DELETE`, `FSTAT`, `TRUNCATE`, `CLOSE` …): momentary,
      or of a folder that was taken away; the write at hand fails, is rolled back and not acknowledged.
    """
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in _NOT_KEPT


def end_the_process() -> None:
    """From now on each connection to SQLite that is opened ends this process with `EXIT_CODE` at such an error.

    Before the error reaches whoever waits for the commit, and so before anything can be acknowledged: no commit of
    another thread comes back meanwhile, either.
    """
    connection_created.connect(_watch)


def _watch(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        connection.wrap_database_errors = _Watched(connection)


class _Watched(DatabaseErrorWrapper):
    """Django's own place through which every error of the database goes: of statements, rows and commits."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if says_not_kept(error) or _ending.locked():
            _end(error)
        super().__exit__(kind, error, trace)


def _end(error: BaseException | None) -> None:
    with _ending:  # any other thread waits here until the process is gone
        try:
            # The log may lie on the same disk, and never come back.
            threading.Timer(_SAYING_MAY_TAKE_S, os._exit, [EXIT_CODE]).start()
            log.critical(
                "The disk of the data folder did not keep what it was given. Chartbridge ends here, with exit code "
                f"{EXIT_CODE}, and acknowledges nothing more; nothing that was acknowledged is lost. Start it again, "
                "or let the service do so. If this comes again, the disk is failing: restore a backup on another one.",
                code=getattr(error, "sqlite_errorname", ""),
            )
        finally:
            os._exit(EXIT_CODE)
