"""Answers by the standard library's HTTP client that are read to their end, within two limits of time, or not at all.

The library takes a head that breaks off for a whole one, an interim answer for the last one, and forgets what it has
read beyond an answer. Its reading of a head is a third of what a small request costs, so the head that nearly every
answer has is read here. Must not be in it: lines (that is `lines`), and what becomes of a failure (that is `http`).
"""

from __future__ import annotations

import io
import re
import socket
import time
from http.client import (
    NO_CONTENT,
    NOT_MODIFIED,
    SWITCHING_PROTOCOLS,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_USUAL = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d) [ -~]*\r\n((?:[A-Za-z0-9-]+: ?[!-~](?:[ -~]*[!-~])?\r\n){1,50})\r\n"
)
_LENGTH = re.compile(r"\d{1,10}")
_WITHOUT_BODY = (NO_CONTENT, NOT_MODIFIED)


class Limits:
    """How long one request may take from now on: `silence_s` without a byte either way, `whole_s` with its answer."""

    def __init__(self, *, silence_s: float, whole_s: float) -> None:
        self.silence_s, self._until = silence_s, time.monotonic() + whole_s

    def hold(self, sock: socket.socket) -> None:
        """Have the socket's next step end in time. Raises `TimeoutError` where the time is up."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        within = min(self.silence_s, left)
        if within != sock.gettimeout():  # to set it is a call of the system
            sock.settimeout(within)


class WholeAnswer(HTTPResponse):
    """One answer on a line. Raises `OSError` or `HTTPException` for whatever is not a whole one.

    `told` is what its head says, by names in small letters.
    """

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        limits: Limits,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._bodiless = method == "HEAD"
        self._lines = _Lines(_Limited(self.fp.detach(), sock, limits))
        self.fp = self._lines

    def begin(self) -> None:
        """Read the head; of interim answers, which announce another one, only to get past them."""
        if self._begin_as_usual():
            return
        super().begin()
        while 100 <= self.status < 200:
            if self.status == SWITCHING_PROTOCOLS:
                raise HTTPException
            self.headers = None  # type: ignore[assignment]  # or the library takes the head for read
            super().begin()
        self.told = {name.lower(): value for name, value in self.getheaders()}
        self._lengths = self.headers.get_all("content-length", [])

    def _begin_as_usual(self) -> bool:
        """Read a head that has come at once and says how long the body is, and nothing else of where the answer ends.
        Any other one is left to the library, with nothing of it taken."""
        head = _USUAL.match(self._lines.peek())
        if head is None:
            return False
        status, fields = int(head[1]), head[2].decode("ascii").splitlines()
        told = {
            name.lower(): value.lstrip(" ") for name, _, value in (each.partition(":") for each in fields)
        }
        length = told.get("content-length", "")
        framed = _LENGTH.fullmatch(length) and not told.keys() & {"connection", "transfer-encoding"}
        if not framed or len(told) < len(fields) or status in _WITHOUT_BODY or self._bodiless:
            return False
        self._lines.read(head.end())
        self.told, self._lengths = told, [length]
        self.version, self.status, self.length = 11, status, int(length)
        self.chunked = self.will_close = False
        return True

    def ends_surely(self, size: int) -> bool:
        """Whether its body, of so many bytes, ended where its head says, with nothing behind it, so that the line may
        be used again. Raises `HTTPException` where nothing tells this answer from one that was cut off."""
        lengths = self._lengths
        if len(set(lengths)) > 1 or (lengths and not self.chunked and self.length is None):
            raise HTTPException
        if not size and not self.chunked and self.length is None and not self._said_that_it_closes():
            raise HTTPException
        told = "transfer-encoding" in self.told
        framed = self.chunked and not lengths if told else lengths == [str(size)]
        return framed and self.isclosed() and not self.will_close and not self._lines.more

    def _said_that_it_closes(self) -> bool:
        return self.version == 10 or "close" in self.headers.get("connection", "").lower()


def answer_of(line: HTTPConnection, method: str, limits: Limits) -> WholeAnswer:
    """Read the head of the answer to what was sent on a line. It holds the line until it is closed."""
    answer = WholeAnswer(line.sock, method=method, limits=limits)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return answer


def answer_within(line: HTTPConnection, limits: Limits) -> None:
    """Have whatever the library reads on a line next end in time: a proxy's word while the line is opened, too."""

    def answer(
        sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> WholeAnswer:
        return WholeAnswer(sock, debuglevel, method, url, limits=limits)

    line.response_class = answer  # type: ignore[assignment]


class _Limited(io.RawIOBase):
    """What comes in on a socket, as long as there is time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: Limits) -> None:
        self._raw, self._sock, self._limits = raw, sock, limits
        self.at_rest = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if self.at_rest:
            return None
        self._limits.hold(self._sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Lines(io.BufferedReader):
    """Lines that have an end. `more`: whether something was read beyond what was taken until it was closed."""

    def __init__(self, raw: _Limited) -> None:
        super().__init__(raw)
        self._limited, self.more = raw, False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and not 0 <= (size or -1) <= len(line):
            raise IncompleteRead(line)
        return line

    def close(self) -> None:
        if not self.closed:
            self._limited.at_rest = True
            self.more = bool(self.peek())
        super().close()
