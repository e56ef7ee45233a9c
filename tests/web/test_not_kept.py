"""A store that takes nothing more: a person is told so in a sentence, and no patient is shown unless that is noted."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from secrets import token_hex

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from chartbridge.store.models import AuditEntry, Practice, Role
from tests.conftest import LiveHub
from tests.web.conftest import SignIn
from tests.web.day import PEOPLE, Day

pytestmark = pytest.mark.django_db(transaction=True)

NOTED = [
    "/flow/",
    "/patients/",
    "/patients/11/",
    "/patients/11/writes/",
    "/writebacks/",
    "/writebacks/reconciliation/",
]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner(day: Day, sign_in: SignIn) -> Client:
    """A browser that is shown what a browser would be shown, also of a fault."""
    client = sign_in(Role.OWNER)
    client.raise_request_exception = False
    return client


@contextmanager
def no_room() -> Iterator[None]:
    """Let the database have no room for one more entry of the audit trail."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
        for practice in Practice.objects.all():  # each has a place of its own in the index
            fill(functools.partial(note, practice))
        fill(begin_session)
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA max_page_count={2**32 - 2}")


def fill(keep: Callable[[int], object]) -> None:
    """Keep something of ever smaller sizes until nothing of it fits any more."""
    for size in (3000, 300, 0):
        with pytest.raises(OperationalError, match="full"):
            keep_on(keep, size)


def keep_on(keep: Callable[[int], object], size: int) -> None:
    while True:
        keep(size)


def note(practice: Practice, size: int) -> None:
    AuditEntry.objects.create(practice=practice, who="x", what="x", detail={"text": "x" * size})


def begin_session(size: int) -> None:
    Session.objects.create(session_key=token_hex(16), session_data="x" * size, expire_date=timezone.now())


@pytest.mark.parametrize("path", NOTED)
def test_no_patient_is_shown_where_there_is_no_room_to_note_who_looked(owner: Client, path: str) -> None:
    assert owner.get(path).status_code == 200
    with no_room():
        noted = AuditEntry.objects.count()
        answer = owner.get(path)
        assert AuditEntry.objects.count() == noted
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    assert answer["Cache-Control"] == "no-store"
    html = answer.content.decode()
    assert "The disk is full" in html
    assert "nor to note who looked at a patient" in html
    assert f'href="{path}">Try again</a>' in html
    assert 'href="/health/">Health</a>' in html
    assert not [name for _, last, first, *_ in PEOPLE for name in (last, first) if name in unescape(html)]
    assert owner.get(path).status_code == 200


def test_health_tells_of_the_full_disk_meanwhile(owner: Client) -> None:
    with no_room():
        assert owner.get("/patients/").status_code == 503
        assert "There is no room to keep anything new" in owner.get("/health/").content.decode()


def test_a_search_is_refused_in_a_sentence_at_the_edge_of_the_page(owner: Client) -> None:
    with no_room():
        answer = owner.post("/patients/search/", {"text": "Garcia"}, headers=HTMX)
    assert (answer.status_code, answer["HX-Reswap"]) == (503, "none")
    html = answer.content.decode()
    assert "toast" in html
    assert "disk is full" in html
    assert "Sofía" not in html


def test_what_was_done_where_it_could_not_be_kept_is_not_called_done(owner: Client) -> None:
    with no_room():
        answer = owner.post("/profile/", {"first_name": "Dana", "last_name": "Reyes"})
    html = answer.content.decode()
    assert answer.status_code == 503
    assert "may not have been kept: look before you do it again" in html
    assert "Try again</a>" not in html


def test_who_signs_in_where_no_session_can_be_kept_is_told_why(owner: Client) -> None:
    somebody = Client(raise_request_exception=False)
    with no_room():
        answer = somebody.post("/accounts/login/", {"login": "owner@example.com", "password": "x"})
    assert answer.status_code == 503
    assert "The disk is full" in answer.content.decode()


def test_a_store_that_is_busy_is_told_of_and_no_other_fault_is_called_so(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_with(error: Exception) -> None:
        def add(**_: object) -> None:
            raise error

        monkeypatch.setattr("chartbridge.web.audit.add_audit_entry", add)

    fail_with(OperationalError("database is locked"))
    answer = owner.get("/patients/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "does not answer just now" in answer.content.decode()
    assert "disk" not in answer.content.decode()
    fail_with(RuntimeError("ours"))
    assert owner.get("/patients/").status_code == 500


def test_a_browser_shows_the_sentence_on_the_page_and_beside_the_search(
    live_hub: LiveHub, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_hub.sign_in(page)
    with monkeypatch.context() as full:
        full.setattr("chartbridge.web.audit.add_audit_entry", refuse_as_full)
        page.fill("#patient-search-text", "Garcia")
        expect(page.locator("#toasts")).to_contain_text("no room to keep anything new")
        assert "it is our fault" not in page.locator("#toasts").inner_text()
        page.goto(f"{live_hub.url}/patients/")
        expect(page.get_by_role("heading", name="The disk is full")).to_be_visible()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Patients")).to_be_visible()


def test_the_page_of_a_proxy_whose_hub_is_away_is_not_put_into_ours(live_hub: LiveHub, page: Page) -> None:
    live_hub.sign_in(page)
    away = "<html><body><h1>No server is available</h1></body></html>"
    page.route("**/patients/search/", lambda route: route.fulfill(status=503, body=away))
    page.fill("#patient-search-text", "Garcia")
    expect(page.locator("#toasts")).to_contain_text("That did not work")
    assert "No server is available" not in page.locator("body").inner_text()


def refuse_as_full(**_: object) -> None:
    said = sqlite3.OperationalError("database or disk is full")
    said.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise OperationalError(*said.args) from said
