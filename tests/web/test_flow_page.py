"""The Patient Flow page: who stands where, moving, taking back, what did not get through."""

from __future__ import annotations

import re
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from chartbridge.store.models import (
    AuditEntry,
    Connection,
    Delivery,
    MirrorAppointment,
    Practice,
    Role,
    Seen,
    StreamState,
    Writeback,
)
from tests.web.conftest import SignIn
from tests.web.day import Day, a_status_wish, a_visit


def columns(html: str) -> dict[str, list[str]]:
    """The appointments in each column of a page."""
    parts = re.split(r'data-column="(\w+)"', html.split("<details")[0])
    return {
        name: re.findall(r'data-card="(\w+)"', body)
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def card(html: str, key: str) -> str:
    return html.split(f'id="card-{key}"')[1].split("</article>")[0]


def test_everybody_stands_in_the_right_column(day: Day, desk: Client) -> None:
    html = desk.get("/flow/").content.decode()
    assert columns(html) == {
        "expected": ["101", "102"],
        "late": ["103"],
        "checked_in": ["104"],
        "in_operatory": ["105"],
        "ready_for_checkout": ["106"],
        "completed": ["107"],
    }
    assert "1 more later today" in html
    assert "1 broken visit" in html
    assert "15 min late" in card(html, "103")
    assert "18 min waiting" in card(html, "104")
    assert "35 min in chair" in card(html, "105")


def test_a_card_shows_provider_operatory_the_pms_word_and_that_somebody_is_new(
    day: Day, desk: Client
) -> None:
    html = desk.get("/flow/").content.decode()
    mateo = card(html, "102")
    assert "OP2 · HYG1" in mateo
    assert 'fill="#d65fb1"' in mateo
    assert "Not Called" in mateo
    assert "New" in mateo
    assert "Bruce 李" in card(html, "104")


def test_the_whole_day_shows_what_comes_later_and_is_remembered(day: Day, desk: Client) -> None:
    answer = desk.post("/flow/board/", {"whole_day": "1"}).content.decode()
    assert columns(answer)["expected"] == ["101", "102", "108"]
    assert columns(desk.get("/flow/").content.decode())["expected"] == ["101", "102", "108"]
    assert columns(desk.post("/flow/board/", {}).content.decode())["expected"] == ["101", "102"]


def test_a_status_that_nobody_has_placed_stands_apart_with_the_pms_own_word(day: Day, desk: Client) -> None:
    a_visit(day.connection, "120", "16", day.now_local + timedelta(minutes=10), status_key="777")
    html = desk.get("/flow/").content.decode()
    assert "1 visit has a status that has no column" in html
    assert "Unknown status: 777" in card(html, "120")
    assert all("120" not in keys for keys in columns(html).values())


def test_a_move_is_wished_of_the_pms_and_marked_until_the_pms_shows_it(day: Day, desk: Client) -> None:
    answer = desk.post("/flow/move/", {"appointment": "103", "column": "checked_in"})
    html = answer.content.decode()
    assert columns(html)["checked_in"] == ["104", "103"]
    assert "Going to Open Dental" in card(html, "103")
    assert "Undo" in html
    wish = Writeback.objects.get()
    assert wish.payload == {"appointment_key": "103", "status_key": "22", "expected_key": "19"}
    assert wish.delivery == Delivery.QUEUED

    Writeback.objects.update(delivery=Delivery.TAKEN, seen=Seen.SEEN, seen_at=timezone.now())
    MirrorAppointment.objects.filter(key="103").update(status_key="22", arrived_local=day.now_local)
    html = desk.get("/flow/board/").content.decode()
    assert columns(html)["checked_in"] == ["104", "103"]
    assert "Going to" not in html


def test_undo_gives_the_visit_its_status_back(day: Day, desk: Client) -> None:
    html = desk.post("/flow/move/", {"appointment": "103", "column": "in_operatory"}).content.decode()
    assert '"status": "19"' in html.replace("&quot;", '"')
    html = desk.post("/flow/undo/", {"appointment": "103", "status": "19"}).content.decode()
    assert columns(html)["late"] == ["103"]
    assert "was put back" in html
    assert Writeback.objects.order_by("-id")[0].payload["status_key"] == "19"


def test_a_read_back_move_that_the_pms_then_changed_shows_what_the_pms_says(day: Day, desk: Client) -> None:
    seen = timezone.now() - timedelta(seconds=30)
    a_status_wish(day, "103", "22", Delivery.TAKEN, seen=Seen.SEEN, seen_at=seen)
    assert columns(desk.get("/flow/board/").content.decode())["late"] == ["103"]
    StreamState.objects.update(last_success_at=seen - timedelta(seconds=5))
    html = desk.get("/flow/board/").content.decode()
    assert "103" in columns(html)["checked_in"]
    assert "Arrived" in card(html, "103")
    assert "Going to" not in html


def test_what_the_pms_cannot_do_is_said_and_nothing_is_sent(day: Day, desk: Client) -> None:
    answer = desk.post("/flow/move/", {"appointment": "105", "column": "completed"})
    assert answer.status_code == 409
    assert "Do it in Open Dental" in answer.content.decode()
    assert not Writeback.objects.exists()


def test_the_menu_offers_the_columns_and_says_why_not(day: Day, desk: Client) -> None:
    html = desk.get("/flow/menu/103/").content.decode()
    assert html.count("data-move") == 4
    assert "Do it in Open Dental" in html


def test_a_conflict_is_shown_on_the_card_and_can_be_decided(day: Day, desk: Client) -> None:
    a_status_wish(
        day,
        "103",
        "22",
        Delivery.PARKED,
        reason_code="conflict",
        reason="It now shows “Left Msg” in Open Dental.",
    )
    MirrorAppointment.objects.filter(key="103").update(status_key="20")
    html = desk.get("/flow/board/").content.decode()
    assert columns(html)["late"] == ["103"]
    assert "It now shows “Left Msg” in Open Dental." in card(html, "103")
    assert "Set Arrived anyway" in card(html, "103")
    html = desk.post("/flow/stuck/", {"appointment": "103", "do": "again"}).content.decode()
    assert "103" in columns(html)["checked_in"]
    newest = Writeback.objects.order_by("-id")[0]
    assert (newest.payload["status_key"], newest.payload["expected_key"]) == ("22", "20")


def test_a_conflict_can_be_let_go(day: Day, desk: Client) -> None:
    a_status_wish(day, "103", "22", Delivery.PARKED, reason_code="conflict", reason="It moved.")
    html = desk.post("/flow/stuck/", {"appointment": "103", "do": "leave"}).content.decode()
    assert columns(html)["late"] == ["103"]
    assert "It moved." not in html


def test_a_refused_move_says_why_and_can_be_tried_again(day: Day, desk: Client) -> None:
    a_status_wish(day, "103", "22", Delivery.REFUSED, reason_code="refused", reason="Open Dental said no.")
    assert "Open Dental said no." in card(desk.get("/flow/board/").content.decode(), "103")
    html = desk.post("/flow/stuck/", {"appointment": "103", "do": "retry"}).content.decode()
    assert "Going to Open Dental" in card(html, "103")


def test_looking_is_allowed_to_read_only_and_moving_is_not(day: Day, sign_in: SignIn) -> None:
    client = sign_in(Role.READ_ONLY)
    html = client.get("/flow/").content.decode()
    assert "data-menu" not in html
    assert client.post("/flow/move/", {"appointment": "103", "column": "checked_in"}).status_code == 403
    assert not Writeback.objects.exists()


def test_another_practices_visit_is_not_moved(day: Day, desk: Client) -> None:
    other = Practice.objects.create(name="Oak Dental")
    link = Connection.objects.create(practice=other, connector="open_dental")
    a_visit(link, "900", "11", day.now_local)
    assert desk.post("/flow/move/", {"appointment": "900", "column": "checked_in"}).status_code == 404


def test_the_line_of_freshness_says_when_and_what_is_wrong(day: Day, desk: Client) -> None:
    assert re.search(r"Statuses read \d+ s ago", desk.get("/flow/fresh/").content.decode())
    StreamState.objects.update(failures=2, error="Open Dental could not be reached.")
    assert "Statuses last read" in desk.get("/flow/fresh/").content.decode()
    assert "Open Dental could not be reached." in desk.get("/flow/board/").content.decode()
    Connection.objects.update(hold="The clock went backwards.", hold_code="brake")
    assert "Reading is stopped" in desk.get("/flow/fresh/").content.decode()
    assert "The clock went backwards." in desk.get("/flow/board/").content.decode()


def test_an_empty_day_says_what_will_appear(day: Day, desk: Client) -> None:
    MirrorAppointment.objects.all().delete()
    assert "Nobody is booked today" in desk.get("/flow/").content.decode()
    StreamState.objects.update(first_read_done_at=None)
    assert "The schedule is being read" in desk.get("/flow/").content.decode()
    Connection.objects.all().delete()
    assert "No PMS is connected yet" in desk.get("/flow/").content.decode()


def test_opening_the_board_is_in_the_audit_trail_without_names(day: Day, desk: Client) -> None:
    desk.get("/flow/")
    desk.post("/flow/move/", {"appointment": "103", "column": "checked_in"})
    entries = list(AuditEntry.objects.order_by("id").values_list("what", "patient_key"))
    assert entries == [("flow.viewed", ""), ("flow.moved", "13")]
    assert "O'Brien" not in str(list(AuditEntry.objects.values()))
