"""A folder in which documents wait for a person or a vendor's program to import them: a PDF and its manifest each.

A pair is complete when its manifest is there: it is renamed into place last, after both were written to disk. Putting
the same pair again changes nothing. Must not be in it: who imports it, what a document type is called.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from chartbridge.domain.content import Content
from chartbridge.pms import fence
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Uncertain

_NAME = re.compile(r"[A-Z0-9-]{4,40}")


class HandOff:
    """One hand-off folder. `setting` is the setting that holds its place."""

    def __init__(self, folder: str, *, setting: str = "handoff_folder") -> None:
        self._folder, self._setting = Path(folder), setting

    def put(self, name: str, content: Content, about: Mapping[str, str]) -> None:
        """Leave `name`.pdf and `name`.json. Raises `Unavailable` with nothing left behind if it can't be written.

        `Uncertain` where the pair lies there, but whether it would outlast a power cut is not known.
        """
        file, manifest = self._pair(name)
        told = {**about, "file": file.name, "sha256": content.sha256}
        made: list[Path] = []
        try:
            if self._same(manifest, told):
                return
            for path, data in (
                (file, content.pieces()),
                (manifest, [json.dumps(told, indent=1).encode() + b"\n"]),
            ):
                made.append(part := path.with_suffix(path.suffix + ".part"))
                _write(part, data)
            fence.last_moment()
            for part in made:
                part.replace(part.with_suffix(""))
            _sync_folder(self._folder)
        except Unavailable:  # it may not be laid down any more
            for part in made:
                with suppress(OSError):
                    part.unlink()
            raise
        except OSError as error:
            if self._same(manifest, told):
                raise Uncertain(
                    "The document lies in its folder, but the disk reported a fault. It is looked up."
                ) from None
            for left in made if manifest.exists() else (*made, file):
                with suppress(OSError):
                    left.unlink()
            raise self._named(error) from None

    def holds(self, name: str) -> bool:
        """Whether the pair still lies there. Raises `Unavailable` where the folder can't be looked into."""
        file, manifest = self._pair(name)
        try:
            if not self._folder.is_dir():
                raise FileNotFoundError(errno.ENOENT, "")
            return manifest.exists() and file.exists()
        except OSError as error:
            raise self._named(error) from None

    def knows(self, name: str, patient: str) -> bool:
        """Whether the pair lies there, for this patient."""
        if not self.holds(name):
            return False
        try:
            told = json.loads(self._pair(name)[1].read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(told, dict) and told.get("patient") == patient

    def check(self) -> None:
        """Raise what is wrong with the folder, if something is. Leaves nothing behind."""
        probe = self._folder / f".chartbridge-{os.getpid()}"
        try:
            _write(probe, [])
            probe.unlink()
        except OSError as error:
            raise self._named(error) from None

    def _pair(self, name: str) -> tuple[Path, Path]:
        if not _NAME.fullmatch(name):
            raise ValueError("a hand-off is named by its marker")
        return self._folder / f"{name}.pdf", self._folder / f"{name}.json"

    def _same(self, manifest: Path, told: Mapping[str, str]) -> bool:
        try:
            return bool(json.loads(manifest.read_bytes()) == dict(told))
        except (OSError, ValueError):
            return False

    def _named(self, error: OSError) -> PmsError:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return Misconfigured(
                "The folder in which documents wait for import is not there. Make it, or enter another one on the "
                "PMS Connection page.",
                setting=self._setting,
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Unauthorised(
                "Chartbridge may not write into the folder in which documents wait for import. "
                "Give it the right to.",
                ability="add_document",
            )
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Unavailable(
                "The disk with the folder for documents is full. They wait until there is room."
            )
        return Unavailable("The folder for documents could not be written to. It will be tried again.")


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660)
    with os.fdopen(descriptor, "wb") as out:
        out.writelines(pieces)
        out.flush()
        os.fsync(out.fileno())


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some shares can't do it to a folder
            raise
    finally:
        os.close(descriptor)
