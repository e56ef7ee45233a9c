"""Cursors of the database readers: compact JSON that only these readers understand.

One that can't be understood (another mode, an older layout) is None: reading starts anew, nothing is guessed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chartbridge.connectors.open_dental.feed import FeedState

LAYOUT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A full scan under way: where it is, since which stamp (UTC) it looks, when (UTC) it began."""

    position: str
    since: str
    begun: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a stream stands. `first` is the position of a first read under way; `top` the highest key of the
    stream's own table; `day` the fingerprint of the server's day; `stamp` (UTC) what a scan must go back to;
    `category` the image category whose pictures are the patients'."""

    feed: FeedState
    stamp: str
    top: str = ""
    first: str | None = None
    day: tuple[str, str, str] | None = None
    scan: Scan | None = None
    category: str = ""

    def text(self) -> str:
        """Its stored form."""
        value: dict[str, Any] = {"m": "db", "v": LAYOUT, "f": self.feed.as_list(), "s": self.stamp}
        if self.top:
            value["t"] = self.top
        if self.category:
            value["p"] = self.category
        if self.first is not None:
            value["i"] = self.first
        if self.day is not None:
            value["d"] = list(self.day)
        if self.scan is not None:
            value["c"] = [self.scan.position, self.scan.since, self.scan.begun]
        return json.dumps(value, separators=(",", ":"))


def parse(text: str | None) -> Cursor | None:
    """Back from its stored form; None for none and for what is not understood."""
    if not text:
        return None
    try:
        value = json.loads(text)
        if value["m"] != "db" or value["v"] != LAYOUT:
            return None
        day, scan, first = value.get("d"), value.get("c"), value.get("i")
        if first is not None and not isinstance(first, str):
            return None
        return Cursor(
            feed=FeedState.of_list(value["f"]),
            stamp=str(value["s"]),
            top=str(value.get("t", "")),
            first=first,
            category=str(value.get("p", "")),
            day=_three(day) if day is not None else None,
            scan=Scan(**dict(zip(("position", "since", "begun"), _three(scan), strict=True)))
            if scan
            else None,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _three(value: Any) -> tuple[str, str, str]:
    first, second, third = value
    return str(first), str(second), str(third)
