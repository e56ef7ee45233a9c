"""The failure desk: each reason with its fix on the button, for one and all alike; who did what; what can be undone."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from chartbridge.domain.activities import ActivityKind
from chartbridge.store import ledger
from chartbridge.store.models import (
    AuditEntry,
    Connection,
    Delivery,
    LookupEntry,
    Membership,
    NoteSetting,
    Notice,
    Practice,
    Role,
    Seen,
    User,
    Writeback,
    WritebackEvent,
)
from chartbridge.web.reasons import REASONS, title_of
from chartbridge.writeback import mend
from chartbridge.writeback.sentences import SENTENCES
from tests.conftest import LiveHub
from tests.web.conftest import SignIn
from tests.web.day import Day, a_day, a_writeback, an_activity
from tests.web.late import LateAnswer

NOTE, TEXT = ActivityKind.PATIENT_NOTE, ActivityKind.OUTGOING_TEXT
FINE = {
    "", "dismissed", "superseded", "patient_named", "reopened", "looking", "text_changed", "undone",
    "not_undone",
    "imported",
}  # fmt: skip


@pytest.fixture
def manager(sign_in: SignIn) -> Client:
    return sign_in(Role.MANAGER)


def stand(day: Day, count: int, code: str, kind: ActivityKind = NOTE, **more: object) -> list[Writeback]:
    told = {"reason_code": code, "reason": f"Because of {code}.", **more}
    delivery = Delivery(told.pop("delivery", Delivery.PARKED))
    return [
        a_writeback(day, an_activity(day, "11", kind, f"Note {n}", 100 - n), delivery, **told)
        for n in range(count)
    ]


def where(rows: list[Writeback]) -> list[str]:
    return list(
        Writeback.objects.filter(pk__in=[row.pk for row in rows])
        .order_by("pk")
        .values_list("delivery", flat=True)
    )


def test_every_reason_that_can_stand_has_a_title_in_words() -> None:
    assert set(SENTENCES) - FINE <= set(REASONS)
    for code in REASONS:
        assert "_" not in title_of(code)


def test_another_provider_is_picked_and_all_are_sent_in_one_press(day: Day, manager: Client) -> None:
    rows = stand(day, 7, "provider_inactive")
    Connection.objects.update(provider_key="9")
    LookupEntry.objects.create(
        connection=day.connection, kind="providers", key="9", name="Paul Nguyen", short="DOC9", active=False
    )
    html = manager.get("/writebacks/").content.decode()
    assert "Pick another provider and send 7" in html
    offered = re.search(r'<select id="pick-provider_inactive-provider".*?</select>', html, re.S)
    assert offered
    assert re.findall(r'value="(\d+)"', offered[0]) == ["1", "2"], "only those that are active"
    answer = manager.post("/writebacks/fix/", {"code": "provider_inactive", "provider": "2"})
    assert "7 are on their way" in answer.content.decode()
    assert where(rows) == [Delivery.QUEUED] * 7
    assert Connection.objects.get().provider_key == "2"
    assert AuditEntry.objects.get(what="writeback.provider").detail == {"before": "9", "now": "2"}
    assert {event.who for event in WritebackEvent.objects.all()} == {"manager@example.com"}


@pytest.mark.parametrize("chosen", ["", "9", "no such"])
def test_a_provider_who_is_not_active_is_not_taken(day: Day, manager: Client, chosen: str) -> None:
    rows = stand(day, 1, "provider_inactive")
    LookupEntry.objects.create(
        connection=day.connection, kind="providers", key="9", name="Paul Nguyen", active=False
    )
    answer = manager.post("/writebacks/fix/", {"code": "provider_inactive", "provider": chosen})
    assert "Only active ones can be chosen" in answer.content.decode()
    assert where(rows) == [Delivery.PARKED]
    assert Connection.objects.get().provider_key == "1"


def test_note_types_are_chosen_for_each_kind_and_only_those_are_sent(day: Day, manager: Client) -> None:
    NoteSetting.objects.update(note_type_key="66")
    LookupEntry.objects.create(connection=day.connection, kind="note_types", key="72", name="Text message")
    notes, texts = stand(day, 2, "note_type_gone"), stand(day, 1, "note_type_gone", TEXT)
    html = manager.get("/writebacks/").content.decode()
    assert "Choose another Note Type and send 3" in html
    assert 'name="type-patient_note"' in html
    assert 'name="type-outgoing_text"' in html
    answer = manager.post(
        "/writebacks/fix/", {"code": "note_type_gone", "type-outgoing_text": "72", "type-patient_note": ""}
    )
    assert "Saved. 1 goes on, 2 still wait: " in answer.content.decode()
    assert where(texts) == [Delivery.QUEUED]
    assert where(notes) == [Delivery.PARKED] * 2
    setting = NoteSetting.objects.get(kind=TEXT)
    assert (setting.allow, setting.note_type_key) == (True, "72")
    answer = manager.post("/writebacks/fix/", {"code": "note_type_gone", "type-patient_note": "66"})
    assert "Choose a type first" in answer.content.decode()


@pytest.mark.parametrize(
    ("code", "field", "says"),
    [
        ("writing_off", "writing_on", "Switch writing on and send 3"),
        ("connection_off", "on", "Switch the connection on and send 3"),
    ],
)
def test_what_was_switched_off_is_switched_on_where_things_wait_for_it(
    day: Day, manager: Client, code: str, field: str, says: str
) -> None:
    Connection.objects.update(**{field: False})
    rows = stand(day, 3, code, delivery=Delivery.HELD)
    assert says in manager.get("/writebacks/").content.decode()
    answer = manager.post("/writebacks/fix/", {"code": code})
    assert "3 are on their way" in answer.content.decode()
    assert where(rows) == [Delivery.QUEUED] * 3


def test_a_setting_is_for_managers_and_the_front_desk_is_told_so(day: Day, desk: Client) -> None:
    rows = stand(day, 2, "provider_inactive")
    html = desk.get("/writebacks/").content.decode()
    assert "role Manager or higher" in html
    assert 'id="fix-provider_inactive"' not in html
    assert desk.post("/writebacks/fix/", {"code": "provider_inactive", "provider": "2"}).status_code == 403
    assert where(rows) == [Delivery.PARKED] * 2


def test_a_fix_never_reaches_another_practice(day: Day, manager: Client) -> None:
    rows = stand(day, 2, "provider_inactive")
    other = Practice.objects.create(name="Oak Dental")
    link = Connection.objects.create(practice=other, connector="open_dental", provider_key="9")
    Writeback.objects.update(practice=other, connection=link)
    manager.post("/writebacks/fix/", {"code": "provider_inactive", "provider": "2"})
    assert where(rows) == [Delivery.PARKED] * 2
    link.refresh_from_db()
    assert link.provider_key == "9"


def test_all_alike_are_those_that_the_filters_leave(day: Day, desk: Client) -> None:
    notes = stand(day, 2, "refused", attempts=1, delivery=Delivery.REFUSED)
    texts = stand(day, 3, "refused", TEXT, attempts=1, delivery=Delivery.REFUSED)
    html = desk.get("/writebacks/?kind=outgoing_text").content.decode()
    assert "Send all 3 again" in html
    asked = {"do": "retry_alike", "code": "refused", "kind": "outgoing_text", "show": "attention"}
    assert "3 are on their way again." in desk.post("/writebacks/act/", asked).content.decode()
    assert (where(texts), where(notes)) == ([Delivery.QUEUED] * 3, [Delivery.REFUSED] * 2)
    desk.post("/writebacks/act/", {"do": "dismiss_alike", "code": "refused", "kind": "patient_note"})
    assert where(notes) == [Delivery.RETRACTED] * 2


def undo_of(html: str) -> dict[str, str]:
    found = re.search(r'hx-vals="([^"]*)"[^>]*data-undo', html)
    assert found, "there is no Undo"
    sends: dict[str, str] = json.loads(unescape(found[1]))
    return sends


def test_a_dismissal_of_what_was_never_sent_can_be_undone(day: Day, desk: Client) -> None:
    Connection.objects.update(provider_key="9")
    LookupEntry.objects.create(connection=day.connection, kind="providers", key="9", name="P", active=False)
    rows = stand(day, 3, "provider_inactive")
    html = desk.post(
        "/writebacks/act/", {"do": "dismiss_alike", "code": "provider_inactive"}
    ).content.decode()
    assert "3 dismissed. They stay under All." in html
    assert where(rows) == [Delivery.RETRACTED] * 3
    assert "3 are back where they stood." in desk.post("/writebacks/act/", undo_of(html)).content.decode()
    assert where(rows) == [Delivery.PARKED] * 3
    assert set(Writeback.objects.values_list("reason_code", flat=True)) == {"provider_inactive"}
    assert ledger.verify(day.practice.pk).breaks == ()


def test_a_nameless_one_that_is_taken_up_again_asks_whose_it_is(day: Day, desk: Client) -> None:
    nameless = an_activity(day, "", ActivityKind.INCOMING_TEXT, "Can I come later?", 5, phone="+15550101111")
    row = a_writeback(day, nameless, Delivery.HELD, reason_code="who_is_this", reason="Two have it.")
    html = desk.post("/writebacks/act/", {"do": "dismiss", "id": row.pk}).content.decode()
    html = desk.post("/writebacks/act/", undo_of(html)).content.decode()
    assert "Who is this?" in html
    assert "Mateo Garcia" in html
    assert where([row]) == [Delivery.HELD]


@pytest.mark.parametrize(
    "more",
    [{"attempts": 1}, {"kind": "appointment_status", "command": "set_appointment_status"}],
    ids=["it was sent", "a later move may stand for it"],
)
def test_what_was_sent_or_may_be_out_of_date_is_not_taken_up_again(
    day: Day, desk: Client, more: dict[str, object]
) -> None:
    (row,) = stand(day, 1, "refused")
    Writeback.objects.update(**more)
    assert "be undone" in desk.get("/writebacks/").content.decode(), "it asks before"
    html = desk.post("/writebacks/act/", {"do": "dismiss", "id": row.pk}).content.decode()
    assert "data-undo" not in html
    desk.post("/writebacks/act/", {"do": "reopen", "id": row.pk})
    assert where([row]) == [Delivery.RETRACTED]


def test_it_says_who_did_what_and_when(day: Day, desk: Client) -> None:
    (row,) = stand(day, 1, "refused", delivery=Delivery.REFUSED)
    User.objects.filter(email="front_desk@example.com").update(first_name="Mary", last_name="Jones")
    with ledger.turn(day.practice.pk):
        for who, move, stands in (
            ("api:Weave", "queue", "queued"), ("chartbridge", "claim", "sending"), ("chartbridge", "refuse", "refused"),
        ):  # fmt: skip
            entry = ledger.Entry(writeback_id=row.pk, move=move, delivery=stands, seen="owed", attempt=1)
            ledger.append(day.practice.pk, [entry], who=who, at=row.created_at)
    assert "wb__deed" not in desk.get("/writebacks/?show=all").content.decode(), "nobody has touched it yet"
    desk.post("/writebacks/act/", {"do": "retry", "id": row.pk})
    assert re.search(
        r"Mary Jones sent it again · <time[^>]*>\d+:\d\d [AP]M",
        desk.get("/writebacks/?show=all").content.decode(),
    )
    told = desk.get(f"/writebacks/{row.pk}/history/").content.decode()
    said = ["Came in by Weave", "Sent to the PMS", "Refused by the PMS", "Mary Jones sent it again"]
    assert [told.index(each) for each in said] == sorted(told.index(each) for each in said)
    Writeback.objects.update(practice=Practice.objects.create(name="Oak Dental"))
    WritebackEvent.objects.update(practice=Practice.objects.get(name="Oak Dental"))
    assert "Weave" not in desk.get(f"/writebacks/{row.pk}/history/").content.decode()


def test_the_pms_own_reason_is_shown(day: Day, desk: Client) -> None:
    stand(day, 1, "refused", delivery=Delivery.REFUSED, pms_reason="PatNum is invalid")
    assert "“PatNum is invalid”" in desk.get("/writebacks/").content.decode()


def test_the_badge_says_how_many_in_words_and_is_silent_without_any(day: Day, desk: Client) -> None:
    assert 'class="count"' not in desk.get("/writebacks/count/").content.decode()
    stand(day, 2, "refused", delivery=Delivery.REFUSED)
    html = desk.get("/writebacks/count/").content.decode()
    assert re.sub(r"<[^>]+>", "", html).split() == ["2", "need", "attention"]
    for page in ("/health/", "/settings/people/"):
        assert 'id="attention"' in desk.get(page).content.decode()


def owner_with(hub: LiveHub, count: int) -> tuple[Day, list[Writeback]]:
    day = a_day(hub.practice)
    Connection.objects.update(provider_key="9")
    LookupEntry.objects.create(connection=day.connection, kind="providers", key="9", name="P", active=False)
    assert Membership.objects.get().role == Role.OWNER
    return day, stand(day, count, "provider_inactive")


def test_the_badge_moves_by_itself_on_any_page(live_hub: LiveHub, page: Page) -> None:
    day, rows = owner_with(live_hub, 3)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/settings/people/")
    badge = page.get_by_role("navigation", name="Main").locator("#attention")
    expect(badge).to_contain_text("3")
    page.wait_for_selector("html[data-live-state=on]")
    mend.dismiss(day.practice.pk, [rows[0].pk], "mary@example.com")
    expect(badge).to_contain_text("2 need attention")
    mend.dismiss(day.practice.pk, [rows[1].pk, rows[2].pk], "mary@example.com")
    expect(badge).to_have_text("")


def test_a_provider_is_picked_by_keyboard_and_the_choice_outlives_what_moves(
    live_hub: LiveHub, page: Page
) -> None:
    day, rows = owner_with(live_hub, 3)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.wait_for_selector("html[data-live-state=on]")
    picker = page.get_by_label("Provider", exact=True)
    picker.focus()
    page.keyboard.press("H")
    expect(picker).to_have_value("2")
    mend.dismiss(day.practice.pk, [rows[0].pk], "mary@example.com")
    button = page.get_by_role("button", name="Pick another provider and send 2")
    expect(button).to_be_visible()
    expect(picker).to_have_value("2")
    expect(picker).to_be_focused()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("2 are on their way")
    expect(page.get_by_role("heading", name="Nothing needs attention")).to_be_visible()
    assert where(rows) == [Delivery.RETRACTED, Delivery.QUEUED, Delivery.QUEUED]


def test_a_form_that_is_sent_the_moment_it_comes_keeps_the_page_and_its_address(
    live_hub: LiveHub, page: Page
) -> None:
    _day, rows = owner_with(live_hub, 2)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.evaluate(
        """() => {
          const held = document.querySelector("form.wb__fix"), fresh = held.cloneNode(true);
          held.replaceWith(fresh);
          fresh.querySelector("select").value = "2";
          fresh.requestSubmit();
        }"""
    )
    expect(page.locator("#toasts")).to_contain_text("2 are on their way")
    assert page.url == f"{live_hub.url}/writebacks/"
    assert where(rows) == [Delivery.QUEUED] * 2


def test_after_a_dismissal_the_keyboard_is_at_the_next_one_and_undo_brings_it_back(
    live_hub: LiveHub, page: Page
) -> None:
    _day, rows = owner_with(live_hub, 3)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.focus(f"#dismiss-{rows[0].pk}")
    page.keyboard.press("Enter")
    expect(page.locator(f"#wb-{rows[0].pk}")).to_have_count(0)
    expect(page.locator(f"li#wb-{rows[1].pk}").locator(":focus")).to_have_count(1)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator(f"#wb-{rows[0].pk}")).to_be_visible()
    page.locator(f"#wb-history-{rows[0].pk} summary").click()
    expect(page.locator(f"#wb-moves-{rows[0].pk}")).to_contain_text("took it up again")


def test_an_answer_that_comes_after_the_page_moved_by_itself_is_put_in_its_place(
    live_hub: LiveHub, page: Page
) -> None:
    _day, rows = owner_with(live_hub, 3)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.wait_for_selector("html[data-live-state=on]")
    late = LateAnswer(page, "**/writebacks/act/")
    page.click(f"#dismiss-{rows[0].pk}")
    expect(page.locator(f"#wb-{rows[0].pk}")).to_have_count(0)
    late.comes()
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator(f"#writebacks #wb-{rows[0].pk}")).to_be_visible()
    expect(page.locator("body > button")).to_have_count(0)


def test_a_missing_one_that_is_dismissed_is_asked_about_first(live_hub: LiveHub, page: Page) -> None:
    day = a_day(live_hub.practice)
    (row,) = stand(day, 1, "missing", delivery=Delivery.TAKEN, seen=Seen.MISSING, attempts=1)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click(f"#dismiss-{row.pk}")
    expect(page.locator(f"#wb-{row.pk}")).to_be_visible()
    assert Notice.objects.filter(topic="writebacks").count() == 0
    page.once("dialog", lambda dialog: dialog.accept())
    page.click(f"#dismiss-{row.pk}")
    expect(page.locator(f"#wb-{row.pk}")).to_have_count(0)


def test_an_open_history_stays_open_while_the_page_moves(live_hub: LiveHub, page: Page) -> None:
    day, rows = owner_with(live_hub, 2)
    with ledger.turn(day.practice.pk):
        entry = ledger.Entry(writeback_id=rows[1].pk, move="park", delivery="parked", seen="owed")
        ledger.append(day.practice.pk, [entry], who="api:Weave", at=rows[1].created_at)
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/writebacks/")
    page.wait_for_selector("html[data-live-state=on]")
    page.locator(f"#wb-history-of-{rows[1].pk}").press("Enter")
    moves = page.locator(f"#wb-moves-{rows[1].pk}")
    expect(moves).to_contain_text("Came in by Weave")
    Writeback.objects.filter(pk=rows[1].pk).update(text="Another text")
    mend.dismiss(day.practice.pk, [rows[0].pk], "mary@example.com")
    expect(page.locator(f"#wb-{rows[1].pk} pre")).to_have_text("Another text")
    expect(moves).to_be_visible()
    expect(moves).to_contain_text("Came in by Weave")
    expect(page.locator(f"#wb-history-of-{rows[1].pk}")).to_be_focused()
