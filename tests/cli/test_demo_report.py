"""The demo's report: it starts from what the programs handed in, so that what the hub lost is seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chartbridge.demo.desk import Accepted
from chartbridge.demo.practice import Ready
from chartbridge.demo.report import proof
from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.clock import SystemClock
from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import live
from chartbridge.store.models import Activity, MirrorPatient, Writeback, WritebackEvent
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.cli.places import OnThis

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = "999999"


@pytest.fixture
def accepted(sandbox: Sandbox, ready: Ready) -> list[Accepted]:
    """Three notes in the chart, and one that is held for a person."""
    rows = sandbox.db.rows("SELECT PatNum FROM patient WHERE PatStatus=0 LIMIT 3")
    people = [str(row["PatNum"]) for row in rows]
    for person in people:
        MirrorPatient.objects.update_or_create(
            connection_id=ready.connection_id,
            key=person,
            defaults={
                "last_name": "L",
                "first_name": "F",
                "status": "active",
                "content_hash": b"1" * 8,
            },
        )
    made = [_handed_in(ready, person) for person in [*people, UNKNOWN]]
    deliverer = Deliverer(live(), SystemClock())
    for _ in range(20):
        if not deliverer.deliver(ready.connection_id).again:
            break
    assert Writeback.objects.filter(delivery="taken", seen="seen").count() == 3
    assert Writeback.objects.filter(delivery="held").count() == 1
    return made


def _handed_in(ready: Ready, person: str) -> Accepted:
    now = datetime.now(UTC)
    with writing():
        activity = Activity.objects.create(
            practice_id=ready.practice_id,
            kind=ActivityKind.PATIENT_NOTE,
            patient_key=person,
            source="test",
            body="Prefers mornings.",
            occurred_at=now,
            accepted_at=now,
        )
        rows = enqueue_activity(activity, "mary@example.com")
    return Accepted(activity_id=activity.pk, patient_key=person, writebacks=tuple(each.pk for each in rows))


def test_what_is_in_the_chart_or_stands_before_a_person_is_not_missing(
    sandbox: Sandbox, ready: Ready, accepted: list[Accepted]
) -> None:
    found = proof(ready.practice_id, OnThis(sandbox), accepted)
    assert found == {"accepted": 4, "in_pms": 3, "missing": 0, "twice": 0, "wrong_patient": 0}


def _activity_lost(each: Accepted) -> None:
    WritebackEvent.objects.filter(writeback_id__in=each.writebacks).delete()
    Writeback.objects.filter(activity_id=each.activity_id).delete()
    Activity.objects.filter(pk=each.activity_id).delete()


def _writeback_lost(each: Accepted) -> None:
    WritebackEvent.objects.filter(writeback_id__in=each.writebacks).delete()
    Writeback.objects.filter(activity_id=each.activity_id).delete()


def _set_aside_in_silence(each: Accepted) -> None:
    Writeback.objects.filter(activity_id=each.activity_id).update(
        delivery="parked", seen="owed", reason="", reason_code=""
    )


def _no_marker(each: Accepted) -> None:
    Writeback.objects.filter(activity_id=each.activity_id).update(marker="")


@pytest.mark.parametrize("fault", [_activity_lost, _writeback_lost, _set_aside_in_silence, _no_marker])
def test_what_the_hub_lost_after_it_had_accepted_it_is_missing(
    sandbox: Sandbox, ready: Ready, accepted: list[Accepted], fault: Callable[[Accepted], None]
) -> None:
    fault(accepted[1])
    found = proof(ready.practice_id, OnThis(sandbox), accepted)
    assert (found["accepted"], found["in_pms"], found["missing"]) == (4, 2, 1)


def test_what_was_written_for_another_than_it_was_handed_in_for_is_at_a_wrong_patient(
    sandbox: Sandbox, ready: Ready, accepted: list[Accepted]
) -> None:
    """The hub and the chart agree with each other, and both are wrong."""
    (number,) = accepted[0].writebacks
    other = accepted[1].patient_key
    sandbox.db.run(
        "UPDATE commlog SET PatNum=? WHERE Note LIKE ?",
        int(other),
        f"%{Writeback.objects.get(pk=number).marker}%",
    )
    Writeback.objects.filter(pk=number).update(patient_key=other)
    found = proof(ready.practice_id, OnThis(sandbox), accepted)
    assert (found["missing"], found["wrong_patient"]) == (0, 1)
