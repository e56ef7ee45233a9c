"""From a change committed in the PMS to its being visible by REST and on the open Patient Flow page.

Changes are made at random moments, as the program makes them (row, history, signal). REST: a program that follows
`/changes` and then asks for the appointment. Page: a real Chromium with the board open, a MutationObserver notes
when a card stands in its new column.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pymysql
from playwright.sync_api import Page, sync_playwright

from bench.hub import PEOPLE, Hub
from bench.idle import change_one
from bench.measure import Report, percentile

ARRIVED, SEATED = 22, 25  # the default definitions, named by the preferences of the practice
COLUMN = {ARRIVED: "checked_in", SEATED: "in_operatory"}

_WATCH = """() => {
  window.seen = {};
  const note = () => document.querySelectorAll('[data-card]').forEach(card => {
    const column = card.closest('[data-column]'); if (!column) return;
    const mark = card.dataset.card + '|' + column.dataset.column;
    if (!(mark in window.seen)) window.seen[mark] = Date.now();
  });
  note(); new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
}"""


def run(
    report: Report, hub: Hub, maria_port: int, database: str, *, interval: int, changes: int, seconds: int
) -> None:
    """Measure with a hub that is served and has read everything; its status interval is `interval`."""
    db = pymysql.connect(host="127.0.0.1", port=maria_port, user="root", database=database, autocommit=True)
    plan = _plan(db, changes)
    rest = _RestWatcher(hub)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = _open_board(browser.new_page(), hub)
        rest.start()
        made = _make_changes(db, plan, seconds, page)
        deadline = time.time() + interval + 10
        while time.time() < deadline and not rest.has(made):
            page.wait_for_timeout(200)
        page.wait_for_timeout(1500)
        on_page: dict[str, float] = page.evaluate("() => window.seen")
        browser.close()
    rest.stop()
    by_rest = [rest.seen[mark] - at for mark, at in made.items() if mark in rest.seen]
    by_page = [
        on_page[f"{number}|{COLUMN[status]}"] / 1000 - at
        for (number, status), at in made.items()
        if f"{number}|{COLUMN[status]}" in on_page
    ]
    for where, lags in (("by REST", by_rest), ("on the page", by_page)):
        mean, p99 = sum(lags) / max(len(lags), 1), percentile(lags, 0.99)
        name = f"change → visible {where}, I = {interval} s"
        whole = len(lags) == len(made)
        must = interval / 2 + 0.1
        report.add(
            f"{name}, mean",
            mean,
            "s",
            f"≤ {must:g} s",
            ok=whole and mean <= must,
            note=f"{len(lags)} of {len(made)}",
        )
        report.add(f"{name}, p99", p99, "s", f"≤ {interval + 0.25:g} s", ok=whole and p99 <= interval + 0.25)


def _plan(db: pymysql.connections.Connection, changes: int) -> list[tuple[int, int]]:
    with db.cursor() as cursor:
        cursor.execute(
            "UPDATE appointment SET Confirmed=19 WHERE AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY AND Confirmed IN (22, 25)"
        )
        cursor.execute(
            "SELECT AptNum FROM appointment WHERE AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY AND AptStatus=1 ORDER BY RAND(7) LIMIT %s",
            (changes,),
        )
        numbers = [int(row[0]) for row in cursor.fetchall()]
    plan = [(number, ARRIVED) for number in numbers] + [(number, SEATED) for number in numbers]
    return plan[:changes]


def _make_changes(
    db: pymysql.connections.Connection, plan: list[tuple[int, int]], seconds: int, page: Page
) -> dict[tuple[int, int], float]:
    chance = random.Random(7)
    begun = time.time()
    moments = sorted(chance.uniform(0, seconds) for _ in plan)
    made: dict[tuple[int, int], float] = {}
    with db.cursor() as cursor:
        for (number, status), at in zip(plan, moments, strict=True):
            page.wait_for_timeout(max(0.0, (begun + at - time.time()) * 1000))
            change_one(cursor, number, status)
            made[number, status] = time.time()
    return made


def _open_board(page: Page, hub: Hub) -> Page:
    page.goto(hub.url + "/accounts/login/")
    page.fill("input[name=login]", PEOPLE["email"])
    page.fill("input[name=password]", PEOPLE["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/")
    whole = page.locator("input[name=whole_day], #whole-day").first
    if whole.count() and not whole.is_checked():
        whole.check()
    page.wait_for_selector("[data-card]")
    page.wait_for_timeout(2000)
    page.evaluate(_WATCH)
    return page


class _RestWatcher(threading.Thread):
    """A program that follows the changes and asks for each appointment that moved."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(daemon=True)
        self.hub = hub
        self.seen: dict[tuple[int, int], float] = {}
        self._over = False

    def run(self) -> None:
        last = self.hub.get("/changes")["last"]
        while not self._over:
            answer: dict[str, Any] = self.hub.get(f"/changes?after={last}&wait=5")
            last = answer["last"]
            keys = {
                key for each in answer["changes"] if each["topic"] == "appointments" for key in each["keys"]
            }
            for key in keys:
                found = self.hub.get(f"/appointments/{key}")
                mark = (int(key), int(found["status_key"]))
                self.seen.setdefault(mark, time.time())

    def has(self, made: dict[tuple[int, int], float]) -> bool:
        """Whether every change was seen."""
        return all(mark in self.seen for mark in made)

    def stop(self) -> None:
        """End after the present call."""
        self._over = True
        self.join(10)
