"""A fault proxy: a TCP forwarder that can drop a request or its answer, hold either back, stall or slow a line.

It knows turns, not words: what a client sends after an answer (or first of all) begins a request, and the first
bytes back are its answer. So it serves HTTP without pipelining, and MySQL's protocol. Where a client also sends what
is not answered (an ODBC driver lets go of statements so), each piece it sends is taken for a request: `in_turns`.
Must not be in it: when which fault strikes (that is the caller's `choose`).
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from tests.servers.process import free_port

PIECE = 65536
_RESET = struct.pack("ii", 1, 0)


class Does(StrEnum):
    """What a fault does to one request."""

    DROPS_REQUEST = "drops_request"  # the line is reset, nothing was passed on
    LANDS_LATE = "lands_late"  # the line is reset for the client at once, what it asked is carried out later
    DROPS_ANSWER = "drops_answer"  # passed on and carried out, then the line is reset
    DELAYS_REQUEST = "delays_request"  # passed on later, even if the client has gone by then
    DELAYS_ANSWER = "delays_answer"  # carried out at once, answered later
    STALLS = "stalls"  # from here on nothing moves over the whole proxy, and nobody says so, until `release`


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault for one request; `seconds` for those that delay."""

    does: Does
    seconds: float = 0.0


_LATE = (Does.DELAYS_REQUEST, Does.LANDS_LATE)

Choose = Callable[[bytes], Fault | None]
"""Given the first bytes of a request, the fault that strikes it."""


class FaultProxy:
    """Listens on a port of its own and forwards to `host`:`port`."""

    def __init__(self, host: str, port: int, *, in_turns: bool = True) -> None:
        self.to, self.in_turns = (host, port), in_turns
        self.host, self.port = "127.0.0.1", 0
        self.sleep: Callable[[float], object] = time.sleep
        """How the seconds of a delay pass."""
        self.choose: Choose = lambda _request: None
        self.bytes_per_second = 0
        """Above zero, each direction of each line carries no more than this."""
        self.struck: Counter[Does] = Counter()
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()
        self._moves = threading.Event()
        self._moves.set()
        self._listener: socket.socket | None = None
        self.restore()

    def restore(self) -> None:
        """Take connections (again), on the same port."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = self.port or free_port()  # none that an outgoing line may take while this one is cut
        listener.bind((self.host, self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Reset every line, and refuse connections until `restore`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def reset(self) -> None:
        """Reset every line that is open; new ones are taken."""
        with self._lock:
            lines = set(self._lines)
        for line in lines:
            line.reset()

    def stall(self) -> None:
        """Half-open: every line stays open, new ones are taken, and nothing moves until `release`."""
        self._moves.clear()

    def release(self) -> None:
        """End every stall."""
        self._moves.set()

    def close(self) -> None:
        """End everything."""
        self.cut()
        self.release()

    def wait_while_stalled(self, piece: bytes) -> None:
        """Hold a piece back while the line stalls, or as long as it takes at the set speed."""
        self._moves.wait()
        if self.bytes_per_second:
            time.sleep(len(piece) / self.bytes_per_second)

    def ended(self, line: _Line) -> None:
        """Forget a line."""
        with self._lock:
            self._lines.discard(line)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._open, args=(near,), daemon=True).start()

    def _open(self, near: socket.socket) -> None:
        self._moves.wait()
        try:
            far = socket.create_connection(self.to, timeout=10)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        for each in (near, far):
            with suppress(OSError):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(self, near, far)
        with self._lock:
            self._lines.add(line)
        line.start()


class _Line:
    """One connection from the client to the proxy and one on from there."""

    def __init__(self, proxy: FaultProxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy, self._near, self._far = proxy, near, far
        self._fault: Fault | None = None
        self._asked = False
        self._answered = threading.Event()

    def start(self) -> None:
        for pump in (self._forth, self._back):
            threading.Thread(target=pump, daemon=True).start()

    def reset(self) -> None:
        """Cut both sides without a farewell."""
        for each in (self._near, self._far):
            _reset(each)
        self._answered.set()
        self._proxy.ended(self)

    def _forth(self) -> None:
        try:
            while piece := self._near.recv(PIECE):
                if not (self._asked and self._proxy.in_turns):
                    self._begin(piece)
                    if self._fault and self._fault.does is Does.DROPS_REQUEST:
                        self.reset()
                        return
                if self._fault and self._fault.does is Does.STALLS:
                    self._proxy.stall()
                self._proxy.wait_while_stalled(piece)
                self._far.sendall(piece)
        except OSError:
            pass
        self._client_left()

    def _begin(self, piece: bytes) -> None:
        self._asked = True
        self._answered.clear()
        self._fault = self._proxy.choose(piece)
        if self._fault:
            self._proxy.struck[self._fault.does] += 1
            if self._fault.does is Does.LANDS_LATE:
                _reset(self._near)
            if self._fault.does in _LATE:
                self._proxy.sleep(self._fault.seconds)

    def _client_left(self) -> None:
        """What was held back for a client who has gone still has to land: the other side must not be cut before."""
        if self._asked and self._fault and self._fault.does in _LATE:
            self._answered.wait(30)
        with suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)
        self._far.close()
        self._proxy.ended(self)

    def _back(self) -> None:
        with suppress(OSError):
            while piece := self._far.recv(PIECE):
                fault, self._fault = self._fault, None
                if fault and fault.does is Does.DROPS_ANSWER:
                    self.reset()
                    return
                if fault and fault.does is Does.DELAYS_ANSWER:
                    self._proxy.sleep(fault.seconds)
                self._proxy.wait_while_stalled(piece)
                self._asked = False
                self._answered.set()
                with suppress(OSError):  # a client who has gone must not end the other side
                    self._near.sendall(piece)
        self._answered.set()
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        self._near.close()


class Mix:
    """Faults by chance, the same with the same seed: shares of those requests that begin with `on`."""

    def __init__(self, seed: int, shares: Mapping[Fault, float], *, on: bytes = b"POST") -> None:
        self._chance = random.Random(seed)
        self._shares = dict(shares)
        self._on = on
        self._lock = threading.Lock()

    def __call__(self, request: bytes) -> Fault | None:
        if not request.startswith(self._on):
            return None
        with self._lock:
            drawn = self._chance.random()
        for fault, share in self._shares.items():
            if drawn < share:
                return fault
            drawn -= share
        return None


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RD)  # wakes the thread that reads; SHUT_RDWR would say farewell
    with suppress(OSError):
        end.close()
