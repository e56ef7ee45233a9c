"""What is due once a day: of many practices with one question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from chartbridge.store import daily
from chartbridge.store.models import Practice

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(
    2026, 11, 24, 3, 30, tzinfo=UTC
)  # half past four in Paris, and still the evening before in New York


def _practices(*zones: str) -> list[int]:
    return [Practice.objects.create(name=zone, time_zone=zone).pk for zone in zones]


def test_each_practice_by_its_own_clock_once_a_day() -> None:
    paris, york = _practices("Europe/Paris", "America/New_York")
    hours = {"job": {paris: 4, york: 22, 999_999: 0}}
    due = daily.due(hours, NOW)
    assert {(each.practice_id, str(each.day)) for each in due} == {
        (paris, "2026-11-24"),
        (york, "2026-11-23"),
    }
    for each in due:
        assert daily.begin(each, NOW)
    assert daily.due(hours, NOW) == [], "begun: not again at once"
    later = NOW + daily.FIRST_PAUSE
    assert len(daily.due(hours, later)) == 2, "begun and not done: again after a pause"
    daily.done(due[0], later)
    assert [each.practice_id for each in daily.due(hours, later)] == [due[1].practice_id]
    tomorrow = daily.due(hours, NOW + timedelta(days=1))
    assert {str(each.day) for each in tomorrow} == {"2026-11-25", "2026-11-24"}, "another day, another time"


def test_two_jobs_of_one_practice_are_two() -> None:
    (paris,) = _practices("Europe/Paris")
    hours = {"one": {paris: 1}, "two": {paris: 1}}
    first = next(each for each in daily.due(hours, NOW) if each.job == "one")
    assert daily.begin(first, NOW)
    assert [each.job for each in daily.due(hours, NOW)] == ["two"]


def test_a_thousand_practices_cost_two_questions() -> None:
    practices = _practices(*["America/Chicago"] * 60)
    with CaptureQueriesContext(database) as queries:
        assert len(daily.due({"job": dict.fromkeys(practices, 1)}, NOW)) == 60
    assert len(queries) == 2
