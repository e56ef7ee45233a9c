"""What waits, how fresh, the buttons; and waiting for changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection as database
from django.utils import timezone

from chartbridge.api.changes import _Gaps
from chartbridge.store.models import (
    AuditEntry,
    Connection,
    NoteSetting,
    Notice,
    Reconciliation,
    ReconciliationFinding,
    StreamState,
    Writeback,
)
from chartbridge.store.notices import Moved
from tests.api.conftest import Program, add_patient, body_of, error_of
from tests.api.test_activities import TEXT


def test_writebacks_are_listed_by_where_they_stand(program: Program) -> None:
    program.send("/activities", TEXT)
    program.send("/activities", TEXT | {"patient_key": "999"})
    held = body_of(program.get("/writebacks", delivery="held"))["writebacks"]
    assert [w["patient_key"] for w in held] == ["999"]
    page = body_of(program.get("/writebacks", limit=1))
    assert page["next_before"] == page["writebacks"][0]["id"]
    assert program.get("/writebacks", delivery="lost").status_code == 422


def test_a_failed_writeback_is_retried_and_a_waiting_one_is_not(program: Program) -> None:
    told = body_of(program.send("/activities", TEXT))["writebacks"][0]
    waiting = program.send(f"/writebacks/{told['id']}/retry", {})
    assert (waiting.status_code, error_of(waiting)["code"]) == (409, "not_possible")
    Writeback.objects.update(delivery="refused", reason_code="refused", reason="No.")
    again = program.send(f"/writebacks/{told['id']}/retry", {})
    assert again.status_code == 202
    assert body_of(again)["delivery"] == "queued"


def test_health_tells_streams_and_queue(program: Program) -> None:
    StreamState.objects.create(
        connection=program.connection, stream="appointments", interval_s=60, checks=3, lag_p50_ms=812
    )
    program.send("/activities", TEXT)
    told = body_of(program.get("/health"))
    assert (told["pms"], told["pms_version"]) == ("open_dental", "24.3.10")
    streams = {s["stream"]: s for s in told["streams"]}
    assert streams["appointments"]["lag_p50_ms"] == 812
    assert told["writebacks"]["queued"] == 1


def test_a_database_without_room_is_said_until_something_is_kept_again(program: Program) -> None:
    long = TEXT | {
        "body": "See you at noon. " * 10_000
    }  # a hundred of them fill what earlier tests left free, too
    assert body_of(program.get("/health"))["disk_full"] is False
    with no_room():
        answers = (program.send("/activities", long) for _ in range(100))
        refused = next(answer for answer in answers if answer.status_code != 201)
        assert (refused.status_code, error_of(refused)["code"]) == (503, "disk_full")
        assert body_of(program.get("/health"))["disk_full"] is True
        assert "chartbridge_disk_full 1.0" in program.get("/metrics").content.decode()
    assert program.send("/activities", long).status_code == 201
    assert body_of(program.get("/health"))["disk_full"] is False
    assert "chartbridge_disk_full 0.0" in program.get("/metrics").content.decode()


@contextmanager
def no_room() -> Iterator[None]:
    """Let the database itself say that its disk is full."""
    with database.cursor() as cursor:
        if database.vendor == "sqlite":
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
        else:
            cursor.execute(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER no_room BEFORE INSERT ON store_activity EXECUTE FUNCTION no_room()"
            )
    yield
    with database.cursor() as cursor:
        if database.vendor == "sqlite":
            cursor.execute(f"PRAGMA max_page_count={2**32 - 2}")
        else:
            cursor.execute("DROP FUNCTION no_room CASCADE")


def test_the_sync_buttons_mark_the_streams(program: Program) -> None:
    for stream in ("appointments", "patients"):
        StreamState.objects.create(connection=program.connection, stream=stream, interval_s=60)
    assert program.send("/sync/now", {"stream": "patients"}).status_code == 202
    assert dict(StreamState.objects.values_list("stream", "wanted")) == {
        "appointments": "",
        "patients": "now",
    }
    assert program.send("/sync/full", {}).status_code == 202
    assert set(StreamState.objects.values_list("wanted", flat=True)) == {"full"}
    assert program.send("/sync/now", {"stream": "x-rays"}).status_code == 422


def test_settings_are_shown_and_changed_in_part(program: Program) -> None:
    before = body_of(program.get("/settings/writeback"))
    assert len(before["notes"]) == 13
    changed = program.send(
        "/settings/writeback",
        {"provider_key": "2", "notes": [{"kind": "incoming_text", "allow": False}]},
        method="PUT",
    )
    assert changed.status_code == 200
    after = body_of(program.get("/settings/writeback"))
    assert after == body_of(changed)
    assert after["provider_key"] == "2"
    notes = {n["kind"]: n for n in after["notes"]}
    assert (notes["incoming_text"]["allow"], notes["incoming_text"]["note_type_key"]) == (False, "10")
    assert notes["outgoing_text"]["allow"] is True
    assert AuditEntry.objects.get().who == "api:phones of Maple"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"provider_key": "77"}, "provider_key"),
        ({"provider_key": "9"}, "provider_key"),
        ({"provider_key": "\x00"}, "provider_key"),
        ({"notes": [{"kind": "outgoing_text", "note_type_key": "77"}]}, "notes.0.note_type_key"),
        ({"notes": [{"kind": "account_statement", "allow": True}]}, "notes.0.kind"),
        (
            {"documents": [{"kind": "account_statement", "document_type_key": "10"}]},
            "documents.0.document_type_key",
        ),
        ({"writing_on": "maybe"}, "writing_on"),
        ({"secrets": "x"}, "secrets"),
    ],
)
def test_one_wrong_setting_and_nothing_is_changed(
    program: Program, wish: dict[str, object], field: str
) -> None:
    wish = {"notes": [{"kind": "incoming_text", "allow": False}]} | wish
    if "notes" in field:
        wish["notes"] = [*wish["notes"]]  # type: ignore[misc]
    answer = program.send("/settings/writeback", wish, method="PUT")
    assert (answer.status_code, error_of(answer)["field"]) == (422, field)
    assert NoteSetting.objects.get(kind="incoming_text", connection=program.connection).allow
    assert Connection.objects.get(pk=program.connection.pk).provider_key == "1"


def test_a_setting_decides_what_becomes_of_the_next_activity(program: Program) -> None:
    off = {"notes": [{"kind": "outgoing_text", "allow": False}]}
    program.send("/settings/writeback", off, method="PUT")
    assert body_of(program.send("/activities", TEXT))["state"] == "skipped"


def test_metrics_are_counts_and_times_of_the_practice_and_need_a_token(program: Program) -> None:
    StreamState.objects.create(
        connection=program.connection,
        stream="appointments",
        interval_s=60,
        lag_p95_ms=1500,
        last_success_at=timezone.now(),
    )
    number = "1042" * 5  # longer than what the digits of a measured time could hold by chance
    add_patient(program.connection, number, last_name="Zebediah")
    program.send("/activities", TEXT | {"patient_key": number})
    told = program.get("/metrics").content.decode()
    assert 'chartbridge_writebacks{delivery="queued"} 1.0' in told
    assert 'chartbridge_stream_lag_seconds{quantile="0.95",stream="appointments"} 1.5' in told
    assert "chartbridge_stream_age_seconds" in told
    assert not any(word in told for word in (number, "Zebediah", "See you", "Maple"))
    assert program.client.get("/api/v1/metrics").status_code == 401


def test_changes_begin_with_a_number_and_go_on_from_it(program: Program, other: Program) -> None:
    start = body_of(program.get("/changes"))
    assert start["changes"] == []
    other.send("/activities", TEXT)
    program.send("/activities", TEXT)
    told = body_of(program.get("/changes", after=start["last"]))
    assert [(c["topic"], c["keys"]) for c in told["changes"]] == [("writebacks", ["1042"])]
    assert body_of(program.get("/changes", after=told["last"]))["changes"] == []


def test_a_waiting_call_is_answered_soon_after_something_moves(
    transactional_db: None, program: Program
) -> None:
    """The best of three tries: in any single one the machine may have had something else to do."""
    moved_at: list[float] = []
    took: list[float] = []

    def move() -> None:
        time.sleep(0.5)
        moved_at.append(time.monotonic())
        Notice.objects.create(
            practice_id=program.practice.pk, topic="appointments", keys=["700"], at=timezone.now()
        )
        database.close()

    while not took or (min(took) >= 1 and len(took) < 3):
        start = body_of(program.get("/changes"))["last"]
        thread = threading.Thread(target=move)
        thread.start()
        told = body_of(program.get("/changes", after=start, wait=25))
        heard_at = time.monotonic()
        thread.join()
        took.append(heard_at - moved_at[-1])
        assert told["changes"][0]["keys"] == ["700"]
    assert min(took) < 1


def test_a_waiting_call_ends_when_nothing_moves(program: Program) -> None:
    start = body_of(program.get("/changes"))["last"]
    assert body_of(program.get("/changes", after=start, wait=0.2))["changes"] == []


def test_who_was_away_too_long_is_told_so(program: Program) -> None:
    rows = [
        Notice.objects.create(practice_id=program.practice.pk, topic="patients", at=timezone.now())
        for _ in range(5)
    ]
    Notice.objects.filter(pk__lt=rows[3].pk).delete()
    told = body_of(program.get("/changes", after=rows[0].pk))
    assert told["missed"]
    assert [c["id"] for c in told["changes"]] == [rows[3].pk, rows[4].pk]
    assert not body_of(program.get("/changes", after=rows[3].pk))["missed"]


def test_a_number_that_is_still_being_committed_is_waited_for_a_second() -> None:
    rows = [Moved(id=n, practice_id=1, topic="patients", keys=[]) for n in (11, 13, 14)]
    gaps = _Gaps()
    assert gaps.settled(rows, 10, now=0.0) == rows[:1]
    assert gaps.settled(rows, 10, now=0.9) == rows[:1]
    assert gaps.settled(rows, 10, now=1.1) == rows


def test_a_look_at_a_day_says_what_was_changed(program: Program) -> None:
    answer = program.send("/activities", TEXT)
    written = Writeback.objects.filter(activity_id=body_of(answer)["id"]).get()
    now = timezone.now()
    run = Reconciliation.objects.create(
        practice=written.practice, day=now.date(), who="chartbridge", started_at=now, total=1, looked=1
    )
    ReconciliationFinding.objects.create(
        run=run,
        writeback=written,
        kind="changed",
        records=[["commlog 4711", written.patient_key]],
        changes=[["text", "", ""], ["type_key", "71", "72"]],
    )
    (told,) = body_of(program.get("/reconciliation"))["findings"]
    assert (told["kind"], told["changes"]) == ("changed", ["text", "type_key"])
