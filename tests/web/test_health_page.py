"""The Health page: freshness in words, holds and their button, the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chartbridge.domain.activities import ActivityKind
from chartbridge.store import room
from chartbridge.store.models import (
    Connection,
    Delivery,
    MirrorBadRow,
    NoteSetting,
    Observation,
    Role,
    Seen,
    StreamState,
)
from chartbridge.store.observations import Seen as Seen_
from chartbridge.store.observations import record
from chartbridge.sync.drift import RULES, Tell
from chartbridge.web.changes import _SENTENCES
from chartbridge.web.health import bar
from tests.web.conftest import SignIn
from tests.web.day import Day, a_writeback, an_activity


def test_each_stream_shows_its_lag_against_its_interval(day: Day, desk: Client) -> None:
    html = desk.get("/health/").content.decode()
    assert "Appointment Status" in html
    assert "7.5 s · 14.4 s" in html
    assert html.count("Fresh") == 3
    StreamState.objects.filter(stream="patients").update(lag_p95_ms=31_000)
    assert "longer than the interval" in desk.get("/health/state/").content.decode()


def test_a_full_disk_is_said_on_health_and_beside_it_on_every_page_until_there_is_room(
    day: Day, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(room, "free", lambda: room.LEAST - 1)
        assert "There is no room to keep anything new" in desk.get("/health/state/").content.decode()
        assert "Disk full" in desk.get("/patients/").content.decode()
        Connection.objects.all().delete()
        assert "There is no room to keep anything new" in desk.get("/health/state/").content.decode()
        assert "Disk full" in desk.get("/patients/").content.decode()
    assert "There is no room" not in desk.get("/health/state/").content.decode()
    assert "Disk full" not in desk.get("/patients/").content.decode()


@pytest.mark.parametrize(
    ("p50", "p95", "within"),
    [(7_500, 14_900, True), (7_500, 15_250, True), (8_000, 15_251, False), (99_000, 99_000, False)],
)
def test_the_bar_stays_in_its_frame(p50: int, p95: int, within: bool) -> None:
    made = bar(StreamState(interval_s=15, lag_p50_ms=p50, lag_p95_ms=p95))
    assert made is not None
    assert made.within is within
    assert 0 <= made.p50 <= made.p95 <= 100


def test_a_stream_that_fails_says_why_and_since_when(day: Day, desk: Client) -> None:
    StreamState.objects.filter(stream="patients").update(
        failures=3,
        error="Open Dental's server does not answer.",
        last_success_at=timezone.now() - timedelta(minutes=40),
    )
    html = desk.get("/health/").content.decode()
    assert "Not working" in html
    assert "Open Dental&#x27;s server does not answer." in html
    assert "3 times in a row" in html
    assert "last good 40 min ago" in html


def test_a_stream_that_is_silent_is_overdue(day: Day, desk: Client) -> None:
    StreamState.objects.filter(stream="appointments").update(
        last_success_at=timezone.now() - timedelta(minutes=4)
    )
    assert "Overdue" in desk.get("/health/").content.decode()


def test_a_first_read_shows_how_far_it_is(day: Day, desk: Client) -> None:
    StreamState.objects.filter(stream="patients").update(
        first_read_done_at=None, pass_state="first", pass_records=12340, pass_started_at=timezone.now()
    )
    html = desk.get("/health/").content.decode()
    assert "12,340 records so far" in html
    assert "<progress" in html
    StreamState.objects.update(first_read_done_at=timezone.now(), pass_state="sweep")
    assert "<progress" not in desk.get("/health/").content.decode(), "all has been read"


def test_rows_that_could_not_be_understood_are_named(day: Day, desk: Client) -> None:
    now = timezone.now()
    MirrorBadRow.objects.create(
        connection=day.connection,
        stream="patients",
        key="77",
        why="Birthdate: no date",
        first_seen_at=now,
        last_seen_at=now,
    )
    html = desk.get("/health/").content.decode()
    assert "1 row could not be understood" in html
    assert "Birthdate: no date" in html


def test_the_queue_is_counted_with_its_oldest(day: Day, desk: Client) -> None:
    kind = ActivityKind.OUTGOING_TEXT
    a_writeback(day, an_activity(day, "11", kind, "x", 12), Delivery.QUEUED)
    a_writeback(day, an_activity(day, "11", kind, "x", 3), Delivery.UNCERTAIN)
    a_writeback(day, an_activity(day, "11", kind, "x", 3), Delivery.TAKEN, Seen.OWED)
    a_writeback(day, an_activity(day, "11", kind, "x", 130), Delivery.PARKED)
    a_writeback(day, an_activity(day, "11", kind, "x", 3), Delivery.TAKEN, Seen.SEEN)
    html = desk.get("/health/").content.decode()
    assert "oldest from 12 min ago" in html
    assert "oldest from 2 h ago" in html
    assert "1 read back, 1 looked for" in html


def test_the_brake_is_shown_and_released_by_a_manager_only(day: Day, sign_in: SignIn) -> None:
    Connection.objects.update(hold="The PMS's numbering went backwards.", hold_code="brake")
    desk, manager = sign_in(Role.FRONT_DESK), sign_in(Role.MANAGER)
    html = desk.get("/health/").content.decode()
    assert "numbering went backwards" in html
    assert "It is right, go on" not in html
    assert desk.post("/health/resume/").status_code == 403
    assert "It is right, go on" in manager.get("/health/").content.decode()
    assert "Reading goes on" in manager.post("/health/resume/").content.decode()
    assert Connection.objects.get().hold == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "agrees with ours"), (-2, "agrees with ours"), (40, "40 s ahead"), (-40, "40 s behind")],
)
def test_the_clock_of_the_pms_is_compared_with_ours(day: Day, desk: Client, seconds: int, words: str) -> None:
    now = timezone.now()
    server = now + timedelta(seconds=seconds)
    Connection.objects.update(
        identity={"version": "24.3.10", "server_now": server.isoformat(), "asked_at": now.isoformat()}
    )
    assert words in desk.get("/health/").content.decode()


def test_switched_off_is_said(day: Day, desk: Client) -> None:
    Connection.objects.update(writing_on=False)
    assert "Writing to Open Dental is switched off" in desk.get("/health/").content.decode()
    Connection.objects.update(on=False)
    html = desk.get("/health/").content.decode()
    assert "Nothing is read and nothing is written" in html
    assert "Fresh" not in html


def test_without_a_connection_the_page_says_what_to_do(day: Day, desk: Client) -> None:
    Connection.objects.all().delete()
    assert "No PMS is connected yet" in desk.get("/health/").content.decode()


def test_what_vanished_from_a_restored_chart_is_counted_and_written_again_by_choice(
    day: Day, sign_in: SignIn
) -> None:
    Connection.objects.update(hold="The PMS's numbering went backwards.", hold_code="brake")
    activity = an_activity(day, "1", ActivityKind.PATIENT_NOTE, "Prefers mornings.")
    row = a_writeback(
        day,
        activity,
        Delivery.TAKEN,
        seen=Seen.MISSING,
        reason_code="vanished",
        reason="It is gone.",
        attempts=1,
    )
    manager = sign_in(Role.MANAGER)
    html = manager.get("/health/").content.decode()
    assert "1 entry that Chartbridge had written" in html
    assert "write again what vanished (1)" in html
    manager.post("/health/resume/", {"again": "on"})
    row.refresh_from_db()
    assert row.delivery == Delivery.UNCERTAIN, "it is looked for before it is sent"
    assert Connection.objects.get().hold == ""


def test_a_hub_that_stands_by_says_so_here_and_beside_health_on_every_page(day: Day, desk: Client) -> None:
    Connection.objects.update(standby_since=timezone.now())
    assert "This Chartbridge stands by" in desk.get("/health/").content.decode()
    assert "Stands by" in desk.get("/writebacks/").content.decode()


def test_what_was_chosen_anew_no_longer_waits_because_of_a_change(day: Day, desk: Client) -> None:
    of_texts = {"connection": day.connection, "kind": "outgoing_text"}
    NoteSetting.objects.update_or_create(**of_texts, defaults={"allow": True, "note_type_key": "9"})
    gone = Seen_(what="note_types", event="gone", key="9", before="Text", paused=["outgoing_text"], told=True)
    record(day.connection, [gone], timezone.now())
    assert "Waits because of it: Outgoing SMS." in desk.get("/health/").content.decode()
    NoteSetting.objects.filter(**of_texts).update(note_type_key="8")
    html = desk.get("/health/").content.decode()
    assert "The Note Type “Text” was deleted in the PMS" in html
    assert "Waits because of it" not in html
    assert "Nothing waits because of it any more." in html


def test_a_change_is_told_and_put_away_by_a_manager(day: Day, sign_in: SignIn) -> None:
    record(
        day.connection,
        [
            Seen_(
                what="note_types", event="gone", key="9", before="Text", paused=["outgoing_text"], told=True
            ),
            Seen_(what="note_types", event="renamed", key="8", before="Misc", after="Other", told=True),
            Seen_(what="operatories", event="added", key="3", after="Op 3"),
        ],
        timezone.now(),
    )
    manager = sign_in(Role.MANAGER)
    for page in ("/health/", "/settings/writeback/"):
        html = manager.get(page).content.decode()
        assert "The Note Type “Text” was deleted in the PMS" in html
        assert "Nothing waits because of it." in html
    told = Observation.objects.get(event="gone")
    assert sign_in(Role.FRONT_DESK).post(f"/health/changes/{told.pk}/").status_code == 403
    assert "Put away." in manager.post(f"/health/changes/{told.pk}/").content.decode()
    assert "already" in manager.post(f"/health/changes/{told.pk}/").content.decode()
    html = manager.get("/health/").content.decode()
    assert html.count("The Note Type “Text” was deleted in the PMS") == 1, "in the list of changes only"
    assert "put away by" in html


def test_every_change_that_can_be_told_has_its_words() -> None:
    for (what, event), rule in RULES.items():
        assert rule.tell is Tell.NEVER or (what, event) in _SENTENCES
