"""The fault proxy does to a line exactly what it was told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.servers.proxy import Does, Fault, FaultProxy, Mix


class Echo:
    """A server that keeps what it was asked and answers `got <request>`."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError):
            while request := line.recv(4096):
                self.asked.append(request)
                line.sendall(b"got " + request)

    def close(self) -> None:
        self._listener.close()

    def await_asked(self, request: bytes) -> None:
        until = time.monotonic() + 60
        while request not in self.asked:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    made = FaultProxy("127.0.0.1", echo.port)
    yield made
    made.close()


def ask(proxy: FaultProxy, request: bytes, *, seconds: float = 20.0) -> bytes:
    with socket.create_connection((proxy.host, proxy.port), timeout=seconds) as line:
        line.sendall(request)
        return line.recv(4096)


def test_a_whole_line_carries_request_after_request(proxy: FaultProxy) -> None:
    with socket.create_connection((proxy.host, proxy.port), timeout=20) as line:
        for request in (b"one", b"two", b"three"):
            line.sendall(request)
            assert line.recv(4096) == b"got " + request


def test_a_dropped_request_never_arrives(proxy: FaultProxy, echo: Echo) -> None:
    proxy.choose = lambda request: Fault(Does.DROPS_REQUEST) if request == b"POST" else None
    with pytest.raises(ConnectionResetError):
        ask(proxy, b"POST")
    assert ask(proxy, b"GET") == b"got GET"
    assert echo.asked == [b"GET"]


def test_a_dropped_answer_was_carried_out(proxy: FaultProxy, echo: Echo) -> None:
    proxy.choose = lambda _request: Fault(Does.DROPS_ANSWER)
    with pytest.raises(ConnectionResetError):
        ask(proxy, b"POST")
    assert echo.asked == [b"POST"]


def test_a_delayed_request_lands_though_the_client_has_gone(proxy: FaultProxy, echo: Echo) -> None:
    looked, delays = threading.Event(), []
    proxy.sleep = lambda seconds: (delays.append(seconds), looked.wait(60))
    proxy.choose = lambda _request: Fault(Does.DELAYS_REQUEST, 0.4)
    with pytest.raises(TimeoutError):
        ask(proxy, b"POST", seconds=0.1)
    assert echo.asked == []
    looked.set()
    echo.await_asked(b"POST")
    assert delays == [0.4]


def test_a_stalled_line_says_nothing_until_it_is_released(proxy: FaultProxy) -> None:
    proxy.stall()
    with socket.create_connection((proxy.host, proxy.port), timeout=0.2) as line:
        line.sendall(b"POST")
        with pytest.raises(TimeoutError):
            line.recv(4096)
        proxy.release()
        line.settimeout(20)
        assert line.recv(4096) == b"got POST"


def test_a_cut_line_refuses_and_a_restored_one_takes(proxy: FaultProxy) -> None:
    proxy.cut()
    with pytest.raises(ConnectionRefusedError):
        ask(proxy, b"GET")
    proxy.restore()
    assert ask(proxy, b"GET") == b"got GET"


def test_a_slow_line_is_slow(proxy: FaultProxy) -> None:
    proxy.bytes_per_second = 1000
    began = time.monotonic()
    assert ask(proxy, b"x" * 300) == b"got " + b"x" * 300
    assert time.monotonic() - began >= 0.6


def test_the_same_seed_strikes_the_same_requests() -> None:
    def struck(seed: int) -> list[Fault | None]:
        mix = Mix(seed, {Fault(Does.DROPS_ANSWER): 0.2, Fault(Does.DROPS_REQUEST): 0.1})
        return [mix(b"POST") for _ in range(50)]

    assert struck(1) == struck(1) != struck(2)
    assert Mix(1, {Fault(Does.STALLS): 1.0})(b"GET") is None
