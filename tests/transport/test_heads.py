"""Heads that are written and read without the library: as it would have done, whatever stands in them."""

from __future__ import annotations

import io
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chartbridge.transport.answers import Limits, WholeAnswer
from chartbridge.transport.heads import fields, head, host_field

USUAL = b"HTTP/1.1 201 Created\r\nDate: Fri, 27 Nov 2026 15:17:31 GMT\r\nContent-Length: 2\r\n\r\n{}"

_NAMES = st.sampled_from(
    ["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "X-1", "A b", ""]
)
_VALUES = st.sampled_from(
    ["0", "2", "02", "+2", "-1", "3", "2, 2", "chunked", "close", "keep-alive", "a: b", "", " 2", "2 ", "\t2"]
) | st.text(st.characters(max_codepoint=255), max_size=8)
_ENDS = st.sampled_from(["\r\n"] * 20 + ["\n", "\r", "\r\n ", "\r\n\t", "\r\n\r\n"])
_ODD = st.builds("{}{}{}{}".format, _NAMES, st.sampled_from([": ", ": ", ":", " : ", ""]), _VALUES, _ENDS)


def _mostly(usual: list[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 5).flatmap(lambda n: odd if n == 5 else st.sampled_from(usual))


_FIELDS = st.tuples(
    _mostly(["", "Date: Fri, 27 Nov 2026 15:17:31 GMT\r\n", "server: x y\r\n"], _ODD),
    _mostly(["Content-Length: 2\r\n", "content-length:2\r\n", "Content-Length: 02\r\n"], st.just("")),
    _mostly(["", "Retry-After:5\r\n", "X-1: a; b=c\r\n"], _ODD),
)
_ODD_FIRST = st.sampled_from(
    [f"HTTP/1.1 {status} What\r\n" for status in (99, 100, 101, 103, 204, 304, 600, 2000, "20")]
    + [f"{version} 200 OK\r\n" for version in ("HTTP/1.0", "HTTP/1.2", "HTTP/2", "http/1.1")]
    + [f"HTTP/1.1 200{end}" for end in ("\r\n", "  Not  here \r\n", " \x00\r\n", " OK\n", " OK\r\n ")]
)
_FIRST = _mostly(["HTTP/1.1 201 Created\r\n", "HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 200 \r\n"], _ODD_FIRST)
_BODIES = st.sampled_from([b"", b"{", b"{}", b"{}HTTP", b"2\r\n{}\r\n0\r\n\r\n"])
_ANSWERS = st.builds(
    lambda first, fields, end, body: f"{first}{''.join(fields)}{end}".encode("latin-1") + body,
    _FIRST,
    _FIELDS,
    st.sampled_from(["\r\n"] * 8 + ["\n", ""]),
    _BODIES,
)


class _Said:
    """A line on which this was said, and then it ended."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._said))

    def gettimeout(self) -> float:
        return 1.0


class _ByTheLibrary(WholeAnswer):
    def _begin_as_usual(self) -> bool:
        return False


def _begun(kind: type[WholeAnswer], said: bytes, method: str) -> WholeAnswer:
    line: Any = _Said(said)
    answer = kind(line, method=method, limits=Limits(silence_s=1.0, whole_s=10.0))
    answer.begin()
    return answer


def _read(kind: type[WholeAnswer], said: bytes, method: str) -> tuple[object, ...]:
    try:
        answer = _begun(kind, said, method)
        head = answer.status, answer.version, answer.told, answer.length, answer.chunked, answer.will_close
        body = answer.read()
        return *head, body, answer.ends_surely(len(body))
    except (OSError, HTTPException, ValueError) as error:
        return (type(error),)


@settings(max_examples=300, deadline=None)
@given(_ANSWERS, st.sampled_from(["POST", "GET", "HEAD"]))
@example(USUAL, "POST")
@example(USUAL, "HEAD")
@example(USUAL.replace(b"201", b"204"), "POST")
@example(USUAL + b"{}", "POST")
@example(USUAL.replace(b"Date", b"Content-Length"), "POST")
@example(USUAL.replace(b"Date:", b"Connection: close, "), "POST")
@example(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n" + USUAL, "POST")
@example(USUAL.replace(b"\r\nDate", b"".join(b"\r\nX-%d: 1" % n for n in range(120)) + b"\r\nDate"), "GET")
def test_a_head_means_what_the_library_reads_in_it(said: bytes, method: str) -> None:
    assert _read(WholeAnswer, said, method) == _read(_ByTheLibrary, said, method)


@pytest.mark.parametrize("cut", range(1, len(USUAL)))
def test_a_usual_head_may_come_in_pieces_and_counts_only_as_a_whole(cut: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(USUAL[:cut])
        answer = WholeAnswer(near, method="POST", limits=Limits(silence_s=1.0, whole_s=10.0))
        answer._lines.peek()
        far.sendall(USUAL[cut:])
        answer.begin()
        assert (answer.status, answer.told["content-length"], answer.read()) == (201, "2", b"{}")
        far.close()
        broken = _read(WholeAnswer, USUAL[:cut], "POST")
        assert issubclass(broken[0], HTTPException)  # type: ignore[arg-type]


def test_the_library_is_spared_a_usual_head() -> None:
    assert _begun(WholeAnswer, USUAL, "POST").headers is None
    assert _begun(_ByTheLibrary, USUAL, "POST").headers is not None


class _Writes(HTTPConnection):
    """What the library would send."""

    sent = b""

    def send(self, data: Any) -> None:
        self.sent += data


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.1:30223/api/v1/",
        "http://127.0.0.1/api/v1/",
        "http://server:80/",
        "https://api.example.com:443/",
        "https://api.example.com:8443/",
        "http://[::1]:30223/",
        "http://[fe80::1%eth0]:30223/",
        "http://praxis-münchen.example:8080/",
    ],
)
def test_a_request_is_written_as_the_library_writes_it(there: str, method: str) -> None:
    parts, body = urlsplit(there), None if method == "GET" else b'{"Note": 1}'
    usual = {"http": 80, "https": 443}[parts.scheme]
    library = _Writes(parts.hostname or "", parts.port or usual)
    library.default_port = usual
    told = {"Accept-Encoding": "gzip", "Authorization": "ODFHIR a/b", "X-Name": "M\u00fcller"}
    length = {"Content-Length": str(len(body))} if body else {}
    library.request(method, "/api/v1/commlogs?Limit=1", body, told | length)
    written = head(method, "/api/v1/commlogs?Limit=1", fields({"Host": host_field(parts)} | told), body)
    assert written + (body or b"") == library.sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A", "1\r\nB: 2"),
        ("A", "1\n"),
        ("A", "1\r"),
        ("A\r\nB", "1"),
        ("", "1"),
        ("A", "\u20ac"),
        ("A", "\0"),
    ],
)
def test_what_would_be_another_line_of_a_head_is_not_written(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        fields({name: value})
