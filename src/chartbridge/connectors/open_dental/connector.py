"""Open Dental as a connector: puts the readers, the writer and the lookers together.

Must not be in it: SQL, the API's words, decoding.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from chartbridge.connectors.open_dental import examining, lists
from chartbridge.connectors.open_dental import settings as entered
from chartbridge.connectors.open_dental.client import NAME as API
from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.codec import BadValue
from chartbridge.connectors.open_dental.database import (
    NAME,
    Database,
    server_time,
)
from chartbridge.connectors.open_dental.images import Images
from chartbridge.connectors.open_dental.looking import ApiLooker, DatabaseLooker
from chartbridge.connectors.open_dental.reading_api import ApiReader
from chartbridge.connectors.open_dental.reading_api_papers import ApiPaperReader
from chartbridge.connectors.open_dental.reading_papers import PaperReader
from chartbridge.connectors.open_dental.reading_people import PatientReader
from chartbridge.connectors.open_dental.reading_schedule import ScheduleReader
from chartbridge.connectors.open_dental.searching import ApiSearcher, DatabaseSearcher
from chartbridge.connectors.open_dental.words import UPDATING
from chartbridge.connectors.open_dental.writing import Writer
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import Command, Finds, Receipt, Sought
from chartbridge.pms.connector import Connector, Finding, Holding, Settings
from chartbridge.pms.errors import Misconfigured, PmsError, Unreadable
from chartbridge.pms.manifest import Manifest, load_manifest
from chartbridge.pms.reading import Page, PmsIdentity, Stream, zone_name
from chartbridge.transport.files import Share
from chartbridge.transport.sql import Sql

SCHEDULE = frozenset({Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS})
_PREFERENCES = ("ProgramVersion", "DataBaseVersion", "PracticeTitle", "UpdateInProgressOnComputerName")


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.open_dental") / "manifest.toml")


class OpenDental:
    """One office. Nothing is opened until it is used."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._parts: _Parts | None = None

    @property
    def manifest(self) -> Manifest:
        return manifest()

    def identify(self) -> PmsIdentity:
        parts = self._open()
        return _identity_of(parts.database) if parts.database is not None else self._api_identity(parts)

    def examine(self) -> Sequence[Finding]:
        try:
            parts = self._open()
        except Misconfigured as error:
            return [Finding(ability=error.setting, ok=False, sentence=error.safe_message)]
        except PmsError as error:
            return [Finding(ability="connection", ok=False, sentence=error.safe_message)]
        return examining.examine(parts.database, parts.api, parts.share)

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        parts = self._open()
        if parts.database is not None:
            parts.database.demand(Stream.LOOKUPS.value)
            return lists.from_database(parts.database, kind)
        return lists.from_api(parts.needed_api(), kind)

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        parts = self._open()
        if parts.database is None:
            if stream in SCHEDULE or stream is Stream.PATIENTS:
                return parts.api_reader().read(stream, cursor)
            if stream is not Stream.LOOKUPS:
                try:
                    return parts.api_papers().read(stream, cursor)
                except BadValue:
                    raise Unreadable(
                        f"{API} gave an answer of another shape than expected.", evidence=f"stream {stream}"
                    ) from None
        else:
            try:
                return parts.read_database(stream, cursor, thorough=thorough)
            except Unreadable:
                if not parts.database.reshaped():  # were the tables changed under the reader?
                    raise
                return parts.read_database(stream, cursor, thorough=thorough)
        raise Unreadable("Lists are read as lookups, not as a stream.", evidence="stream lookups")

    def write(self, command: Command) -> Receipt:
        parts = self._open()
        return parts.writer().write(command)

    def landed(self, command: Command) -> Receipt | None:
        return self.landed_all([command])[0]

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        parts = self._open()
        if not commands:
            return []
        if parts.database is not None:
            try:
                return _looked(parts.database, commands)
            except Unreadable:
                if not parts.database.reshaped():
                    raise
                return _looked(parts.database, commands)
        return ApiLooker(parts.needed_api(), parts.writer()).landed_all(commands)

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        parts = self._open()
        if not sought:
            return Finds(records=(), everyone=True)
        if parts.database is not None:
            return DatabaseSearcher(parts.database).find(sought)
        return ApiSearcher(parts.needed_api()).find(sought, since)

    def open_file(self, ref: str) -> bytes:
        parts = self._open()
        return Images(parts.share, parts.database, parts.api).open(ref)

    def hold_practice(self, name: str) -> Holding:
        parts = self._open()
        if parts.database is None:
            return Holding(ours=True)
        ours, anew = parts.database.hold(name)
        return Holding(ours=ours, taken_anew=anew)

    def close(self) -> None:
        with self._lock:
            held, self._parts = self._parts, None
        if held is not None:
            held.close()

    def _open(self) -> _Parts:
        with self._lock:
            if self._parts is None:
                self._parts = _Parts(entered.parse(self._settings), self._clock)
            return self._parts

    def _api_identity(self, parts: _Parts) -> PmsIdentity:
        api = parts.needed_api()
        local, offset = api.server_local(), api.offset()
        return PmsIdentity(
            vendor="Open Dental Software",
            edition="Open Dental",
            version=".".join(map(str, api.version())),
            practice_name=api.preference("PracticeTitle"),
            server_now=(local - offset).replace(tzinfo=UTC),
            zone=zone_name(offset),
            server_local=local,
            busy=UPDATING if api.updating() else "",
        )


class _Parts:
    """What is open for one office, made of its settings."""

    def __init__(self, settings: entered.OpenDentalSettings, clock: Clock) -> None:
        self.share = Share(settings.image_folder)
        self.api = OpenDentalApi(settings.api, clock) if settings.api else None
        self.database: Database | None = None
        if settings.database is not None:
            self.database = Database(Sql(settings.database, name=NAME), clock.monotonic)
            self._schedule = ScheduleReader(self.database, clock)
            self._people = PatientReader(self.database)
            self._papers = PaperReader(self.database, clock)
        if self.api is not None:
            self._api_reader, self._api_papers = ApiReader(self.api), ApiPaperReader(self.api)
            self._writer = Writer(self.api, self.database)

    def read_database(self, stream: Stream, cursor: str | None, *, thorough: bool) -> Page:
        """One page of a stream from the database."""
        assert self.database is not None
        self.database.demand(stream.value)
        if stream in SCHEDULE:
            return self._schedule.read(stream, cursor, thorough=thorough)
        if stream is Stream.PATIENTS:
            return self._people.read(cursor, thorough=thorough)
        if stream is Stream.LOOKUPS:
            raise Unreadable("Lists are read as lookups, not as a stream.", evidence="stream lookups")
        return self._papers.read(stream, cursor, thorough=thorough)

    def needed_api(self) -> OpenDentalApi:
        """The API, or `Misconfigured` where no keys are entered."""
        if self.api is None:
            raise Misconfigured(
                "Writing into Open Dental needs its API. Enter the developer key and the customer key on the "
                "PMS Connection page.",
                setting="developer_key",
            )
        return self.api

    def api_reader(self) -> ApiReader:
        self.needed_api()
        return self._api_reader

    def api_papers(self) -> ApiPaperReader:
        self.needed_api()
        return self._api_papers

    def writer(self) -> Writer:
        self.needed_api()
        return self._writer

    def close(self) -> None:
        if self.database is not None:
            self.database.close()
        if self.api is not None:
            self.api.close()


def _identity_of(database: Database) -> PmsIdentity:
    found = database.preferences(_PREFERENCES)
    row = database.rows("server")[0]
    now = server_time(row)
    highest: dict[str, int] = {}
    if not database.random_keys:  # rows of these tables are never removed, so their highest keys never fall
        names = ("histappointment", "securitylog", "patient")
        highest = {name: int(value) for name, value in zip(names, row[5:8], strict=True) if value}
    zone = row[4] if row[3] == "SYSTEM" else row[3]
    busy = bool(found.get("UpdateInProgressOnComputerName", "").strip())
    if busy:
        database.told_of_update()
    return PmsIdentity(
        vendor="Open Dental Software",
        edition=f"Open Dental on {row[2] or 'MySQL'}",
        version=found.get("ProgramVersion") or found.get("DataBaseVersion", ""),
        practice_name=found.get("PracticeTitle", ""),
        server_now=now.utc.replace(tzinfo=UTC),
        zone=zone or zone_name(now.offset),
        highest=highest,
        busy=UPDATING if busy else "",
        reads=database.reads(),
    )


def _looked(database: Database, commands: Sequence[Command]) -> list[Receipt | None]:
    for kind in {each.kind for each in commands}:
        database.demand(kind.value)
    return DatabaseLooker(database).landed_all(commands)


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return OpenDental(settings, clock)
