"""The Reconciliation page: green or a list with fixes; and Undo a bad day: first what would happen, then doing it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from axe_core_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.clock import SystemClock
from chartbridge.store.models import (
    AuditEntry,
    Delivery,
    FindingKind,
    LookupEntry,
    MirrorPatient,
    Practice,
    Reconciliation,
    ReconciliationFinding,
    Role,
    Seen,
    Undoing,
    Writeback,
)
from tests.conftest import LiveHub
from tests.web.conftest import SignIn
from tests.web.day import Day, a_day, a_writeback, an_activity
from tests.web.test_working_pages_look import SIZES
from tests.writeback.conftest import undo_whole

NOTE = ActivityKind.PATIENT_NOTE


def a_written_note(day: Day, patient: str = "11", **given: object) -> Writeback:
    return a_writeback(
        day, an_activity(day, patient, NOTE, "Prefers mornings."), Delivery.TAKEN, Seen.SEEN,
        **{"record": "commlog 4711", "command": "add_note", "attempts": 1, **given},
    )  # fmt: skip


def a_run(day: Day, *kinds: FindingKind, finished: bool = True) -> Reconciliation:
    now = timezone.now()
    run = Reconciliation.objects.create(
        practice=day.practice, day=date(2026, 11, 24), who="chartbridge", started_at=now, total=5, looked=5,
        in_chart=5 - len(kinds), finished_at=now if finished else None,
    )  # fmt: skip
    for kind in kinds:
        ReconciliationFinding.objects.create(
            run=run,
            writeback=a_written_note(day),
            kind=kind,
            records=[["commlog 4711", "11"], ["commlog 5000", "13"]],
        )
    return run


def test_before_the_first_look_the_page_says_what_will_be_there(day: Day, desk: Client) -> None:
    assert "No look yet" in desk.get("/writebacks/reconciliation/").content.decode()


def test_a_good_day_is_one_green_line(day: Day, desk: Client) -> None:
    a_run(day)
    html = desk.get("/writebacks/reconciliation/").content.decode()
    assert "All 5 of Tuesday, November 24 are in the chart as they were written." in html
    assert 'id="finding-' not in html


def test_a_look_is_begun_and_shows_how_far_it_is(day: Day, desk: Client) -> None:
    html = desk.post("/writebacks/reconciliation/start/", {"day": "2026-11-24"}).content.decode()
    run = Reconciliation.objects.get()
    assert (run.day, run.who, run.finished_at) == (date(2026, 11, 24), "front_desk@example.com", None)
    assert "Looking at Tuesday, November 24" in html
    assert "<progress" in html
    tomorrow = (timezone.now() + timedelta(days=2)).date().isoformat()
    assert (
        "still to come" in desk.post("/writebacks/reconciliation/start/", {"day": tomorrow}).content.decode()
    )


def test_what_is_missing_is_written_again_and_what_may_stay_is_kept(day: Day, desk: Client) -> None:
    run = a_run(day, FindingKind.MISSING, FindingKind.CHANGED)
    missing, changed = run.findings.order_by("pk")
    Writeback.objects.filter(pk=missing.writeback_id).update(seen=Seen.MISSING, reason_code="gone_since")
    html = desk.post(
        "/writebacks/reconciliation/decide/", {"do": "mend", "finding": missing.pk}
    ).content.decode()
    assert "1 is on its way" in html
    missing.writeback.refresh_from_db()
    assert missing.writeback.delivery == Delivery.UNCERTAIN, "it is looked for once more, never sent blindly"
    desk.post("/writebacks/reconciliation/decide/", {"do": "known", "finding": changed.pk})
    assert set(run.findings.values_list("decision", flat=True)) == {"mended", "known"}
    again = desk.post("/writebacks/reconciliation/decide/", {"do": "mend", "finding": missing.pk})
    assert "already dealt with" in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([["text", "", ""]], "Somebody has changed the text in the PMS."),
        ([["type_key", "71", "72"]], "Its type is no longer “Misc” but “Recall”."),
        ([["type_key", "71", "0"]], "Its type is no longer “Misc”."),
        ([["type_key", "9", "0"]], "Its type is another one than it was."),
        ([["medium", "Text", "Email"]], "It is marked “Email” instead of “Text”."),
        (
            [["direction", "Sent", "Received"], ["at", "2026-03-02T10:15:00", "2026-03-03T10:15:00"]],
            "It is marked “Received” instead of “Sent”. It is dated March 3 instead of March 2.",
        ),
        ([["at", "2026-03-02T10:15:00", "2026-03-02T15:10:30"]], "It is dated 3:10 PM instead of 10:15 AM."),
        (
            [["at", "2026-01-02T10:15:00", "2025-12-31T10:15:00"]],
            "December 31, 2025 instead of January 2, 2026.",
        ),
        ([], "Somebody has changed the text in the PMS."),
    ],
)
def test_what_was_changed_is_said_in_words(
    day: Day, desk: Client, changes: list[list[str]], told: str
) -> None:
    LookupEntry.objects.create(connection=day.connection, kind="note_types", key="72", name="Recall")
    run = a_run(day, FindingKind.CHANGED)
    ReconciliationFinding.objects.update(changes=changes)
    html = desk.get("/writebacks/reconciliation/").content.decode()
    assert told in html
    assert run.findings.count() == 1


@pytest.mark.parametrize("kind", [FindingKind.TWICE, FindingKind.WRONG_PATIENT])
def test_a_copy_is_corrected_where_it_stands_once(day: Day, desk: Client, kind: FindingKind) -> None:
    found = a_run(day, kind).findings.get()
    desk.post("/writebacks/reconciliation/decide/", {"do": "mend", "finding": found.pk})
    ReconciliationFinding.objects.update(decision="")
    desk.post("/writebacks/reconciliation/decide/", {"do": "mend", "finding": found.pk})
    correction = Writeback.objects.get(corrects=found.writeback)
    assert correction.patient_key == "13"
    assert "commlog 5000" in correction.text
    assert found.writeback.marker == "" or found.writeback.marker not in correction.text


def test_the_health_page_says_how_the_last_night_was(day: Day, desk: Client) -> None:
    a_run(day)
    assert "Tuesday, November 24: 5 of 5 are in the chart" in desk.get("/health/").content.decode()
    a_run(day, FindingKind.TWICE)
    assert "1 not as written" in desk.get("/health/").content.decode()


def test_all_alike_are_mended_with_one_press(day: Day, desk: Client) -> None:
    run = a_run(day, FindingKind.TWICE, FindingKind.TWICE, FindingKind.CHANGED)
    answer = desk.post("/writebacks/reconciliation/decide/", {"do": "mend", "alike": FindingKind.TWICE})
    assert "2 are on their way" in answer.content.decode()
    assert sorted(run.findings.values_list("decision", flat=True)) == ["", "mended", "mended"]
    assert Writeback.objects.filter(corrects__isnull=False).count() == 2


def test_what_does_not_go_on_stays_open_and_is_counted_with_its_reason(day: Day, desk: Client) -> None:
    run = a_run(day, *[FindingKind.MISSING] * 3, FindingKind.TWICE)
    rows = [each.writeback for each in run.findings.order_by("pk")]
    Writeback.objects.update(seen=Seen.MISSING, reason_code="gone_since", reason="It is gone.")
    MirrorPatient.objects.filter(key="13").update(status="deleted")
    Writeback.objects.filter(pk=rows[1].pk).update(
        delivery=Delivery.PARKED, seen=Seen.OWED, patient_key="13", reason_code="patient_deleted",
        reason="Patient 13 is deleted.", attempts=0,
    )  # fmt: skip
    html = desk.post(
        "/writebacks/reconciliation/decide/", {"do": "mend", "alike": FindingKind.MISSING}
    ).content.decode()
    assert "2 go on, 1 still waits: Patient 13 is deleted." in html
    assert [each.decision for each in run.findings.order_by("pk")] == ["mended", "", "mended", ""]
    html = desk.post(
        "/writebacks/reconciliation/decide/", {"do": "mend", "alike": FindingKind.TWICE}
    ).content.decode()
    assert "Nothing was sent: Patient 13 is deleted" in html, "its correction waits for a person"
    assert run.findings.filter(decision="mended").count() == 2


def test_a_merge_is_told_and_offers_no_correction(day: Day, desk: Client) -> None:
    run = a_run(day, FindingKind.MERGED)
    run.findings.update(decision="told", records=[["commlog 4711", "13"]])
    html = desk.get("/writebacks/reconciliation/").content.decode()
    assert "merged into patient 13" in html
    assert "Correct it there" not in html
    assert "It may stay" not in html


def test_what_may_be_a_merge_is_corrected_only_once_a_person_is_sure(day: Day, desk: Client) -> None:
    found = a_run(day, FindingKind.MAYBE_MERGED, FindingKind.MAYBE_MERGED).findings.order_by("pk")
    found.update(records=[["commlog 4711", "13"]])
    html = desk.get("/writebacks/reconciliation/").content.decode()
    assert "does not say whether the two were merged" in html
    assert html.count("hx-confirm") == 2
    assert "Correct it there · 2" not in html, "one by one"
    asked = {"do": "mend", "finding": found[0].pk}
    assert "Look in the PMS first" in desk.post("/writebacks/reconciliation/decide/", asked).content.decode()
    alike = {"do": "mend", "alike": FindingKind.MAYBE_MERGED}
    assert "Look in the PMS first" in desk.post("/writebacks/reconciliation/decide/", alike).content.decode()
    assert not Writeback.objects.filter(corrects__isnull=False).exists()
    desk.post("/writebacks/reconciliation/decide/", asked | {"sure": "1"})
    correction = Writeback.objects.get(corrects__isnull=False)
    assert (correction.patient_key, correction.payload["correction"]) == ("13", "commlog 4711")
    first = Writeback.objects.get(pk=found[0].writeback_id)
    assert (first.seen, first.reason_code) == (Seen.MISSING, "gone_since")


def test_who_sees_the_patients_is_noted_once_an_opening_and_not_once_a_poll(day: Day, desk: Client) -> None:
    def seen() -> list[object]:
        rows = AuditEntry.objects.filter(what="reconciliation.viewed").order_by("pk")
        return [row.detail["count"] for row in rows]

    run = a_run(day, FindingKind.TWICE, finished=False)
    desk.get("/writebacks/reconciliation/")
    for _ in range(3):
        desk.get("/writebacks/reconciliation/state/")
    assert seen() == [0], "while it runs nobody is named"
    Reconciliation.objects.filter(pk=run.pk).update(finished_at=timezone.now())
    for _ in range(3):
        desk.get("/writebacks/reconciliation/state/")
    assert seen() == [0, 1]
    desk.get("/writebacks/reconciliation/")
    desk.get("/writebacks/reconciliation/state/")
    assert seen() == [0, 1, 1]


def test_the_list_alone_is_not_seen_without_a_note(day: Day, desk: Client) -> None:
    a_run(day, FindingKind.TWICE)
    desk.get("/writebacks/reconciliation/state/")
    assert AuditEntry.objects.filter(what="reconciliation.viewed").count() == 1


@pytest.mark.parametrize("number", ["", "x", "9" * 40, "-1"])
def test_nonsense_is_answered_in_words(day: Day, desk: Client, number: str) -> None:
    answer = desk.post("/writebacks/reconciliation/decide/", {"do": "mend", "finding": number})
    assert "already dealt with" in answer.content.decode()


def test_who_may_only_read_mends_nothing(day: Day, sign_in: SignIn) -> None:
    found = a_run(day, FindingKind.TWICE).findings.get()
    reader = sign_in(Role.READ_ONLY)
    assert "Correct the second" not in reader.get("/writebacks/reconciliation/").content.decode()
    answer = reader.post("/writebacks/reconciliation/decide/", {"do": "mend", "finding": found.pk})
    assert answer.status_code == 403


def test_another_practices_finding_is_nobodys(day: Day, desk: Client) -> None:
    run = a_run(day, FindingKind.TWICE)
    other = a_day(type(day.practice).objects.create(name="Oak Dental"))
    Reconciliation.objects.filter(pk=run.pk).update(practice=other.practice)
    desk.post("/writebacks/reconciliation/decide/", {"do": "known", "finding": run.findings.get().pk})
    assert run.findings.get().decision == ""


def test_an_undo_shows_first_and_acts_then(day: Day, sign_in: SignIn) -> None:
    manager = sign_in(Role.MANAGER)
    a_written_note(day, created_at=timezone.now(), sent_type="300")
    waiting = a_writeback(day, an_activity(day, "12", NOTE, "Later"), Delivery.QUEUED, command="add_note")
    assert "Nothing chosen yet" in manager.get("/writebacks/undo/").content.decode()
    asked = {"from": "2000-01-01T00:00", "to": "2100-01-01T00:00"}
    html = manager.post("/writebacks/undo/dry-run/", asked).content.decode()
    assert "2 would be undone" in html
    assert "Please disregard it" in html
    assert not Writeback.objects.filter(corrects__isnull=False).exists()
    up_to = re.search(r'"up_to": "(\d+)"', html)
    assert up_to
    html = manager.post("/writebacks/undo/do/", asked | {"up_to": up_to[1]}).content.decode()
    assert "Making the list." in html
    assert not Writeback.objects.filter(corrects__isnull=False).exists(), "the engine does it"
    undo_whole(Undoing.objects.get(), SystemClock())
    waiting.refresh_from_db()
    assert waiting.delivery == Delivery.RETRACTED
    html = manager.get("/writebacks/undo/").content.decode()
    for said in ("1 is undone", "1 correction is on its way", "1 of 2 are settled", "Take it back"):
        assert said in html
    correction = Writeback.objects.get(corrects__isnull=False)
    Writeback.objects.filter(pk=correction.pk).update(delivery=Delivery.PARKED, reason="DOC9 is not active.")
    html = manager.get("/writebacks/undo/state/").content.decode()
    assert "1 could not be undone: DOC9 is not active." in html
    Writeback.objects.filter(pk=correction.pk).update(delivery=Delivery.QUEUED)
    assert "is taken back" in manager.post("/writebacks/undo/take-back/").content.decode()
    undo_whole(Undoing.objects.get(), SystemClock())
    assert "was taken back" in manager.get("/writebacks/undo/state/").content.decode()
    correction.refresh_from_db()
    waiting.refresh_from_db()
    assert (correction.delivery, waiting.delivery) == (Delivery.RETRACTED, Delivery.QUEUED)
    assert "sent already" in manager.post("/writebacks/undo/take-back/").content.decode()


@pytest.mark.parametrize(
    ("begins", "ends", "taken"),
    [
        ("2026-11-01T01:30", "2026-11-01T01:30", {"first", "second"}),
        ("2026-11-01T00:00", "2026-11-01T01:29", {"first"}),
        ("2026-11-01T01:31", "2026-11-01T02:30", {"second"}),
        ("2026-11-01T02:00", "2026-11-01T03:00", set()),
        ("2026-03-08T01:00", "2026-03-08T02:30", {"spring"}),
    ],
)
def test_an_hour_that_comes_twice_is_taken_both_times(
    day: Day, sign_in: SignIn, begins: str, ends: str, taken: set[str]
) -> None:
    Practice.objects.update(time_zone="America/New_York")
    at = {
        "first": datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # 1:30 summer time
        "second": datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # 1:30 once more
        "spring": datetime(2026, 3, 8, 7, 15, tzinfo=UTC),  # 3:15; there is no 2:15 that night
    }
    rows = {a_written_note(day, created_at=moment).pk: name for name, moment in at.items()}
    asked = {"from": begins, "to": ends, "up_to": str(max(rows))}
    manager = sign_in(Role.MANAGER)
    html = manager.post("/writebacks/undo/dry-run/", asked).content.decode()
    assert ("an hour came twice" in html) == ("2026-11-01T01:" in begins + ends)
    manager.post("/writebacks/undo/do/", asked)
    run = undo_whole(Undoing.objects.get(), SystemClock())
    found = {rows[step.writeback_id] for step in run.steps.all()}
    assert found == taken


def test_an_undo_needs_a_time_and_a_manager(day: Day, sign_in: SignIn) -> None:
    manager = sign_in(Role.MANAGER)
    for asked in (
        {},
        {"from": "x", "to": "y"},
        {"from": "2026-02-02T10:00", "to": "2026-02-01T10:00"},
        {"from": "2026-02-02", "to": "9999-12-31"},
    ):
        assert "from when to when" in manager.post("/writebacks/undo/dry-run/", asked).content.decode()
    assert sign_in(Role.FRONT_DESK).get("/writebacks/undo/").status_code == 403


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_both_pages_can_be_used_by_everybody(
    live_hub: LiveHub, browser: Browser, size: str, colours: str
) -> None:
    day = a_day(live_hub.practice)
    a_run(day)
    a_run(day, *FindingKind, FindingKind.TWICE)
    MirrorPatient.objects.filter(key="11").update(last_name="Van der Berg-Montgomery-Wolkenstein")
    context = browser.new_context(viewport=SIZES[size], color_scheme=colours, reduced_motion="reduce")
    page = context.new_page()
    live_hub.sign_in(page)
    found = []
    for address in ("/writebacks/reconciliation/", "/writebacks/undo/"):
        page.goto(live_hub.url + address)
        if address.endswith("undo/"):
            page.fill("#undo-from", "2000-01-01T00:00")
            page.get_by_role("button", name="Show what would happen").click()
            page.get_by_role("heading", name="would be undone").wait_for()
            page.get_by_role("button", name="Undo these").click()
            page.get_by_text("Making the list.").wait_for()
            undo_whole(Undoing.objects.get(), SystemClock())
            page.get_by_text("on their way into the chart").wait_for()
        found += [
            (address, each["id"], [node["target"] for node in each["nodes"]][:3])
            for each in Axe().run(page)["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append((address, "scrolls sideways", []))
    context.close()
    assert found == []


def test_an_undo_shows_also_what_is_nobodys_yet(day: Day, sign_in: SignIn) -> None:
    a_writeback(day, an_activity(day, "", NOTE, "Who?"), Delivery.HELD, command="add_note")
    asked = {"from": "2000-01-01T00:00", "to": "2100-01-01T00:00"}
    html = sign_in(Role.MANAGER).post("/writebacks/undo/dry-run/", asked).content.decode()
    assert "No patient yet" in html


def test_what_is_not_to_be_seen_yet_is_not_green(day: Day, desk: Client) -> None:
    run = a_run(day)
    Reconciliation.objects.filter(pk=run.pk).update(in_chart=4)
    html = desk.get("/writebacks/reconciliation/").content.decode()
    assert "4 of 5 of Tuesday, November 24" in html
    assert "All 4" not in html
