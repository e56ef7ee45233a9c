"""The board brings itself up to what moved by single cards, for real: uvicorn, notices committed, Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from chartbridge.store import deliveries, moving
from chartbridge.store.models import Connection, Delivery, MirrorAppointment, Notice, Practice, Role, Seen
from chartbridge.store.notices import notice
from chartbridge.web import live
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.mend import dismiss
from tests.conftest import LiveHub
from tests.web.conftest import SignIn
from tests.web.day import Day, a_day, a_status_wish, a_visit
from tests.web.late import LateAnswer
from tests.web.test_flow_page import columns
from tests.web.test_live import signed_in

ORDER = """() => Object.fromEntries([...document.querySelectorAll('[data-column]')].map(
  column => [column.dataset.column, [...column.querySelectorAll('[data-card]')].map(card => card.dataset.card)]))"""
COUNTS = """() => [...document.querySelectorAll('[data-column]')].map(column => [
  Number(column.querySelector('.count').textContent),
  Number(document.querySelector(`#jump-${column.dataset.column} .count`).textContent),
  column.querySelectorAll('[data-card]').length,
  column.querySelector('[id^=none-]').hidden])"""
# The board also asks every half minute. Here it must not: what it asks for, a notice has brought.
NEVER_BY_ITSELF = """() => {
  const wait = window.setTimeout;
  window.setTimeout = (go, after, ...more) => after === 30000 ? 0 : wait(go, after, ...more);
}"""


class Board:
    """An open board, and what it has asked of the hub since it was opened."""

    def __init__(self, hub: LiveHub, page: Page) -> None:
        self.hub, self.page = hub, page
        self.day = a_day(hub.practice)
        self.asked: list[str] = []
        hub.sign_in(page)
        page.add_init_script(f"({NEVER_BY_ITSELF})()")
        self.open()
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self) -> None:
        self.page.goto(f"{self.hub.url}/flow/")
        self.page.wait_for_selector("html[data-live-state=on]")
        self.page.evaluate("document.querySelectorAll('[data-card]').forEach(card => { card.mine = true; })")

    def moves(self, key: str, **fields: object) -> None:
        MirrorAppointment.objects.filter(key=key).update(**fields)
        self.tell(key)

    def tell(self, *keys: str, topic: str = "appointments") -> None:
        notice(self.hub.practice.pk, topic, keys, timezone.now())

    def arrives(self, key: str) -> None:
        self.moves(key, status_key="22", arrived_local=self.day.now_local)
        expect(self.page.locator(f"#column-checked_in #card-{key}")).to_be_visible()

    @property
    def whole(self) -> int:
        """How often the whole board was asked for."""
        return sum(url.endswith("/flow/board/") for url in self.asked)

    @property
    def cards(self) -> list[set[str]]:
        """The visits of each asking for single cards."""
        found = [urlsplit(url) for url in self.asked]
        return [set(parse_qs(url.query)["keys"][0].split(",")) for url in found if url.path == "/flow/cards/"]

    def is_as_the_hub_draws_it(self) -> None:
        html = self.page.request.get(f"{self.hub.url}/flow/board/").text()
        assert self.page.evaluate(ORDER) == columns(html)
        for title, jump, there, none_hidden in self.page.evaluate(COUNTS):
            assert title == jump == there
            assert none_hidden == (there > 0)

    def untouched(self) -> set[str]:
        """The cards whose nodes are those of the beginning."""
        script = (
            "() => [...document.querySelectorAll('[data-card]')].filter(c => c.mine).map(c => c.dataset.card)"
        )
        return set(self.page.evaluate(script))


@pytest.fixture
def board(live_hub: LiveHub, page: Page) -> Board:
    return Board(live_hub, page)


def test_a_visit_that_moved_comes_alone_and_no_other_card_is_touched(board: Board) -> None:
    board.arrives("103")
    board.is_as_the_hub_draws_it()
    expect(board.page.locator("#none-late")).to_be_visible()
    assert board.untouched() == {"101", "102", "104", "105", "106", "107", "109"}
    assert (board.whole, board.cards) == (0, [{"103"}])


def test_a_card_is_put_between_the_others_where_the_whole_board_has_it(board: Board) -> None:
    at = board.day.now_local
    board.moves("106", status_key="22", arrived_local=at - timedelta(minutes=30), dismissed_local=None)
    board.moves("105", status_key="22", arrived_local=at - timedelta(minutes=10), seated_local=None)
    board.moves("103", state="complete")
    expect(board.page.locator("#column-completed #card-103")).to_be_visible()
    expect(board.page.locator("#column-checked_in [data-card]")).to_have_count(3)
    board.is_as_the_hub_draws_it()
    assert board.page.evaluate(ORDER)["checked_in"] == ["106", "104", "105"]
    assert board.page.evaluate(ORDER)["completed"] == ["103", "107"]
    assert board.whole == 0


def test_what_leaves_the_day_goes_and_what_comes_into_it_comes(board: Board) -> None:
    board.moves("105", starts_local=board.day.now_local + timedelta(days=1))
    expect(board.page.locator("#card-105")).to_have_count(0)
    board.moves("104", gone_at=timezone.now())
    expect(board.page.locator("#card-104")).to_have_count(0)
    a_visit(board.day.connection, "130", "17", board.day.now_local + timedelta(minutes=25))
    board.tell("130")
    expect(board.page.locator("#column-expected #card-130")).to_be_visible()
    board.is_as_the_hub_draws_it()
    board.tell("999")  # a visit of another day
    board.arrives("103")
    assert board.whole == 0


def test_a_visit_after_the_next_hour_stays_away_unless_the_whole_day_is_shown(board: Board) -> None:
    page = board.page
    board.moves("108", status_key="21")
    board.arrives("103")
    expect(page.locator("#card-108")).to_have_count(0)
    assert board.whole == 0
    board.moves("108", starts_local=board.day.now_local + timedelta(minutes=30))
    expect(page.locator("#column-expected #card-108")).to_be_visible()
    expect(page.locator("#flow-later")).to_have_count(0)  # said in words, so that takes the whole board
    assert board.whole == 1
    with page.expect_response("**/flow/board/"):
        page.check("input[name=whole_day]")
    before = board.whole
    board.moves("108", starts_local=board.day.now_local + timedelta(minutes=200), status_key="20")
    expect(page.locator("#card-108 .flow__status")).to_have_text("Left Msg")
    board.is_as_the_hub_draws_it()
    assert board.whole == before


def test_another_choice_made_elsewhere_takes_the_whole_board(board: Board) -> None:
    cookies = {each["name"]: each["value"] for each in board.page.context.cookies()}
    other = Client()
    other.cookies.load(cookies)
    other.post("/flow/board/", {"whole_day": "1"})
    board.arrives("103")
    expect(board.page.locator("#card-108")).to_be_visible()
    assert board.whole == 1


def test_a_status_without_a_column_takes_the_whole_board(board: Board) -> None:
    board.moves("103", status_key="777")
    expect(board.page.locator("#flow-apart #card-103")).to_be_visible()
    assert board.whole == 1
    board.arrives("103")
    expect(board.page.locator("#flow-apart")).to_have_count(0)
    assert board.whole == 2


def test_many_at_once_take_the_whole_board(board: Board) -> None:
    board.page.evaluate("document.getElementById('card-103').mine = true")
    for minute in range(30):
        a_visit(board.day.connection, f"2{minute:02d}", "17", board.day.now_local + timedelta(minutes=minute))
    board.tell(*(f"2{minute:02d}" for minute in range(30)))
    expect(board.page.locator("#column-expected [data-card]")).to_have_count(32)
    assert (board.whole, board.cards) == (1, [])
    board.is_as_the_hub_draws_it()


def test_what_moves_together_is_asked_for_together(board: Board) -> None:
    keys = ["101", "102", "103"]
    MirrorAppointment.objects.filter(key__in=keys).update(
        status_key="22", arrived_local=board.day.now_local, hygienist_key="2"
    )
    with transaction.atomic():
        for key in keys:
            board.tell(key)
    for key in keys:
        expect(board.page.locator(f"#column-checked_in #card-{key}")).to_be_visible()
    board.is_as_the_hub_draws_it()
    assert board.whole == 0
    assert len(board.cards) <= 2  # the first at once, what came meanwhile with the second
    assert set.union(*board.cards) == set(keys)


def test_after_the_line_was_cut_the_whole_board_is_asked_for(board: Board) -> None:
    cut(board)
    board.page.wait_for_selector("html[data-live-state=off]")
    board.moves("103", status_key="22", arrived_local=board.day.now_local)
    board.page.wait_for_selector("html[data-live-state=on]")
    expect(board.page.locator("#column-checked_in #card-103")).to_be_visible()
    assert board.whole >= 1
    before = board.whole
    board.arrives("101")
    assert board.whole == before
    board.is_as_the_hub_draws_it()


def cut(board: Board) -> None:
    """Break the page's line as a proxy does that goes away: without a word."""
    for client in list(live.notices._clients):
        client.loop.call_soon_threadsafe(client.queue.put_nowait, None)  # type: ignore[arg-type]


def test_the_focus_goes_with_the_card_and_on_to_the_next_where_it_leaves(board: Board) -> None:
    page = board.page
    page.focus("#move-101")
    board.arrives("101")
    expect(page.locator("#move-101")).to_be_focused()
    board.moves("101", gone_at=timezone.now())
    expect(page.locator("#card-101")).to_have_count(0)
    expect(page.locator("#move-104")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#flow-menu")).to_be_visible()
    board.moves("104", status_key="25", seated_local=board.day.now_local)
    expect(page.locator("#column-in_operatory #card-104")).to_be_visible()
    expect(page.locator("#flow-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#move-104")).to_be_focused()
    assert board.whole == 0


def test_a_card_that_came_alone_can_be_moved_by_menu_and_by_key(board: Board) -> None:
    page = board.page
    board.arrives("103")
    page.click("#move-103")
    page.locator("#flow-menu").get_by_role("button", name="Operatories").click()
    expect(page.locator("#column-in_operatory #card-103")).to_contain_text("Going to Open Dental")
    page.focus("#name-103")
    page.keyboard.press("5")
    expect(page.locator("#column-ready_for_checkout #card-103")).to_contain_text("Going to Open Dental")


def test_what_is_being_dragged_stays_until_it_is_dropped(board: Board) -> None:
    page = board.page
    page.locator("#card-103 .flow__when").hover()
    page.mouse.down()
    page.locator("#column-in_operatory").hover()
    page.locator("#column-in_operatory .board__title").hover()
    board.moves("103", status_key="21")
    board.tell(*(str(number) for number in range(30)))  # that would be a whole board
    page.wait_for_timeout(600)
    assert "103" in board.untouched()
    page.mouse.up()
    expect(page.locator("#column-in_operatory #card-103")).to_contain_text("Going to Open Dental")
    expect(page.locator("#card-103")).to_contain_text("Confirmed")


def test_an_older_answer_does_not_come_after_a_newer_board(board: Board) -> None:
    page = board.page
    held: list[Route] = []
    page.route("**/flow/cards/**", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/flow/cards/**"):
        board.moves("103", status_key="21")
    old = signed_in(board.hub).get("/flow/cards/?keys=103").content
    MirrorAppointment.objects.filter(key="103").update(status_key="22", arrived_local=board.day.now_local)
    with page.expect_response("**/flow/board/"):
        board.tell(topic="settings")
    expect(page.locator("#column-checked_in #card-103")).to_be_visible()
    with page.expect_response(
        lambda answer: "/flow/cards/" in answer.url and answer.request != held[0].request
    ):
        held[0].fulfill(body=old, content_type="application/json")
    expect(page.locator("#column-checked_in #card-103")).to_be_visible()
    expect(page.locator("#card-103 .flow__status")).to_have_text("Arrived")
    page.unroute_all(behavior="ignoreErrors")


def test_an_answer_whose_card_has_changed_since_leaves_the_board_in_its_place(
    live_hub: LiveHub, page: Page
) -> None:
    board = Board(live_hub, page)
    a_status_wish(board.day, "103", "22", Delivery.PARKED, reason_code="conflict", reason="It moved.")
    board.open()
    late = LateAnswer(page, "**/flow/stuck/")
    page.locator("#card-103").get_by_role("button", name="Keep").click()
    expect(page.locator("#card-103")).to_contain_text("It moved.")
    board.tell(topic="settings")
    expect(page.locator("#card-103")).not_to_contain_text("It moved.")
    late.comes()
    expect(page.locator("#board #card-103")).to_be_visible()
    board.arrives("103")
    board.is_as_the_hub_draws_it()


def test_the_menu_of_a_card_that_has_changed_since_it_was_asked_for_opens_beside_it(board: Board) -> None:
    page = board.page
    late = LateAnswer(page, "**/flow/menu/101/")
    page.click("#move-101")
    board.arrives("101")
    assert "101" not in board.untouched()
    late.comes()
    expect(page.locator("#flow-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#flow-menu")).to_be_hidden()
    expect(page.locator("#move-101")).to_be_focused()


def test_a_text_on_its_way_redraws_nothing_and_a_move_only_its_card(board: Board) -> None:
    board.tell("13", topic="writebacks")
    move = enqueue_status_move(board.day.connection.pk, "103", "22", "19", "anna@example.com")
    expect(board.page.locator("#column-checked_in #card-103")).to_contain_text("Going to Open Dental")
    dismiss(board.day.practice.pk, [move.pk], "anna@example.com")
    expect(board.page.locator("#column-late #card-103")).to_be_visible()
    assert (board.whole, board.cards) == (0, [{"103"}, {"103"}])
    board.is_as_the_hub_draws_it()


def test_a_patient_whose_name_changed_has_it_on_the_card(board: Board) -> None:
    board.day.connection.mirrorpatient_set.filter(key="13").update(first_name="Fionnuala")
    board.tell("13", "4711", topic="patients")
    expect(board.page.locator("#name-103")).to_contain_text("Fionnuala")
    assert (board.whole, board.cards) == (0, [{"103"}])


@pytest.mark.django_db(transaction=True)
def test_a_status_move_leaves_a_notice_with_the_visit_and_a_text_does_not(day: Day) -> None:
    a_status_wish(day, "103", "22", Delivery.QUEUED)
    rows = deliveries.standing(practice_id=day.practice.pk, deliveries=[Delivery.QUEUED])
    moving.tell(day.practice.pk, rows, timezone.now())
    assert list(Notice.objects.order_by("id").values_list("topic", "keys")) == [
        ("writebacks", ["13"]),
        ("moves", ["103"]),
    ]


def test_a_few_cards_are_asked_for_at_the_cost_of_a_few(day: Day, desk: Client) -> None:
    with counted() as few:
        answer = desk.get("/flow/cards/?keys=103").json()
    assert [(card["key"], card["column"]) for card in answer["cards"]] == [("103", "late")]
    for number in range(300):
        a_visit(day.connection, f"5{number:03d}", "17", day.now_local + timedelta(minutes=number % 50))
    with counted() as more:
        desk.get("/flow/cards/?keys=103,104,105,106")
    assert len(more) == len(few)
    sql = next(each["sql"] for each in more if 'FROM "store_mirrorappointment"' in each["sql"])
    assert '"key" IN (\'10' in sql


@contextmanager
def counted() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as queries:
        yield queries


def test_cards_are_for_the_practices_own_people_and_its_own_visits(day: Day, sign_in: SignIn) -> None:
    other = Practice.objects.create(name="Oak Dental")
    link = Connection.objects.create(practice=other, connector="open_dental")
    a_visit(link, "900", "11", day.now_local)
    looking = sign_in(Role.READ_ONLY)
    answer = looking.get("/flow/cards/?keys=900,103").json()
    assert [card["key"] for card in answer["cards"]] == ["103"]
    assert "data-menu" not in answer["cards"][0]["html"]
    assert Client().get("/flow/cards/?keys=103").status_code == 302


def test_a_notice_of_this_process_is_passed_on_without_waiting_for_the_next_look(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 30.0)
    board.tell("999")  # from here on a look that nobody rings for is half a minute away
    time.sleep(0.3)
    board.arrives("103")
    a_status_wish(board.day, "103", "25", Delivery.TAKEN, seen=Seen.OWED)
    board.tell("103", topic="moves")
    expect(board.page.locator("#column-in_operatory #card-103")).to_be_visible()
    monkeypatch.undo()
    board.tell("999")  # lets it look often again
