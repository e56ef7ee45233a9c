"""Lines are kept and let go so that no request meets one that is about to end; encrypted ones, and those by a proxy."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chartbridge.pms import fence
from chartbridge.pms.errors import Unavailable, Uncertain, Unreadable
from chartbridge.transport import bodies, lines
from chartbridge.transport import http as http_module
from chartbridge.transport.http import Http
from chartbridge.transport.lines import Lines, NoLine
from tests.transport.test_http import OK, Serve, Server, _http, _request, server

Starts = Callable[[Serve], Server]
__all__ = ["server"]


def _many(line: socket.socket) -> None:
    while _request(line):
        line.sendall(OK)


def _await(what: Callable[[], bool]) -> None:
    """Wait for what the other side must do in the end, however busy this machine is."""
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def test_a_line_that_was_idle_for_long_is_not_used(server: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "IDLE_LINE_S", 0.1)
    host = server(_many)
    http = _http(host.port)
    http.read("GET", "x")
    time.sleep(0.2)
    http.write("POST", "x", {})
    assert host.connections == 2
    http.close()


def test_a_line_that_the_server_has_closed_meanwhile_is_noticed_before_anything_is_sent(
    server: Starts,
) -> None:
    def one_answer(line: socket.socket) -> None:
        _request(line)
        line.sendall(OK)

    host = server(one_answer)
    http = _http(host.port)
    for _ in range(5):
        assert http.write("POST", "x", {}).status == 200
        _await(lambda: host.closed == host.connections)
    assert host.connections == 5


def test_a_line_on_which_an_answer_was_not_read_to_its_end_carries_no_other(server: Starts) -> None:
    given_up = threading.Semaphore(0)

    def slow_then_fine(line: socket.socket) -> None:
        _request(line)
        with suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            given_up.acquire(timeout=60)
            line.sendall(b"{}")
            line.recv(1)

    host = server(slow_then_fine)
    http = _http(host.port, answer_s=0.15)
    for _ in range(2):
        with pytest.raises(Uncertain):
            http.write("POST", "x", {})
        given_up.release()
    _await(lambda: host.closed == 2)
    assert host.connections == 2


def test_no_more_lines_than_allowed_stand_at_once(server: Starts) -> None:
    there = urlsplit(f"http://127.0.0.1:{server(_many).port}/")
    held = Lines(there, connect_s=1.0, answer_s=0.1, most=2, verify=True)
    first, second = held.borrow(), held.borrow()
    with pytest.raises(NoLine) as error:
        held.borrow()
    assert error.value.reached
    held.give_back(second, keep=False)
    third = held.borrow()
    assert third is not second
    held.give_back(third, keep=True)
    assert held.borrow() is third
    held.give_back(first, keep=True)
    held.give_back(third, keep=True)
    held.close()
    assert first.sock is None
    assert third.sock is None


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_that_is_too_large_is_not_taken(
    server: Starts, monkeypatch: pytest.MonkeyPatch, *, chunked: bool
) -> None:
    monkeypatch.setattr(http_module, "MAX_ANSWER", 1000)
    head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1001"
    body = b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n" if chunked else b"x" * 1001

    def large(line: socket.socket) -> None:
        _request(line)
        line.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)

    http = _http(server(large).port)
    with pytest.raises(Unreadable):
        http.read("GET", "x")
    with pytest.raises(Uncertain):
        http.write("POST", "x", {})


def test_an_answer_in_pieces_is_put_together_and_its_line_kept(server: Starts) -> None:
    def pieces(line: socket.socket) -> None:
        while _request(line):
            line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            line.sendall(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")

    host = server(pieces)
    http = _http(host.port)
    assert [http.read("GET", "x").json() for _ in range(3)] == [{}, {}, {}]
    assert host.connections == 1


@pytest.mark.parametrize("spoilt", ["", "short", "garbage", "bomb"])
def test_a_packed_answer_is_unpacked_and_a_spoilt_one_is_no_answer(
    server: Starts, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    monkeypatch.setattr(http_module, "MAX_ANSWER", 1000)
    body = gzip.compress(b"[" + b" " * (5000 if spoilt == "bomb" else 500) + b"]")
    body = {"short": body[:-9], "garbage": b"x" * 40}.get(spoilt, body)

    def packed(line: socket.socket) -> None:
        asked = _request(line)
        assert b"accept-encoding: gzip" in asked.lower()
        line.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )

    http = _http(server(packed).port)
    if not spoilt:
        assert http.read("GET", "x").json() == []
        return
    with pytest.raises(Uncertain):
        http.write("POST", "x", {})
    with pytest.raises(Unreadable if spoilt == "bomb" else Unavailable):
        http.read("GET", "x")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_answer_that_is_no_http_leaves_a_write_uncertain(server: Starts, answer: bytes) -> None:
    def odd(line: socket.socket) -> None:
        _request(line)
        line.sendall(answer)

    with pytest.raises(Uncertain):
        _http(server(odd).port).write("POST", "x", {})
    with pytest.raises(Unavailable):
        _http(server(odd).port).read("GET", "x")


def test_a_path_and_its_questions_arrive_as_they_were_meant(server: Starts) -> None:
    asked: list[bytes] = []

    def hears(line: socket.socket) -> None:
        asked.append(_request(line))
        line.sendall(OK)

    _http(server(hears).port).read("GET", "a b/é", {"LName": "O'Brien & 李"})
    assert asked[0].startswith(b"GET /api/v1/a%20b/%C3%A9?LName=O%27Brien+%26+%E6%9D%8E HTTP/1.1\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pms.example",
         "-addext", "subjectAltName=DNS:pms.example,IP:127.0.0.1", "-keyout", str(key), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def secure(server: Starts, certificate: tuple[Path, Path]) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def encrypted(line: socket.socket) -> None:
        try:
            with context.wrap_socket(line, server_side=True) as inner:
                while got := _request(inner):
                    made.requests.append(got)
                    inner.sendall(OK)
        except OSError:
            return

    made = server(encrypted)
    return made


def _secure(address: str) -> Http:
    return Http(address, name="The PMS", setting="api_address")


def test_an_encrypted_line_is_trusted_by_its_certificate_and_kept(
    secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="can't be reached"):
        _secure(f"https://127.0.0.1:{secure.port}/").write("POST", "x", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    http = _secure(f"https://127.0.0.1:{secure.port}/")
    before = secure.connections
    assert [http.write("POST", "x", {}).status for _ in range(3)] == [200, 200, 200]
    assert secure.connections == before + 1
    http.close()


def test_out_of_the_house_it_goes_by_the_proxy_that_the_machine_names(
    server: Starts, secure: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def proxy(line: socket.socket) -> None:
        asked.append(_request(line))
        with socket.create_connection(("127.0.0.1", secure.port)) as there:
            line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_carry, args=(there, line), daemon=True)
            back.start()
            _carry(line, there)
            back.join(5)

    host = server(proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("HTTPS_PROXY", f"http://office:p%40ss@127.0.0.1:{host.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    http = _secure("https://pms.example/api/")
    assert http.write("POST", "x", {}).status == 200
    http.close()
    assert asked[0].startswith(b"CONNECT pms.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic b2ZmaWNlOnBAc3M=\r\n" in asked[0]
    assert b"\r\nHost: pms.example\r\n" in secure.requests[0]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert _secure(f"https://127.0.0.1:{secure.port}/").write("POST", "x", {}).status == 200
    assert len(asked) == 1


def test_a_proxy_that_refuses_is_provably_no_sending(server: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(line: socket.socket) -> None:
        _request(line)
        line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server(refuses).port}")
    with pytest.raises(Unavailable, match="can't be reached"):
        _secure("https://pms.example/api/").write("POST", "x", {})


def _trickles(line: socket.socket, before: bytes, piece: bytes) -> None:
    """Say something now and then, for as long as somebody listens."""
    with suppress(OSError):
        line.recv(65536)
        line.sendall(before)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            line.sendall(piece)
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("before", "piece"),
    [(b"", b"x"), (b"HTTP/1.1 200 OK\r\n", b"x"), (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")],
    ids=["status", "head", "many heads"],
)
def test_a_proxy_that_never_comes_to_an_end_is_given_up(
    server: Starts, monkeypatch: pytest.MonkeyPatch, before: bytes, piece: bytes
) -> None:
    monkeypatch.setenv(
        "HTTPS_PROXY", f"http://127.0.0.1:{server(lambda line: _trickles(line, before, piece)).port}"
    )
    _is_given_up("https://pms.example/api/")


def test_a_handshake_that_never_comes_to_an_end_is_given_up(server: Starts) -> None:
    """A record of the server's is announced with 16 KB, of which a byte comes now and then."""
    host = server(lambda line: _trickles(line, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03"))
    _is_given_up(f"https://127.0.0.1:{host.port}/")


def _is_given_up(address: str) -> None:
    there = Lines(urlsplit(address), connect_s=0.2, answer_s=0.1, most=1, verify=True)
    began = time.monotonic()
    with pytest.raises(NoLine):
        there.borrow()
    assert time.monotonic() - began < 20.0


def _carry(one: socket.socket, other: socket.socket) -> None:
    try:
        while piece := one.recv(65536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_what_may_not_go_out_any_more_is_not_sent_and_its_line_is_not_lost_for_good(server: Starts) -> None:
    asked: list[bytes] = []

    def hears(line: socket.socket) -> None:
        while got := _request(line):
            asked.append(got)
            line.sendall(OK)

    http = Http(f"http://127.0.0.1:{server(hears).port}/", name="The PMS", setting="api_address", max_lines=1)
    for _ in range(3):
        with fence.fenced(lambda: False), pytest.raises(Unavailable):
            http.write("POST", "x", {})
    assert not any(asked)
    assert http.write("POST", "x", {}).status == 200
    assert len(asked) == 1


def test_a_small_request_goes_out_in_one_piece_and_a_large_one_in_pieces(
    server: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = lines.HTTPConnection.send

    def counted(self: lines.HTTPConnection, data: bytes) -> None:
        sent.append(len(data))
        send(self, data)

    monkeypatch.setattr(lines.HTTPConnection, "send", counted)
    http = _http(server(_many).port)
    http.write("POST", "x", {"note": "é" * 100})
    assert len(sent) == 1
    http.write("POST", "x", {"note": "a" * 3 * bodies.PIECE})
    assert len(sent) > 4
    assert sum(sent) > 3 * bodies.PIECE
    http.close()
