"""The control address: the knobs over HTTP on loopback, for a demo and for processes that are killed and come back.

`GET /sandbox` tells what is in the practice; `POST /sandbox/knobs/<name>` with a JSON object turns a knob.
Must not be in it: a knob.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, is_dataclass
from typing import Any

from chartbridge.sandbox.open_dental.knobs import Knobs, Truth

LOOPBACK = ("127.0.0.1", "::1")
KNOBS = "/sandbox/knobs/"


class Control:
    """Answers /sandbox; knobs only to this machine."""

    def __init__(self, knobs: Knobs, about: Callable[[], dict[str, object]]) -> None:
        self._knobs = knobs
        self._about = about

    def __call__(self, scope: MutableMapping[str, Any], body: bytes) -> tuple[int, object]:
        """Return status and answer."""
        client = scope.get("client")
        if client is None or client[0] not in LOOPBACK:
            return 404, "Not found."
        path: str = scope["path"]
        if path.rstrip("/") == "/sandbox":
            return 200, self._about()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not path.startswith(KNOBS) or scope["method"] != "POST":
            return 404, "Not found."
        if b"application/json" not in headers.get(b"content-type", b""):
            return 400, "Content-Type must be application/json."
        return self._turn(path[len(KNOBS) :], body)

    def _turn(self, name: str, body: bytes) -> tuple[int, object]:
        knob = getattr(self._knobs, name, None)
        if name.startswith("_") or not callable(knob):
            return 404, f"There is no knob {name}."
        try:
            return 200, {"result": _plain(knob(**json.loads(body or b"{}")))}
        except (KeyError, TypeError, ValueError) as error:
            return 400, f"{type(error).__name__}: {error}"


class RemoteKnobs:
    """The knobs of a sandbox in another process: any knob by its name, keyword arguments only."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url.split("/api/")[0].rstrip("/")

    def turn(self, knob: str, **values: object) -> Any:
        """Turn a knob and return what it says."""
        request = urllib.request.Request(  # noqa: S310
            f"{self._base}{KNOBS}{knob}",
            data=json.dumps(values).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)["result"]

    def truth(self, marker: str) -> list[Truth]:
        """Tell every record that carries a marker."""
        return [Truth(**found) for found in self.turn("truth", marker=marker)]


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
