"""A small disk that can be filled up and freed again: a tmpfs, as an administrator mounts one.

Must not be in it: what lies on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers.process import run_as_root

_PIECE = 64 * 1024
_as_root = partial(run_as_root, part="Mounting a small disk")


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A disk of its own at `folder`."""

    folder: Path

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return shutil.disk_usage(self.folder).free

    def fill(self, *, leave: int = 0) -> None:
        """Let something else on this disk take all but so many bytes."""
        with (self.folder / "of-somebody-else").open("ab") as filler:
            while self.free > leave:
                try:
                    filler.write(bytes(min(_PIECE, max(4096, self.free - leave))))
                    filler.flush()
                except OSError:
                    return

    def clear(self) -> None:
        """Let somebody clear up."""
        (self.folder / "of-somebody-else").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of that size; unmount it afterwards."""
    folder.mkdir(parents=True)
    options = f"size={megabytes}m,mode=700,uid={os.getuid()},gid={os.getgid()}"
    _as_root("mount", "-t", "tmpfs", "-o", options, "chartbridge-tests", str(folder))
    try:
        yield SmallDisk(folder=folder)
    finally:
        _as_root("umount", "--lazy", str(folder))


@contextmanager
def remounted(disk: SmallDisk, *, read_only: bool) -> Iterator[None]:
    """Let nobody write on it meanwhile, if so wished."""
    if read_only:
        _as_root("mount", "-o", "remount,ro", str(disk.folder))
    try:
        yield
    finally:
        if read_only:
            _as_root("mount", "-o", "remount,rw", str(disk.folder))
