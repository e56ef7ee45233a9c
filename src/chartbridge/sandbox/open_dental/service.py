"""The API service on the wire: sign-in, throttle, versions, permissions, paging limits, faults, answers.

A bare ASGI application, because it's also what the hub's own speed is measured against. Statuses and texts by
the vendor's API pages; that the throttle answers 429 with Retry-After is inferred (the vendor doesn't say).
Must not be in it: what a method does.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.database import Database
from chartbridge.sandbox.open_dental.faults import Fault, Faults, Where
from chartbridge.sandbox.open_dental.methods import (
    appointments,
    calls,
    commlogs,
    documents,
    insurance,
    lists,
    patients,
    tasks,
    trail,
)
from chartbridge.sandbox.open_dental.methods.calls import Answer, ApiError, Call, Method, dotted
from chartbridge.sandbox.open_dental.schema import VersionNumber

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/api/v1/"
BODY_LIMIT = 16_800_000
REMOTE_PAGE, LOCAL_PAGE = 100, 1000
_NUMBER = re.compile(r"-?\d{1,19}$")

METHODS: dict[tuple[str, str], Method] = {
    (m.verb, m.path): m
    for module in (patients, appointments, commlogs, documents, lists, trail, insurance, tasks)
    for m in module.METHODS
}
PATHS = {path for _, path in METHODS}


class LineCut(Exception):
    """The connection is to be dropped without an answer."""


@dataclass(slots=True)
class Service:
    """The practice's API. `control` answers addresses outside /api/v1/."""

    db: Database
    developer_key: str
    customer_key: str
    developer_name: str
    version: VersionNumber
    remote: bool = False
    throttle_s: float = 1.0
    permissions: set[str] = field(default_factory=lambda: set(calls.GROUPS))
    faults: Faults = field(default_factory=Faults)
    control: Callable[[Scope, bytes], tuple[int, object]] | None = None
    requests: int = 0
    signed_in: bool = True
    _free_at: float = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        try:
            status, payload, headers = await self._answer(scope, body)
        except LineCut:
            _cut(send)
            return
        await _send(send, status, payload, headers)

    async def _answer(
        self, scope: Scope, body: bytes | None
    ) -> tuple[int, object, list[tuple[bytes, bytes]]]:
        path: str = scope["path"]
        if not path.startswith(PREFIX):
            if self.control is None:
                return 404, "Not found.", []
            status, payload = self.control(scope, body or b"")
            return status, payload, []
        verb, rest = scope["method"], path[len(PREFIX) :]
        try:
            self._sign_in(scope, verb, rest)
            if body is None:
                raise ApiError(400, "The request body is too large.")
            await self._strike(Where.BEFORE, verb, rest)
            answer = self._run(scope, verb, rest, body)
            await self._strike(Where.AFTER, verb, rest)
        except _Struck as struck:
            return struck.answer()
        except ApiError as error:
            return error.status, error.words, _retry(error)
        headers = []
        if answer.location:
            headers.append((b"location", f"{PREFIX[:-1]}{answer.location}".encode()))
        return answer.status, answer.payload, headers

    def _sign_in(self, scope: Scope, verb: str, rest: str) -> None:
        self.requests += 1
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if b"application/json" not in headers.get(b"content-type", b""):
            raise ApiError(400, "Content-Type must be application/json.")
        wanted = f"ODFHIR {self.developer_key}/{self.customer_key}"
        if headers.get(b"authorization", b"").decode("latin-1") != wanted:
            raise ApiError(401, "Invalid developer or customer key.")
        fault = self.faults.take(Where.SIGN_IN, verb, rest)
        if fault is not None or not self.signed_in:
            raise ApiError(401, "Your API key is disabled.")
        if self.remote:
            now = time.monotonic()
            if now < self._free_at:
                raise ApiError(429, "Too many requests. Please wait before the next request.")
            self._free_at = now + self._gap()

    def _gap(self) -> float:
        """Seconds between requests: ReadAll alone is slower by five."""
        return self.throttle_s * 5 if self.permissions == {calls.READ_ALL} else self.throttle_s

    async def _strike(self, where: Where, verb: str, rest: str) -> None:
        fault = self.faults.take(where, verb, rest)
        if fault is None:
            return
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.status == 0:
            raise LineCut
        if fault.status is not None:
            raise _Struck(fault)

    def _run(self, scope: Scope, verb: str, rest: str, body: bytes) -> Answer:
        method, numbers = self._method(verb, rest)
        if method.group not in self.permissions:
            raise ApiError(401, f"This API key does not have the permission {method.group}.")
        if self.version < method.since:
            raise ApiError(
                400,
                f"This method requires Open Dental version {dotted(method.since)}; "
                f"this office runs {dotted(self.version)}.",
            )
        call = Call(
            db=self.db,
            actor=Actor(user=0, computer="API", developer=self.developer_name),
            version=self.version,
            limit=REMOTE_PAGE if self.remote else LOCAL_PAGE,
            numbers=numbers,
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
            body=_json(body) if verb in ("POST", "PUT") else {},
        )
        with self.db.one_moment():
            return method.handle(call)

    def _method(self, verb: str, rest: str) -> tuple[Method, tuple[int, ...]]:
        segments, numbers = [], []
        for segment in rest.strip("/").split("/"):
            if _NUMBER.match(segment):
                numbers.append(int(segment))
                segments.append("#")
            else:
                segments.append(segment)
        path = "/".join(segments)
        method = METHODS.get((verb, path))
        if method is None:
            known = "does not support this verb" if path in PATHS else "does not exist"
            raise ApiError(404, f"The requested resource {known}.")
        return method, tuple(numbers)


class _Struck(Exception):
    """A fault that answers."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def answer(self) -> tuple[int, object, list[tuple[bytes, bytes]]]:
        fault = self._fault
        headers = [(b"content-type", fault.content_type.encode())]
        if fault.retry_after:
            headers.append((b"retry-after", str(fault.retry_after).encode()))
        return fault.status or 500, fault.text, headers


def _retry(error: ApiError) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", b"1")] if error.status == 429 else []


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise ApiError(400, "Invalid JSON.") from None
    if not isinstance(found, dict):
        raise ApiError(400, "Invalid JSON: an object is expected.")
    return found


async def _read(receive: Receive) -> bytes | None:
    """Return the body, or None if it is longer than the API takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts) if size <= BODY_LIMIT else None


def _cut(send: Send) -> None:
    """Close the connection under the client: uvicorn's cycle carries the transport."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("this server doesn't let the sandbox cut the line")
    transport.abort()


async def _send(send: Send, status: int, payload: object, headers: list[tuple[bytes, bytes]]) -> None:
    if isinstance(payload, str):
        body = payload.encode()
        kind = b"text/plain; charset=utf-8"
    elif payload is None:
        body, kind = b"", b"application/json"
    else:
        body, kind = json.dumps(payload, ensure_ascii=False).encode(), b"application/json; charset=utf-8"
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", kind))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
