"""Following a table that only grows (appointment history, security log) without losing a row.

The key tells of new rows; a window of the server's wall time tells of rows that became visible late, of random
keys, and of keys out of order. What was read inside the window is remembered by key, so nothing is read twice.
A number that is left out belongs to a transaction that is still open, or to one that was rolled back: it is looked
for by its key for a quarter of an hour, so that what is committed long after it was written is found as well.
Must not be in it: what the rows mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from itertools import islice

from chartbridge.connectors.open_dental.codec import Texts, moment
from chartbridge.connectors.open_dental.database import Database, ServerTime, as_text

OVERLAP = timedelta(seconds=30)
KEY_OVERLAP = 200
REMEMBERED = 2000
GAP_LASTS = timedelta(minutes=15)
MOST_GAPS = 200

Gap = tuple[int, int]
"""A key that is not there yet, and since when: seconds of the server's UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """Where reading stands: the highest key, the begin of the window, the keys read inside it, those left out."""

    highest: str
    since: str
    seen: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def as_list(self) -> list[object]:
        """For a cursor."""
        told: list[object] = [self.highest, self.since, ",".join(self.seen)]
        return [*told, ",".join(f"{key}@{since}" for key, since in self.gaps)] if self.gaps else told

    @staticmethod
    def of_list(value: object) -> FeedState:
        """Back from a cursor. Raises `ValueError`."""
        if (
            not isinstance(value, list)
            or len(value) not in (3, 4)
            or not all(isinstance(each, str) for each in value)
        ):
            raise ValueError("not a feed")
        highest, since, seen, gaps = value if len(value) == 4 else [*value, ""]
        return FeedState(
            highest=highest,
            since=since,
            seen=tuple(seen.split(",")) if seen else (),
            gaps=tuple(_gap(each) for each in gaps.split(",")) if gaps else (),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedNews:
    """New rows, and where reading stands after them. `more` while there may be more at once."""

    rows: list[Texts]
    state: FeedState
    more: bool = False


class Feed:
    """One growing table. `name` is the prefix of its three statements."""

    def __init__(
        self, database: Database, name: str, table: str, stamp: str, stamp_at: int, utc_at: int | None = None
    ) -> None:
        """`stamp` is the column of server wall time, at `stamp_at` of a row; `utc_at` a stamp in UTC, if any."""
        self._db, self._name, self._table, self._stamp = database, name, table, stamp
        self._stamp_at, self._utc_at = stamp_at, stamp_at if utc_at is None else utc_at

    def by_time(self) -> bool:
        """Whether the window is one of time; of keys where the stamp has no index."""
        return self._db.has_index(self._table, self._stamp)

    def start(self, highest: str | None, now: ServerTime) -> FeedState:
        """The state of a reader that has everything up to this moment; the window's rows come once more."""
        reached = highest or "0"
        gaps: tuple[Gap, ...] = ()
        if not self._db.random_keys and (newest := int(reached)):
            after = max(0, newest - KEY_OVERLAP)
            rows = self._db.rows(f"{self._name}_by_key", among=[str(k) for k in range(after + 1, newest + 1)])
            gaps = _left_out(after, newest, rows, now)
        return FeedState(highest=reached, since=self._since(reached, now), gaps=gaps)

    def initial_since(self, now: ServerTime) -> str:
        """The window to ask for before there is a state."""
        return as_text(now.local - OVERLAP) if self.by_time() else "0"

    def changed(self, state: FeedState, highest: str | None, count: str | None, now: ServerTime) -> bool:
        """Whether there is anything to read, or a window to move on that holds only what is long known."""
        return (
            (highest or "0") != state.highest
            or int(count or 0) != len(state.seen)
            or self._behind(state, now)
            or self._passed(state, now)
            or bool(self._filled(state, now))
        )

    def went_back(self, state: FeedState, highest: str | None) -> bool:
        """Whether the highest key is lower than it was: rows of these tables are never removed."""
        return not self._db.random_keys and int(highest or 0) < int(state.highest)

    def news(self, state: FeedState, highest: str | None, now: ServerTime) -> FeedNews:
        """Read what is new."""
        if self._behind(state, now):  # the clock was set back, or the hour of a DST night repeats
            state = replace(state, since=self._since(state.highest, now))
        rows: list[Texts] = list(self._filled(state, now))
        state = replace(state, gaps=_still_open(state, rows, now))
        reached = highest or "0"
        if not self._db.random_keys and int(reached) > int(state.highest):
            fresh = self._db.rows(f"{self._name}_after", (state.highest,))
            full = len(fresh) >= 500
            upto = (fresh[-1][0] or "0") if full else reached
            left_out = _left_out(int(state.highest), int(upto), fresh, now)
            state = replace(state, gaps=(*state.gaps, *left_out)[-MOST_GAPS:])
            rows += fresh
            if full:
                rows.sort(key=self._order)
                return FeedNews(rows=rows, state=self._kept(state, rows, upto), more=True)
        known = {*state.seen, *(row[0] or "" for row in rows)}
        # Keys and stamps of the window, and whole rows only of what came late. The window's limit is above what
        # is remembered and a page of each: where it is reached, there are late ones.
        window = self._db.rows(f"{self._name}_window", (state.since,))
        late = [row[0] or "" for row in window if row[0] not in known][:500]
        if late:
            rows += self._db.rows(f"{self._name}_by_key", among=late)
        rows.sort(key=self._order)
        if len(late) >= 500:
            state = replace(state, gaps=_still_open(state, rows, now))
            return FeedNews(rows=rows, state=self._kept(state, rows, reached), more=True)
        known.update(late)
        state = replace(state, gaps=_still_open(state, rows, now))
        since = self._since(reached, now)
        inside = {row[0] or "" for row in window if self._not_before(since, row[0], row[1])}
        return FeedNews(
            rows=rows,
            state=FeedState(
                highest=reached, since=since, seen=tuple(sorted(known & inside)), gaps=state.gaps
            ),
        )

    def _filled(self, state: FeedState, now: ServerTime) -> Sequence[Texts]:
        """The rows that have come to be where numbers were left out."""
        keys = [str(key) for key, _ in _still_open(state, (), now)]
        return self._db.rows(f"{self._name}_by_key", among=keys) if keys else ()

    def _kept(self, state: FeedState, rows: list[Texts], highest: str) -> FeedState:
        """In the middle of many: remember what was read; where that is too much, move the window on."""
        seen = {*state.seen, *(row[0] or "" for row in rows if self._inside(row, state.since))}
        since = state.since
        if len(seen) > REMEMBERED:
            since = (rows[-1][self._stamp_at] if self.by_time() else rows[-1][0]) or since
            seen = {row[0] or "" for row in rows if self._inside(row, since)}
        return FeedState(highest=highest, since=since, seen=tuple(sorted(seen)), gaps=state.gaps)

    def _order(self, row: Texts) -> tuple[str, int]:
        """As they were written: by key, or where keys are random by the stamp that no clock change turns back."""
        return ("" if not self._db.random_keys else row[self._utc_at] or "", int(row[0] or 0))

    def _inside(self, row: Texts, since: str) -> bool:
        return self._not_before(since, row[0], row[self._stamp_at])

    def _not_before(self, since: str, key: str | None, stamp: str | None) -> bool:
        return (stamp or "") >= since if self.by_time() else int(key or 0) >= int(since)

    def _since(self, highest: str, now: ServerTime) -> str:
        return as_text(now.local - OVERLAP) if self.by_time() else str(max(0, int(highest) - KEY_OVERLAP))

    def _passed(self, state: FeedState, now: ServerTime) -> bool:
        """Whether a window with rows in it lies behind, so that they needn't be counted and listed again."""
        since = moment(state.since) if self.by_time() and state.seen else None
        return since is not None and now.local > since + 2 * OVERLAP

    def _behind(self, state: FeedState, now: ServerTime) -> bool:
        if not self.by_time():
            return False
        since = moment(state.since)
        return since is not None and now.local < since


def _gap(text: str) -> Gap:
    key, _, since = text.partition("@")
    return int(key), int(since)


def _left_out(after: int, upto: int, rows: Sequence[Texts], now: ServerTime) -> tuple[Gap, ...]:
    """The numbers after one and up to another that none of these rows has; where there are many, the newest."""
    there = {int(row[0] or 0) for row in rows}
    if upto - after == len(there):
        return ()
    noticed = int(now.utc.replace(tzinfo=UTC).timestamp())
    newest = (key for key in range(upto, after, -1) if key not in there)
    return tuple((key, noticed) for key in sorted(islice(newest, MOST_GAPS)))


def _still_open(state: FeedState, rows: Sequence[Texts], now: ServerTime) -> tuple[Gap, ...]:
    """Those numbers that may still come to be."""
    there = {int(row[0] or 0) for row in rows}
    oldest = int((now.utc.replace(tzinfo=UTC) - GAP_LASTS).timestamp())
    return tuple((key, since) for key, since in state.gaps if since >= oldest and key not in there)
