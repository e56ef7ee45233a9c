"""Kept once, durable, with its writebacks, or not at all."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database

from chartbridge.domain.clock import SetClock
from chartbridge.domain.content import Content
from chartbridge.intake.accept import Accepted, Intake, Item
from chartbridge.intake.new import BadActivity, KeyReused, NewActivity
from chartbridge.store.ledger import verify
from chartbridge.store.models import (
    Activity,
    ActivityFile,
    Connection,
    Delivery,
    Practice,
    StreamState,
    Writeback,
)
from tests.intake.conftest import NOW, AddPatient, enqueue
from tests.intake.papers import PDF

TEXT = NewActivity(kind="outgoing_text", patient_key="1042", body="See you at 3.")
WHO = {"source": "api:1", "who": "api:phones"}


def test_an_activity_is_kept_with_its_writeback(intake: Intake, practice: Practice) -> None:
    done = intake.accept(practice.pk, TEXT, **WHO)
    assert not done.duplicate
    assert Activity.objects.get().body == "See you at 3."
    assert Writeback.objects.get() == done.writebacks[0]


def test_a_patient_number_that_nobody_has_read_is_kept_all_the_same(
    intake: Intake, practice: Practice
) -> None:
    done = intake.accept(practice.pk, replace(TEXT, patient_key="987654321"), **WHO)
    assert done.activity.patient_key == "987654321"


def test_a_file_is_kept_beside_its_activity(intake: Intake, practice: Practice) -> None:
    new = NewActivity(
        kind="account_statement", patient_key="7", file_content=Content.of(PDF), file_name="nov.pdf"
    )
    intake.accept(practice.pk, new, **WHO)
    kept = ActivityFile.objects.get()
    assert (bytes(kept.content), kept.name, kept.media_type) == (PDF, "nov.pdf", "application/pdf")


@pytest.mark.parametrize("many", [False, True])
def test_of_a_kept_file_nothing_stays_in_memory(intake: Intake, practice: Practice, many: bool) -> None:
    """Not until Python looks for rows that hold each other, either: month's end brings hundreds of documents."""
    new = NewActivity(
        kind="account_statement", patient_key="7", file_content=Content.of(PDF + bytes(200_000) + b"%%EOF")
    )
    gc.collect()
    gc.disable()
    try:
        held = sum(isinstance(each, ActivityFile) for each in gc.get_objects())
        if many:
            intake.accept_many(practice.pk, [Item(new=new), Item(new=new)], **WHO)
        else:
            intake.accept(practice.pk, new, **WHO)
        assert sum(isinstance(each, ActivityFile) for each in gc.get_objects()) == held
    finally:
        gc.enable()
    assert ActivityFile.objects.count() == 1 + many


def test_if_its_writeback_cannot_be_made_nothing_is_kept(practice: Practice, clock: SetClock) -> None:
    def fails(activities: Sequence[Activity], who: str) -> list[list[Writeback]]:
        raise RuntimeError("full")

    with pytest.raises(RuntimeError):
        Intake(enqueue=fails, clock=clock).accept(practice.pk, TEXT, **WHO)
    assert not Activity.objects.exists()


def test_the_same_key_with_the_same_body_gives_the_first_result_again(
    intake: Intake, practice: Practice, clock: SetClock
) -> None:
    first = intake.accept(practice.pk, TEXT, idempotency_key="k1", **WHO)
    clock.advance(40 * 24 * 3600)
    again = intake.accept(practice.pk, TEXT, idempotency_key="k1", **WHO)
    assert again.duplicate
    assert again.activity == first.activity
    assert again.writebacks == first.writebacks
    assert Activity.objects.count() == Writeback.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(TEXT, body="See you at 4."),
        replace(TEXT, patient_key="1043"),
        replace(TEXT, written_by_ai=True),
        NewActivity(kind="account_statement", patient_key="1042", file_content=Content.of(PDF)),
    ],
)
def test_the_same_key_with_another_body_is_said_and_keeps_nothing(
    intake: Intake, practice: Practice, other: NewActivity
) -> None:
    intake.accept(practice.pk, TEXT, idempotency_key="k1", **WHO)
    with pytest.raises(KeyReused):
        intake.accept(practice.pk, other, idempotency_key="k1", **WHO)
    assert Activity.objects.count() == 1


def test_two_sources_may_use_the_same_key(intake: Intake, practice: Practice) -> None:
    intake.accept(practice.pk, TEXT, idempotency_key="k1", source="api:1", who="a")
    intake.accept(practice.pk, TEXT, idempotency_key="k1", source="api:2", who="b")
    assert Activity.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "schlüssel", "\x00"])
def test_an_unusable_key_is_said(intake: Intake, practice: Practice, key: str) -> None:
    with pytest.raises(BadActivity) as turned_down:
        intake.accept(practice.pk, TEXT, idempotency_key=key, **WHO)
    assert turned_down.value.field == "idempotency_key"


def test_twenty_threads_with_one_key_keep_one_activity(
    transactional_db: None, intake: Intake, practice: Practice
) -> None:
    ready = threading.Barrier(20)

    def hand_in(_: int) -> Accepted:
        try:
            ready.wait()
            return intake.accept(practice.pk, TEXT, idempotency_key="race", **WHO)
        finally:
            database.close()

    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(hand_in, range(20)))
    assert Activity.objects.count() == Writeback.objects.count() == 1
    assert {d.activity.pk for d in done} == {Activity.objects.get().pk}
    assert sum(not d.duplicate for d in done) == 1


def test_many_end_one_by_one_and_in_order(intake: Intake, practice: Practice) -> None:
    items = [Item(new=replace(TEXT, body=f"text {n}"), idempotency_key=f"k{n}") for n in range(120)]
    items[60] = Item(new=replace(TEXT, phone="nonsense"), idempotency_key="k60")
    items[61] = items[59]
    items[62] = Item(new=TEXT, idempotency_key="k59")
    done = intake.accept_many(practice.pk, items, **WHO)
    assert len(done) == 120
    assert isinstance(done[60], BadActivity)
    assert isinstance(done[61], Accepted)
    assert done[61].duplicate
    assert isinstance(done[62], KeyReused)
    assert Activity.objects.count() == Writeback.objects.count() == 117
    bodies = [d.activity.body for d in done[:60] if isinstance(d, Accepted)]
    assert bodies == [f"text {n}" for n in range(60)]


def test_many_sent_again_after_a_lost_answer_are_kept_once(intake: Intake, practice: Practice) -> None:
    items = [Item(new=replace(TEXT, body=f"text {n}"), idempotency_key=f"k{n}") for n in range(75)]
    intake.accept_many(practice.pk, items[:40], **WHO)
    again = intake.accept_many(practice.pk, items, **WHO)
    assert [isinstance(d, Accepted) and d.duplicate for d in again] == [True] * 40 + [False] * 35
    assert Activity.objects.count() == 75


def test_four_threads_with_the_same_batch_keep_each_once(
    transactional_db: None, intake: Intake, practice: Practice
) -> None:
    items = [Item(new=replace(TEXT, body=f"text {n}"), idempotency_key=f"k{n}") for n in range(100)]
    ready = threading.Barrier(4)

    def hand_in(_: int) -> int:
        try:
            ready.wait()
            outcomes = intake.accept_many(practice.pk, items, **WHO)
            return sum(isinstance(o, Accepted) and not o.duplicate for o in outcomes)
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        kept = sum(pool.map(hand_in, range(4)))
    assert kept == Activity.objects.count() == Writeback.objects.count() == 100


def test_a_number_of_one_active_patient_is_that_patient(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="(202) 555-0123")
    add_patient("6", mobile="202 555 0199")
    add_patient("7", mobile="2025550123", status="inactive")
    done = intake.accept(practice.pk, replace(TEXT, patient_key="", phone="+12025550123"), **WHO)
    assert done.activity.patient_key == "5"


def test_while_patients_are_still_being_read_a_number_is_nobodys(
    intake: Intake, practice: Practice, connection: Connection, add_patient: AddPatient
) -> None:
    state = StreamState.objects.create(connection=connection, stream="patients", interval_s=30)
    add_patient("5", mobile="(202) 555-0123")  # her brother comes with the next page
    new = replace(TEXT, patient_key="", phone="+12025550123")
    assert intake.accept(practice.pk, new, **WHO).activity.patient_key == ""
    assert Writeback.objects.get().reason.startswith("Not all patients have been read from the PMS yet.")
    state.first_read_done_at = NOW
    state.save()
    assert intake.accept(practice.pk, new, **WHO).activity.patient_key == "5"


def test_a_familys_number_is_held_and_never_guessed(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="(202) 555-0123")
    add_patient("6", mobile="202 555 0123")
    done = intake.accept(practice.pk, replace(TEXT, patient_key="", phone="2025550123"), **WHO)
    assert done.activity.patient_key == ""
    held = Writeback.objects.get()
    assert (held.delivery, held.reason_code) == (Delivery.HELD, "who_is_this")
    assert held.reason == "2 people share this phone number. Say which of them it is."


@pytest.mark.parametrize("status", ["non_patient", "inactive", "prospective", "unknown"])
def test_a_number_of_nobody_active_is_held(
    intake: Intake, practice: Practice, add_patient: AddPatient, status: str
) -> None:
    add_patient("5", mobile="2025550123", status=status)
    intake.accept(practice.pk, replace(TEXT, patient_key="", phone="2025550123"), **WHO)
    assert Writeback.objects.get().reason_code == "who_is_this"


def test_a_parent_who_is_no_patient_and_shares_the_number_keeps_it_from_being_the_childs(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="2025550123", status="non_patient")
    add_patient("6", mobile="2025550123")
    done = intake.accept(practice.pk, replace(TEXT, patient_key="", phone="2025550123"), **WHO)
    assert done.activity.patient_key == ""


def test_an_unknown_number_is_held_and_said(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="2025550123")
    intake.accept(practice.pk, replace(TEXT, patient_key="", phone="2025550188"), **WHO)
    assert Writeback.objects.get().reason_code == "unknown_number"


def test_an_address_tells_apart_who_share_a_number(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="2025550123", email="pat@example.com")
    add_patient("6", mobile="2025550123", email="sam@example.com")
    new = replace(TEXT, patient_key="", phone="2025550123", email="SAM@example.com")
    assert intake.accept(practice.pk, new, **WHO).activity.patient_key == "6"


def test_another_connections_people_are_nobody(
    intake: Intake, practice: Practice, add_patient: AddPatient
) -> None:
    add_patient("5", mobile="2025550123")
    other = Practice.objects.create(name="Oak Dental")
    intake.accept(other.pk, replace(TEXT, patient_key="", phone="2025550123"), **WHO)
    assert Writeback.objects.get(practice=other).reason_code == "unknown_number"


def test_a_person_says_whose_it_is_once(
    intake: Intake, practice: Practice, add_patient: AddPatient, clock: SetClock
) -> None:
    add_patient("5", mobile="2025550123")
    add_patient("6", mobile="2025550123")
    held = intake.accept(practice.pk, replace(TEXT, patient_key="", phone="2025550123"), **WHO).activity
    other = Practice.objects.create(name="Oak Dental")
    assert intake.assign(other.pk, held.pk, "6", who="pat") is None
    done = intake.assign(practice.pk, held.pk, "6", who="pat")
    assert done
    assert done.activity.patient_key == Writeback.objects.get().patient_key == "6"
    waits = Writeback.objects.get()
    assert (waits.delivery, waits.reason_code) == (Delivery.HELD, "unknown_patient")
    assert verify(practice.pk).whole
    assert intake.assign(practice.pk, held.pk, "5", who="pat") is None
    with pytest.raises(BadActivity):
        intake.assign(practice.pk, held.pk, "Sam", who="pat")


def test_what_is_dated_before_it_is_accepted_keeps_both_times(
    intake: Intake, practice: Practice, clock: SetClock
) -> None:
    new = replace(TEXT, occurred_at=clock.now() - timedelta(days=30))
    row = intake.accept(practice.pk, new, **WHO).activity
    assert row.accepted_at - row.occurred_at == timedelta(days=30)


def test_enqueue_of_the_tests_is_called_with_who(practice: Practice, clock: SetClock) -> None:
    heard: list[str] = []

    def listens(activities: Sequence[Activity], who: str) -> list[list[Writeback]]:
        heard.append(who)
        return enqueue(activities, who)

    Intake(enqueue=listens, clock=clock).accept(practice.pk, TEXT, source="user:3", who="pat@example.com")
    assert heard == ["pat@example.com"]
