"""Settings → E-mail, the ledger on the audit page, and everything that was written to one chart."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tracemalloc

import pytest
from axe_core_python.sync_playwright import Axe
from django.test import AsyncClient, Client
from django.utils import timezone
from playwright.sync_api import Browser

from chartbridge.domain.activities import ActivityKind
from chartbridge.store import chart_writes, ledger
from chartbridge.store.models import Delivery, MailSetting, Role, Seen, Writeback, WritebackEvent
from chartbridge.writeback import mend
from tests.conftest import LiveHub
from tests.servers.smtp import mail_server
from tests.web.conftest import SignIn
from tests.web.day import Day, a_day, a_writeback, an_activity
from tests.web.test_working_pages_look import SIZES

MAIL = {
    "on": "on", "host": "127.0.0.1", "port": "2525", "security": "none", "user": "hub", "password": "of the office",
    "sender": "hub@example.com", "recipients": "owner@example.com\nmary@example.com", "hour": "7",
}  # fmt: skip


def a_written_note(day: Day) -> None:
    row = a_writeback(
        day, an_activity(day, "11", ActivityKind.PATIENT_NOTE, "Prefers mornings."), Delivery.TAKEN, Seen.SEEN,
        record="commlog 4711", text="Prefers mornings.\nCB-7K2QM9XD", taken_at=timezone.now(), seen_at=timezone.now(),
        text_hash="ab" * 32,
    )  # fmt: skip
    with ledger.turn(day.practice.pk):
        for move in ("queue", "claim", "take", "see"):
            entry = ledger.Entry(writeback_id=row.pk, move=move, delivery="taken", seen="seen")
            ledger.append(day.practice.pk, [entry], who="mary@example.com", at=timezone.now())


def test_a_mail_setting_is_kept_and_its_password_never_shown(day: Day, sign_in: SignIn) -> None:
    manager = sign_in(Role.MANAGER)
    assert manager.post("/settings/mail/save/", MAIL).status_code == 200
    row = MailSetting.objects.get()
    assert (row.on, row.port, row.hour, row.recipients) == (
        True,
        2525,
        7,
        ["owner@example.com", "mary@example.com"],
    )
    sealed = bytes(row.secrets)
    page = manager.get("/settings/mail/").content.decode()
    assert "of the office" not in page
    manager.post("/settings/mail/save/", MAIL | {"password": "", "hour": "9"})
    row.refresh_from_db()
    assert (bytes(row.secrets), row.hour) == (sealed, 9)
    address = {"pages_address": "https://hub.example.com:8443/flow/?x=1"}
    manager.post("/settings/mail/save/", MAIL | address | {"password": "", "host": "mail.elsewhere.example"})
    row.refresh_from_db()
    assert row.pages_address == "https://hub.example.com:8443"
    assert not row.secrets, "a password goes to the server that it was entered for, and to no other"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": ""}, "enter the mail server"),
        ({"host": "not a host"}, "no server"),
        ({"port": "70000"}, "65535"),
        ({"host": "mail.example.com"}, "for everybody to read"),
        ({"pages_address": "javascript:alert(1)"}, "This is no address"),
        ({"pages_address": "ftp://hub.example.com"}, "This is no address"),
        ({"recipients": "nobody"}, "no e-mail address"),
        ({"recipients": "\n".join(f"p{n}@example.com" for n in range(11))}, "At most 10"),
    ],
)
def test_what_can_not_work_is_said_and_nothing_is_kept(
    day: Day, sign_in: SignIn, wrong: dict[str, str], said: str
) -> None:
    answer = sign_in(Role.OWNER).post("/settings/mail/save/", MAIL | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not MailSetting.objects.exists()


def test_a_test_mail_is_sent_and_a_failure_said(day: Day, sign_in: SignIn) -> None:
    manager = sign_in(Role.MANAGER)
    with mail_server() as server:
        server.password = "of the office"
        manager.post("/settings/mail/save/", MAIL | {"port": str(server.port)})
        assert "Sent. Look" in manager.post("/settings/mail/test/").content.decode()
        assert len(server.taken) == 1
        server.password = "another"
        assert "does not accept the user name" in manager.post("/settings/mail/test/").content.decode()
        assert "The daily mail could not be sent" in manager.get("/health/").content.decode()


def test_the_front_desk_sees_neither_mail_nor_ledger(day: Day, desk: Client) -> None:
    for address in ("/settings/mail/", "/settings/ledger/csv/"):
        assert desk.get(address).status_code == 403
    assert desk.post("/settings/ledger/").status_code == 403


def test_the_ledger_is_verified_and_downloaded(day: Day, sign_in: SignIn) -> None:
    manager = sign_in(Role.MANAGER)
    a_written_note(day)
    assert "Not verified yet." in manager.get("/settings/audit/").content.decode()
    assert "nothing was changed" in manager.post("/settings/ledger/").content.decode()
    answer = manager.get("/settings/ledger/csv/")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["move"] for row in rows] == ["queue", "claim", "take", "see"]
    assert "mornings" not in str(rows)
    assert manager.get("/settings/ledger/xml/").status_code == 404
    lines = b"".join(manager.get("/settings/ledger/json/").streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line)["hash"] for line in lines] == [row["hash"] for row in rows]
    WritebackEvent.objects.filter(pk=rows[1]["entry"]).update(who="somebody else")
    assert f"Entry {rows[1]['entry']} was changed" in manager.post("/settings/ledger/").content.decode()


def test_the_hash_of_the_last_good_verification_is_kept_and_shows_what_is_cut_off(
    day: Day, sign_in: SignIn
) -> None:
    manager = sign_in(Role.MANAGER)
    a_written_note(day)
    kept = ledger.last_hash(day.practice.pk)
    manager.post("/settings/ledger/")
    html = manager.get("/settings/audit/").content.decode()
    assert kept in html
    assert "by manager@example.com, 4 entries:" in html
    assert "Nothing was cut off since" in manager.post("/settings/ledger/").content.decode()
    WritebackEvent.objects.order_by("-pk")[:1].get().delete()
    for _ in range(2):  # a look that found it broken is not what the next one compares with
        html = manager.post("/settings/ledger/").content.decode()
        assert "the ledger ends at entry" in html
    assert "not whole" in html


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.django_db(transaction=True)
def test_a_ledger_of_200000_entries_is_never_whole_in_memory(sign_in: SignIn, day: Day) -> None:
    a_written_note(day)
    row = Writeback.objects.get()
    entry = ledger.Entry(writeback_id=row.pk, move="see", delivery="taken", seen="seen")
    with ledger.turn(day.practice.pk):
        ledger.append(day.practice.pk, [entry] * 200_000, who="mary@example.com", at=timezone.now())
    client = AsyncClient()
    client.cookies = sign_in(Role.MANAGER).cookies

    async def taken() -> int:
        answer = await client.get("/settings/ledger/csv/")
        tracemalloc.start()
        size = 0
        async for piece in answer:
            size += len(piece)
        return size

    try:
        size = asyncio.run(taken())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 40_000_000
    assert most < 12_000_000


def test_everything_written_to_a_chart_is_there_with_its_receipt(day: Day, desk: Client) -> None:
    a_written_note(day)
    a_writeback(day, an_activity(day, "11", ActivityKind.PATIENT_NOTE, "Only waits."), Delivery.QUEUED)
    a_writeback(
        day, an_activity(day, "12", ActivityKind.PATIENT_NOTE, "Another's."), Delivery.TAKEN, Seen.SEEN
    )
    html = desk.get("/patients/11/writes/").content.decode()
    for there in ("commlog 4711", "CB-7K2QM9XD", "ab" * 32, "4 entries of the ledger", "mary@example.com"):
        assert there in html
    for absent in ("Only waits.", "Another&#x27;s."):
        assert absent not in html
    assert "Nothing was written yet" in desk.get("/patients/13/writes/").content.decode()
    assert desk.get("/patients/4040/writes/").status_code == 404


def test_what_was_written_vanished_and_was_let_go_is_there_too(day: Day, desk: Client) -> None:
    a_written_note(day)
    row = Writeback.objects.get()
    Writeback.objects.update(seen=Seen.MISSING)
    assert mend.dismiss(day.practice.pk, [row.pk], "mary@example.com") == 1
    html = desk.get("/patients/11/writes/").content.decode()
    assert "commlog 4711" in html
    assert "Let go" in html
    a_writeback(day, an_activity(day, "11", ActivityKind.PATIENT_NOTE, "Never sent."), Delivery.RETRACTED)
    assert "Never sent." not in desk.get("/patients/11/writes/").content.decode()


def test_where_not_everything_is_shown_it_says_so(
    day: Day, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_written_note(day)
    assert "The newest" not in desk.get("/patients/11/writes/").content.decode()
    monkeypatch.setattr(chart_writes, "MOST", 1)
    assert "The newest 1 are shown" in desk.get("/patients/11/writes/").content.decode()


@pytest.mark.parametrize("size", SIZES)
def test_these_pages_can_be_used_by_everybody(live_hub: LiveHub, browser: Browser, size: str) -> None:
    a_written_note(a_day(live_hub.practice))
    context = browser.new_context(viewport=SIZES[size], color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    live_hub.sign_in(page)
    found = []
    for address in ("/settings/mail/", "/settings/audit/", "/patients/11/writes/"):
        page.goto(live_hub.url + address)
        if "audit" in address:
            page.get_by_role("button", name="Verify").click()
            page.get_by_text("Its last hash:").wait_for()
        found += [
            (address, each["id"])
            for each in Axe().run(page)["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append((address, "scrolls sideways"))
    context.close()
    assert found == []
