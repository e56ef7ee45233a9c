"""From a change committed in the PMS to its being visible by REST and on the open Patient Flow page.

Changes are made at random moments, one in each of as many equal slots, as the program makes them (row, history,
signal): so every phase of the interval is met equally often, and chance does not decide about the mean. REST: a
program that follows `/changes` and then asks for the appointment. Page: a real Chromium with the board open, a
MutationObserver notes when a card stands in its new column.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pymysql
from playwright.sync_api import Page, sync_playwright

from bench import practice
from bench.figures import Part
from bench.hub import PEOPLE, Hub
from bench.idle import change_one
from bench.measure import percentile
from bench.server import MariaDb
from bench.sizes import Sizes

ARRIVED, SEATED = 22, 25  # the default definitions, named by the preferences of the practice
COLUMN = {ARRIVED: "checked_in", SEATED: "in_operatory"}

FEW = 3

_WATCH = """() => {
  window.seen = {};
  const note = () => document.querySelectorAll('[data-card]').forEach(card => {
    const column = card.closest('[data-column]'); if (!column) return;
    const mark = card.dataset.card + '|' + column.dataset.column;
    if (!(mark in window.seen)) window.seen[mark] = Date.now();
  });
  note(); new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
}"""


def run(part: Part, maria: MariaDb, engine: str, sizes: Sizes) -> None:
    """Measure at I = 15 s and I = 1 s with a hub that is served and has read everything."""
    hub = practice.synced_hub(maria, engine, sizes.big)
    name = practice.database_name(engine, sizes.big)
    _reopen_day(maria, name)
    for interval, seconds in sizes.latency_s.items():
        hub.set_interval("appointment_status", interval)
        hub.start()
        by_rest, by_page, made = _watch(hub, maria, name, interval, sizes.changes, seconds)
        memory = hub.memory()[1]
        hub.stop()
        for where, lags in (("rest", by_rest), ("page", by_page)):
            whole, note = len(lags) == made and min(lags) > 0, f"{len(lags)} of {made} changes seen"
            mean, p99 = sum(lags) / max(len(lags), 1), percentile(lags, 0.99)
            part.add(f"latency.{where}_{interval}_mean", mean, engine, note=note, whole=whole)
            part.add(f"latency.{where}_{interval}_p99", p99, engine, note=note, whole=whole)
        if interval == min(sizes.latency_s):
            part.add("serve.memory_day", memory, engine)


def _watch(
    hub: Hub, maria: MariaDb, name: str, interval: int, changes: int, seconds: int
) -> tuple[list[float], list[float], int]:
    """Seconds from each change to its being seen by REST and on the page, and how many changes were made."""
    db = maria.connect(name)
    plan = _plan(db, changes)
    rest = _RestWatcher(hub)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = _open_board(browser.new_page(), hub, min(changes, 300))
        page.wait_for_timeout((interval + 2) * 1000)  # what the plan put back has arrived
        page.evaluate(_WATCH)
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
    return by_rest, by_page, len(made)


def _reopen_day(maria: MariaDb, name: str) -> None:
    """Late in a day most of its visits are complete; take them all as still to come, before the hub looks."""
    with maria.connect(name) as db, db.cursor() as cursor:
        cursor.execute(
            "UPDATE appointment SET AptStatus=1 WHERE AptStatus=2 AND AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY"
        )


def _plan(db: pymysql.connections.Connection, changes: int) -> list[tuple[int, int]]:
    """Visits of today in a random order, each with a status that it has not now."""
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT AptNum, Confirmed FROM appointment WHERE AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY AND AptStatus=1 ORDER BY RAND(7) LIMIT %s",
            (changes,),
        )
        return [(int(key), SEATED if status == ARRIVED else ARRIVED) for key, status in cursor.fetchall()]


def _make_changes(
    db: pymysql.connections.Connection, plan: list[tuple[int, int]], seconds: int, page: Page
) -> dict[tuple[int, int], float]:
    chance = random.Random(7)
    begun = time.time()
    slot = seconds / len(plan)
    moments = [(turn + chance.random()) * slot for turn in range(len(plan))]
    made: dict[tuple[int, int], float] = {}
    with db.cursor() as cursor:
        for (number, status), at in zip(plan, moments, strict=True):
            page.wait_for_timeout(max(0.0, (begun + at - time.time()) * 1000))
            change_one(cursor, number, status)
            made[number, status] = time.time()
    return made


def _open_board(page: Page, hub: Hub, least: int) -> Page:
    page.goto(hub.url + "/accounts/login/")
    page.fill("input[name=login]", PEOPLE["email"])
    page.fill("input[name=password]", PEOPLE["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/")
    page.check("input[name=whole_day]")
    page.wait_for_function(f"() => document.querySelectorAll('[data-card]').length >= {least}")
    return page


class _RestWatcher(threading.Thread):
    """A program that follows the changes and asks for what moved: single appointments, or the day where many did."""

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
            moved = [each for each in answer["changes"] if each["topic"] == "appointments"]
            keys = {key for each in moved for key in each["keys"]}
            if not moved:
                continue
            if keys and len(keys) <= FEW:
                found = [self.hub.get(f"/appointments/{key}") for key in keys]
            else:
                found = self.hub.get(f"/appointments?day={datetime.now(UTC):%Y-%m-%d}")
            now = time.time()
            for each in found:
                self.seen.setdefault((int(each["key"]), int(each["status_key"] or 0)), now)

    def has(self, made: dict[tuple[int, int], float]) -> bool:
        """Whether every change was seen."""
        return all(mark in self.seen for mark in made)

    def stop(self) -> None:
        """End after the present call."""
        self._over = True
        self.join(10)
