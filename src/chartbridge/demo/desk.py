"""The programs around the demo's practice: they hand in what happens over the REST API, as any program would.

Must not be in it: what happens (day), how the hub is run (play).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from chartbridge.demo.day import Day, Incoming, Person

NEXT_HOUR = timedelta(hours=1)
MOVES = ("checked_in", "in_operatory", "ready_for_checkout")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """One thing that the hub has said it keeps: an activity, or (with no `activity_id`) a move of a visit.

    `patient_key` is whose the desk said it is, empty where it only gave a phone number. `writebacks` are those that
    the answer named.
    """

    activity_id: int | None
    patient_key: str
    writebacks: tuple[int, ...]


class Desk:
    """A program with a token. What could not be handed in is kept and handed in later, under the same key."""

    def __init__(self, base_url: str, token: str, *, seed: int, zone: str) -> None:
        self._web = httpx2.Client(
            base_url=f"{base_url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            trust_env=False,
        )
        self._chance = random.Random(seed)  # noqa: S311 - a made-up day needs no secrecy
        self._zone = ZoneInfo(zone)
        self._seed = seed
        self._day: Day | None = None
        self._unsent: list[Incoming] = []
        self.accepted: list[Accepted] = []
        self.turned_down: Counter[int] = Counter()

    def find_people(self) -> bool:
        """Look for patients in what the hub has read so far; False while there are none."""
        rows = self._web.get("/appointments", params={"day": self._today()}).raise_for_status().json()
        seen: list[dict[str, Any]] = []
        for key in list(dict.fromkeys(row["patient_key"] for row in rows))[:40]:
            answer = self._web.get(f"/patients/{key}")
            if answer.status_code == 200:
                seen.append(answer.json())
        active = [each for each in seen if each["status"] == "active"]
        if not active:
            return False
        people = [
            Person(
                key=each["key"],
                first_name=each["preferred"] or each["first_name"],
                mobile=each["mobile_phone"],
                email=each["email"] or "patient@example.com",
            )
            for each in active
        ]
        self._day = Day(people, self._shared_phone(active), self._seed)
        return True

    def _shared_phone(self, people: list[dict[str, Any]]) -> str:
        for each in people:
            phone = each["home_phone"] or each["mobile_phone"]
            digits = "".join(c for c in phone if c.isdigit())
            if not digits:
                continue
            found = self._web.post("/patients/search", json={"text": digits, "limit": 20}).json()
            if isinstance(found, list) and sum(one["status"] == "active" for one in found) > 1:
                return str(phone)
        return ""

    def hand_in(self) -> str:
        """Hand in the next thing, and before it what was left over. Returns what was odd about it, in words."""
        assert self._day is not None
        coming = self._day.next()
        self._unsent.append(coming)
        self.catch_up()
        return coming.odd

    def catch_up(self) -> bool:
        """Hand in what is left over; False if the hub does not answer."""
        while self._unsent:
            try:
                answer = self._send(self._unsent[0])
            except httpx2.HTTPError:
                return False
            if answer.status_code >= 500 or answer.status_code == 429:
                return False
            done = self._unsent.pop(0)
            if answer.is_success:
                self._keep_activity(answer.json(), done)
            else:
                self.turned_down[answer.status_code] += 1
        return True

    def _keep_activity(self, answer: dict[str, Any], handed_in: Incoming) -> None:
        self.accepted.append(
            Accepted(
                activity_id=answer["id"],
                patient_key=handed_in.body.get("patient_key", ""),
                writebacks=tuple(each["id"] for each in answer["writebacks"]),
            )
        )

    def _send(self, coming: Incoming) -> httpx2.Response:
        headers = {"Idempotency-Key": coming.key}
        if coming.pdf:
            files = {"file": ("paper.pdf", coming.pdf, "application/pdf")}
            return self._web.post("/documents", data=coming.body, files=files, headers=headers)
        return self._web.post("/activities", json=coming.body, headers=headers)

    def move_somebody(self) -> None:
        """Move one of the next hour's cards a column on, as somebody at the board does."""
        columns = ("expected", "late", *MOVES)
        try:
            rows = self._web.get("/appointments", params={"day": self._today()}).json()
            soon = (self._now() + NEXT_HOUR).replace(tzinfo=None).isoformat()
            here = [row for row in rows if row["flow_status"] in columns[:-1] and row["starts_local"] <= soon]
            if not here:
                return
            row = self._chance.choice(here[:8])
            onward = (
                "checked_in"
                if row["flow_status"] in columns[:2]
                else columns[columns.index(row["flow_status"]) + 1]
            )
            answer = self._web.post(f"/appointments/{row['key']}/status", json={"flow_status": onward})
            if answer.is_success:
                self._keep_move(answer.json(), row["patient_key"])
        except (httpx2.HTTPError, ValueError):
            return

    def _keep_move(self, answer: dict[str, Any], patient_key: str) -> None:
        self.accepted.append(Accepted(activity_id=None, patient_key=patient_key, writebacks=(answer["id"],)))

    def close(self) -> None:
        """Let go of the hub."""
        self._web.close()

    def _today(self) -> str:
        return self._now().date().isoformat()

    def _now(self) -> datetime:
        return datetime.now(UTC).astimezone(self._zone)
