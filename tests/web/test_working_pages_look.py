"""The working pages as a phone and a desk show them, light and dark: no serious finding of axe, no sideways scroll."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize

from chartbridge.domain.activities import ActivityKind
from chartbridge.store.models import Connection, Delivery, Seen, StreamState
from tests.conftest import LiveHub
from tests.web.day import Day, a_day, a_document, a_status_wish, a_visit, a_writeback, an_activity

PAGES = ("/flow/", "/patients/", "/patients/11/", "/writebacks/", "/writebacks/?show=all", "/health/")
SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 375, "height": 812},
    "desk": {"width": 1440, "height": 900},
}


def everything_that_can_be_shown(day: Day) -> None:
    a_visit(day.connection, "120", "16", day.now_local + timedelta(minutes=10), status_key="777")
    a_status_wish(day, "104", "25", Delivery.QUEUED)
    a_status_wish(
        day, "103", "22", Delivery.PARKED, reason_code="conflict", reason="It shows “Left Msg” by now."
    )
    note, text = ActivityKind.PATIENT_NOTE, ActivityKind.OUTGOING_TEXT
    a_writeback(day, an_activity(day, "11", text, "Hello"), Delivery.TAKEN, Seen.SEEN, record="commlog 4711")
    a_writeback(day, an_activity(day, "11", note, "x"), Delivery.TAKEN, Seen.MISSING, reason_code="missing")
    for _ in range(2):
        activity = an_activity(day, "11", note, "Latex " * 120)
        a_writeback(
            day, activity, Delivery.PARKED, reason_code="provider_inactive", reason="DOC9 is not active."
        )
    a_writeback(day, an_activity(day, "11", note, "x" * 900), Delivery.TAKEN, Seen.SEEN)
    nobody = an_activity(day, "", ActivityKind.INCOMING_TEXT, "Who am I?", phone="+12025550123")
    a_writeback(
        day, nobody, Delivery.HELD, reason_code="who_is_this", reason="Two patients have this number."
    )
    a_writeback(day, an_activity(day, "11", note, "x"), Delivery.SKIPPED, reason="Not ticked.")
    a_document(day, "d1", "11", "Statement September")
    StreamState.objects.filter(stream="patients").update(
        failures=2, error="It does not answer.", lag_p95_ms=99_000
    )
    StreamState.objects.create(
        connection=day.connection, stream="photos", interval_s=300, pass_state="first", pass_records=9
    )
    Connection.objects.update(
        write_hold="The key of the API was refused.", write_hold_code="unauthorised:all"
    )


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_page_has_a_serious_finding_or_scrolls_sideways(
    live_hub: LiveHub, browser: Browser, size: str, colours: str
) -> None:
    everything_that_can_be_shown(a_day(live_hub.practice))
    context = browser.new_context(viewport=SIZES[size], color_scheme=colours, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    live_hub.sign_in(page)
    found = []
    for address in PAGES:
        page.goto(live_hub.url + address)
        page.wait_for_timeout(300)
        for finding in Axe().run(page)["violations"]:
            if finding["impact"] in ("serious", "critical"):
                found.append((address, finding["id"], [node["target"] for node in finding["nodes"]][:3]))
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append((address, "scrolls sideways", []))
    context.close()
    assert found == []
    assert complaints == []


def test_the_move_menu_has_no_serious_finding(live_hub: LiveHub, browser: Browser) -> None:
    a_day(live_hub.practice)
    context = browser.new_context(viewport=SIZES["phone"], reduced_motion="reduce")
    page = context.new_page()
    live_hub.sign_in(page)
    page.goto(f"{live_hub.url}/flow/")
    page.locator("#move-103").click()
    page.wait_for_selector("#flow-menu button")
    findings = [f["id"] for f in Axe().run(page)["violations"] if f["impact"] in ("serious", "critical")]
    context.close()
    assert findings == []
