"""The bytes of a file, of which only a piece at a time is in memory.

Must not be in it: where they lie. Whoever keeps them hands in how they are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PIECE = 48 * 1024
"""Bytes of a piece. A multiple of three: so the Base64 texts of pieces, one after the other, are that of the whole."""
Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes. Two are equal whose bytes are, by size and `sha256` (hexadecimal digits).

    `read(at, most)` returns up to `most` bytes from offset `at` on, fewer only at the end, in any order and as often
    as asked for. It raises `OSError` where they can't be read. `at_once`: as many are best read at once, whole pieces.
    """

    size: int
    sha256: str
    read: Read = field(compare=False, repr=False)
    at_once: int = field(default=PIECE, compare=False, repr=False)

    @classmethod
    def of(cls, whole: bytes) -> Content:
        """Return the content that these bytes are: few, since they stay in memory."""
        return cls.by(lambda at, most: whole[at : at + most], size=len(whole))

    @classmethod
    def by(cls, read: Read, *, size: int) -> Content:
        """Return what is read so, read through once for its digest."""
        digest = hashlib.sha256()
        for piece in cls(size, "", read).pieces():
            digest.update(piece)
        return cls(size, digest.hexdigest(), read)

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Return all of it in pieces of `PIECE` bytes, the last one shorter. Raises `OSError` if it ends too soon."""
        for at in range(0, self.size, self.at_once):
            block = self.read(at, self.at_once)
            if len(block) != min(self.at_once, self.size - at):
                raise OSError("a file's content ends too soon")
            yield from (block[cut : cut + PIECE] for cut in range(0, len(block), PIECE))


NOTHING = Content.of(b"")
