"""A practice with a few people in its mirror, and an intake whose writebacks are made by the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from chartbridge.domain.clock import SetClock
from chartbridge.intake.accept import Intake
from chartbridge.pms.commands import CommandKind
from chartbridge.store import ledger, moving
from chartbridge.store.mirror_rows import digits_of
from chartbridge.store.models import Activity, Connection, Delivery, MirrorPatient, Practice, Writeback

NOW = datetime(2026, 11, 23, 19, 3, tzinfo=UTC)
AddPatient = Callable[..., MirrorPatient]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def practice(db: None) -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def connection(practice: Practice) -> Connection:
    return Connection.objects.create(practice=practice, connector="open_dental")


@pytest.fixture
def add_patient(connection: Connection) -> AddPatient:
    def add(
        key: str, *, mobile: str = "", email: str = "", status: str = "active", **more: str
    ) -> MirrorPatient:
        return MirrorPatient.objects.create(
            connection=connection,
            key=key,
            last_name=more.pop("last_name", f"Last{key}"),
            first_name=more.pop("first_name", f"First{key}"),
            status=status,
            mobile_phone=mobile,
            mobile_digits=digits_of(mobile),
            email=email,
            search=f"last{key} first{key}",
            content_hash=b"",
            **more,
        )

    return add


def enqueue(activities: Sequence[Activity], who: str) -> list[list[Writeback]]:
    """What the writeback room does, as far as intake can see: a row each, held where nobody knows whose it is."""
    if not activities:
        return []
    made = [(row, "queue" if row.patient_key else "hold") for row in map(_row, activities)]
    with ledger.turn(activities[0].practice_id):
        moving.add(activities[0].practice_id, made, who=who, at=NOW)
    return [[row] for row, _ in made]


def _row(activity: Activity) -> Writeback:
    return Writeback(
        practice_id=activity.practice_id,
        activity=activity,
        kind=activity.kind,
        command=CommandKind.ADD_NOTE,
        patient_key=activity.patient_key,
        delivery=Delivery.QUEUED if activity.patient_key else Delivery.HELD,
        created_at=NOW,
        due_at=NOW,
    )


@pytest.fixture
def intake(practice: Practice, clock: SetClock) -> Intake:
    return Intake(enqueue=enqueue, clock=clock)
