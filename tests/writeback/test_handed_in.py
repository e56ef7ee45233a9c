"""What programs hand in again after a restore, under the same key, is found in the chart and not written once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chartbridge.domain.content import Content
from chartbridge.intake.accept import Intake, Item
from chartbridge.intake.new import NewActivity
from chartbridge.pms.commands import Command, Receipt
from chartbridge.store import handed_in as handed_in_store
from chartbridge.store import one_hub
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    ApiToken,
    Connection,
    StorePlace,
    Writeback,
)
from chartbridge.store.place import Moved
from chartbridge.store.secrets import ensure_key
from chartbridge.store.tokens import create_token
from chartbridge.writeback import handed_in, mend
from chartbridge.writeback.enqueue import enqueue_many
from chartbridge.writeback.whereabouts import keep_watch, settle_in
from tests.intake.papers import PDF
from tests.writeback.conftest import NOON, Office
from tests.writeback.scripted_pms import ScriptedConnector
from tests.writeback.test_copies import Shared, let_be_held, standing_by

YESTERDAY = NOON - timedelta(days=1)
WRITTEN = NewActivity(kind="patient_note", patient_key="1", body="Prefers mornings.", occurred_at=YESTERDAY)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, with a key."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(one_hub, "LOCKS", tmp_path)
    monkeypatch.setattr(one_hub, "_files", {})
    ensure_key()
    return tmp_path


@pytest.fixture
def token(office: Office) -> ApiToken:
    return create_token(office.practice.pk, "Texts").token


def hand_in(
    office: Office, token: ApiToken, new: NewActivity = WRITTEN, key: str | None = "k-1"
) -> list[Writeback]:
    intake = Intake(enqueue=enqueue_many, clock=office.clock)
    done = intake.accept(
        office.practice.pk, new, source=f"api:{token.pk}", who="api:Texts", idempotency_key=key
    )
    return done.writebacks


@contextmanager
def forgotten(office: Office) -> Iterator[None]:
    """What is done within stays done in the PMS; the store is then set back to what it was before."""
    settle_in(office.clock)
    before = transaction.savepoint()
    yield
    transaction.savepoint_rollback(before)


def come_back(office: Office) -> None:
    """Start on a store that another place's was, and wait until the other's last request has landed."""
    StorePlace.objects.update(facts={"machine": "another"})
    assert settle_in(office.clock) is Moved.COPIED
    office.clock.advance(71)


def no_look_before_the_first_write(office: Office) -> None:
    office.pms.looking = lambda: pytest.fail("nothing is to be looked for") if not office.pms.writes else None


EACH = {
    "a note": WRITTEN,
    "a note without a time": replace(WRITTEN, occurred_at=None),
    "a long note": replace(WRITTEN, kind="outgoing_email", body="Many words. " * 500),
    "a verification": replace(WRITTEN, kind="verification_note", verified_on=date(2026, 11, 2)),
    "a document": replace(
        WRITTEN, kind="account_statement", body="", file_name="s.pdf", file_content=Content.of(PDF)
    ),
}


@pytest.mark.parametrize("new", EACH.values(), ids=EACH.keys())
def test_what_comes_again_under_its_key_is_found_and_not_written_once_more(
    office: Office, token: ApiToken, new: NewActivity
) -> None:
    with forgotten(office):
        first = [row.marker for row in hand_in(office, token, new)]
        office.settle()
        assert sorted(office.pms.markers()) == sorted(first)
    assert not Activity.objects.exists()
    come_back(office)
    again = hand_in(office, token, new)
    hand_in(office, token, replace(WRITTEN, body="Prefers evenings."), "k-2")
    office.settle()
    assert [row.marker for row in again] == first
    assert len(office.pms.markers()) == len(first) + 1
    assert set(Writeback.objects.values_list("delivery", "seen")) == {("taken", "seen")}
    assert not Writeback.objects.filter(record="").exists()
    office.check()


def test_many_that_come_again_at_once_are_found_too(office: Office, token: ApiToken) -> None:
    items = [
        Item(new=replace(WRITTEN, patient_key=str(1 + n % 3), body=f"Note {n}."), idempotency_key=f"k-{n}")
        for n in range(60)
    ]
    intake = Intake(enqueue=enqueue_many, clock=office.clock)
    with forgotten(office):
        intake.accept_many(office.practice.pk, items[:40], source=f"api:{token.pk}", who="api:Texts")
        office.settle()
        assert office.pms.writes == 40
    come_back(office)
    intake.accept_many(office.practice.pk, items, source=f"api:{token.pk}", who="api:Texts")
    office.settle()
    assert office.pms.writes == 60
    assert Writeback.objects.filter(seen="seen").count() == 60
    office.check()


def test_a_store_that_was_set_back_in_its_place_looks_as_well(
    office: Office, token: ApiToken, folder: Path
) -> None:
    with forgotten(office):
        hand_in(office, token)
        office.settle()
        keep_watch(office.clock)
    assert int((folder / "place.mark").read_text()) > 0
    keep_watch(office.clock)  # while the process runs
    office.clock.advance(71)
    hand_in(office, token)
    office.settle()
    assert len(office.pms.records) == 1
    office.check()


def test_a_hub_that_takes_over_looks_for_what_programs_had_handed_in_to_the_other(
    office: Office, token: ApiToken
) -> None:
    shared = Shared()
    with forgotten(office):
        let_be_held(office, shared, "first")
        hand_in(office, token)
        office.settle()
    let_be_held(office, shared, "second")
    office.live = LiveConnectors(office.clock)
    shared.holder = "first"
    deliverer = office.deliverer()
    office.deliver(deliverer)
    assert standing_by(office)
    office.clock.advance(3600)
    shared.holder = ""
    office.deliver(deliverer)
    assert not standing_by(office)
    office.clock.advance(91)
    hand_in(office, token)
    office.settle(deliverer=deliverer)
    assert office.pms.writes == 1
    office.check()


def test_what_is_said_to_have_been_after_the_restore_goes_without_a_look(
    office: Office, token: ApiToken
) -> None:
    settle_in(office.clock)
    come_back(office)
    office.clock.advance(400)
    hand_in(office, token, replace(WRITTEN, occurred_at=office.clock.now() - timedelta(seconds=2)))
    no_look_before_the_first_write(office)
    office.settle()
    office.check()


@pytest.mark.parametrize(("days", "looked_for"), [(6.9, True), (7.1, False)])
def test_what_comes_without_a_time_is_looked_for_during_a_week(
    office: Office, token: ApiToken, days: float, looked_for: bool
) -> None:
    settle_in(office.clock)
    come_back(office)
    office.clock.advance(days * 86400 - 71)
    hand_in(office, token, replace(WRITTEN, occurred_at=None))
    office.deliver()
    assert office.pms.writes == 1
    assert bool(_looked_first(office)) is looked_for


def test_what_says_that_it_was_before_the_restore_is_looked_for_however_late_it_comes(
    office: Office, token: ApiToken
) -> None:
    with forgotten(office):
        hand_in(office, token)
        office.settle()
    come_back(office)
    office.clock.advance(90 * 86400)
    hand_in(office, token)
    office.settle()
    assert office.pms.writes == 1
    office.check()


def _looked_first(office: Office) -> int:
    """How many looks there were beside the one that reads back."""
    return office.pms.looks - 1


@pytest.mark.parametrize("how", ["new", "booted"])
def test_a_hub_that_was_never_restored_neither_looks_nor_asks(
    office: Office, token: ApiToken, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(office.clock)
    if how == "booted":
        StorePlace.objects.update(boot="an earlier one")
        assert settle_in(office.clock) is Moved.BOOTED
    monkeypatch.setattr(handed_in, "came_with_key", lambda _ids: pytest.fail("a query for nothing"))
    no_look_before_the_first_write(office)
    hand_in(office, token)
    office.settle()
    assert Connection.objects.get().restored_at is None
    office.check()


def test_without_a_key_it_is_another_activity(office: Office, token: ApiToken) -> None:
    with forgotten(office):
        [first] = hand_in(office, token, key=None)
        office.settle()
    come_back(office)
    [again] = hand_in(office, token, key=None)
    assert again.marker != first.marker
    office.settle()
    assert office.pms.writes == 2


def test_the_same_key_for_another_request_or_by_another_token_is_another_activity(
    office: Office, token: ApiToken
) -> None:
    """After the restore a new token has the number of one that was made since the backup."""
    with forgotten(office):
        later = create_token(office.practice.pk, "Calls").token
        [first], [second] = hand_in(office, token), hand_in(office, later)
        office.settle()
    come_back(office)
    stranger = create_token(office.practice.pk, "Reviews").token
    if stranger.pk != later.pk:  # PostgreSQL gives no number again here
        ApiToken.objects.filter(pk=stranger.pk).update(id=later.pk)
        stranger = ApiToken.objects.get(pk=later.pk)
    rows = [
        *hand_in(office, token, replace(WRITTEN, body="Prefers evenings.")),
        *hand_in(office, stranger),
    ]
    assert not {row.marker for row in rows} & {first.marker, second.marker}
    office.settle()
    assert office.pms.writes == 4
    assert len(set(office.pms.markers())) == 4


def test_a_derived_marker_that_is_taken_already_gives_way(office: Office, token: ApiToken) -> None:
    with forgotten(office):
        [first] = hand_in(office, token)
    other = office.enqueue()[0]
    Writeback.objects.filter(pk=other.pk).update(marker=first.marker)
    [row], [next_one] = hand_in(office, token), hand_in(office, token, key="k-2")
    assert row.marker not in ("", first.marker)
    assert row.text.endswith(row.marker)
    assert Writeback.objects.filter(marker=next_one.marker).count() == 1


def test_whether_a_marker_is_taken_is_answered_by_its_index(db: None) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table of a few rows is read whole else
        assert handed_in_store.markers_taken(["CB-00000000", "CB-00000001"]) == set()
        statement = asked.captured_queries[-1]["sql"]
        cursor.execute(
            ("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + statement
        )
        assert any("one_marker" in str(row) for row in cursor.fetchall())


def test_what_could_not_be_written_at_first_has_its_derived_marker_all_the_same(
    office: Office, token: ApiToken
) -> None:
    with forgotten(office):
        [first] = hand_in(office, token)
    practice_of = Connection.objects.filter(pk=office.connection.pk)
    other = type(office.practice).objects.create(name="Elsewhere")
    practice_of.update(practice=other)
    [row] = hand_in(office, token)
    assert (row.marker, row.reason_code) == ("", "no_connection")
    practice_of.update(practice=office.practice)
    assert mend.free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock) == 1
    row.refresh_from_db()
    assert row.marker == first.marker


def test_a_hub_whose_key_is_lost_takes_in_all_the_same(office: Office, token: ApiToken, folder: Path) -> None:
    with forgotten(office):
        [first] = hand_in(office, token)
    (folder / "secret.key").unlink()
    [row] = hand_in(office, token)
    assert row.marker not in ("", first.marker)


def test_what_lies_ready_to_be_imported_is_found_and_waits_for_it(
    office: Office, token: ApiToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lies_ready(_self: object, commands: list[Command]) -> list[Receipt]:
        return [
            Receipt(record="folder 1", patient_key=each.patient_key, handed_over=True) for each in commands
        ]

    monkeypatch.setattr(ScriptedConnector, "landed_all", lies_ready)
    settle_in(office.clock)
    come_back(office)
    [row] = hand_in(office, token)
    office.deliver()
    row.refresh_from_db()
    assert office.pms.writes == 0
    assert (row.delivery, row.seen, row.reason_code) == ("taken", "owed", "waiting_for_import")


def test_a_note_that_went_missing_is_sent_again_under_its_own_marker(office: Office, token: ApiToken) -> None:
    [row] = hand_in(office, token)
    office.pms.shows = False
    office.settle()
    row.refresh_from_db()
    assert row.seen == "missing"
    office.pms.records.clear()
    office.pms.shows = True
    assert mend.retry(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    office.settle()
    assert office.pms.markers() == [row.marker]
    office.check()
