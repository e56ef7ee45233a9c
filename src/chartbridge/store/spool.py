"""What is sent with a request, while it is answered: in memory if it is little, else in a file without a name.

Such a file has no entry in any folder, so that it is gone with its process, however that ends; nobody else can open it.
It lies on the disk of the data folder. What that has no good room for stays in memory, so that a full disk is told of
by whoever keeps something, in its own words. Must not be in it: what may be sent.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from chartbridge.store.room import LEAST, free

IN_MEMORY = 256 * 1024
"""Bytes up to which it stays there."""
_ROOM = 4 * LEAST
"""Bytes that must be free: for the request, the file in it, SQLite's log, and what others keep meanwhile."""


class Spool:
    """Takes in what is sent, from its beginning to its end; keeps the first `most` bytes, to be read in `taken`."""

    def __init__(self, most: int) -> None:
        self._file: IO[bytes] = BytesIO()
        self._most, self._size, self._may_move = most, 0, True
        self.sent, self.on_disk = 0, False

    @property
    def left_out(self) -> bool:
        """Whether more was sent than is kept."""
        return self.sent > self._size

    def write(self, piece: bytes) -> None:
        self.sent += len(piece)
        self._keep(piece[: self._most - self._size])

    def taken(self) -> IO[bytes]:
        """Return the file, at its beginning. Nothing is written any more."""
        self._file.seek(0)
        return self._file

    def _keep(self, piece: bytes) -> None:
        if self._may_move and self._size + len(piece) > IN_MEMORY:
            self._may_move = False
            with suppress(OSError):
                self._onto_disk()
        try:
            _write(self._file, piece)
        except OSError:
            self._back()
            self._file.write(piece)
        self._size += len(piece)

    def close(self) -> None:
        self._file.close()

    def _onto_disk(self) -> None:
        if free() < _ROOM:
            return
        # Unbuffered: what was written is known, and none of it waits in memory.
        file = tempfile.TemporaryFile(dir=settings.DATA_DIR, buffering=0)  # noqa: SIM115
        try:
            _write(file, self._written())
        except OSError:
            file.close()
            raise
        self._file, self.on_disk = file, True

    def _back(self) -> None:
        """The disk takes no more of it."""
        memory = BytesIO()
        memory.write(self._written())
        self._file.close()
        self._file, self.on_disk = memory, False

    def _written(self) -> bytes:
        self._file.seek(0)
        return self._file.read(self._size)


def _write(file: IO[bytes], piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


class SpooledUpload(FileUploadHandler):
    """Django's way of taking a file out of a form."""

    file: Spool

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = Spool(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        return UploadedFile(
            self.file.taken(),
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
