"""One HTTP client for every vendor that is reached by HTTP: time limits, kept-alive lines, throttle.

Its one promise: a failure is told apart by whether a byte of the request may have gone out. Nothing is ever
repeated here, no redirect is followed, and no address, header or body is ever logged.
Must not be in it: what a status code means to a vendor (that is the connector's table).
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from chartbridge.pms import fence
from chartbridge.pms.errors import Misconfigured, PmsError, Unavailable, Uncertain, Unreadable
from chartbridge.transport.addresses import web_address
from chartbridge.transport.answers import Limits, WholeAnswer, answer_of
from chartbridge.transport.bodies import PIECE, Body, as_json, in_one, pieces
from chartbridge.transport.heads import fields, head, host_field
from chartbridge.transport.lines import Lines, NoLine, cut
from chartbridge.transport.throttle import Throttle, unthrottled

MAX_ANSWER = 64 * 1024 * 1024
_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back, whatever its status. Its repr shows no content."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.content)} bytes)"

    def json(self) -> Any:
        """Return the parsed body. Raises `Unreadable` (never with a piece of the body)."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no type").split(";")[0]
            raise Unreadable(
                "The answer could not be read. Something other than the program may be answering at this address.",
                evidence=f"{kind} instead of JSON",
            ) from None

    def retry_after(self) -> float | None:
        """Seconds from `Retry-After`, given as seconds or as a date; None where it isn't sent."""
        value = self.headers.get("retry-after", "").strip()
        if not value:
            return None
        if value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None


class Http:
    """A line to one server. May be used from several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        setting: str,
        headers: Mapping[str, str] | None = None,
        connect_s: float = 5.0,
        answer_s: float = 30.0,
        whole_s: float = 300.0,
        max_lines: int = 8,
        throttle: Throttle = unthrottled,
        verify: bool = True,
    ) -> None:
        """`name` is what people call the other side; `setting` the setting that holds its address.

        `answer_s` is the longest silence, `whole_s` the longest time for a request and its answer together.
        """
        self._silence_s, self._whole_s = answer_s, whole_s
        self._name, self._setting, self._throttle = name, setting, throttle
        there = web_address(base_url)
        if there is None:
            raise Misconfigured(
                f"The address of {name} is not an address. It should look like http://server:30223/api/v1/.",
                setting=setting,
            )
        self._host, self._base = there.hostname or "", there.path.rstrip("/") + "/"
        self._headers = {"Host": host_field(there), "Accept-Encoding": "gzip", "User-Agent": "Chartbridge"}
        self._headers |= headers or {}
        self._lines = Lines(there, connect_s=connect_s, answer_s=answer_s, most=max_lines, verify=verify)

    def read(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask something that changes nothing. Any failure to get an answer is `Unavailable`.

        `form` is sent as a form (a sign-in); `headers` go beside those of the line.
        """
        body, more = None, dict(headers or {})
        if form is not None:
            body = urlencode(form).encode()
            more["Content-Type"] = "application/x-www-form-urlencoded"
        return self._send(method, path, params, body, writes=False, headers=more)

    def write(self, method: str, path: str, body: Mapping[str, object]) -> Answer:
        """Send something that changes the other side, once, as JSON. One of its values may be a file, as `Base64`.

        Raises `Unavailable` only if no byte of the request went out, else `Uncertain`: also for an answer that is
        too large to be taken.
        """
        return self._send(method, path, None, as_json(body), writes=True)

    def close(self) -> None:
        """Let the lines go. The next call opens new ones."""
        self._lines.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Body | None,
        *,
        writes: bool,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        address = quote(self._base + path, safe="/:@%~!$&'()*+,;=")
        if params:
            address += "?" + urlencode(params)
        self._throttle.wait()
        try:
            line = self._lines.borrow()
        except NoLine as error:
            raise self._no_line(error) from None
        whole = False
        try:
            if writes:
                fence.last_moment()
            limits = Limits(silence_s=self._silence_s, whole_s=self._whole_s)
            _ask(line, head(method, address, self._fields(headers), body), body, limits)
            with answer_of(line, method, limits) as response:
                answer, whole = _answer(response)
        except _TooLarge:
            raise self._too_large(writes=writes) from None
        except TimeoutError:
            cut(line)
            raise self._lost(f"{self._name} did not answer in time.", writes=writes) from None
        except (OSError, HTTPException, ValueError, zlib.error):
            cut(line)
            raise self._lost(f"The line to {self._name} broke.", writes=writes) from None
        finally:
            self._lines.give_back(line, keep=whole)
        return answer

    def _fields(self, more: Mapping[str, str] | None) -> bytes:
        return fields({**self._headers, **more}) if more else self._same_fields

    @cached_property
    def _same_fields(self) -> bytes:
        return fields(self._headers)

    def _no_line(self, error: NoLine) -> Unavailable:
        if error.reached:
            return Unavailable(f"{self._name} did not answer in time.")
        return Unavailable(
            f"{self._name} can't be reached at {self._host}. "
            "Check that it is running and that the address on the PMS Connection page is right."
        )

    def _lost(self, sentence: str, *, writes: bool) -> PmsError:
        """On a line that stood: the request may have gone out."""
        if writes:
            return Uncertain(f"The line to {self._name} broke before it could answer. It will be looked up.")
        return Unavailable(sentence)

    def _too_large(self, *, writes: bool) -> PmsError:
        if writes:
            return Uncertain(f"{self._name} gave an answer that can't be read. It will be looked up.")
        return Unreadable("The answer is larger than any it could have been.", evidence="answer too large")


class _TooLarge(Exception):
    """An answer is larger than `MAX_ANSWER`, packed or not."""


def _ask(line: HTTPConnection, head: bytes, body: Body | None, limits: Limits) -> None:
    """A small body goes out in one piece with its head, and so is taken in at once."""
    limits.hold(line.sock)
    if body is None or len(body) <= PIECE:
        line.send(head + in_one(body or b""))
        return
    line.send(head)
    for piece in _pieces(body, line, limits):
        line.send(piece)


def _pieces(body: Body, line: HTTPConnection, limits: Limits) -> Iterator[bytes]:
    """The body, a piece at a time. One that takes long goes on only as long as it still may.

    Whoever takes over reckons with one silence between the last question and the last byte, not with more.
    """
    began = time.monotonic()
    for piece in pieces(body):
        limits.hold(line.sock)
        if time.monotonic() - began > limits.silence_s:
            _go_on()
        yield piece


def _go_on() -> None:
    try:
        fence.last_moment()
    except Unavailable:  # which holds for a request of which nothing is sent
        raise ConnectionAbortedError from None


def _answer(response: WholeAnswer) -> tuple[Answer, bool]:
    """The answer, and whether it surely was all that is on its line, so that this can carry another request."""
    content = _body(response)
    ends_surely = response.ends_surely(len(content))
    if response.told.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip"):
        content = _unpacked(content)
    return Answer(status=response.status, content=content, headers=response.told), ends_surely


def _body(response: WholeAnswer) -> bytes:
    if response.length is not None and response.length > MAX_ANSWER:
        raise _TooLarge
    content = response.read() if response.length is not None else response.read(MAX_ANSWER + 1)
    if len(content) > MAX_ANSWER:
        raise _TooLarge
    return content


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    plain = unpacking.decompress(content, MAX_ANSWER + 1)
    if len(plain) > MAX_ANSWER:
        raise _TooLarge
    if content and not unpacking.eof:
        raise zlib.error
    return plain
