"""An answer counts only where it is certainly whole and certainly this request's; and no request takes for ever."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from chartbridge.pms import fence
from chartbridge.pms.errors import Unavailable, Uncertain
from chartbridge.transport.http import Answer, Http
from tests.transport.test_http import OK, Serve, Server, _http, _request, server

Starts = Callable[[Serve], Server]
__all__ = ["server"]
CREATED = b"HTTP/1.1 201 Created\r\n"


def _asked(line: socket.socket) -> bytes:
    """A whole request with its body; nothing where the line has ended."""
    got = _request(line)
    head, _, body = got.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
    while length and len(body) < int(length):
        body += line.recv(65536)
    return body or got


def _echo(line: socket.socket, asked: bytes) -> None:
    line.sendall(CREATED + b"Content-Length: %d\r\n\r\n%s" % (len(asked), asked))


def _says(answer: bytes, *, then_closes: bool = True) -> Serve:
    def serve(line: socket.socket) -> None:
        with suppress(OSError):
            while _asked(line):
                line.sendall(answer)
                if then_closes:
                    return

    return serve


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("interim", [b"102 Processing", b"103 Early Hints\r\nLink: </x>", b"100 Continue"])
def test_what_announces_an_answer_is_none(server: Starts, interim: bytes, *, together: bool) -> None:
    def announces(line: socket.socket) -> None:
        while asked := _asked(line):
            line.sendall(b"HTTP/1.1 " + interim + b"\r\n\r\n")
            if not together:
                time.sleep(0.05)
            _echo(line, asked)

    host = server(announces)
    http = _http(host.port)
    got = [http.write("POST", "x", {"n": n}) for n in range(3)]
    assert [(each.status, json.loads(each.content)) for each in got] == [(201, {"n": n}) for n in range(3)]
    assert host.connections == 1
    http.close()


def test_a_change_of_protocol_that_nobody_asked_for_is_no_answer(server: Starts) -> None:
    with pytest.raises(Uncertain):
        _http(server(_says(b"HTTP/1.1 101 Switching\r\n\r\n")).port).write("POST", "x", {})


@pytest.mark.parametrize(
    ("head", "late"),
    [
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"hello"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n", OK),
    ],
)
def test_a_body_where_none_belongs_is_not_read_as_the_next_answer(
    server: Starts, head: bytes, late: bytes
) -> None:
    def talks_on(line: socket.socket) -> None:
        with suppress(OSError):
            _asked(line)
            line.sendall(head)
            time.sleep(0.1)
            line.sendall(late)
            line.recv(1)

    host = server(talks_on)
    http = _http(host.port)
    status = int(head.split()[1])
    assert [http.write("POST", "x", {}).status for _ in range(3)] == [status] * 3
    assert host.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        OK + OK[:20],  # whose rest may come later
        CREATED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        CREATED + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_line_whose_answer_did_not_surely_end_is_not_used_again(server: Starts, answer: bytes) -> None:
    host = server(_says(answer, then_closes=False))
    http = _http(host.port)
    assert [http.write("POST", "x", {}).content for _ in range(2)] == [b"{}", b"{}"]
    assert host.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 201 Created",
        CREATED,
        CREATED + b"Content-Le",
        CREATED + b"Content-Length: 1",
        CREATED + b"Content-Length: 0\r\n",
        CREATED + b"Connection: close\r\n",
        CREATED + b"\r\n",
        CREATED + b"Content-Type: application/json\r\n\r\n",
        CREATED + b"Content-Length: -5\r\n\r\n{}",
        CREATED + b"Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}",
        CREATED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        CREATED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLi",
    ],
)
def test_an_answer_that_is_cut_off_leaves_a_write_uncertain(server: Starts, answer: bytes) -> None:
    host = server(_says(answer))
    with pytest.raises(Uncertain):
        _http(host.port).write("POST", "x", {})
    with pytest.raises(Unavailable):
        _http(host.port).read("GET", "x")


@pytest.mark.parametrize(
    "answer", [CREATED + b"Connection: close\r\n\r\n", b"HTTP/1.0 201 Created\r\n\r\n", CREATED + b"\r\n{}"]
)
def test_an_answer_may_end_with_its_line(server: Starts, answer: bytes) -> None:
    assert _http(server(_says(answer)).port).write("POST", "x", {}).status == 201


def _drips(line: socket.socket) -> None:
    line.sendall(CREATED + b"Content-Length: 1000\r\n\r\n")
    while True:
        line.sendall(b"x")
        time.sleep(0.05)


def _puts_off(line: socket.socket) -> None:
    while True:
        line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("holds", [_drips, _puts_off])
def test_an_answer_that_comes_and_comes_is_given_up(
    server: Starts, holds: Callable[[socket.socket], None]
) -> None:
    def serve(line: socket.socket) -> None:
        with suppress(OSError):
            _asked(line)
            holds(line)

    http = _http(server(serve).port, answer_s=20.0, whole_s=0.6)
    for ask, error in ((_write, Uncertain), (_read, Unavailable)):
        began = time.monotonic()
        with pytest.raises(error):
            ask(http)
        assert 0.5 < time.monotonic() - began < 10


def _write(http: Http) -> Answer:
    return http.write("POST", "x", {})


def _read(http: Http) -> Answer:
    return http.read("GET", "x")


class Slow:
    """Takes a request a little at a time, each after a pause, and answers once it has all of it."""

    def __init__(self, start: Starts, *, pause: float) -> None:
        self.got, self.whole, self.ended, self._pause = 0, False, threading.Event(), pause
        self.port = start(self._serve).port

    def _serve(self, line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        head = _request(line)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.got = len(head.partition(b"\r\n\r\n")[2])
        try:
            while self.got < length:
                piece = line.recv(65536)
                if not piece:
                    return
                self.got += len(piece)
                time.sleep(self._pause * len(piece) / 65536)
            self.whole = True
            line.sendall(CREATED + b"Content-Length: 2\r\n\r\n{}")
        except OSError:
            return
        finally:
            self.ended.set()


LARGE = {"rawBase64": "A" * 4_000_000}


def test_a_large_document_may_take_long_as_long_as_it_goes_on(server: Starts) -> None:
    slow = Slow(server, pause=0.06)
    began = time.monotonic()
    assert _http(slow.port, answer_s=3.0).write("POST", "x", LARGE).status == 201
    assert time.monotonic() - began > 3
    assert slow.whole


def test_a_document_that_takes_too_long_is_given_up_and_nothing_more_of_it_arrives(server: Starts) -> None:
    slow = Slow(server, pause=0.12)
    with pytest.raises(Uncertain):
        _http(slow.port, answer_s=1.5, whole_s=1.5).write("POST", "x", LARGE)
    assert slow.ended.wait(60)
    assert not slow.whole


def test_a_long_document_goes_on_only_as_long_as_it_may(server: Starts) -> None:
    """Else it would land when another hub has already looked for it in vain."""
    slow, until = Slow(server, pause=0.12), time.monotonic() + 0.5
    with fence.fenced(lambda: time.monotonic() < until), pytest.raises(Uncertain):
        _http(slow.port, answer_s=1.0).write("POST", "x", LARGE)
    assert slow.ended.wait(60)
    assert not slow.whole


def test_what_the_kernel_still_holds_of_a_request_that_was_given_up_does_not_arrive_later() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(Uncertain):  # after one silence: all of it was handed to the kernel
            _http(listener.getsockname()[1], answer_s=0.5).write("POST", "x", {"rawBase64": "A" * 100_000})
        line, _ = listener.accept()
        got = 0
        with line, suppress(OSError):
            line.settimeout(5)
            while piece := line.recv(65536):
                got += len(piece)
        assert got < 100_000
