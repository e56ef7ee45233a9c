from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from chartbridge.domain.clock import SetClock
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.reading import Stream
from chartbridge.store import streams
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Connection,
    MirrorAppointment,
    MirrorPatient,
    Practice,
    StreamState,
)
from chartbridge.sync.checks import Checker, CheckOutcome
from tests.sync.fake_connector import FAKE, START, FakePms, installed, make_manifest


def patient(key: str, last: str = "Miller", **rest: object) -> Patient:
    given: dict[str, object] = {
        "first_name": "Ann",
        "status": PatientStatus.ACTIVE,
        "birthdate": date(1980, 5, 6),
    }
    return Patient(key=key, last_name=last, **(given | rest))  # type: ignore[arg-type]


def appointment(key: str, *, day: int = 23, hour: int = 9, **rest: object) -> Appointment:
    given: dict[str, object] = {
        "patient_key": "1",
        "starts_local": datetime.fromisoformat(f"2026-11-{day:02} {hour:02}:00"),
        "minutes": 30,
        "state": BookingState.SCHEDULED,
        "status_key": "19",
    }
    return Appointment(key=key, **(given | rest))  # type: ignore[arg-type]


def seen(key: str, number: int, status: str, **rest: object) -> StatusSeen:
    given: dict[str, object] = {
        "patient_key": "1",
        "state": BookingState.SCHEDULED,
        "status_key": status,
        "at_local": datetime.fromisoformat(f"2026-11-23 09:{number % 60:02}"),
    }
    return StatusSeen(key=key, seen_key=f"h{number}", **(given | rest))  # type: ignore[arg-type]


@dataclass
class Office:
    """A practice on the fake PMS, with a checker."""

    clock: SetClock
    pms: FakePms
    connection: Connection
    checker: Checker

    @property
    def pk(self) -> int:
        return self.connection.pk

    def restart(self) -> None:
        """What was only in memory is lost."""
        self.checker.close()
        self.checker = Checker(LiveConnectors(self.clock), self.clock)

    def restart_with(self, **more: object) -> None:
        """The same, with more asked of the checker."""
        self.checker.close()
        self.checker = Checker(LiveConnectors(self.clock), self.clock, **more)  # type: ignore[arg-type]

    def check(self, stream: Stream) -> CheckOutcome:
        return self.checker.check(self.pk, stream)

    def settle(self, stream: Stream, turns: int = 50) -> None:
        """Check until there is nothing more to do at once."""
        for _ in range(turns):
            if not self.check(stream).again:
                return
        raise AssertionError("it never came to rest")

    def state(self, stream: Stream) -> StreamState:
        self.checker.flush()
        return StreamState.objects.get(connection=self.connection, stream=stream.value)

    def patients(self) -> dict[str, str]:
        rows = MirrorPatient.objects.filter(connection=self.connection, gone_at=None)
        return dict(rows.values_list("key", "last_name"))

    def appointments(self) -> dict[str, str]:
        rows = MirrorAppointment.objects.filter(connection=self.connection, gone_at=None)
        return dict(rows.values_list("key", "status_key"))


def new_connection() -> Connection:
    practice = Practice.objects.create(name="Smile")
    return Connection.objects.create(practice=practice, connector=FAKE)


@pytest.fixture
def office(transactional_db: None) -> Iterator[Office]:
    clock = SetClock(START)
    pms = FakePms(clock)
    manifest = make_manifest(patients={"least_interval": 5}, documents={"deletions": "absence"})
    with installed(lambda _settings: pms, manifest):
        connection = new_connection()
        streams.ensure_states(connection, manifest)
        made = Office(clock, pms, connection, Checker(LiveConnectors(clock), clock))
        yield made
        made.checker.close()
