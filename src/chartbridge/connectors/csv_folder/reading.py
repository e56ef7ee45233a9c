"""Finds what changed between two versions of a file, by the hashes of its rows.

A cursor names the version told so far. The last versions are kept in memory; of one that isn't (after a restart) all is
told again, which the mirror compares. Must not be in it: files, columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from chartbridge.connectors.by_odbc.rehash import digest
from chartbridge.pms.reading import BadRow, Page, Record

PIECE = 400
KEPT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A file as it was: its records by key, today's first, and how many are today's."""

    name: str
    records: dict[str, Record | BadRow]
    today: int = 0
    hashes: dict[str, str] = field(default_factory=dict)

    def since(self, older: Version | None) -> list[Record | BadRow]:
        """What differs from an older version; everything where there is none."""
        if older is None:
            return list(self.records.values())
        return [each for key, each in self.records.items() if self.hashes[key] != older.hashes.get(key)]


def version(
    name: str, told: Sequence[Record | BadRow], is_today: Callable[[Record | BadRow], bool]
) -> Version:
    """Put records in order. A key that stands twice is named: which of the two is right can't be known."""
    records: dict[str, Record | BadRow] = {}
    for each in sorted(told, key=lambda record: not is_today(record)):
        doubled = each.key in records
        records[each.key] = BadRow(key=each.key, why="the key stands twice in the file") if doubled else each
    return Version(
        name=name,
        records=records,
        today=sum(is_today(each) for each in records.values()),
        hashes={key: digest((each,)) for key, each in records.items()},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How far was told: all of `name` where `at` is None, else what of it differs from `since`, up to `at`."""

    name: str
    since: str = ""
    at: int | None = 0
    first: bool = False


class VersionReader:
    """Reads one file's changes. Used by one thread at a time."""

    def __init__(self, current: Callable[[], tuple[str, Callable[[], Version]]]) -> None:
        """`current` says what the present version is called, and makes it."""
        self._current = current
        self._kept: dict[str, Version] = {}

    def read(self, cursor: str | None) -> Page:
        """The next page."""
        now, make = self._current()
        place = _parse(cursor) or Place(name=now, first=True)
        if place.at is None and place.name == now:
            return Page(cursor=_text(place))
        if now not in self._kept:
            self._kept[now] = make()
        if place.at is None:
            place = Place(name=now, since=place.name)
        if place.name not in self._kept or (place.since and place.since not in self._kept):
            place = Place(name=now, first=place.first)
        page = self._page(self._kept[place.name], place)
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)))
        return page

    def _page(self, of: Version, place: Place) -> Page:
        told = of.since(self._kept.get(place.since))
        begin = place.at or 0
        end = of.today if begin == 0 and not place.since and of.today else begin + PIECE
        more = end < len(told)
        piece = told[begin:end]
        return Page(
            records=tuple(each for each in piece if not isinstance(each, BadRow)),
            bad=tuple(each for each in piece if isinstance(each, BadRow)),
            cursor=_text(replace(place, at=end if more else None, since=place.since if more else "")),
            more=more,
            complete=place.first and not more,
            rows_read=len(of.records),
        )


def _text(place: Place) -> str:
    return json.dumps({"m": "csv", "v": 1, **asdict(place)}, separators=(",", ":"))


def _parse(stored: str | None) -> Place | None:
    try:
        value = json.loads(stored or "")
        if (value.pop("m"), value.pop("v")) == ("csv", 1):
            return Place(**value)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None
