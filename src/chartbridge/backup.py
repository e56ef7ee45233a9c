"""`chartbridge backup` and `restore`: one office's store as one file, taken while the hub works, and put back.

The installation's key is not in the file: a backup that is found opens no PMS. A restored store knows that it is
one and looks before it sends (store.place). Must not be in it: a store on PostgreSQL, whose own tools do this.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chartbridge import bootstrap
from chartbridge.serve import only_one

_POSTGRES = (
    "This hub's data is in PostgreSQL: take and put back backups with its own tools (pg_dump, pg_restore). "
    "A restored database is noticed at the next start."
)


class CannotBackUp(Exception):
    """Why not, in a sentence for the person at the keyboard."""


def back_up(file: Path) -> int:
    """Write the store as it is at this moment into a new file. Returns its size in bytes. `prepare` has run."""
    source = _store()
    if not source.exists():
        raise CannotBackUp(f"There is nothing to back up: {source} does not exist.")
    if file.exists():
        raise CannotBackUp(f"{file} is there already. Choose another name; a backup never replaces one.")
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with _created(unfinished):
        _copy(source, unfinished)
        _mark_as_copy(unfinished)
        _sync(unfinished)
        unfinished.rename(file)
        _sync(file.parent)
    return file.stat().st_size


def restore(file: Path) -> Path | None:
    """Put a backup in the store's place. Returns where the store that was there has been moved to, if one was."""
    target = _store()
    _check(file)
    folder = bootstrap.make_data_folder()
    with only_one(folder):
        incoming = target.with_name(f"{target.name}.incoming")
        incoming.unlink(missing_ok=True)
        with _created(incoming):
            _copy(file, incoming)
            _mark_as_copy(incoming)
            _sync(incoming)
            aside = _put_aside(target)
            incoming.rename(target)
            _sync(target.parent)
        bootstrap.migrate()
    return aside


def _store() -> Path:
    from django.conf import settings

    ours = settings.DATABASES["default"]
    if "sqlite" not in ours["ENGINE"]:
        raise CannotBackUp(_POSTGRES)
    return Path(ours["NAME"])


def _check(file: Path) -> None:
    """Raise unless the file is a whole store of this version or an older one."""
    if not file.is_file():
        raise CannotBackUp(f"There is no file {file}.")
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as kept:
            whole = kept.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            applied = {
                name for (name,) in kept.execute("SELECT name FROM django_migrations WHERE app = 'store'")
            }
    except sqlite3.DatabaseError:
        whole, applied = False, set()
    if not whole or not applied:
        raise CannotBackUp(f"{file} is no whole backup of Chartbridge. Nothing was changed.")
    folder = Path(__file__).parent / "store" / "migrations"
    if applied - {each.stem for each in folder.glob("0*.py")}:
        raise CannotBackUp(
            f"{file} was made by a newer Chartbridge. Update this one first; nothing was changed."
        )


def _copy(source: Path, target: Path) -> None:
    """In one step: it is of one moment, and readers don't hinder those who write meanwhile."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as read,
        closing(sqlite3.connect(target)) as copy,
    ):
        read.backup(copy)


def _mark_as_copy(file: Path) -> None:
    """Let the copy say of itself that it is one, however it is put back."""
    with closing(sqlite3.connect(file)) as copy:
        known = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'store_storeplace'").fetchone()
        if known:  # an older version's backup has no such table; it is noticed by its place
            now = datetime.now(UTC).isoformat(sep=" ")
            if not copy.execute("UPDATE store_storeplace SET copied_from = 'backup'").rowcount:
                copy.execute(
                    "INSERT INTO store_storeplace (facts, boot, copied_from, since) VALUES ('{}', '', 'backup', ?)",
                    (now,),
                )
        copy.commit()
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def _put_aside(target: Path) -> Path | None:
    """Move the present store away, with what its log still holds. It is never deleted."""
    if not target.exists():
        return None
    with closing(sqlite3.connect(target)) as live:
        live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = target.with_name(f"{target.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    target.rename(aside)
    for ending in ("-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    return aside


@contextmanager
def _created(file: Path) -> Iterator[None]:
    """Make a file that only its owner may read; remove it where the work on it fails."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise CannotBackUp(f"{file} can't be written: {error.strerror}.") from error
    try:
        yield
    except sqlite3.Error as error:
        file.unlink(missing_ok=True)
        raise CannotBackUp(f"It could not be copied: {error}. Nothing was changed.") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
