"""Lines to one web server, by the standard library's HTTP client: opened, kept for a little while, let go.

A line that is borrowed stands: whatever fails before it is handed out, no byte of a request has gone out.
Must not be in it: requests and answers (that is `http`).
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections import deque
from contextlib import suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from chartbridge.transport.answers import Limits, answer_within

IDLE_LINE_S = 3.0  # a server that closes idle lines does so later than this: the keep-alive race stays rare
OPENING = 3  # steps of opening one: to reach it, the proxy's word, the handshake
_SEND_BUFFER = 128 * 1024  # bytes that the kernel holds: few, so little is still to go out when a wait begins
_AT_ONCE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class NoLine(Exception):
    """No line could be had. `reached` is False where the other side is not there, True where all lines are busy."""

    def __init__(self, *, reached: bool) -> None:
        super().__init__()
        self.reached = reached


class Lines:
    """At most `most` lines at once. May be used from several threads."""

    def __init__(
        self, there: SplitResult, *, connect_s: float, answer_s: float, most: int, verify: bool
    ) -> None:
        """`there` is the server's web address; `connect_s` the longest silence while a line is opened, which takes no
        more than `OPENING` times that as a whole; `answer_s` the longest wait for one of the lines."""
        self._there, self._secure = there, there.scheme == "https"
        self._connect_s, self._answer_s, self._verify = connect_s, answer_s, verify
        self._most, self._out = most, 0
        self._idle: deque[tuple[float, HTTPConnection]] = deque()
        self._turn = threading.Condition(threading.Lock())

    def borrow(self) -> HTTPConnection:
        """Return a line that stands; give it back with `give_back`. Raises `NoLine`."""
        with self._turn:
            if self._out >= self._most and not self._turn.wait_for(self._any_free, timeout=self._answer_s):
                raise NoLine(reached=True)
            self._out += 1
            kept = self._kept()
        try:
            return kept or self._opened()
        except BaseException:
            self._one_less_out()
            raise

    def give_back(self, line: HTTPConnection, *, keep: bool) -> None:
        """Take it back. One that the answer has ended, or that isn't to be kept, is closed."""
        now = time.monotonic()
        with self._turn:
            while self._idle and now - self._idle[0][0] >= IDLE_LINE_S:
                self._idle.popleft()[1].close()
            if keep and line.sock is not None:
                self._idle.append((now, line))
            else:
                line.close()
            self._out -= 1
            self._turn.notify()

    def close(self) -> None:
        """Close what is idle; what is in use is closed once it has been idle for too long."""
        with self._turn:
            while self._idle:
                self._idle.pop()[1].close()

    def _any_free(self) -> bool:
        return self._out < self._most

    def _one_less_out(self) -> None:
        with self._turn:
            self._out -= 1
            self._turn.notify()

    def _kept(self) -> HTTPConnection | None:
        while self._idle:
            since, line = self._idle.pop()
            if time.monotonic() - since < IDLE_LINE_S and not _has_ended(line):
                return line
            line.close()
        return None

    def _opened(self) -> HTTPConnection:
        limits = Limits(silence_s=self._connect_s, whole_s=OPENING * self._connect_s)
        line = self._line()
        line.auto_open = 0  # never anew by itself: the request may have gone out on the line before
        answer_within(line, limits)
        try:
            line.connect()
            if self._secure:
                limits.hold(line.sock)
                line.sock = self._trust.wrap_socket(line.sock, server_hostname=self._there.hostname)
        except (OSError, HTTPException, UnicodeError):
            line.close()
            raise NoLine(reached=False) from None
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return line

    def _line(self) -> HTTPConnection:
        host = self._there.hostname or ""
        if not self._secure:
            return HTTPConnection(host, self._there.port or 80, timeout=self._connect_s)
        port = self._there.port or 443
        proxy = _proxy(host, port)
        if proxy is None:
            line = HTTPConnection(host, port, timeout=self._connect_s)
        else:
            line = HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=self._connect_s)
            line.set_tunnel(host, port, _sign_in(proxy))
        return line

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context(verify=self._verify, trust_env=True)


def _has_ended(line: HTTPConnection) -> bool:
    """Whether the other side has said something since the last answer: that it closes the line."""
    if isinstance(line.sock, ssl.SSLSocket) and line.sock.pending():
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([line.sock], [], [], 0)[0])
    look = select.poll()
    look.register(line.sock, select.POLLIN)
    return bool(look.poll(0))


def cut(line: HTTPConnection) -> None:
    """Close a line that was given up: what the kernel still holds of its request does not go out any more."""
    if line.sock is not None:
        with suppress(OSError):
            line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    line.close()


def _proxy(host: str, port: int) -> SplitResult | None:
    """The proxy by which this machine goes out into the internet, by its environment or its system's settings."""
    named = getproxies()
    address = named.get("https") or named.get("all")
    if not address or proxy_bypass(f"{host}:{port}"):
        return None
    return urlsplit(address if "://" in address else f"http://{address}")


def _sign_in(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(said).decode('ascii')}"}
