"""Speaks to a practice's database: statements by name, the server's clock, which tables and columns it has.

It knows no patient: what a row means is the vendor's codec's. Must not be in it: deciding what is read or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.by_odbc.cells import moment, text
from chartbridge.connectors.by_odbc.layout import Layout, Types
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.transport.odbc import Judge, Odbc, OdbcAddress, Row, Transaction
from chartbridge.transport.program import Program

CLOCK_EVERY_S = 60.0
_SET = timedelta(minutes=1)
"""A clock that was moved by less was not set."""
UPDATE_LASTS_S = 3600.0
"""So long tables that every version has may be away: then it is no update, and what needs them is given up."""
LOOK = "SELECT {columns} FROM {owner}.{table} t WHERE 1 = 0"
"""Looks whether columns are there, and of which types they are; returns no row."""
_TOLD_OF = frozenset([*Stream, *CommandKind])


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What only one vendor's database understands, and what it means by an error of its own.

    `now` asks for the server's wall time, with `now_args`; `identity` for the key that this session inserted last,
    where there is such a statement.
    """

    now: str
    judge: Judge
    identity: str = ""
    now_args: tuple[object, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """A vendor's tables and statements.

    `basic`: tables that every version has. `part_of`: an ability that is neither a stream nor a command → the one that
    it is a part of. `off` says why nothing is written until the practice has allowed it.
    """

    name: str
    layout: Layout
    basic: tuple[str, ...]
    dialect: Dialect
    off: str
    part_of: Mapping[str, str] = field(default_factory=dict)
    version_args: tuple[object, ...] = ()

    @property
    def busy(self) -> str:
        """What is said while the tables are being changed."""
        return f"{self.name}'s tables are being changed, as they are while it is updated. Reading and writing wait."


class Database:
    """One practice's database. Nothing is opened until it is used."""

    def __init__(self, vendor: Vendor, settings: OdbcSettings, clock: Clock) -> None:
        self.vendor = vendor
        self._settings, self._clock = settings, clock
        self._odbc: Odbc | None = None
        self._looked_at = -1
        self._types: Types = {}
        self._told: dict[str, dict[str, str]] | None = None
        self._missing: dict[str, str] = {}
        self._filled: dict[str, object] | None = None
        self._away_since: float | None = None
        self._shown = datetime.min  # noqa: DTZ901  a wall time without zone
        self._offset = timedelta()
        self._offset_at, self._asked_at = float("-inf"), clock.now()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.vendor.name

    @property
    def may_write(self) -> bool:
        """Whether the practice has said that we may write."""
        return self._settings.may_write

    def rows(self, name: str, args: Sequence[object] = ()) -> list[Row]:
        """Run a reading statement. `{n}` becomes as many placeholders as there are arguments."""
        return self._open().rows(self.text_of(name, len(args)), args)

    def text_of(self, name: str, count: int = 0) -> str:
        """A statement with its owner, the columns' names of this version, and placeholders."""
        if self._filled is None:
            self.look()
        places = {"owner": self._settings.owner, "n": ", ".join("?" * count), **(self._filled or {})}
        return self.vendor.layout.statements[name].format_map(places)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction. Raises `Unauthorised` where the practice has not allowed it, before anything is sent."""
        if not self.may_write:
            raise Unauthorised(self.vendor.off, until_asked=True)
        with self._open().transaction() as step:
            yield step

    # the clock

    def local_now(self) -> datetime:
        """The server's wall time, by our own clock and the distance to it, which is asked for now and then, and anew
        where our clock was set."""
        passed = self._clock.monotonic() - self._offset_at
        if (
            passed > CLOCK_EVERY_S
            or abs(self._clock.now() - self._asked_at - timedelta(seconds=passed)) > _SET
        ):
            self.ask_clock()
        return (self._clock.now() + self._offset).replace(tzinfo=None, microsecond=0)

    def to_local(self, at: datetime) -> datetime:
        """A moment as the server's wall time of today's offset."""
        self.local_now()
        return (at.astimezone(UTC) + self._offset).replace(tzinfo=None, microsecond=0)

    def to_utc(self, wall: datetime) -> datetime:
        """A wall time of the server's as a moment, by today's offset."""
        self.local_now()
        return (wall - self._offset).replace(tzinfo=UTC)

    def shown(self) -> tuple[datetime, int]:
        """The wall time that the server showed when `missing` was last asked, and how many minutes from UTC it was."""
        return self._shown, round(self._offset / timedelta(minutes=1))

    def server_clock(self) -> tuple[datetime, timedelta]:
        """Ask the server for its wall time; return that moment (UTC) and the offset, to the quarter of an hour."""
        self.ask_clock()
        return (self._shown - self._offset).replace(tzinfo=UTC), self._offset

    def ask_clock(self) -> None:
        """Ask the server for its wall time. A line that broke is made anew."""
        dialect = self.vendor.dialect
        found = self._open().rows(dialect.now.format(owner=self._settings.owner), dialect.now_args)
        if not found:
            raise Unreadable(f"{self.name} does not say what time it is there.", evidence="now")
        self._shown = moment(found[0][0], "now")
        self._asked_at = self._clock.now()
        apart = self._shown - self._asked_at.replace(tzinfo=None)
        self._offset = timedelta(minutes=15 * round(apart / timedelta(minutes=15)))
        self._offset_at = self._clock.monotonic()

    # what it has

    def version(self) -> str:
        """The program's version, or empty."""
        found = self.rows("version", self.vendor.version_args) if self.has("version") else []
        return text(found[0][0]) if found else ""

    def check(self, ability: str) -> None:
        """Raise `Unreadable` where this version lacks what an ability needs, or where something has vanished of which
        the core, which decides whether to go on without, has not been told yet; `Unavailable` during an update."""
        self.look()
        if vanished := self._vanished(self.vendor.part_of.get(ability, ability)):
            raise Unreadable(
                f"{self.name}'s tables were changed; what was read before is no longer there: {', '.join(vanished)}.",
                evidence=", ".join(vanished),
            )
        if why := self._missing.get(ability):
            raise Unreadable(
                f"This version of {self.name} lacks what is needed for this: {why}.",
                evidence=f"missing {why}",
            )

    def has(self, ability: str) -> bool:
        """Whether this version had what an ability needs when it was last looked at."""
        return ability not in self._missing

    def missing(self) -> dict[str, str]:
        """Which abilities and optional columns this version lacks and for want of what; asks for the clock as well.

        Raises `Misconfigured` where it is another program's database, `Unavailable` while it is being changed.
        """
        self.ask_clock()  # a line that broke is made anew, and then is looked at anew
        self.look()
        return self._missing

    def look(self) -> None:
        """Look which columns there are, once a session. Raises as `missing` does."""
        odbc = self._open()
        if self._looked_at != odbc.opened:
            self._look()
            self._looked_at = odbc.opened

    def reads(self) -> dict[str, dict[str, str]]:
        """What each stream and command is read from, as it was last looked at: the core is told of it."""
        self._told = self._as_told()
        return self._told

    def forget(self) -> None:
        """Look at the tables anew with the next statement: they may have been changed."""
        self._looked_at = -1

    def close(self) -> None:
        """Let the lines go."""
        held, self._odbc = self._odbc, None
        if held is not None:
            held.close()
        self.forget()

    def _look(self) -> None:
        vendor, layout = self.vendor, self.vendor.layout
        types = {
            name: kind
            for table, columns in layout.tables.items()
            for name, kind in self._there(table, columns)
        }
        for table, words in layout.either.values():
            types |= dict(each for word in words for each in self._there(table, [word]))
        there = {name.partition(".")[0] for name in types}
        if not there.intersection(vendor.basic):
            raise Misconfigured(
                f"This database has none of {self.name}'s tables. Check the database's name in the connection string "
                "and the owner of the tables.",
                setting="connection_string",
            )
        if there.issuperset(vendor.basic):
            self._away_since = None
        else:
            now = self._clock.monotonic()
            self._away_since = now if self._away_since is None else self._away_since
            if now - self._away_since < UPDATE_LASTS_S:
                raise Unavailable(vendor.busy)
        self._types = types
        self._missing, self._filled = layout.missing(types), layout.filled(types)
        if self._told is None:
            self._told = self._as_told()

    def _there(self, table: str, columns: Sequence[str]) -> list[tuple[str, str]]:
        """Those of the columns that are there, with their types."""
        asked = ", ".join(f"t.{name}" for name in columns)
        try:
            types = self._open().types(LOOK.format(columns=asked, owner=self._settings.owner, table=table))
        except (Misconfigured, Unauthorised, Unreadable):
            if len(columns) == 1:
                return []
            return [each for name in columns for each in self._there(table, [name])]
        return [(f"{table}.{name}", kind) for name, kind in zip(columns, types, strict=True)]

    def _as_told(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for ability in self.vendor.layout.abilities:
            whole = self.vendor.part_of.get(ability, ability)
            if whole in _TOLD_OF:
                found.setdefault(whole, {}).update(self.vendor.layout.columns(ability, self._types))
        return found

    def _vanished(self, ability: str) -> list[str]:
        told = (self._told or {}).get(ability, {})
        return [name for name, kind in told.items() if kind and name not in self._types]

    def _open(self) -> Odbc:
        if self._odbc is None:
            settings = self._settings
            given = settings.connection_string
            if not given:
                given = Program(
                    settings.connection_program,
                    names=(),
                    setting="connection_program",
                    name="the connection string",
                ).ask({})
            self._odbc = Odbc(
                OdbcAddress(connection_string=given, opening_to_write=settings.opening_to_write),
                name=self.name,
                judge=self.vendor.dialect.judge,
            )
        return self._odbc
