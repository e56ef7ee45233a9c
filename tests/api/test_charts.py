"""Reading what the PMS holds, and asking for a move."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chartbridge.domain.clock import SetClock
from chartbridge.store.models import Connection, MirrorAppointment, Writeback
from tests.api.conftest import Program, body_of, error_of
from tests.api.test_activities import TEXT


def test_a_patient_is_shown_as_the_pms_has_them(program: Program) -> None:
    told = body_of(program.get("/patients/1042"))
    assert (told["key"], told["last_name"], told["mobile_phone"]) == ("1042", "Zebediah", "2025551042")
    assert set(told) == {
        *("key", "first_name", "last_name", "middle", "preferred", "status", "birthdate", "mobile_phone"),
        *("home_phone", "work_phone", "email", "guarantor_key", "provider_key", "text_ok", "has_photo"),
    }


@pytest.mark.parametrize("path", ["/patients/9", "/appointments/9", "/writebacks/9", "/activities/9"])
def test_what_is_not_there_is_404_with_a_sentence(program: Program, path: str) -> None:
    answer = program.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["message"].startswith("There is no such")


@pytest.mark.parametrize("text", ["zebed", "2025551042", "1042"])
def test_patients_are_found_by_what_a_person_types(program: Program, text: str) -> None:
    found = body_of(program.send("/patients/search", {"text": text}))
    assert "1042" in [p["key"] for p in found]


@pytest.mark.parametrize("text", ["", " ", "\x00", "%", "_", "'; DROP TABLE store_practice; --"])
def test_odd_searches_find_nobody(program: Program, text: str) -> None:
    answer = program.send("/patients/search", {"text": text})
    assert (answer.status_code, body_of(answer)) == (200, [])


def test_a_timeline_has_the_latest_first_with_receipts(program: Program) -> None:
    early = program.send("/activities", TEXT | {"occurred_at": "2026-01-05T10:00:00Z", "body": "early"})
    late = program.send("/activities", TEXT | {"body": "late"})
    Writeback.objects.filter(activity_id=body_of(late)["id"]).update(
        delivery="taken", seen="seen", record="commlog 4711", taken_at=datetime.now(UTC)
    )
    told = body_of(program.get("/patients/1042/timeline"))
    assert [a["id"] for a in told] == [body_of(late)["id"], body_of(early)["id"]]
    assert (told[0]["state"], told[0]["writebacks"][0]["record"]) == ("in_chart", "commlog 4711")


def test_a_day_is_shown_in_the_pmss_wall_time_and_today_with_columns(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chartbridge.api.charts.clock", SetClock(datetime(2026, 11, 23, 13, 30, tzinfo=UTC)))
    (told,) = body_of(program.get("/appointments", day="2026-11-23"))
    assert (told["starts_local"], told["status_key"]) == ("2026-11-23T09:00:00", "30")
    assert told["flow_status"] is None  # nobody has said what status 30 means
    MirrorAppointment.objects.update(status_key="31")
    (told,) = body_of(program.get("/appointments", day="2026-11-23"))
    assert told["flow_status"] == "checked_in"
    assert body_of(program.get("/appointments", day="2026-11-24")) == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_at_the_end_of_the_calendar_has_nothing(program: Program, day: str) -> None:
    answer = program.get("/appointments", day=day)
    assert (answer.status_code, body_of(answer)) == (200, [])


def test_an_appointment_comes_with_every_state_it_was_seen_in(program: Program) -> None:
    told = body_of(program.get("/appointments/700"))
    assert [s["status_key"] for s in told["history"]] == ["30"]


@pytest.mark.parametrize("day", ["", "today", "2026-13-01", "1e9"])
def test_a_day_that_is_none_is_said(program: Program, day: str) -> None:
    answer = program.get("/appointments", day=day)
    assert (answer.status_code, error_of(answer)["field"]) == (422, "day")


@pytest.mark.parametrize("wish", [{"status_key": "31"}, {"flow_status": "checked_in"}])
def test_a_move_is_queued_by_status_or_by_column(program: Program, wish: dict[str, str]) -> None:
    answer = program.send("/appointments/700/status", wish)
    assert answer.status_code == 202
    queued = Writeback.objects.get()
    assert body_of(answer)["id"] == queued.pk
    assert queued.payload == {"appointment_key": "700", "status_key": "31", "expected_key": "30"}


def test_the_status_that_the_caller_saw_is_what_it_expects(program: Program) -> None:
    program.send("/appointments/700/status", {"status_key": "31", "expected": "29"})
    assert Writeback.objects.get().payload["expected_key"] == "29"


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({}, 422, "status_key"),
        ({"status_key": "31", "flow_status": "checked_in"}, 422, "status_key"),
        ({"status_key": "77"}, 422, "status_key"),
        ({"flow_status": "on_the_moon"}, 422, "flow_status"),
        ({"flow_status": "late"}, 409, "flow_status"),
        ({"flow_status": "in_operatory"}, 409, "flow_status"),
    ],
)
def test_a_move_that_cannot_be_made_says_why(
    program: Program, wish: dict[str, str], status: int, field: str
) -> None:
    answer = program.send("/appointments/700/status", wish)
    assert (answer.status_code, error_of(answer)["field"]) == (status, field)
    assert not Writeback.objects.exists()


def test_lists_of_the_pms_show_what_is_active(program: Program) -> None:
    told = body_of(program.get("/lookups/providers"))
    assert {p["name"]: p["active"] for p in told} == {"DOC1": True, "HYG": True, "OLD": False}
    assert "OLD" not in [p["name"] for p in body_of(program.get("/lookups/providers", active_only="true"))]
    assert program.get("/lookups/secrets").status_code == 422


def test_without_a_pms_it_is_said_and_activities_are_kept_all_the_same(program: Program) -> None:
    Connection.objects.all().delete()
    assert error_of(program.get("/patients/1042"))["code"] == "not_connected"
    assert body_of(program.send("/activities", TEXT))["state"] == "held"
    assert body_of(program.get("/health"))["connected"] is False
