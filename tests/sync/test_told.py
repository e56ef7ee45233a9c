"""What a program is told of the mirror: each change of a status, each patient that changed, nothing of a first read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from chartbridge.domain.webhooks import CHOOSABLE, Reach
from chartbridge.pms.reading import Stream
from chartbridge.store import webhooks
from chartbridge.store.models import WebhookEndpoint, WebhookMessage
from chartbridge.sync.buttons import full_sync
from tests.sync.conftest import Office, appointment, patient, seen

PATIENTS, APPOINTMENTS, STATUS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS


@pytest.fixture(autouse=True)
def listener(office: Office) -> None:
    now = office.clock.now()
    webhooks.add_endpoint(
        office.connection.practice_id, url="https://a.example/", description="", events=CHOOSABLE,
        reach=Reach.INTERNET, at=now,
    )  # fmt: skip


def told() -> list[dict[str, Any]]:
    return [json.loads(each.body)["data"] for each in WebhookMessage.objects.order_by("pk")]


def statuses() -> list[tuple[str, str, str]]:
    return [(each["appointment_key"], each["before"]["status_key"], each["status_key"]) for each in told()]


@pytest.fixture
def booked(office: Office) -> Office:
    """A visit that both streams have read."""
    office.pms.put(APPOINTMENTS, appointment("7"))
    office.settle(APPOINTMENTS)
    office.pms.put(STATUS, seen("7", 1, "19"))
    office.settle(STATUS)
    assert told() == []
    return office


def test_a_first_read_tells_nothing_and_then_each_patient_that_changed(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(10)))
    office.settle(PATIENTS)
    assert told() == []
    office.pms.put(PATIENTS, patient("3", "Zebediah"), patient("4"), patient("11"))
    office.settle(PATIENTS)
    assert [each["patient_key"] for each in told()] == ["3", "11"]
    assert "Zebediah" not in WebhookMessage.objects.order_by("pk")[0].body


def test_a_full_sync_tells_what_it_found_changed_and_gone_only(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(40)))
    office.settle(PATIENTS)
    office.check(PATIENTS)
    office.pms.vanish(PATIENTS, "5")
    full_sync(office.pk, PATIENTS)
    for _ in range(5):
        office.clock.advance(60)
        office.settle(PATIENTS)
    assert [each["patient_key"] for each in told()] == ["5"]


def test_a_status_seen_by_both_streams_is_told_once(booked: Office) -> None:
    booked.pms.put(STATUS, seen("7", 2, "22"))
    booked.settle(STATUS)
    booked.pms.put(APPOINTMENTS, appointment("7", status_key="22"))
    booked.settle(APPOINTMENTS)
    assert statuses() == [("7", "19", "22")]
    assert told()[0]["at_local"] == "2026-11-23 09:02:00"


def test_a_status_that_the_book_shows_first_is_told_once(booked: Office) -> None:
    booked.pms.put(APPOINTMENTS, appointment("7", status_key="22"))
    booked.settle(APPOINTMENTS)
    booked.pms.put(STATUS, seen("7", 2, "22"))
    booked.settle(STATUS)
    assert statuses() == [("7", "19", "22")]


def test_states_that_were_passed_through_between_two_checks_are_told(booked: Office) -> None:
    booked.pms.put(
        STATUS, seen("7", 2, "22", latest=False), seen("7", 3, "25", latest=False), seen("7", 4, "19")
    )
    booked.settle(STATUS)
    assert statuses() == [("7", "19", "22"), ("7", "22", "25"), ("7", "25", "19")]


def test_a_visit_that_only_moved_in_time_is_no_change_of_status(booked: Office) -> None:
    booked.pms.put(STATUS, seen("7", 2, "19", latest=False), seen("7", 3, "19"))
    booked.settle(STATUS)
    booked.pms.put(APPOINTMENTS, appointment("7", hour=11), appointment("8"))
    booked.settle(APPOINTMENTS)
    assert told() == []


def test_the_same_sighting_again_is_not_told_again(booked: Office) -> None:
    for _ in range(2):
        booked.pms.put(STATUS, seen("7", 2, "22", latest=False), seen("7", 3, "25"))
        booked.settle(STATUS)
    assert statuses() == [("7", "19", "22"), ("7", "22", "25")]


def test_without_an_endpoint_a_page_costs_at_most_two_small_questions_more(booked: Office) -> None:
    WebhookEndpoint.objects.all().delete()
    booked.pms.put(STATUS, seen("7", 2, "22"))
    with CaptureQueriesContext(database) as queries:
        booked.check(STATUS)
    assert sum("webhook" in each["sql"] for each in queries) <= 2
