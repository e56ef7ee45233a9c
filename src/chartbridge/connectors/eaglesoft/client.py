"""Speaks to Eaglesoft's database: statements by name, the server's clock, which tables and columns it has.

It knows no patient: what a row means is the codec's. Must not be in it: deciding what is read or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.eaglesoft import dialect
from chartbridge.connectors.eaglesoft.codec import moment, text
from chartbridge.connectors.eaglesoft.settings import EaglesoftSettings
from chartbridge.connectors.eaglesoft.statements import ABILITIES, NEEDED, STATEMENTS
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.domain.clock import Clock
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.transport.odbc import Odbc, OdbcAddress, Row, Transaction
from chartbridge.transport.program import Program

CLOCK_EVERY_S = 60.0
BUSY = f"{NAME}'s tables are being changed, as they are while it is updated. Reading and writing wait."


class Database:
    """One practice's Eaglesoft. Nothing is opened until it is used."""

    def __init__(self, settings: EaglesoftSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._odbc: Odbc | None = None
        self._looked_at = -1
        self._missing: dict[str, str] = {}
        self._offset = timedelta()
        self._offset_at = float("-inf")

    @property
    def may_write(self) -> bool:
        """Whether an authorisation for writing is entered."""
        return bool(self._settings.authorisation)

    def rows(self, name: str, args: Sequence[object] = ()) -> list[Row]:
        """Run a reading statement. `{n}` becomes as many placeholders as there are arguments."""
        return self._open().rows(self.text_of(name, len(args)), args)

    def text_of(self, name: str, count: int = 0) -> str:
        """A statement with its owner and placeholders."""
        return STATEMENTS[name].format(owner=self._settings.owner, n=", ".join("?" * count))

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction. Raises `Unauthorised` where no authorisation is entered, before anything is sent."""
        if not self.may_write:
            raise Unauthorised(
                f"Writing into {NAME} is off: its database takes writes only from programs that Patterson has "
                "authorised for this practice. Enter that authorisation on the PMS Connection page.",
                ability="all",
            )
        with self._open().transaction() as step:
            yield step

    def local_now(self) -> datetime:
        """The server's wall time, by our own clock and the distance to it, which is asked for now and then."""
        if self._clock.monotonic() - self._offset_at > CLOCK_EVERY_S:
            self.server_clock()
        return (self._clock.now() + self._offset).replace(tzinfo=None, microsecond=0)

    def to_local(self, at: datetime) -> datetime:
        """A moment as the server's wall time of today's offset."""
        self.local_now()
        return (at.astimezone(UTC) + self._offset).replace(tzinfo=None, microsecond=0)

    def to_utc(self, wall: datetime) -> datetime:
        """A wall time of the server's as a moment, by today's offset."""
        self.local_now()
        return (wall - self._offset).replace(tzinfo=UTC)

    def server_clock(self) -> tuple[datetime, timedelta]:
        """Ask the server for its wall time; return that moment (UTC) and the offset, to the quarter of an hour."""
        shown = moment(self._open().rows(dialect.NOW)[0][0], "now")
        apart = shown - self._clock.now().replace(tzinfo=None)
        self._offset = timedelta(minutes=15 * round(apart / timedelta(minutes=15)))
        self._offset_at = self._clock.monotonic()
        return (shown - self._offset).replace(tzinfo=UTC), self._offset

    def version(self) -> str:
        """Eaglesoft's version, or empty."""
        found = self.rows("version")
        return text(found[0][0]) if found else ""

    def check(self, ability: str) -> None:
        """Raise `Unavailable` during an update, `Unreadable` where this version lacks what an ability needs."""
        missing = self.missing()
        if why := missing.get(ability):
            raise Unreadable(
                f"This version of {NAME} lacks what is needed for this.", evidence=f"missing {why}"
            )

    def missing(self) -> dict[str, str]:
        """Which abilities this version lacks and for want of what; looked up once a session.

        Raises `Misconfigured` where it is another program's database, `Unavailable` while it is being changed.
        """
        odbc = self._open()
        odbc.rows(dialect.NOW)  # a line that broke is made anew, and then is looked at anew
        if self._looked_at != odbc.opened:
            lost = [table for table, columns in NEEDED.items() if self._lacks(table, columns)]
            if len(lost) == len(NEEDED):
                raise Misconfigured(
                    f"This database has none of {NAME}'s tables. Check the database's name in the connection string "
                    "and the owner of the tables.",
                    setting="connection_string",
                )
            if lost:
                raise Unavailable(BUSY)
            self._missing = {
                ability: why
                for ability, tables in ABILITIES.items()
                for table, columns in tables.items()
                if (why := self._lacks(table, columns))
            }
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
            authorisation = (settings.authorisation,) if settings.authorisation else ()
            self._odbc = Odbc(
                OdbcAddress(connection_string=given, opening_to_write=authorisation),
                name=NAME,
                judge=dialect.judge,
            )
        return self._odbc
