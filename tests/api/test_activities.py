"""Handing in: acknowledged means kept, once, and every no is a sentence."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database

from chartbridge.store.models import Activity, ActivityFile, Writeback
from tests.api.conftest import Program, add_patient, body_of, error_of
from tests.intake.papers import PDF

TEXT = {"kind": "outgoing_text", "patient_key": "1042", "body": "See you at 3."}


def test_an_activity_is_acknowledged_with_its_state_and_can_be_followed(program: Program) -> None:
    answer = program.send("/activities", TEXT, key="k1")
    assert answer.status_code == 201
    told = body_of(answer)
    assert told["state"] == "waiting"
    assert [w["delivery"] for w in told["writebacks"]] == ["queued"]
    followed = body_of(program.get(f"/activities/{told['id']}"))
    assert followed["body"] == "See you at 3."
    assert followed["writebacks"] == told["writebacks"]


def test_a_patient_number_that_is_not_there_is_kept_and_held_with_its_reason(program: Program) -> None:
    told = body_of(program.send("/activities", {**TEXT, "patient_key": "999"}))
    assert told["state"] == "held"
    assert "no patient 999" in told["reason"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": "account_statement"}, "file"),
        ({"body": ""}, "body"),
        ({"body": 5}, "body"),
        ({"body": "x" * 200_001}, "body"),
        ({"occurred_at": "1899-12-31T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": (datetime.now(UTC) + timedelta(days=365)).isoformat()}, "occurred_at"),
        ({"occurred_at": "2026-11-23T14:03:00"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": 1_763_900_000}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"phone": "ring ring"}, "phone"),
        ({"email": "pat"}, "email"),
        ({"patient_key": "../7"}, "patient_key"),
        ({"patient_key": ""}, "patient_key"),
        ({"patient_key": 1042}, "patient_key"),
        ({"verified_on": "2026-11-20"}, "verified_on"),
        ({"practice_id": 2}, "practice_id"),
        ({"source": "api:9"}, "source"),
        ({"is_html": "yes"}, "is_html"),
    ],
)
def test_bad_input_names_its_field_and_nothing_is_kept(
    program: Program, change: dict[str, Any], field: str
) -> None:
    answer = program.send("/activities", TEXT | change)
    assert answer.status_code == 422
    assert error_of(answer)["field"] == field
    assert not Activity.objects.exists()


@pytest.mark.parametrize(
    "sent", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"kind": NaN}', b'"text"', b"null"]
)
def test_what_is_no_json_is_said(program: Program, sent: bytes) -> None:
    answer = program.send("/activities", sent)
    assert answer.status_code in (400, 422)
    assert error_of(answer)


@pytest.mark.parametrize(
    "body",
    [
        "😀 李 O'Brien\r\nline two",
        "<p>Dear Pat,</p><script>x</script>",
        "a\x00b",
        "half \ud83d",
        "n " * 50_000,
    ],
)
def test_odd_texts_are_kept(program: Program, body: str) -> None:
    answer = program.send("/activities", TEXT | {"body": body, "is_html": body.startswith("<")})
    assert answer.status_code == 201
    assert "\x00" not in Activity.objects.get().body


def test_the_same_key_twice_gives_the_first_result_and_another_body_is_said(program: Program) -> None:
    first = program.send("/activities", TEXT, key="k1")
    again = program.send("/activities", TEXT, key="k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert body_of(again) == body_of(first) | {"duplicate": True}
    other = program.send("/activities", TEXT | {"body": "See you at 4."}, key="k1")
    assert other.status_code == 409
    assert error_of(other)["code"] == "key_reused"
    assert Activity.objects.count() == Writeback.objects.count() == 1


def test_an_unusable_key_is_said(program: Program) -> None:
    assert error_of(program.send("/activities", TEXT, key="x" * 256))["field"] == "idempotency_key"
    assert error_of(program.send("/activities", TEXT, key=""))["field"] == "idempotency_key"


def test_twenty_calls_at_once_with_one_key_keep_one(transactional_db: None, program: Program) -> None:
    ready = threading.Barrier(20)

    def call(_: int) -> int:
        try:
            ready.wait()
            return program.send("/activities", TEXT, key="race").status_code
        finally:
            database.close()

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(call, range(20)))
    assert statuses == [200] * 19 + [201]
    assert Activity.objects.count() == Writeback.objects.count() == 1


def test_a_batch_answers_for_each_by_itself(program: Program) -> None:
    batch = [
        TEXT | {"idempotency_key": "b1"},
        TEXT | {"kind": "fax"},
        "no activity at all",
        TEXT | {"idempotency_key": "b1"},
        TEXT | {"idempotency_key": "b1", "body": "Another."},
        {"kind": "missed_call", "phone": "(202) 555-1043", "idempotency_key": "b2"},
    ]
    answer = body_of(program.send("/activities/batch", {"activities": batch}))
    assert [r["status"] for r in answer["results"]] == [201, 422, 422, 200, 409, 201]
    assert answer["accepted"] == 3
    assert answer["results"][1]["error"]["field"] == "kind"
    assert answer["results"][5]["activity"]["patient_key"] == "1043"
    assert Activity.objects.count() == 2


def test_a_batch_of_ten_thousand_is_told_to_come_in_pieces(program: Program) -> None:
    answer = program.send("/activities/batch", {"activities": [TEXT] * 10_000})
    assert answer.status_code == 422
    assert error_of(answer)["message"] == (
        "At most 1,000 activities in one call; these are 10,000. Send them in pieces."
    )


def test_a_sentence_ends_in_one_full_stop(program: Program) -> None:
    for at in ("yesterday", "9999-99-99T00:00:00Z", "2026-11-23T14:03:00", 1_763_900_000, "0000-00-00"):
        message = error_of(program.send("/activities", TEXT | {"occurred_at": at}))["message"]
        assert message.endswith(".")
        assert not message.endswith("..")


def test_a_batch_of_more_than_a_thousand_is_refused_whole(program: Program) -> None:
    answer = program.send("/activities/batch", {"activities": [TEXT] * 1_001})
    assert answer.status_code == 422
    assert error_of(answer)["field"] == "activities"
    assert not Activity.objects.exists()


def test_ten_thousand_at_once_are_all_kept_or_said(transactional_db: None, program: Program) -> None:
    """Ten programs send a thousand each at the same moment; what is answered is what is kept."""

    def call(number: int) -> int:
        batch = [
            TEXT | {"body": f"text {number}.{n}", "idempotency_key": f"{number}.{n}"} for n in range(1_000)
        ]
        try:
            answer = program.send("/activities/batch", {"activities": batch})
            assert answer.status_code == 200
            return int(body_of(answer)["accepted"])
        finally:
            database.close()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(call, range(10))) == 10_000
    assert Activity.objects.count() == Writeback.objects.count() == 10_000


def test_a_pdf_is_kept_with_its_activity(program: Program) -> None:
    answer = program.upload(PDF, key="d1", kind="account_statement", patient_key="1042")
    assert answer.status_code == 201
    assert body_of(answer)["writebacks"][0]["kind"] == "account_statement"
    assert bytes(ActivityFile.objects.get().content) == PDF
    assert program.upload(PDF, key="d1", kind="account_statement", patient_key="1042").status_code == 200
    other = PDF.replace(b"200 200", b"201 201")
    assert program.upload(other, key="d1", kind="account_statement", patient_key="1042").status_code == 409


@pytest.mark.parametrize(
    ("content", "form", "field"),
    [
        (b"GIF89a", {"kind": "account_statement", "patient_key": "1042"}, "file"),
        (b"", {"kind": "account_statement", "patient_key": "1042"}, "file"),
        (PDF, {"kind": "outgoing_text", "patient_key": "1042"}, "kind"),
        (PDF, {"kind": "account_statement"}, "patient_key"),
        (PDF, {"patient_key": "1042"}, "kind"),
        (
            PDF,
            {"kind": "account_statement", "patient_key": "1", "occurred_at": "1899-01-01T00:00:00Z"},
            "occurred_at",
        ),
    ],
)
def test_a_bad_document_names_its_field(
    program: Program, content: bytes, form: dict[str, str], field: str
) -> None:
    answer = program.upload(content, **form)
    assert answer.status_code == 422
    assert error_of(answer)["field"] == field


def test_a_document_of_more_than_12_mb_is_refused(program: Program) -> None:
    answer = program.upload(PDF + b" " * (12 << 20), kind="account_statement", patient_key="1042")
    assert (answer.status_code, error_of(answer)["field"]) == (422, "file")
    larger = program.upload(b" " * (21 << 20), kind="account_statement", patient_key="1042")
    assert (larger.status_code, error_of(larger)["code"]) == (413, "too_large")


def test_activities_are_listed_the_last_accepted_first_page_by_page(program: Program) -> None:
    ids = [body_of(program.send("/activities", TEXT | {"body": f"{n}"}))["id"] for n in range(5)]
    first = body_of(program.get("/activities", limit=3))
    rest = body_of(program.get("/activities", limit=3, before=first["next_before"]))
    assert [a["id"] for a in first["activities"] + rest["activities"]] == ids[::-1]
    assert rest["next_before"] is None
    assert body_of(program.get("/activities", patient_key="1043"))["activities"] == []
    since = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert body_of(program.get("/activities", since=since))["activities"] == []


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("1786-12-28T09:48:32-16:32", 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("9999-12-31T23:59:59-14:00", 0),
        ("9996-02-29T00:00:00Z", 0),
    ],
)
def test_a_moment_at_the_end_of_the_calendar_is_a_moment(program: Program, since: str, found: int) -> None:
    program.send("/activities", TEXT)
    answer = program.get("/activities", since=since)
    assert (answer.status_code, len(body_of(answer)["activities"])) == (200, found)


def test_a_familys_number_waits_for_a_person_who_says_whose_it_is(program: Program) -> None:
    for number in ("5", "6"):
        add_patient(program.connection, number, last_name=f"Shared{number}", mobile="202-555-0199")
    told = body_of(program.send("/activities", {"kind": "missed_call", "phone": "2025550199"}))
    assert (told["state"], told["patient_key"]) == ("held", "")
    assert "2 people share" in told["reason"]
    asked = body_of(program.get(f"/activities/{told['id']}/candidates"))
    assert [(c["patient_key"], c["reasons"]) for c in asked] == [
        ("5", ["mobile phone"]),
        ("6", ["mobile phone"]),
    ]
    given = program.send(f"/activities/{told['id']}/assign", {"patient_key": "6"})
    assert given.status_code == 200
    assert body_of(given)["patient_key"] == "6"
    assert program.send(f"/activities/{told['id']}/assign", {"patient_key": "5"}).status_code == 404


def test_the_answers_have_these_fields_and_no_others(program: Program) -> None:
    told = body_of(program.send("/activities", TEXT))
    short = {
        "id",
        "kind",
        "patient_key",
        "occurred_at",
        "accepted_at",
        "state",
        "reason",
        "duplicate",
        "writebacks",
    }
    assert set(told) == short
    words = {"subject", "body", "is_html", "phone", "email", "author", "written_by_ai", "verified_on"}
    assert set(body_of(program.get(f"/activities/{told['id']}"))) == short | words
    assert "practice" not in json.dumps(told)
