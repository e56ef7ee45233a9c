"""Who gets in, to what, and how often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.test import Client

from chartbridge.api.access import RateLimit
from chartbridge.api.app import api
from chartbridge.api.errors import ApiError
from chartbridge.store.models import Activity, ApiToken
from chartbridge.store.tokens import authenticate, create_token, revoke_token
from tests.api.conftest import Program, body_of, error_of
from tests.api.test_activities import TEXT

ROUTES = [
    (method, path)
    for path, item in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
    for method in item
]


def _filled(path: str) -> str:
    number = "700" if "appointments" in path else "1"
    return (
        path.replace("{key}", number)
        .replace("{kind}", "providers")
        .replace("{activity_id}", "1")
        .replace("{writeback_id}", "1")
    )


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer cb_wrong", "Basic abc", "Bearer \xff"])
def test_without_a_live_token_every_address_is_closed(program: Program, sent: str) -> None:
    headers = {"Authorization": sent} if sent else {}
    for method, path in ROUTES:
        answer = _call(method, path, headers)
        assert answer.status_code == 401, path
        assert error_of(answer)["code"] == "not_signed_in"
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_that_may_only_read_changes_nothing(program: Program) -> None:
    reader = create_token(program.practice.pk, "reader", can_write=False)
    changing = [r for r in ROUTES if r[0] != "get" and "search" not in r[1]]
    assert len(changing) >= 8
    for method, path in changing:
        answer = _call(method, path, {"Authorization": f"Bearer {reader.plain}"})
        assert answer.status_code == 403, path
        assert error_of(answer)["code"] == "read_only"


def _call(method: str, path: str, headers: dict[str, str]) -> HttpResponse:
    return Client().generic(
        method.upper(), _filled(path), "{}", content_type="application/json", headers=headers
    )


def test_a_token_that_may_only_read_reads_and_searches(program: Program) -> None:
    reader = create_token(program.practice.pk, "reader", can_write=False)
    headers = {"Authorization": f"Bearer {reader.plain}"}
    assert Client().get("/api/v1/patients/1042", headers=headers).status_code == 200
    found = Client().post(
        "/api/v1/patients/search", {"text": "zebed"}, content_type="application/json", headers=headers
    )
    assert [p["key"] for p in body_of(found)] == ["1042", "1043"]


def test_a_revoked_token_is_out_at_once(program: Program) -> None:
    assert program.get("/health").status_code == 200
    assert not revoke_token(program.practice.pk + 1, program.token.pk)
    assert revoke_token(program.practice.pk, program.token.pk)
    assert program.get("/health").status_code == 401
    assert not revoke_token(program.practice.pk, program.token.pk)


def test_a_token_is_kept_as_a_digest_and_its_use_is_noted_once_a_minute(program: Program) -> None:
    kept = ApiToken.objects.get(pk=program.token.pk)
    assert program.plain not in str(ApiToken.objects.values_list().get(pk=kept.pk))
    assert program.plain.startswith(kept.prefix)
    authenticate(program.plain)
    first = ApiToken.objects.get(pk=kept.pk).last_used_at
    assert first
    authenticate(program.plain)
    assert ApiToken.objects.get(pk=kept.pk).last_used_at == first


def test_another_practices_things_are_not_there(program: Program, other: Program) -> None:
    """Both practices have a patient 1042 and an appointment 700; rows have numbers of their own."""
    mine = body_of(program.send("/activities", TEXT))
    number, writeback = mine["id"], mine["writebacks"][0]["id"]
    for answer in (
        other.get(f"/activities/{number}"),
        other.get(f"/activities/{number}/candidates"),
        other.send(f"/activities/{number}/assign", {"patient_key": "1"}),
        other.get(f"/writebacks/{writeback}"),
        other.send(f"/writebacks/{writeback}/retry", {}),
    ):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"
    assert body_of(other.get("/activities"))["activities"] == []
    assert body_of(other.get("/patients/1042/timeline")) == []
    assert body_of(other.get("/writebacks"))["writebacks"] == []
    assert body_of(other.get("/patients/1042"))["last_name"] == "Quillon"
    assert body_of(other.send("/patients/search", {"text": "Zebediah"})) == []
    assert other.send("/activities", TEXT, key="k").status_code == 201
    assert program.send("/activities", TEXT | {"body": "other"}, key="k").status_code == 201


def test_too_many_calls_are_told_to_wait_and_nothing_is_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("chartbridge.api.access.time", SimpleNamespace(monotonic=lambda: now[0]))
    limit = RateLimit(per_second=50, burst=3)
    for _ in range(3):
        limit.take(1)
    with pytest.raises(ApiError) as turned_away:
        limit.take(1)
    assert (turned_away.value.status, turned_away.value.retry_after) == (429, 1)
    limit.take(2)
    now[0] += 0.019
    with pytest.raises(ApiError):
        limit.take(1)
    now[0] += 0.002
    limit.take(1)
    with pytest.raises(ApiError):
        limit.take(1)


def test_a_call_too_many_is_429_and_keeps_nothing(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartbridge.api.access._limit", RateLimit(per_second=0.01, burst=1))
    assert program.send("/activities", TEXT, key="a").status_code == 201
    refused = program.send("/activities", TEXT, key="b")
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert error_of(refused)["code"] == "too_many"
    assert Activity.objects.count() == 1


def test_a_fault_of_ours_says_nothing_of_what_was_sent(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("could not keep ZQX-CANARY-Zebediah")

    monkeypatch.setattr("chartbridge.store.activities.keep", fails)
    answer = program.send("/activities", TEXT | {"body": "ZQX-CANARY-Zebediah"})
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal"
    assert "CANARY" not in answer.content.decode() + caplog.text
    assert "RuntimeError" in caplog.text


def test_no_page_of_documentation_loads_anything_from_elsewhere() -> None:
    assert Client().get("/api/v1/docs").status_code == 404
