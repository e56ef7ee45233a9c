"""A line that can be cut: a forwarder between a connector and a server, in threads.

Must not be in it: understanding what goes over it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum


class Cut(StrEnum):
    """When a line is dropped because of what goes over it."""

    BEFORE = "before"  # nothing of it reaches the server
    AFTER = "after"  # the server has it, and its answer is lost


class Line:
    """Listens on a port of its own and forwards to a server; `cut()` drops what is open and refuses what comes."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.host, self.port = "127.0.0.1", 0
        self._meanwhile: tuple[int, Callable[[], None]] | None = None
        self.watch: Callable[[bytes], Cut | None] = lambda _piece: None
        """Shown each piece on its way to the server; may drop the one line that it goes over."""
        self.restore()

    def restore(self) -> None:
        """Listen (again), on the same port."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Drop what is open and refuse what comes."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            held, self._open = self._open, set()
        for each in held:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        """Call `action` once, when so many more pieces have come from the server and the last isn't passed on yet."""
        self._meanwhile = (answer, action)

    def now(self) -> None:
        """Call what is still waiting."""
        held, self._meanwhile = self._meanwhile, None
        if held is not None:
            held[1]()

    def _came(self) -> None:
        with self._lock:
            if self._meanwhile is None:
                return
            left, action = self._meanwhile
            self._meanwhile = (left - 1, action) if left > 1 else None
        if left <= 1:
            action()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to, timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for each in (near, far):
                with suppress(OSError):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {near, far}
            lost = threading.Event()
            for source, sink in ((near, far), (far, near)):
                threading.Thread(
                    target=self._pump, args=(source, sink, sink is near, lost), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool, lost: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if answers:
                    self._came()
                    if lost.is_set():
                        break
                elif cut := self.watch(piece):
                    if cut is Cut.BEFORE:
                        break
                    lost.set()
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open.discard(each)
            each.close()
