"""The drift watch on a PMS behind ODBC: its columns are compared at each look at its lists, and only what reads a lost
one waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chartbridge.domain.clock import SetClock
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import observations
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection, MirrorPatient, Observation, Practice, StreamState
from chartbridge.store.secrets import seal
from chartbridge.store.streams import ensure_states
from chartbridge.sync.checks import Checker
from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig
from tests.connectors.eaglesoft.rig import EaglesoftRig

__all__ = ["eaglesoft_practice", "eaglesoft_rig"]

pytestmark = pytest.mark.django_db(transaction=True)


class Office:
    """A practice on Eaglesoft's sandbox."""

    def __init__(self, rig: EaglesoftRig) -> None:
        self.rig, self.clock = rig, SetClock(datetime.now(UTC))
        settings = rig.settings()
        practice = Practice.objects.create(name="Maple Street Dental", time_zone="UTC")
        self.link = Connection.objects.create(
            practice=practice,
            connector="eaglesoft",
            values=dict(settings.values),
            secrets=seal(dict(settings.secrets)),
        )
        ensure_states(self.link, registry().manifests["eaglesoft"])
        self.restart()

    def restart(self) -> None:
        """What was only in memory is lost."""
        self.live = LiveConnectors(self.clock)
        self.checker = Checker(self.live, self.clock)

    def stop(self) -> None:
        self.checker.close()
        self.live.close()

    def look(self) -> None:
        """Let every stream be checked, the lists first."""
        self.clock.advance(601)
        for stream in (Stream.LOOKUPS, *registry().manifests["eaglesoft"].streams):
            for _ in range(20):
                if not self.checker.check(self.link.pk, stream).again:
                    break
        self.checker.flush()

    def failing(self) -> set[str]:
        rows = StreamState.objects.filter(connection=self.link).exclude(error_code="")
        return set(rows.values_list("stream", flat=True))


@pytest.fixture
def office(eaglesoft_rig: EaglesoftRig) -> Iterator[Office]:
    made = Office(eaglesoft_rig)
    yield made
    made.stop()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_lost_column_stops_only_what_reads_it_and_is_told(office: Office, restarted: bool) -> None:
    office.look()
    assert office.failing() == set()
    assert list(Observation.objects.all()) == []
    mails = set(MirrorPatient.objects.values_list("email", flat=True))
    office.rig.lose("patient.email_address")
    if restarted:
        office.stop()
        office.restart()
    office.look()
    assert office.failing() == {"patients"}
    told = [(row.event, row.before, row.paused) for row in observations.standing(office.link.pk)]
    assert told == [("lost", "patient.email_address", ["patients"])]
    assert set(MirrorPatient.objects.values_list("email", flat=True)) == mails, "nothing is emptied meanwhile"
    office.rig.practice.run("ALTER TABLE patient ADD COLUMN email_address VARCHAR(80)")
    office.look()
    office.look()
    assert office.failing() == set()
    assert observations.standing(office.link.pk) == []


def test_a_new_type_of_a_column_is_kept_and_nothing_waits(office: Office) -> None:
    office.look()
    office.rig.lose()
    office.rig.practice.run("ALTER TABLE appointment MODIFY description VARCHAR(200)")
    office.look()
    rows = [(row.what, row.event, row.told) for row in Observation.objects.all()]
    assert set(rows) == {("columns", "changed", False)}
    assert office.failing() == set()
