"""One HTTP client for every vendor that is reached by HTTP: time limits, kept-alive lines, throttle.

Its one promise: a failure is told apart by whether a byte of the request may have gone out. Nothing is ever
repeated here, no redirect is followed, and no address, header or body is ever logged.
Must not be in it: what a status code means to a vendor (that is the connector's table).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import httpx2

from chartbridge.pms import fence
from chartbridge.pms.errors import Misconfigured, PmsError, Unavailable, Uncertain, Unreadable
from chartbridge.transport.addresses import web_address
from chartbridge.transport.throttle import Throttle, unthrottled

MAX_ANSWER = 64 * 1024 * 1024
IDLE_LINE_S = 3.0  # a server that closes idle lines does so later than this: the keep-alive race stays rare


class _Silence(logging.Filter):
    """The client library logs addresses with their query, and at debug level headers with their keys."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return False


for _name in ("httpx2", "httpcore2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy"):
    logging.getLogger(_name).addFilter(_Silence())


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
        except ValueError:
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
        max_lines: int = 8,
        throttle: Throttle = unthrottled,
        verify: bool = True,
    ) -> None:
        """`name` is what people call the other side; `setting` the setting that holds its address."""
        self._name, self._setting, self._throttle, self._verify = name, setting, throttle, verify
        self._headers = dict(headers or {})
        self._timeout = httpx2.Timeout(answer_s, connect=connect_s, pool=answer_s)
        self._limits = httpx2.Limits(
            max_connections=max_lines, max_keepalive_connections=max_lines, keepalive_expiry=IDLE_LINE_S
        )
        if web_address(base_url) is None:
            raise self._bad_address()
        try:
            self._base = httpx2.URL(base_url.rstrip("/") + "/")
        except (httpx2.InvalidURL, ValueError):
            raise self._bad_address() from None
        self._client: httpx2.Client | None = None

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

    def write(self, method: str, path: str, body: object) -> Answer:
        """Send something that changes the other side, once.

        Raises `Unavailable` only if no byte of the request went out, else `Uncertain`.
        """
        return self._send(method, path, None, json.dumps(body).encode(), writes=True)

    def close(self) -> None:
        """Let the lines go. The next call opens new ones."""
        held, self._client = self._client, None
        if held:
            held.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        *,
        writes: bool,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        watch = _Watch()
        client = self._open()
        request = client.build_request(
            method,
            self._base.join(path),
            params=dict(params) if params else None,
            content=body,
            headers=headers,
        )
        if writes:
            request.extensions["trace"] = watch
        self._throttle.wait()
        try:
            response = client.send(request, stream=True)
            try:
                return Answer(
                    status=response.status_code, content=_body(response), headers=dict(response.headers)
                )
            finally:
                response.close()
        except httpx2.TransportError as error:
            raise self._failure(error, watch.started and writes) from None

    def _open(self) -> httpx2.Client:
        held = self._client
        if held is None:
            held = self._client = httpx2.Client(
                headers=self._headers,
                timeout=self._timeout,
                follow_redirects=False,
                trust_env=self._base.scheme == "https",
                transport=None if self._base.scheme == "https" else httpx2.HTTPTransport(limits=self._limits),
                limits=self._limits,
                verify=self._verify,
            )
        return held

    def _failure(self, error: httpx2.TransportError, bytes_went_out: bool) -> PmsError:
        if bytes_went_out:
            return Uncertain(f"The line to {self._name} broke before it could answer. It will be looked up.")
        if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
            return Unavailable(
                f"{self._name} can't be reached at {self._base.host}. "
                "Check that it is running and that the address on the PMS Connection page is right."
            )
        if isinstance(error, httpx2.TimeoutException):
            return Unavailable(f"{self._name} did not answer in time.")
        return Unavailable(f"The line to {self._name} broke.")

    def _bad_address(self) -> Misconfigured:
        return Misconfigured(
            f"The address of {self._name} is not an address. It should look like http://server:30223/api/v1/.",
            setting=self._setting,
        )


class _Watch:
    """Asks whether a request may still go out, and notices when its first byte may have left."""

    __slots__ = ("started",)

    def __init__(self) -> None:
        self.started = False

    def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            fence.last_moment()
            self.started = True


def _body(response: httpx2.Response) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > MAX_ANSWER:
            raise Unreadable("The answer is larger than any it could have been.", evidence="answer too large")
        pieces.append(piece)
    return b"".join(pieces)
