"""R16: a table that is emptied without a trace, however little it held, read through the API and by ODBC.

Reading Open Dental's database is in `test_moving_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chartbridge.connectors.by_odbc.database import Database
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import streams
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection, MirrorAppointment, MirrorPatient, Practice
from chartbridge.store.secrets import seal
from chartbridge.sync.buttons import full_sync, resume_after_brake
from chartbridge.sync.checks import Checker
from tests.connectors.dentrix.practices import dentrix_practice, dentrix_rig
from tests.connectors.dentrix.rig import DentrixRig
from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig
from tests.connectors.eaglesoft.rig import EaglesoftRig
from tests.connectors.odbc_rig import OdbcRig
from tests.connectors.open_dental.practices import sqlite_rig
from tests.connectors.open_dental.rig import OpenDentalRig

__all__ = ["dentrix_practice", "dentrix_rig", "eaglesoft_practice", "eaglesoft_rig", "sqlite_rig"]
pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(600)]
AnyRig = OpenDentalRig | OdbcRig
MIRRORED = (MirrorPatient, MirrorAppointment)
RIGS = {"eaglesoft": "eaglesoft_rig", "dentrix": "dentrix_rig", "open_dental": "sqlite_rig"}


@dataclass
class Hub:
    """A practice of the hub on a rig."""

    rig: AnyRig
    connection: Connection
    checker: Checker

    def look(self) -> str:
        """Let every stream be checked until there is nothing more; returns what then holds the connection."""
        for stream in registry().manifests[self.connection.connector].streams:
            for _ in range(200):
                if not self.checker.check(self.connection.pk, stream).again:
                    break
        self.checker.flush()
        return str(Connection.objects.get(pk=self.connection.pk).hold_code)

    def read_all(self) -> str:
        """A full read of everything; returns what then holds the connection."""
        full_sync(self.connection.pk)
        self.look()
        return self.look()

    def shown(self) -> list[set[str]]:
        """The keys of all that the hub shows: patients, visits."""
        mine = [each.objects.filter(connection=self.connection, gone_at=None) for each in MIRRORED]
        return [set(rows.values_list("key", flat=True)) for rows in mine]

    def go_on(self) -> str:
        """A person says that it is right; returns what holds the connection once all was read anew."""
        assert resume_after_brake(self.connection.pk, "ann@example.com")
        self.look()
        return self.look()


@pytest.fixture
def begin(transactional_db: None, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Hub]]:
    """Makes a hub that has read all of a PMS's practice of a handful of people."""
    made: list[tuple[Hub, LiveConnectors]] = []

    def make(kind: str) -> Hub:
        rig = request.getfixturevalue(RIGS[kind])
        entered = rig.settings()
        live = LiveConnectors(rig.clock)
        connection = Connection.objects.create(
            practice=Practice.objects.create(name="Maple Street Dental"),
            connector=kind,
            values=dict(entered.values),
            secrets=seal(dict(entered.secrets)),
        )
        streams.ensure_states(connection, registry().manifests[kind])
        hub = Hub(rig, connection, Checker(live, rig.clock))
        made.append((hub, live))
        rig.book()
        hub.look()
        assert hub.look() == ""
        assert all(0 < len(keys) <= 20 for keys in hub.shown())
        return hub

    yield make
    for hub, live in made:
        hub.checker.close()
        live.close()


@pytest.mark.fault("R16")
@pytest.mark.parametrize("kind", RIGS)
def test_an_emptied_table_of_visits_leaves_the_board_as_it_was_and_pulls_the_brake(
    begin: Callable[[str], Hub], kind: str
) -> None:
    hub = begin(kind)
    before = hub.shown()
    hub.rig.lose_visits()
    held = hub.look()
    assert hub.shown() == before
    if kind == "open_dental":
        assert held == "", "the API tells of changes only: a full read is what shows it"
        held = hub.read_all()
    assert held == "brake"
    assert hub.shown() == before
    assert hub.go_on() == ""
    assert hub.read_all() == "", "nobody is asked twice about the same"
    visit = hub.rig.book()
    assert hub.look() == ""
    assert visit in hub.shown()[1]


@pytest.mark.fault("R16")
@pytest.mark.parametrize("kind", RIGS)
def test_an_emptied_table_of_patients_pulls_the_brake(begin: Callable[[str], Hub], kind: str) -> None:
    hub = begin(kind)
    before = hub.shown()
    if isinstance(hub.rig, OpenDentalRig):
        hub.rig.knobs.empty_table("patient")
    else:
        hub.rig.practice.run("DELETE FROM patient")
    held = hub.look() or hub.read_all()
    assert held == "brake"
    assert hub.shown() == before


@pytest.mark.fault("R16")
@pytest.mark.parametrize("kind", ["eaglesoft", "dentrix"])
def test_a_table_that_is_emptied_at_night_pulls_the_brake_in_the_morning(
    begin: Callable[[str], Hub], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No visit has vanished from the day that is looked at then: there never was one."""
    hub = begin(kind)
    assert isinstance(hub.rig, OdbcRig)
    before = hub.shown()
    hub.rig.lose_visits()
    now = Database.local_now
    monkeypatch.setattr(Database, "local_now", lambda database: now(database) + timedelta(days=1))
    assert hub.look() == "brake"
    assert hub.shown() == before


@pytest.mark.fault("R16")
def test_the_only_visit_of_a_practice_may_be_deleted_where_the_pms_tells_of_it(
    begin: Callable[[str], Hub],
) -> None:
    hub = begin("dentrix")
    rig = hub.rig
    assert isinstance(rig, DentrixRig)
    for visit in sorted(hub.shown()[1]):
        rig.delete(visit)
    rig.practice.run("DELETE FROM appt")  # blocks, and visits of nobody
    assert hub.look() == ""
    assert hub.shown()[1] == set()
    assert hub.look() == ""
    assert hub.read_all() == ""
    visit = rig.book()
    assert hub.look() == ""
    rig.delete(visit)
    assert hub.look() == ""
    assert hub.shown()[1] == set()


@pytest.mark.fault("R16")
def test_the_only_visit_that_eaglesoft_marks_as_deleted_goes_without_a_question(
    begin: Callable[[str], Hub],
) -> None:
    hub = begin("eaglesoft")
    rig = hub.rig
    assert isinstance(rig, EaglesoftRig)
    today = rig.present(Stream.APPOINTMENT_STATUS)
    rig.practice.run("UPDATE appointment SET classification = 16")
    assert hub.look() == ""
    assert hub.shown()[1].isdisjoint(today)
