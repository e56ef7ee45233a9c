"""A small server with the addresses, filters and fields of Dentrix Ascend's API that public third-party code uses.

Lists come in the order of their numbers. What is not known of the real one is refused rather than guessed: a filter
that no public code uses is answered with 400. Must not be in it: a connector's view of anything.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Item = dict[str, Any]
_TERM = re.compile(r"^(location\.id|patient\.id|start|lastModified|id)(==|>=|<)([^,=<>]+)$")


class AscendPractice:
    """One organization behind its API. Knobs are attributes; `answered` is called before each answer leaves."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.lists: dict[str, dict[str, Item]] = {"patients": {}, "appointments": {}}
        self.client = {"client_id": "sandbox", "client_secret": secrets.token_hex(8)}
        self.organization_id, self.location_id = "org1", "7000000000001"
        self.tokens: set[str] = set()
        self.calls: list[str] = []
        self.answered: Callable[[], None] = lambda: None
        self.busy = self.throttled = self.switched_off = False
        self.page_limit = 500
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, resource: str, key: str, item: Item) -> None:
        """Make or change an object; it is stamped where it differs."""
        held = {k: v for k, v in self.lists[resource].get(key, {}).items() if k != "lastModified"}
        if held != item | {"id": key}:
            stamp = self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.lists[resource][key] = {**item, "id": key, "lastModified": stamp}

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def sign_in(self, form: dict[str, list[str]]) -> tuple[int, object]:
        """A token for the right client."""
        given = {name: form.get(name, [""])[0] for name in self.client}
        if given != self.client:
            return 401, {"fault": {"faultstring": "Invalid client"}}
        self.tokens.add(token := secrets.token_hex(12))
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": "3600"}

    def listed(self, resource: str, query: dict[str, list[str]]) -> tuple[int, object]:
        """A page of a list."""
        terms = [_TERM.match(each) for each in query.get("filter", [""])[0].split(",") if each]
        if resource not in self.lists or not all(terms):
            return 400, {"errors": ["not known here"]}
        after = int(query.get("lastId", ["0"])[0])
        size = min(int(query.get("pageSize", ["100"])[0]), self.page_limit)
        keys = sorted((key for key in self.lists[resource] if int(key) > after), key=int)
        items = [self.lists[resource][key] for key in keys]
        found = [item for item in items if all(_fits(item, *term.groups()) for term in terms if term)][:size]
        return 200, {"data": found, "warnings": [], "errors": []}

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, object]:
        """What a request is answered with."""
        parts = urlsplit(target)
        self.calls.append(parts.path)
        if self.busy:
            return 503, {"fault": "maintenance"}
        if method == "POST" and parts.path == "/oauth/client_credential/accesstoken":
            return self.sign_in(parse_qs(body.decode()))
        if self.throttled:
            return 429, {"fault": "rate"}
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"fault": {"faultstring": "Invalid Access Token"}}
        if self.switched_off or headers.get("organization-id") != self.organization_id:
            return 403, {"fault": "not for this organization"}
        head, _, resource = parts.path.partition("/ascend-gateway/api/v1/")
        if method != "GET" or head:
            return 404, {"fault": "not found"}
        return self.listed(resource, parse_qs(parts.query))


def _fits(item: Item, field: str, sign: str, wanted: str) -> bool:
    held: Any = item
    for name in field.split("."):
        held = held.get(name) if isinstance(held, dict) else None
    if sign == "==":
        return str(held) == wanted
    try:
        at, limit = datetime.fromisoformat(str(held)), datetime.fromisoformat(wanted)
    except ValueError:
        return True  # what can't be compared is not left out
    return at >= limit if sign == ">=" else at < limit


def _handler_of(practice: AscendPractice) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said = practice.answer(self.command, self.path, body, headers)
            content = json.dumps(said).encode()
            practice.answered()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(practice.now().astimezone(UTC), usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status in (429, 503):
                self.send_header("Retry-After", "30")
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: addresses hold filters."""

    return Handler
