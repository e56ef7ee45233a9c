"""A program that receives webhooks, on loopback: checks each with the library and answers as it is told.

Must not be in it: what is expected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

Answering = Callable[[BaseHTTPRequestHandler], None]


def with_status(status: int, **headers: str) -> Answering:
    """Answer with a status."""

    def answer(line: BaseHTTPRequestHandler) -> None:
        line.send_response(status)
        for name, value in headers.items():
            line.send_header(name.replace("_", "-"), value)
        line.send_header("Content-Length", "0")
        line.end_headers()

    return answer


def abort(line: BaseHTTPRequestHandler) -> None:
    """Hang up without an answer."""
    line.close_connection = True
    line.connection.close()


@dataclass
class Received:
    """One request."""

    id: str
    headers: dict[str, str]
    body: bytes
    verified: Any


@dataclass
class Receiver:
    """What has come in, and how the next is answered. A wrong signature is answered with 401."""

    url: str
    secrets: list[str] = field(default_factory=list)
    answering: Answering = field(default_factory=lambda: with_status(204))
    received: list[Received] = field(default_factory=list)
    forged: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def never(self, _line: BaseHTTPRequestHandler) -> None:
        """Say nothing until the test is over."""
        self.released.wait(60)

    def trickle(self, line: BaseHTTPRequestHandler) -> None:
        """Send an answer's headers a byte at a time, without end."""
        line.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.released.wait(0.05):
            line.wfile.write(b"a")
            line.wfile.flush()

    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    def take(self, line: BaseHTTPRequestHandler) -> None:
        body = line.rfile.read(int(line.headers["Content-Length"]))
        headers = dict(line.headers.items())
        verified = None
        for secret in self.secrets:
            try:
                verified = Webhook(secret).verify(body, headers)
            except Exception:
                self.forged += 1
                with_status(401)(line)
                return
        self.received.append(
            Received(id=line.headers["webhook-id"], headers=headers, body=body, verified=verified)
        )
        self.answering(line)


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Listen on a free loopback port."""
    receiver: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                receiver.take(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]
    receiver = Receiver(url=f"http://127.0.0.1:{server.server_address[1]}/hook?key=1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
