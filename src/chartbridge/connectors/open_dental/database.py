"""Open Dental's database as it is here: which columns and indexes there are, its clock, its preferences.

Runs the named statements. Must not be in it: what a row means (codec), which rows are wanted (the readers).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from chartbridge.connectors.open_dental.codec import moment
from chartbridge.connectors.open_dental.statements import FIELDS, PACKED, READ_FROM, REQUIRED, compiled, keys
from chartbridge.connectors.open_dental.words import UPDATING
from chartbridge.pms.errors import Misconfigured, Unavailable, Unreadable
from chartbridge.transport.read_ahead import Args, Following, Read, ReadAhead, read_packed
from chartbridge.transport.sql import Row, Rows, Sql

NAME = "Open Dental's database"
UPDATE_LOOKED_FOR_S = 30.0
"""Checks that read nothing look for an update of Open Dental so often; what reads a table looks first."""
JUST_LOOKED_S = 3.0
"""The tables are not looked up again so soon: a connection that begins asks for them more than once."""
_UPDATING = "UpdateInProgressOnComputerName"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTime:
    """The server's own clock: `local` as its NOW() writes it, `utc` of the same moment."""

    local: datetime
    utc: datetime

    @property
    def offset(self) -> timedelta:
        """Local minus UTC, to the minute."""
        return timedelta(minutes=round((self.local - self.utc).total_seconds() / 60))

    @property
    def today(self) -> tuple[str, str]:
        """Begin and end of the server's present day, as texts."""
        return day_bounds(self.local)


class Database:
    """The tables of one office. Looks the columns up once per session."""

    def __init__(self, sql: Sql, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sql, self._monotonic = sql, monotonic
        self._rested_at = self._looked_at = float("-inf")
        self._statements: dict[str, str] = compiled({}, {})
        self._session = 0
        self._second, self._ahead = sql.another(), dict[str, ReadAhead]()
        self.columns: Mapping[str, frozenset[str]] = {}
        self.indexes: Mapping[tuple[str, str], str] = {}
        self.types: Mapping[str, str] = {}
        self.lacking: Mapping[str, Sequence[str]] = {}
        self._told: Mapping[str, str] = {}  # the types as the core was last told of them
        self.random_keys = False

    def rows(self, name: str, args: Sequence[object] = (), *, among: Iterable[str] | None = None) -> Rows:
        """Run a named statement; `among` fills its list of keys."""
        return self._sql.rows(self._text(name, among), args)

    def page(self, name: str, args: Args, following: Following) -> Rows:
        """Read a page of the first read, and meanwhile what follows it. `following` says where that begins, if any."""
        ahead = self._ahead.get(name)
        rows = ahead.take(args) if ahead else None
        if rows is None:
            rows = self._reader(self._sql, name)(args)
        after = following(args, rows)
        if after is None:
            self._stop_reading_ahead(name)
        else:
            if ahead is None:
                ahead = ReadAhead(self._reader(self._second, name), following, self._monotonic)
                self._ahead[name] = ahead
            ahead.go_on(after)
        return rows

    def _reader(self, line: Sql, name: str) -> Read:
        packed, plain = self._text(f"{name}_packed", None), self._text(name, None)
        return partial(read_packed, line, packed, plain, len(FIELDS[PACKED[name][0]][1]))

    def _stop_reading_ahead(self, *names: str) -> None:
        for name in names:
            if ahead := self._ahead.pop(name, None):
                ahead.stop()
        if not self._ahead:
            self._second.close()

    def check(self, name: str, args: Sequence[object]) -> Row:
        """The one row of a check. Raises `Unavailable` while an update runs, which is looked for now and then."""
        looks = self._monotonic() - self._rested_at >= UPDATE_LOOKED_FOR_S
        row = self.rows(name if looks else f"{name}_soon", args)[0]
        if looks:
            self._at_rest(row[2])
        return row

    def before_reading(self) -> None:
        """Raise `Unavailable` while an update of Open Dental runs: its tables change under the reader."""
        if self._monotonic() - self._rested_at >= 1:
            self._at_rest(self.preferences([_UPDATING]).get(_UPDATING))

    def told_of_update(self) -> None:
        """An update was seen to run: the next check looks for it."""
        self._rested_at = float("-inf")

    def _at_rest(self, flag: str | None) -> None:
        if flag and flag.strip():
            self.told_of_update()
            raise Unavailable(UPDATING, retry_after=30)
        self._rested_at = self._monotonic()

    def timed(self, name: str, args: Sequence[object] = ()) -> tuple[Rows, float]:
        """Run a named statement and say how many seconds it took."""
        return self._sql.timed(self._text(name, None), args)

    def preferences(self, names: Iterable[str]) -> dict[str, str]:
        """Values of Open Dental's preferences by name; absent ones are left out."""
        wanted = ", ".join(f"'{name}'" for name in names if name.isalnum())
        found = self._sql.rows(self._text("preferences", None).format(names=wanted))
        return {name: value or "" for name, value in found if name}

    def grants(self) -> list[str]:
        """What this user may do, in the server's words."""
        return [row[0] or "" for row in self._sql.rows(self._text("grants", None))]

    def local_time(self, at: datetime) -> datetime:
        """The server's wall time of a moment (aware): also right for moments of the other half of the year."""
        text = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        shown = moment(self.rows("local_time", (text,))[0][0])
        if shown is None:
            raise Unreadable("The database server could not convert a time.", evidence="CONVERT_TZ")
        return shown

    def has(self, table: str, column: str) -> bool:
        """Whether a column is there."""
        self._look()
        return column.lower() in self.columns.get(table, frozenset())

    def has_index(self, table: str, column: str) -> bool:
        """Whether an index begins with a column."""
        self._look()
        return (table, column.lower()) in self.indexes

    def hold(self, name: str) -> tuple[bool, bool]:
        """Hold a lock of that name on this office's database: whether it is held, and whether since just now."""
        place = hashlib.sha256(f"{self._sql.database}\n{name}".lower().encode()).hexdigest()[:32]
        return self._sql.hold(f"chartbridge:{place}")  # at most 64 characters

    def forget(self) -> None:
        """Look the columns up again at the next use: the tables may have been changed by an update."""
        self._session = 0

    def reshaped(self) -> bool:
        """Look anew; whether the tables are other than they were when they were last looked at."""
        before = self.types, self.indexes
        self.forget()
        self._look()
        return before != (self.types, self.indexes)

    def reads(self) -> dict[str, dict[str, str]]:
        """What each ability is read from, just looked up: its columns and their types, '' for one that is missing."""
        if self._monotonic() - self._looked_at >= JUST_LOOKED_S:
            self.forget()
        self._look()
        self._told = self.types
        found: dict[str, dict[str, str]] = {}
        for ability, names in READ_FROM.items():
            for table, fields in (FIELDS[name] for name in names):
                for each in fields:
                    kind = self.types.get(f"{table}.{each.lower()}", "")
                    found.setdefault(ability, {})[f"{table}.{each}"] = kind
        return found

    def demand(self, ability: str) -> None:
        """Raise `Unreadable` where something is missing without which an ability's tables can't be read.

        Also where something vanished that the core does not know of yet: it decides whether to go on without.
        """
        self._look()
        vanished = self._vanished(ability)
        if vanished:
            raise Unreadable(
                "Open Dental's tables were changed; what was read before is no longer there: "
                + ", ".join(vanished),
                evidence=", ".join(vanished),
            )
        tables = {FIELDS[name][0] for name in READ_FROM.get(ability, ())} | {"preference"}
        lacking = [name for table in sorted(tables) for name in self.lacking.get(table, ())]
        if lacking:
            raise Unreadable(
                "Open Dental's database lacks something that is needed, so this can't be read in this version: "
                + ", ".join(lacking)
                + ". If the database user may not see every table, give it the SELECT right on the whole database.",
                evidence=", ".join(lacking),
            )

    def _vanished(self, ability: str) -> list[str]:
        if self._told is self.types:
            return []
        read = [(FIELDS[name][0], field) for name in READ_FROM.get(ability, ()) for field in FIELDS[name][1]]
        names = [f"{table}.{field}" for table, field in read]
        return [name for name in names if name.lower() in self._told and name.lower() not in self.types]

    def close(self) -> None:
        self._stop_reading_ahead(*self._ahead)
        self._sql.close()

    def _text(self, name: str, among: Iterable[str] | None) -> str:
        if self._session == 0 or self._session != self._sql.opened:
            self._look()
        text = self._statements[name]
        return text if among is None else text.replace("{keys}", keys(among))

    def _look(self) -> None:
        if self._session and self._session == self._sql.opened:
            return
        plain = compiled({}, {})
        columns: dict[str, set[str]] = {}
        types: dict[str, str] = {}
        for table, column, kind in self._sql.rows(plain["columns"]):
            columns.setdefault(table or "", set()).add((column or "").lower())
            types[f"{table}.{(column or '').lower()}"] = kind or "?"
        indexes = {
            (table or "", (column or "").lower()): index or ""
            for table, column, index in self._sql.rows(plain["indexes"])
        }
        self.lacking = _lacking(columns)
        self.types = types
        self._told = self._told or types
        self.columns = {table: frozenset(names) for table, names in columns.items()}
        self.indexes = indexes
        self._statements = compiled(self.columns, self.indexes)
        self._session, self._looked_at = self._sql.opened, self._monotonic()
        self.random_keys = self.preferences(["RandomPrimaryKeys"]).get("RandomPrimaryKeys") == "1"


def _lacking(columns: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """What is missing, by table. Raises where the tables can't be Open Dental's."""
    missing = [table for table in REQUIRED if table not in columns]
    if len(missing) > len(REQUIRED) // 2:
        raise Misconfigured(
            "This database is not Open Dental's, or the database user may not see its tables. "
            "Check the database name and give the user the SELECT right.",
            setting="db_name",
        )
    lacking = {table: [table] for table in missing}
    for table, names in REQUIRED.items():
        if table in columns:
            absent = [f"{table}.{name}" for name in names if name.lower() not in columns[table]]
            lacking |= {table: absent} if absent else {}
    return lacking


def server_time(row: Sequence[str | None]) -> ServerTime:
    """The clock from the first two columns of a check."""
    utc = moment(row[1])
    local = moment(row[0]) or utc  # a named zone without zone tables converts to nothing
    if utc is None or local is None:
        raise Unreadable("The database server did not say its time.", evidence="UTC_TIMESTAMP")
    return ServerTime(local=local, utc=utc)


def day_bounds(at: datetime) -> tuple[str, str]:
    """The day of a wall time, from its midnight to the next."""
    begin = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return as_text(begin), as_text(begin + timedelta(days=1))


def as_text(at: datetime) -> str:
    """A wall time as the server writes it."""
    return at.strftime("%Y-%m-%d %H:%M:%S") if at.year >= 1000 else at.isoformat(sep=" ", timespec="seconds")
