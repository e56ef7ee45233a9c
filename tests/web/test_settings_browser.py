"""The settings pages in a real browser: by mouse, by keyboard, on a phone, in the dark, and for screen readers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from chartbridge.store.models import Connection, LookupEntry, NoteSetting, StreamState
from tests.conftest import LiveHub
from tests.web.desk import connect
from tests.web.webhooks import a_webhook_with_deliveries

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = [
    "/settings/writeback/",
    "/settings/sync/",
    "/settings/connection/",
    "/settings/statuses/",
    "/settings/people/",
    "/settings/tokens/",
    "/settings/audit/",
    "/profile/",
    "/accounts/password/change/",
    "/accounts/2fa/",
]
WIDTHS = {"phone": 375, "desktop": 1440}


@pytest.fixture
def connection(live_hub: LiveHub) -> Connection:
    return connect(live_hub.practice)


@pytest.fixture
def desk(live_hub: LiveHub, connection: Connection, page: Page) -> Page:
    live_hub.sign_in(page)
    return page


@pytest.fixture(params=[(w, t) for w in WIDTHS for t in ("light", "dark")], ids=lambda p: "-".join(p))
def look(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, theme = request.param
    context = browser.new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=theme)
    yield context.new_page()
    context.close()


def faults(page: Page) -> list[str]:
    found = Axe().run(page)["violations"]
    return [
        f"{v['id']} at {v['nodes'][0]['target']}: {v['nodes'][0]['failureSummary']}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def test_every_page_is_accessible_and_fits_its_width(
    live_hub: LiveHub, connection: Connection, look: Page
) -> None:
    NoteSetting.objects.create(connection=connection, kind="outgoing_text", allow=True, note_type_key="gone")
    Connection.objects.update(provider_key="7")
    StreamState.objects.filter(stream="patients").update(error="The key was refused.", failures=2)
    webhook = a_webhook_with_deliveries(live_hub.practice)
    look.goto(f"{live_hub.url}/accounts/login/")
    assert faults(look) == []
    live_hub.sign_in(look)
    for path in [*PAGES, f"/settings/webhooks/{webhook.pk}/"]:
        answer = look.goto(live_hub.url + path)
        assert answer
        assert answer.ok, path
        assert look.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        assert faults(look) == [], path


def test_the_way_in_is_the_person_icon_then_settings(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/profile/")
    desk.get_by_role("button", name="Settings, profile, sign out").click()
    desk.get_by_role("link", name="Settings", exact=True).click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("PMS Write Back Settings")


def test_a_box_ticked_by_keyboard_is_saved_at_once_and_undone_from_the_toast(
    desk: Page, live_hub: LiveHub
) -> None:
    desk.goto(f"{live_hub.url}/settings/writeback/")
    box = desk.get_by_label("Allow Outgoing SMS")
    box.focus()
    desk.keyboard.press("Space")
    expect(desk.get_by_text("Saved.")).to_be_visible()
    expect(desk.get_by_text("These wait until you choose one.")).to_be_visible()
    expect(box).to_be_focused()
    assert NoteSetting.objects.get(kind="outgoing_text").allow is True
    desk.get_by_label("Note type of Outgoing SMS").select_option(label="Text message")
    expect(desk.get_by_text("These wait until you choose one.")).to_have_count(0)
    assert NoteSetting.objects.get(kind="outgoing_text").note_type_key == "300"
    desk.get_by_role("button", name="Undo").last.click()
    expect(desk.get_by_label("Note type of Outgoing SMS")).to_have_value("")
    assert NoteSetting.objects.get(kind="outgoing_text").note_type_key == ""


def test_the_provider_is_picked_and_the_banner_goes(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/writeback/")
    expect(desk.get_by_text("Nothing is written until you choose a provider")).to_be_visible()
    desk.get_by_label("Provider").select_option(label="DOC1 – Dr. Elena Marsh")
    expect(desk.get_by_text("Nothing is written until you choose a provider")).to_have_count(0)
    assert Connection.objects.get().provider_key == "1"


def test_the_preview_opens_under_its_row_and_a_rehearsal_comes_into_it(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/writeback/")
    desk.get_by_role("button", name="Preview Outgoing SMS").click()
    opened = desk.locator("#more-outgoing_text")
    expect(opened.locator("pre")).to_contain_text("CB-")
    opened.get_by_role("button", name="Rehearse").click()
    expect(opened.get_by_text("nothing would have been written")).to_be_visible()


def test_an_interval_that_is_too_short_is_told_beside_the_field(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/sync/")
    field = desk.get_by_label("Check interval of Documents in seconds")
    field.fill("3")
    field.press("Tab")
    expect(desk.get_by_text("Choose 15 or more.")).to_be_visible()
    desk.get_by_label("Check interval of Documents in seconds").fill("45")
    desk.keyboard.press("Tab")
    expect(desk.get_by_text("Saved.")).to_be_visible()
    assert StreamState.objects.get(stream="documents").interval_s == 45


def test_a_full_sync_shows_its_progress_while_one_looks(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/sync/")
    desk.get_by_role("button", name="Full sync Patients").click()
    expect(desk.locator("#last-patients")).to_contain_text("About to begin")
    StreamState.objects.filter(stream="patients").update(pass_state="reading", pass_records=1234, wanted="")
    expect(desk.locator("#last-patients")).to_contain_text("1,234 read so far")


def test_only_the_settings_of_the_chosen_way_are_shown(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/connection/")
    expect(desk.get_by_label("Database server")).to_be_hidden()
    desk.get_by_label("Read from").select_option("database")
    expect(desk.get_by_label("Database server")).to_be_visible()


def test_a_test_of_a_dead_address_brings_its_sentence_and_keeps_what_was_typed(
    desk: Page, live_hub: LiveHub
) -> None:
    desk.goto(f"{live_hub.url}/settings/connection/")
    desk.get_by_label("API address").fill("http://127.0.0.1:9/api/v1/")
    desk.get_by_role("button", name="Test without saving").click()
    expect(desk.get_by_role("heading", name="What the test found")).to_be_visible()
    expect(desk.get_by_label("API address")).to_have_value("http://127.0.0.1:9/api/v1/")
    expect(desk.get_by_label("Database server")).to_be_hidden()


def test_one_radio_a_column_decides_what_a_move_sets(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/statuses/")
    desk.get_by_label("A move into the column sets Confirmed").check()
    expect(desk.get_by_label("A move into the column sets Unconfirmed")).not_to_be_checked()
    expect(desk.get_by_label("A move into the column sets Arrived")).to_be_checked()


def test_colours_are_switched_by_hand_and_stay(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/profile/")
    desk.get_by_role("button", name="Settings, profile, sign out").click()
    desk.get_by_role("button", name="Dark").click()
    expect(desk.locator("html")).to_have_attribute("data-theme", "dark")
    desk.goto(f"{live_hub.url}/settings/sync/")
    expect(desk.locator("html")).to_have_attribute("data-theme", "dark")


def test_somebody_is_added_and_their_password_stands_there_once(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/people/")
    desk.get_by_label("Name").fill("Sam Okafor")
    desk.get_by_label("E-mail address").fill("sam@example.com")
    desk.get_by_role("button", name="Add").click()
    expect(desk.locator("#once")).to_be_in_viewport()
    expect(desk.locator("#once")).to_have_text(re.compile(r"^(\w{4}-){3}\w{4}$"))
    desk.reload()
    expect(desk.locator("#once")).to_have_count(0)


def test_a_lost_hub_is_told_and_not_swallowed(desk: Page, live_hub: LiveHub) -> None:
    desk.goto(f"{live_hub.url}/settings/writeback/")
    desk.route("**/settings/writeback/**", lambda route: route.abort())
    desk.get_by_label("Allow Outgoing SMS").check()
    expect(desk.get_by_text("Chartbridge can't be reached right now.")).to_be_visible()


def test_hidden_entries_stay_in_sight_where_they_were_chosen(desk: Page, live_hub: LiveHub) -> None:
    NoteSetting.objects.create(
        connection=Connection.objects.get(), kind="outgoing_text", allow=True, note_type_key="300"
    )
    LookupEntry.objects.filter(key="300").update(active=False)
    desk.goto(f"{live_hub.url}/settings/writeback/")
    expect(desk.get_by_label("Note type of Outgoing SMS")).to_have_value("300")
    expect(desk.get_by_text("Hidden in Open Dental. Pick another one.")).to_be_visible()
