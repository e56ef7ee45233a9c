"""What a request carries: JSON, and in it a file as Base64 text, of which only a piece at a time is in memory.

Must not be in it: how it goes out (that is `http`).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chartbridge.domain.content import Content

PIECE = 64 * 1024
"""Bytes of a body that go out in one step: the limit of silence holds for each."""


@dataclass(frozen=True, slots=True)
class Base64:
    """A value at the top of a JSON object: a file that goes out as Base64 text."""

    content: Content

    def __repr__(self) -> str:
        return f"Base64({len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class WithFile:
    """JSON with a file in it: what stands before the file's text and after it."""

    before: bytes
    file: Base64
    after: bytes

    def __len__(self) -> int:
        return len(self.before) + (len(self.file.content) + 2) // 3 * 4 + len(self.after)

    def __repr__(self) -> str:
        return f"WithFile({self.file})"


Body = bytes | WithFile


def as_json(body: Mapping[str, object]) -> Body:
    """A JSON object. One of its values may be a `Base64`."""
    files = {name: value for name, value in body.items() if isinstance(value, Base64)}
    rest = json.dumps({name: value for name, value in body.items() if name not in files}).encode()
    if not files:
        return rest
    ((name, file),) = files.items()
    comma = b", " if len(body) > 1 else b""
    return WithFile(b'{%s: "' % json.dumps(name).encode(), file, b'"' + comma + rest[1:])


def pieces(body: Body) -> Iterator[bytes]:
    """A body in pieces of at most `PIECE` bytes, each made when it is asked for."""
    if isinstance(body, bytes):
        yield from _cut(body)
        return
    yield body.before
    yield from map(b64encode, body.file.content.pieces())
    yield from _cut(body.after)


def _cut(text: bytes) -> Iterator[bytes]:
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE))


def in_one(body: Body) -> bytes:
    """A body that is small, in one piece."""
    return body if isinstance(body, bytes) else b"".join(pieces(body))
