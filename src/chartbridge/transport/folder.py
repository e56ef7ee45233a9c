"""A folder of small files that another program writes for us, and takes from us; on this machine or on a share.

A file is read whole or not at all, and laid down whole or not at all: it is renamed into place after it is on the disk.
Must not be in it: what stands in a file, which program it is.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from chartbridge.pms import fence
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Uncertain, Unreadable

MAX_FILE = 64 * 1024 * 1024
FULL_WAIT_S = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EBUSY, errno.EAGAIN)
_MAY_NOT = (errno.EACCES, errno.EPERM, errno.EROFS)


class Folder:
    """One such folder. `setting` is the setting that holds its place."""

    def __init__(self, place: str, *, setting: str = "folder") -> None:
        if not place.strip():
            raise Misconfigured(
                "The folder is not set. Enter it on the PMS Connection page.", setting=setting
            )
        self._path = Path(place.strip())

    def has(self, name: str) -> bool:
        """Whether a file or folder of this name is there. Raises `Unavailable` where that can't be known."""
        try:
            if not self._path.is_dir():
                raise _away()
            return (self._path / name).exists()
        except OSError:
            raise _away() from None

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises `Unavailable` where it is not there, or was written to while it was read."""
        if not self.has(name):
            raise Unavailable(f"{name} is not in the folder. It will be read as soon as it is there.")
        try:
            with (self._path / name).open("rb") as file:
                before = os.fstat(file.fileno())
                if before.st_size > MAX_FILE:
                    raise Unreadable(f"{name} is larger than it can be.", evidence=f"{name}: size")
                content = file.read()
                after = os.fstat(file.fileno())
        except PermissionError:
            raise Unauthorised(f"Chartbridge may not read {name}. Give it the right to.") from None
        except OSError:
            raise _away() from None
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Unavailable(f"{name} is being written. It will be read again in a moment.")
        return content

    def put(self, name: str, content: bytes, *, ability: str) -> None:
        """Lay a file down, once. Raises `Unavailable` where nothing was laid, `Uncertain` where that is not known."""
        final = self._path / name
        part = final.with_name(final.name + ".part")
        renaming = False
        try:
            _write(part, content)
            fence.last_moment()
            renaming = True
            self._rename(part, final)
        except (OSError, Unavailable) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if isinstance(error, Unavailable):
                raise
            raise _named(error, ability, renaming=renaming) from None

    def _rename(self, part: Path, final: Path) -> None:
        part.replace(final)
        _sync(final.parent)


def _away() -> Unavailable:
    return Unavailable("The folder can't be reached. Check that it is there and that the share is mounted.")


def _named(error: OSError, ability: str, *, renaming: bool) -> PmsError:
    if error.errno in _FULL:
        return Unavailable(
            "The folder takes nothing just now: its disk is full or the file is held open. It will be tried again.",
            retry_after=FULL_WAIT_S,
        )
    if error.errno in _MAY_NOT:
        return Unauthorised(
            "Chartbridge may not write into the folder. Give it the right to.", ability=ability
        )
    if renaming:
        return Uncertain("The folder was lost while a file was laid into it. It will be looked up.")
    return _away()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
