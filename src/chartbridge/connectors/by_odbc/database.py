"""Speaks to a practice's database: statements by name, the server's clock, which tables and columns it has.

It knows no patient: what a row means is the vendor's codec's. Must not be in it: deciding what is read or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.by_odbc.cells import moment, text
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.domain.clock import Clock
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.transport.odbc import Judge, Odbc, OdbcAddress, Row, Transaction
from chartbridge.transport.program import Program

CLOCK_EVERY_S = 60.0
Columns = Mapping[str, tuple[str, ...]]
"""Table → its columns."""


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

    `needed`: without these nothing can be read. `abilities`: what else each ability needs. `either`: a placeholder of
    the statements → a table and the names that one of its columns goes by, of which the first that is there is taken.
    `off` says why nothing is written until the practice has allowed it.
    """

    name: str
    statements: Mapping[str, str]
    needed: Columns
    abilities: Mapping[str, Columns]
    dialect: Dialect
    off: str
    either: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
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
        self._missing: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._shown = datetime.min  # noqa: DTZ901  a wall time without zone
        self._offset = timedelta()
        self._offset_at = float("-inf")

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
        return self.vendor.statements[name].format(
            owner=self._settings.owner, n=", ".join("?" * count), **self._found
        )

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction. Raises `Unauthorised` where the practice has not allowed it, before anything is sent."""
        if not self.may_write:
            raise Unauthorised(self.vendor.off, ability="all")
        with self._open().transaction() as step:
            yield step

    # the clock

    def local_now(self) -> datetime:
        """The server's wall time, by our own clock and the distance to it, which is asked for now and then."""
        if self._clock.monotonic() - self._offset_at > CLOCK_EVERY_S:
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
        apart = self._shown - self._clock.now().replace(tzinfo=None)
        self._offset = timedelta(minutes=15 * round(apart / timedelta(minutes=15)))
        self._offset_at = self._clock.monotonic()

    # what it has

    def version(self) -> str:
        """The program's version, or empty."""
        found = self.rows("version", self.vendor.version_args)
        return text(found[0][0]) if found else ""

    def check(self, ability: str) -> None:
        """Raise `Unavailable` during an update, `Unreadable` where this version lacks what an ability needs."""
        if why := self.missing().get(ability):
            raise Unreadable(
                f"This version of {self.name} lacks what is needed for this.", evidence=f"missing {why}"
            )

    def has(self, ability: str) -> bool:
        """Whether this version had what an ability needs when it was last looked at."""
        return ability not in self._missing

    def missing(self) -> dict[str, str]:
        """Which abilities this version lacks and for want of what; looked up once a session.

        Raises `Misconfigured` where it is another program's database, `Unavailable` while it is being changed.
        """
        odbc = self._open()
        self.ask_clock()  # a line that broke is made anew, and then is looked at anew
        if self._looked_at != odbc.opened:
            self._look()
            self._looked_at = odbc.opened
        return self._missing

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
        vendor = self.vendor
        lost = [table for table, columns in vendor.needed.items() if self._lacks(table, columns)]
        if len(lost) == len(vendor.needed):
            raise Misconfigured(
                f"This database has none of {self.name}'s tables. Check the database's name in the connection string "
                "and the owner of the tables.",
                setting="connection_string",
            )
        if lost:
            raise Unavailable(vendor.busy)
        missing = {
            ability: why
            for ability, tables in vendor.abilities.items()
            for table, columns in tables.items()
            if (why := self._lacks(table, columns))
        }
        for placeholder, (table, names) in vendor.either.items():
            there = next((name for name in names if not self._lacks(table, [name])), "")
            self._found[placeholder] = there
            if not there:
                missing[placeholder] = f"{table}.{names[0]}"
        self._missing = missing

    def _lacks(self, table: str, columns: Sequence[str]) -> str:
        """The first of the columns that is not there, or empty."""

        def there(names: Sequence[str]) -> bool:
            asked = ", ".join(f"t.{name}" for name in names)
            try:
                self._open().rows(
                    f"SELECT {asked} FROM {self._settings.owner}.{table} t WHERE t.{names[0]} IS NULL"
                    f" AND t.{names[0]} IS NOT NULL"
                )
            except (Misconfigured, Unauthorised, Unreadable):
                return False
            return True

        if there(columns):
            return ""
        return next((f"{table}.{name}" for name in columns if not there([name])), table)

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
