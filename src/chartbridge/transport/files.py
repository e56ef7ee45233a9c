"""Reading files from an office's share as it is mounted here; nothing outside the configured folder, ever.

A vendor names a file by a Windows or UNC path of its own server. The tail of that path below the vendor's own
root is looked for below the local root. Must not be in it: writing, a vendor's folder rules.
"""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from chartbridge.pms.errors import Misconfigured, Unavailable, Unreadable

MAX_FILE = 256 * 1024 * 1024


def tail_below(full: str, roots: list[str]) -> PureWindowsPath | None:
    """Return what of a Windows path stands below one of `roots`, or None. Letter case doesn't matter."""
    path = PureWindowsPath(full)
    for root in roots:
        if root.strip() and path.is_relative_to(PureWindowsPath(root.strip())):
            return path.relative_to(PureWindowsPath(root.strip()))
    return None


class Share:
    """The local folder at which the office's images are mounted."""

    def __init__(self, root: str, *, setting: str = "image_folder") -> None:
        self._root = Path(root) if root else None
        self._setting = setting

    def there(self) -> bool:
        """Whether the folder is set and can be listed."""
        return self._root is not None and self._root.is_dir()

    def open(self, *parts: str) -> bytes:
        """Return the bytes of a file below the root. Raises `Misconfigured`, `Unavailable` or `Unreadable`."""
        if self._root is None:
            raise Misconfigured(
                "The folder of images is not set, so pictures and documents can't be opened. "
                "Set it on the PMS Connection page.",
                setting=self._setting,
            )
        if not self._root.is_dir():
            raise Unavailable("The folder of images can't be reached. Check that the share is mounted.")
        root = self._root.resolve()
        path = self._find(root, parts)
        if not path.is_file():
            raise Unavailable("The file isn't in the folder of images (any more).")
        if path.stat().st_size > MAX_FILE:
            raise Unreadable("The file is too large to be shown.", evidence="file too large")
        try:
            return path.read_bytes()
        except OSError:
            raise Unavailable("The file can't be read. Check the rights on the folder of images.") from None

    def _find(self, root: Path, parts: tuple[str, ...]) -> Path:
        path = root
        for part in parts:
            path = path / part if (path / part).exists() else _regardless_of_case(path, part)
        resolved = path.resolve()
        if not resolved.is_relative_to(root) or "\0" in str(path):
            raise Unreadable(
                "The file's name leads out of the folder of images.", evidence="path outside root"
            )
        return resolved


def _regardless_of_case(folder: Path, name: str) -> Path:
    """Windows does not tell `Smith` from `SMITH`; the machine that mounts the share may."""
    wanted = name.casefold()
    if folder.is_dir() and len(name) < 256:
        for each in folder.iterdir():
            if each.name.casefold() == wanted:
                return each
    return folder / name
