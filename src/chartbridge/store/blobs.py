"""The bytes of a file in their row, in and out a piece at a time.

SQLite makes room in the row and has it filled, in the caller's transaction, and keeps no more than `_CACHE_KB` of it in
memory: what is over goes into its log, which counts only with the commit. PostgreSQL takes a value whole, and gives it
out in pieces. Must not be in it: what is in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection, models
from django.db.models import F, Func, Value

from chartbridge.domain.content import PIECE, Content, Read
from chartbridge.store.database import drop_broken
from chartbridge.store.models import ActivityFile

AT_ONCE = 8 * PIECE
"""Bytes to be read at once: the place is looked for anew each time, from the beginning of the content on."""
_CACHE_KB = 256
_PLACE = ("store_activityfile", "content")


def insert(row: ActivityFile, content: Content) -> None:
    """Insert a row with this content; inside the caller's transaction. Raises `OSError` where it can't be read."""
    if connection.vendor != "sqlite":
        row.content = bytes(content)
        row.save(force_insert=True)
        row.content = b""
        return
    row.content = Func(Value(content.size), function="zeroblob", output_field=models.BinaryField())
    with _small_cache():
        row.save(force_insert=True)
        with connection.wrap_database_errors, connection.connection.blobopen(*_PLACE, row.pk) as blob:
            for piece in content.pieces():
                blob.write(piece)


def reader(pk: int) -> Read:
    """Return how the content of a row is read, in whichever thread: see `Content.read`."""

    def read(at: int, most: int) -> bytes:
        try:
            return _on_sqlite(pk, at, most) if connection.vendor == "sqlite" else _elsewhere(pk, at, most)
        except (DatabaseError, ActivityFile.DoesNotExist) as error:
            drop_broken()  # which a thread that only sends would keep
            raise OSError("a file's content can't be read") from error

    return read


def _on_sqlite(pk: int, at: int, most: int) -> bytes:
    connection.ensure_connection()
    with (
        _small_cache(),
        connection.wrap_database_errors,
        connection.connection.blobopen(*_PLACE, pk, readonly=True) as blob,
    ):
        blob.seek(at)
        return bytes(blob.read(most))


def _elsewhere(pk: int, at: int, most: int) -> bytes:
    part = Func(
        F("content"), Value(at + 1), Value(most), function="SUBSTRING", output_field=models.BinaryField()
    )
    return bytes(ActivityFile.objects.annotate(part=part).values_list("part", flat=True).get(pk=pk))


@contextmanager
def _small_cache() -> Iterator[None]:
    """Let this thread's connection to SQLite hold few pages meanwhile; a change of it is no part of a transaction."""
    (usual,) = _pragma("cache_size")
    _pragma(f"cache_size=-{_CACHE_KB}")
    try:
        yield
    finally:
        _pragma(f"cache_size={usual}")


def _pragma(text: str) -> tuple[int]:
    """By SQLite itself: after an error Django asks nothing more in a transaction."""
    with connection.wrap_database_errors:
        row: tuple[int] | None = connection.connection.execute(f"PRAGMA {text}").fetchone()
    return row or (0,)
