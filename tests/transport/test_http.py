"""A failure is told apart by whether a byte of the request may have gone out: against real sockets."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from chartbridge.domain.content import PIECE, Content
from chartbridge.pms.errors import Misconfigured, Unavailable, Uncertain, Unreadable
from chartbridge.transport.bodies import Base64
from chartbridge.transport.http import Http
from tests.servers.process import nobody_listens

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Server:
    """Answers each connection by a function of its own."""

    def __init__(self, serve: Serve) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = self.closed = 0
        self.requests: list[bytes] = []
        self._serve = serve
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with line:
                self._serve(line)
            self.closed += 1

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Callable[[Serve], Server]]:
    made: list[Server] = []

    def start(serve: Serve) -> Server:
        made.append(Server(serve))
        return made[-1]

    yield start
    for each in made:
        each.close()


def _http(port: int, **more: float) -> Http:
    return Http(f"http://127.0.0.1:{port}/api/v1", name="The PMS", setting="api_address", **more)  # type: ignore[arg-type]


def _request(line: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        if not piece:
            return got
        got += piece
    return got


def test_a_write_to_nobody_is_provably_not_taken() -> None:
    with nobody_listens() as port, pytest.raises(Unavailable) as error:
        _http(port).write("POST", "commlogs", {})
    assert "127.0.0.1" in error.value.safe_message


def test_an_unknown_name_is_unavailable_and_says_where_to_look() -> None:
    http = Http("http://no-such-host.invalid/", name="The PMS", setting="api_address")
    with pytest.raises(Unavailable, match="address"):
        http.write("POST", "commlogs", {})


def test_no_tls_on_the_other_side_is_provably_not_taken(server: Callable[[Serve], Server]) -> None:
    plain = server(lambda line: line.sendall(b"HTTP/1.1 400 no\r\n\r\n"))
    http = Http(f"https://127.0.0.1:{plain.port}/", name="The PMS", setting="api_address")
    with pytest.raises(Unavailable):
        http.write("POST", "commlogs", {})


def test_a_line_closed_after_the_request_is_uncertain_for_a_write_and_unavailable_for_a_read(
    server: Callable[[Serve], Server],
) -> None:
    deaf = server(lambda line: _request(line) and None)
    with pytest.raises(Uncertain):
        _http(deaf.port).write("POST", "commlogs", {})
    with pytest.raises(Unavailable):
        _http(deaf.port).read("GET", "commlogs")


def test_an_answer_that_never_comes_is_uncertain(server: Callable[[Serve], Server]) -> None:
    release = threading.Event()

    def silent(line: socket.socket) -> None:
        _request(line)
        release.wait(60)

    slow = server(silent)
    with pytest.raises(Uncertain):
        _http(slow.port, answer_s=0.2).write("POST", "commlogs", {})
    release.set()


def test_half_an_answer_is_uncertain(server: Callable[[Serve], Server]) -> None:
    def half(line: socket.socket) -> None:
        _request(line)
        line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")

    with pytest.raises(Uncertain):
        _http(server(half).port).write("POST", "commlogs", {})


def test_a_kept_line_that_the_server_closed_is_never_used_to_send_twice(
    server: Callable[[Serve], Server],
) -> None:
    seen: list[bytes] = []

    def once(line: socket.socket) -> None:
        seen.append(_request(line))
        line.sendall(OK)

    host = server(once)
    http = _http(host.port)
    for _ in range(5):
        try:
            http.write("POST", "commlogs", {})
        except Uncertain:
            continue
    assert sum(bool(each) for each in seen) <= 5
    http.close()


def test_a_kept_line_is_used_again(server: Callable[[Serve], Server]) -> None:
    def many(line: socket.socket) -> None:
        while _request(line):
            line.sendall(OK)

    host = server(many)
    http = _http(host.port)
    for _ in range(5):
        assert http.read("GET", "x").status == 200
    assert host.connections == 1
    http.close()


def test_a_redirect_is_not_followed(server: Callable[[Serve], Server]) -> None:
    def away(line: socket.socket) -> None:
        _request(line)
        line.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"
        )

    assert _http(server(away).port).write("POST", "commlogs", {}).status == 302


def test_html_is_unreadable_and_none_of_it_is_repeated(server: Callable[[Serve], Server]) -> None:
    def page(line: socket.socket) -> None:
        _request(line)
        body = b"<html>Xyzzyowski</html>"
        line.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )

    answer = _http(server(page).port).read("GET", "x")
    with pytest.raises(Unreadable) as error:
        answer.json()
    assert error.value.evidence == "text/html instead of JSON"
    assert "Xyzzyowski" not in repr(answer) + str(error.value)


def test_an_answer_without_end_of_brackets_is_unreadable(server: Callable[[Serve], Server]) -> None:
    def deep(line: socket.socket) -> None:
        _request(line)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + b"[" * 500_000)

    with pytest.raises(Unreadable):
        _http(server(deep).port).read("GET", "x").json()


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)]
)
def test_retry_after_is_read_in_both_ways(
    server: Callable[[Serve], Server], header: str, seconds: float | None
) -> None:
    def busy(line: socket.socket) -> None:
        _request(line)
        extra = f"Retry-After: {header}\r\n" if header else ""
        line.sendall(f"HTTP/1.1 429 Wait\r\n{extra}Content-Length: 0\r\n\r\n".encode())

    assert _http(server(busy).port).read("GET", "x").retry_after() == seconds


@pytest.mark.parametrize(
    "address",
    [
        "", "server:30223", "ftp://server/", "http://", "not an address", "http://192.168.1..5:30223/api/v1/",
        "http://[server:30223/api/v1/", "http://" + "a" * 64 + "/", "http://server:²/", "http://ser ver/",
    ],
)  # fmt: skip
def test_a_wrong_address_names_its_setting(address: str) -> None:
    with pytest.raises(Misconfigured) as error:
        Http(address, name="The PMS", setting="api_address")
    assert error.value.setting == "api_address"


def test_no_query_header_or_body_is_logged(
    server: Callable[[Serve], Server], caplog: pytest.LogCaptureFixture
) -> None:
    def fine(line: socket.socket) -> None:
        _request(line)
        line.sendall(OK)

    host = server(fine)
    with caplog.at_level(logging.DEBUG):
        http = Http(
            f"http://127.0.0.1:{host.port}/",
            name="The PMS",
            setting="api_address",
            headers={"Authorization": "ODFHIR SecretKey"},
        )
        http.read("GET", "patients", {"LName": "Xyzzyowski"})
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "Xyzzyowski" not in logged
    assert "SecretKey" not in logged


def test_a_file_that_cannot_be_read_any_further_breaks_the_request_off(
    server: Callable[[Serve], Server],
) -> None:
    """A part of it is out: so it is looked up, and the other side has never had a whole request."""
    got: list[bytes] = []
    ended = threading.Event()

    def serve(line: socket.socket) -> None:
        try:
            while some := line.recv(1 << 20):
                got.append(some)
        except ConnectionResetError:
            pass
        ended.set()

    def read(at: int, most: int) -> bytes:
        if at >= 3 * PIECE:
            raise OSError
        return b"x" * most

    content = Content(10 * PIECE, "", read)
    with pytest.raises(Uncertain):
        _http(server(serve).port).write("POST", "documents", {"rawBase64": Base64(content)})
    assert ended.wait(10)
    assert sum(map(len, got)) <= 3 * PIECE // 3 * 4 + 1_000
