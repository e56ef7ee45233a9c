"""What is turned down is told in the answer, and the people of the practice see it as well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chartbridge.store import turned_down
from chartbridge.store.models import Role, TurnedDown
from tests.api.conftest import Program, error_of
from tests.web.desk import at_desk, person

TEXT = {"kind": "outgoing_text", "patient_key": "1042", "body": "See you at 3."}
NO_PHONE = {**TEXT, "patient_key": "", "phone": "ring Bertha Quux"}


def kept(program: Program) -> list[tuple[str, str, int]]:
    rows = turned_down.recent(program.practice.pk, timezone.now())
    return [(row.who, row.sentence, row.times) for row in rows]


@pytest.fixture
def desk(program: Program) -> Client:
    return at_desk(person(program.practice, Role.FRONT_DESK))


@pytest.mark.parametrize(
    "change",
    [
        {"phone": "ring ring", "patient_key": ""},
        {"occurred_at": "1899-12-31T00:00:00Z"},
        {"body": 5},
        {"kind": "fax"},
    ],
)
def test_what_was_turned_down_stands_on_the_writebacks_page(
    program: Program, desk: Client, change: dict[str, Any]
) -> None:
    assert "Turned down" not in desk.get("/writebacks/").content.decode()
    for _ in range(3):
        answer = program.send("/activities", {**TEXT, **change})
        assert answer.status_code == 422
    assert kept(program) == [(f"api:{program.token.name}", error_of(answer)["message"], 3)]
    page = desk.get("/writebacks/").content.decode()
    assert "Turned down" in page
    assert program.token.name in page
    assert "3 times" in page


def test_a_batch_is_counted_by_sentence_and_what_was_taken_is_not_there(program: Program) -> None:
    old = {**TEXT, "occurred_at": "1899-12-31T00:00:00Z"}
    program.send("/activities/batch", {"activities": [TEXT, NO_PHONE, NO_PHONE, old, {**TEXT, "body": 5}]})
    assert sorted(times for _, _, times in kept(program)) == [1, 1, 2]


def test_nothing_of_what_was_sent_is_kept(program: Program) -> None:
    program.send("/activities", {**NO_PHONE, "Bertha Quux": "she"})
    program.send("/activities", NO_PHONE)
    program.send("/activities", "{Bertha Quux")
    assert len(kept(program)) == 3
    assert not any("Quux" in sentence for _, sentence, _ in kept(program))


def test_only_what_was_handed_in_counts(program: Program, other: Program) -> None:
    program.get("/activities", limit="many")
    program.send("/activities/1/assign", {"patient_key": "x"})
    program.client.post("/api/v1/activities", "{}", content_type="application/json")
    program.send("/activities", TEXT)
    assert kept(program) == kept(other) == []
    other.send("/activities", NO_PHONE)
    assert (kept(program), len(kept(other))) == ([], 1)


def test_it_is_kept_for_some_days_and_in_bounds(program: Program) -> None:
    now = timezone.now()
    for number in range(turned_down.MOST + 5):
        at = now - timedelta(minutes=turned_down.MOST + 5 - number)
        turned_down.note(program.practice.pk, "api:Phones", {f"Sentence {number}.": 1}, at)
    assert TurnedDown.objects.count() == turned_down.MOST
    assert not TurnedDown.objects.filter(sentence="Sentence 0.").exists()
    turned_down.note(program.practice.pk, "api:Phones", {"New.": 1}, now + turned_down.KEPT)
    assert [row.sentence for row in TurnedDown.objects.all()] == ["New."]
