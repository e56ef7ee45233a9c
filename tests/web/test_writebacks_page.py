"""The Writebacks page: reasons with their counts, filters, mending one and all alike."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client

from chartbridge.domain.activities import ActivityKind
from chartbridge.store.models import Connection, Delivery, MirrorPatient, Practice, Role, Seen, Writeback
from tests.web.conftest import SignIn
from tests.web.day import Day, a_writeback, an_activity

NOTE, TEXT = ActivityKind.PATIENT_NOTE, ActivityKind.OUTGOING_TEXT


@pytest.fixture
def stuck(day: Day) -> list[Writeback]:
    """Seven notes that wait for a provider, one for an unknown patient, and some that don't wait."""
    made = [
        a_writeback(
            day,
            an_activity(day, "11", NOTE if n else TEXT, f"Note {n}\nsecond line", 100 - n),
            Delivery.PARKED,
            reason_code="provider_inactive",
            reason="DOC9 is no longer active in Open Dental.",
        )
        for n in range(7)
    ]
    nobody = an_activity(day, "999", NOTE, "Whose?", 5)
    a_writeback(day, nobody, Delivery.HELD, reason_code="unknown_patient", reason="There is no patient 999.")
    a_writeback(day, an_activity(day, "12", TEXT, "On its way", 1), Delivery.QUEUED)
    a_writeback(day, an_activity(day, "12", TEXT, "Done", 9), Delivery.TAKEN, Seen.SEEN, record="commlog 7")
    a_writeback(
        day, an_activity(day, "12", TEXT, "Lost", 2), Delivery.TAKEN, Seen.MISSING, reason_code="missing"
    )
    a_writeback(day, an_activity(day, "12", ActivityKind.TASK_NOTE, "Skipped", 3), Delivery.SKIPPED)
    return made


def shown(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'<li id="wb-(\d+)"', html)]


def test_problems_are_grouped_by_reason_with_their_count_oldest_first(
    day: Day, stuck: list[Writeback], desk: Client
) -> None:
    html = desk.get("/writebacks/").content.decode()
    assert html.index("The provider is no longer active") < html.index("The patient is not known")
    assert shown(html)[:5] == [row.pk for row in stuck[:5]]
    assert "Show all 7" in html
    assert "Pick another provider and send 7" not in html, "only managers may"
    assert "waiting 1 h" in html
    assert html.count("DOC9 is no longer active in Open Dental.") == 1
    assert "Taken, but not to be found" in html


def test_all_of_one_reason_are_listed(day: Day, stuck: list[Writeback], desk: Client) -> None:
    html = desk.get("/writebacks/?show=attention&reason=provider_inactive").content.decode()
    assert shown(html) == [row.pk for row in stuck]


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("show=waiting", {"On its way"}),
        ("show=written", {"Done"}),
        ("show=skipped", {"Skipped"}),
        ("show=all&patient=12", {"On its way", "Done", "Lost", "Skipped"}),
        ("show=all&kind=task_note", {"Skipped"}),
        ("show=attention&reason=provider_inactive&kind=outgoing_text", {"Note 0"}),
        ("show=all&from=2001-01-01&to=2001-01-02", set()),
        ("show=nonsense&from=nonsense&page=nonsense&patient=12", {"Lost"}),
    ],
)
def test_filters_show_what_they_say(
    day: Day, stuck: list[Writeback], desk: Client, query: str, texts: set[str]
) -> None:
    html = desk.get(f"/writebacks/list/?{query}").content.decode()
    assert set(re.findall(r"<summary>(.*?)</summary>", html)) == texts


def test_a_row_shows_the_exact_text_the_patient_and_the_receipt(
    day: Day, stuck: list[Writeback], desk: Client
) -> None:
    html = desk.get("/writebacks/?show=written").content.decode()
    assert "Mateo Garcia" in html
    assert "commlog 7" in html
    assert '<pre class="preview">Done</pre>' in html


def test_the_front_desk_retries_one(day: Day, stuck: list[Writeback], desk: Client) -> None:
    answer = desk.post("/writebacks/act/", {"do": "retry", "id": stuck[0].pk, "show": "attention"})
    assert "1 is on its way again." in answer.content.decode()
    assert Writeback.objects.get(pk=stuck[0].pk).delivery == Delivery.QUEUED


def test_the_front_desk_retries_all_alike(day: Day, stuck: list[Writeback], desk: Client) -> None:
    answer = desk.post("/writebacks/act/", {"do": "retry_alike", "code": "provider_inactive"})
    assert "7 are on their way again." in answer.content.decode()
    assert Writeback.objects.filter(delivery=Delivery.QUEUED).count() == 8


def test_a_retry_whose_cause_is_still_there_says_so(day: Day, stuck: list[Writeback], desk: Client) -> None:
    Connection.objects.update(provider_key="99")
    answer = desk.post("/writebacks/act/", {"do": "retry", "id": stuck[0].pk})
    assert "the cause is still there" in answer.content.decode()


def test_one_is_dismissed_and_stays_on_record(day: Day, stuck: list[Writeback], desk: Client) -> None:
    desk.post("/writebacks/act/", {"do": "dismiss", "id": stuck[0].pk})
    assert Writeback.objects.get(pk=stuck[0].pk).delivery == Delivery.RETRACTED
    assert stuck[0].pk in shown(desk.get("/writebacks/?show=all").content.decode())


def test_read_only_may_look_and_not_touch(day: Day, stuck: list[Writeback], sign_in: SignIn) -> None:
    client = sign_in(Role.READ_ONLY)
    html = client.get("/writebacks/").content.decode()
    for button in ("Look again", "Dismiss", "Send again"):
        assert button not in html
    assert client.post("/writebacks/act/", {"do": "retry", "id": stuck[0].pk}).status_code == 403


def test_a_person_says_whose_an_unknown_number_is(day: Day, desk: Client) -> None:
    nameless = an_activity(day, "", ActivityKind.INCOMING_TEXT, "Can I come later?", 5, phone="+15550101111")
    row = a_writeback(day, nameless, Delivery.HELD, reason_code="who_is_this", reason="Two patients have it.")
    html = desk.get("/writebacks/").content.decode()
    assert "Who is this?" in html
    assert "Sofi Garcia <" in html
    assert "Mateo Garcia <" in html
    answer = desk.post("/writebacks/act/", {"do": "assign", "activity": nameless.pk, "patient_key": "11"})
    assert "Given to patient 11" in answer.content.decode()
    row.refresh_from_db()
    assert (row.patient_key, row.delivery) == ("11", Delivery.QUEUED)
    answer = desk.post("/writebacks/act/", {"do": "assign", "activity": nameless.pk, "patient_key": "abc"})
    assert "digits only" in answer.content.decode()


def test_an_e_mail_address_shows_who_has_it(day: Day, desk: Client) -> None:
    MirrorPatient.objects.filter(key__in=["11", "12"]).update(email="garcia@example.com")
    nameless = an_activity(
        day, "", ActivityKind.OUTGOING_EMAIL, "Can I come later?", 5, email="Garcia@example.com"
    )
    a_writeback(day, nameless, Delivery.HELD, reason_code="who_is_this", reason="Two patients have it.")
    html = desk.get("/writebacks/").content.decode()
    for key in ("11", "12"):
        name = MirrorPatient.objects.get(key=key).display_name
        assert f'"patient_key": "{key}"' in unescape(html), name


def test_another_practices_writebacks_are_neither_seen_nor_touched(
    day: Day, stuck: list[Writeback], desk: Client
) -> None:
    other = Practice.objects.create(name="Oak Dental")
    Writeback.objects.update(practice=other)
    assert shown(desk.get("/writebacks/?show=all").content.decode()) == []
    desk.post("/writebacks/act/", {"do": "dismiss", "id": stuck[0].pk})
    assert Writeback.objects.get(pk=stuck[0].pk).delivery == Delivery.PARKED


def test_pages_go_on(day: Day, desk: Client) -> None:
    for n in range(60):
        a_writeback(day, an_activity(day, "11", NOTE, f"N{n}"), Delivery.TAKEN, Seen.SEEN)
    first = desk.get("/writebacks/?show=written").content.decode()
    second = desk.get("/writebacks/?show=written&page=2").content.decode()
    assert (len(shown(first)), len(shown(second))) == (50, 10)
    assert not set(shown(first)) & set(shown(second))
    assert "page=2" in first


def test_documents_are_ticked_off_as_imported_one_or_all_and_that_is_undone(day: Day, desk: Client) -> None:
    def kept() -> list[tuple[str, str]]:
        return list(Writeback.objects.order_by("pk").values_list("seen", "reason_code"))

    waits = ("owed", "waiting_for_import")
    for n in range(3):
        a_writeback(
            day, an_activity(day, "11", ActivityKind.ACCOUNT_STATEMENT, f"Statement {n}"), Delivery.TAKEN,
            command="add_document", reason_code="waiting_for_import", reason="It waits.",
        )  # fmt: skip
    html = desk.get("/writebacks/?show=waiting").content.decode()
    assert html.count("It is imported") == 3
    assert "All 3 are imported" in html
    assert html.count("Not imported yet") == 3
    first = Writeback.objects.order_by("pk")[0]
    html = desk.post(
        "/writebacks/act/", {"do": "imported", "id": first.pk, "show": "waiting"}
    ).content.decode()
    assert "Ticked off as imported." in html
    assert kept() == [("seen", "imported"), waits, waits]
    html = desk.post("/writebacks/act/", {"do": "imported_alike", "show": "waiting"}).content.decode()
    assert "2 ticked off as imported." in html
    assert kept() == [("seen", "imported")] * 3
    undo = re.search(r'hx-vals="([^"]*)"[^>]*data-undo', html)
    assert undo
    html = desk.post("/writebacks/act/", json.loads(unescape(undo[1]))).content.decode()
    assert "2 wait to be imported again." in html
    assert kept() == [("seen", "imported"), waits, waits]


def test_who_may_only_read_ticks_nothing_off(day: Day, sign_in: SignIn) -> None:
    row = a_writeback(
        day, an_activity(day, "11", ActivityKind.ACCOUNT_STATEMENT, "x"), Delivery.TAKEN,
        command="add_document", reason_code="waiting_for_import", reason="It waits.",
    )  # fmt: skip
    reader = sign_in(Role.READ_ONLY)
    assert "It is imported" not in reader.get("/writebacks/?show=waiting").content.decode()
    assert reader.post("/writebacks/act/", {"do": "imported", "id": row.pk}).status_code == 403


def test_how_many_go_on_and_how_many_still_wait_is_said(day: Day, desk: Client) -> None:
    rows = [
        a_writeback(
            day, an_activity(day, patient, NOTE, "x"), Delivery.REFUSED, reason_code="refused", reason="It said no.",
            attempts=1,
        )
        for patient in ("11", "12", "13")
    ]  # fmt: skip
    MirrorPatient.objects.filter(key="13").update(status="deleted")
    ids = ",".join(str(row.pk) for row in rows)
    html = desk.post("/writebacks/act/", {"do": "retry", "id": ids}).content.decode()
    assert "2 go on, 1 still waits: Patient 13 is deleted in Open Dental." in html


NO_NUMBERS = ["9" * 25, "9" * 5_000, "0", "²", "١", "-1", "x", ""]


@pytest.mark.parametrize("page", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_a_page_that_cannot_be_is_the_first_or_the_last(
    stuck: list[Writeback], desk: Client, page: str
) -> None:
    answer = desk.get("/writebacks/", {"show": "attention", "reason": "provider_inactive", "page": page})
    assert answer.status_code == 200
    assert shown(answer.content.decode()) == [row.pk for row in stuck]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_a_row_that_cannot_be_moves_nothing(stuck: list[Writeback], desk: Client, number: str) -> None:
    before = list(Writeback.objects.order_by("pk").values_list("delivery", flat=True))
    for action in ("retry", "dismiss", "reopen", "assign", "imported"):
        sent = {"do": action, "id": number, "activity": number, "patient_key": "11"}
        assert desk.post("/writebacks/act/", sent).status_code < 500
    assert list(Writeback.objects.order_by("pk").values_list("delivery", flat=True)) == before
