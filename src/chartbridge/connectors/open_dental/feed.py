"""Following a table that only grows (appointment history, security log) without losing a row.

The key tells of new rows; a window of the server's wall time tells of rows that became visible late, of random
keys, and of keys out of order. What was read inside the window is remembered by key, so nothing is read twice.
Must not be in it: what the rows mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from chartbridge.connectors.open_dental.codec import Texts, moment
from chartbridge.connectors.open_dental.database import Database, ServerTime, as_text

OVERLAP = timedelta(seconds=30)
KEY_OVERLAP = 200
REMEMBERED = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """Where reading stands: the highest key, the begin of the window, the keys read inside it."""

    highest: str
    since: str
    seen: tuple[str, ...] = ()

    def as_list(self) -> list[object]:
        """For a cursor."""
        return [self.highest, self.since, ",".join(self.seen)]

    @staticmethod
    def of_list(value: object) -> FeedState:
        """Back from a cursor. Raises `ValueError`."""
        if not isinstance(value, list) or len(value) != 3 or not all(isinstance(each, str) for each in value):
            raise ValueError("not a feed")
        highest, since, seen = value
        return FeedState(highest=highest, since=since, seen=tuple(seen.split(",")) if seen else ())


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
        return FeedState(highest=highest or "0", since=self._since(highest or "0", now))

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
        )

    def went_back(self, state: FeedState, highest: str | None) -> bool:
        """Whether the highest key is lower than it was: rows of these tables are never removed."""
        return not self._db.random_keys and int(highest or 0) < int(state.highest)

    def news(self, state: FeedState, highest: str | None, now: ServerTime) -> FeedNews:
        """Read what is new."""
        if self._behind(state, now):  # the clock was set back, or the hour of a DST night repeats
            state = replace(state, since=self._since(state.highest, now))
        rows: list[Texts] = []
        reached = highest or "0"
        if not self._db.random_keys and int(reached) > int(state.highest):
            rows = list(self._db.rows(f"{self._name}_after", (state.highest,)))
            if len(rows) >= 500:
                last = rows[-1][0] or "0"
                return FeedNews(rows=rows, state=self._kept(state, rows, last), more=True)
        known = {*state.seen, *(row[0] or "" for row in rows)}
        # Keys and stamps of the window, and whole rows only of what came late. The window's limit is above what
        # is remembered and a page of each: where it is reached, there are late ones.
        window = self._db.rows(f"{self._name}_window", (state.since,))
        late = [row[0] or "" for row in window if row[0] not in known][:500]
        if late:
            rows += self._db.rows(f"{self._name}_by_key", among=late)
        rows.sort(key=self._order)
        if len(late) >= 500:
            return FeedNews(rows=rows, state=self._kept(state, rows, reached), more=True)
        known.update(late)
        since = self._since(reached, now)
        inside = {row[0] or "" for row in window if self._not_before(since, row[0], row[1])}
        return FeedNews(
            rows=rows, state=FeedState(highest=reached, since=since, seen=tuple(sorted(known & inside)))
        )

    def _kept(self, state: FeedState, rows: list[Texts], highest: str) -> FeedState:
        """In the middle of many: remember what was read; where that is too much, move the window on."""
        seen = {*state.seen, *(row[0] or "" for row in rows if self._inside(row, state.since))}
        since = state.since
        if len(seen) > REMEMBERED:
            since = (rows[-1][self._stamp_at] if self.by_time() else rows[-1][0]) or since
            seen = {row[0] or "" for row in rows if self._inside(row, since)}
        return FeedState(highest=highest, since=since, seen=tuple(sorted(seen)))

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
