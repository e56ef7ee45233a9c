"""What a program is told of writebacks: what ended and what halted, once each, without a word about anybody."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.webhooks import CHOOSABLE, Reach
from chartbridge.pms.errors import Refused
from chartbridge.store import webhooks
from chartbridge.store.models import NoteSetting, WebhookMessage, Writeback
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.mend import dismiss, retry
from tests.writeback.conftest import NOON, Office


@pytest.fixture(autouse=True)
def listener(office: Office) -> None:
    webhooks.add_endpoint(
        office.practice.pk,
        url="https://a.example/",
        description="",
        events=CHOOSABLE,
        reach=Reach.INTERNET,
        at=NOON,
    )


def told() -> list[tuple[str, dict[str, Any]]]:
    bodies = [json.loads(each.body) for each in WebhookMessage.objects.order_by("pk")]
    return [(body["type"], body["data"]) for body in bodies]


def kinds() -> list[str]:
    return [kind for kind, _ in told()]


def test_a_note_that_stands_in_the_chart_is_told_once_and_by_numbers_only(office: Office) -> None:
    made = office.enqueue(ActivityKind.OUTGOING_TEXT, phone="+15365550101", body="See you, Zebediah")[0]
    office.deliver()
    assert told() == [
        (
            "writeback.done",
            {
                "practice_id": office.practice.pk,
                "writeback_id": made.pk,
                "activity_id": made.activity_id,
                "kind": "outgoing_text",
                "patient_key": "1",
                "part": 1,
                "parts": 1,
                "delivery": "taken",
                "seen": "seen",
                "record": "note 1",
                "reason_code": "",
            },
        )
    ]
    text = WebhookMessage.objects.get().body
    assert "Zebediah" not in text
    assert "5365550101" not in text


def test_a_refusal_and_what_becomes_of_it_are_told(office: Office) -> None:
    def refuse(_command: object) -> None:
        raise Refused("Open Dental says no.", reason="too long")

    office.pms.before = refuse
    office.enqueue()
    office.deliver()
    assert kinds() == ["writeback.failed"]
    assert told()[0][1]["reason_code"] == "refused"
    office.pms.before = lambda _command: None
    retry(office.practice.pk, [office.only().pk], "mary@example.com")
    office.deliver()
    assert kinds() == ["writeback.failed", "writeback.done"]


def test_what_is_held_is_told_and_what_is_let_go_is_not(office: Office) -> None:
    office.enqueue(patient="")
    assert kinds() == ["writeback.held"]
    dismiss(office.practice.pk, [office.only().pk], "mary@example.com")
    assert kinds() == ["writeback.held"]


def test_what_is_skipped_or_only_on_its_way_is_not_told(office: Office) -> None:
    NoteSetting.objects.filter(kind="patient_note").update(allow=False)
    office.enqueue()
    assert Writeback.objects.get().delivery == "skipped"
    office.enqueue(ActivityKind.MISSED_CALL)
    assert kinds() == []


def test_a_note_that_does_not_appear_is_told_as_failed_and_when_it_does_as_done(office: Office) -> None:
    deliverer = office.deliverer()
    office.enqueue()
    office.deliver(deliverer)
    WebhookMessage.objects.all().delete()
    Writeback.objects.update(seen="owed", taken_at=office.clock.now() - timedelta(hours=1), due_at=NOON)
    kept, office.pms.records[:] = list(office.pms.records), []
    office.clock.advance(121)
    office.deliver(deliverer)
    assert kinds() == ["writeback.failed"]
    assert told()[0][1]["seen"] == "missing"
    office.pms.records[:] = kept


def test_a_status_move_that_stands_in_the_pms_is_told(office: Office) -> None:
    office.appointment("700")
    enqueue_status_move(office.connection.pk, "700", "22", "21", "mary@example.com", clock=office.clock)
    office.settle()
    assert kinds() == ["writeback.done"]
    assert told()[0][1]["activity_id"] is None
