"""Patients and visits: everything once, today's visits first; then what was modified since the last look.

Lists are read in the order of numbers, each page after the last number of the one before, so that a row which moves
meanwhile is not skipped. Must not be in it: how often, what a call costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from chartbridge.connectors.ascend import codec
from chartbridge.connectors.ascend.client import Ascend
from chartbridge.domain.clock import Clock
from chartbridge.pms.reading import Page, Record

OVERLAP = timedelta(minutes=5)
"""So long before the last look stamps are read again: how late a change may show in the API is not known."""
BACK, AHEAD = timedelta(days=90), timedelta(days=548)
ALL_DAYS = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How far was read. `part`: "today", then "all" of a first read; empty for changes.

    `since`: from when on stamps are read next, by the server's time; while a list is read in pieces, `after` is the
    last number and `then` the next `since`.
    """

    part: str = ""
    day: str = ""
    since: str = ""
    after: str = ""
    then: str = ""


class ListReader:
    """Reads one of the API's lists. `has_today`: it is a schedule."""

    def __init__(
        self,
        api: Ascend,
        clock: Clock,
        resource: str,
        make: Callable[[codec.Item], Record],
        *,
        has_today: bool = False,
    ) -> None:
        self._api, self._clock = api, clock
        self._resource, self._make, self._has_today = resource, make, has_today

    def read(self, stored: str | None) -> Page:
        """The next page; one call."""
        place = _parse(stored) or self._begin()
        piece = self._api.page(self._resource, self._terms(place), place.after)
        records, bad = codec.decode(piece.items, self._make)
        then = place.then or (piece.at - OVERLAP).astimezone(UTC).isoformat(timespec="seconds")
        now = self._next(replace(place, then=then), piece.last_id)
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=json.dumps({"m": "ascend", "v": 1, **asdict(now)}, separators=(",", ":")),
            more=bool(now.part or now.after),
            complete=bool(place.part) and not now.part,
            rows_read=len(piece.items),
        )

    def _begin(self) -> Place:
        day = self._clock.now().astimezone(self._api.settings.zone).date()
        return Place(part="today" if self._has_today else ALL_DAYS, day=day.isoformat())

    def _next(self, place: Place, last_id: str | None) -> Place:
        if last_id is not None:
            return replace(place, after=last_id)
        if place.part == "today":
            return replace(place, part=ALL_DAYS, after="")
        return Place(since=place.then)

    def _terms(self, place: Place) -> list[str]:
        terms = [f"location.id=={self._api.settings.location_id}"] if self._has_today else []
        if not place.part:
            return [*terms, f"lastModified>={_stamp(datetime.fromisoformat(place.since))}"]
        if self._has_today:
            day = date.fromisoformat(place.day)
            ends = (day, day + timedelta(days=1)) if place.part == "today" else (day - BACK, day + AHEAD)
            terms += [f"start>={self._midnight(ends[0])}", f"start<{self._midnight(ends[1])}"]
        return terms

    def _midnight(self, day: date) -> str:
        return _stamp(datetime.combine(day, time(), self._api.settings.zone))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse(stored: str | None) -> Place | None:
    try:
        value = json.loads(stored or "")
        if (value.pop("m"), value.pop("v")) != ("ascend", 1):
            return None
        place = Place(**value)
        datetime.fromisoformat(place.since or place.day)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return place
