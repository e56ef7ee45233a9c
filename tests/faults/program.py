"""A program of the practice: hands in activities over REST until each is acknowledged, and keeps what was.

It behaves as docs/api.md asks: each activity under a key of its own, and the same request again after a lost answer.
Must not be in it: what becomes of an activity.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

KINDS = ("outgoing_text", "incoming_text", "outgoing_email", "incoming_call", "patient_note")

WORDS = ("see", "you", "at", "noon", "please", "call", "back", "thanks")


@dataclass
class Program:
    """One practice's program. Everything that it makes up follows from `seed`."""

    address: str
    token: str
    patients: Sequence[str]
    seed: int
    acknowledged: list[dict[str, str]] = field(default_factory=list)
    """`activity`, `patient`, `at` (seconds, when the answer came)."""
    turned_down: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    left: list[dict[str, Any]] = field(default_factory=list)
    """Made up and not yet acknowledged."""
    _made: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._lock = threading.Lock()

    def make(self, count: int, *, patients: Sequence[str] = (), text: str = "") -> None:
        """Make activities up, to be handed in."""
        for _ in range(count):
            self._made += 1
            words = " ".join(self._chance.choices(WORDS, k=8))
            self.left.append(
                {
                    "kind": self._chance.choice(KINDS),
                    "patient_key": self._chance.choice(patients or self.patients),
                    "body": text or f"No {self._made}: {words}.",
                    "idempotency_key": f"{self.seed}-{self._made}",
                }
            )

    def hand_in(self, count: int = 0, *, at_once: int = 50, within: float = 60.0, **like: Any) -> None:
        """Make `count` more and hand in whatever is left, `at_once` in one request, until all are acknowledged."""
        self.make(count, **like)
        until = time.monotonic() + within
        with self.client() as web:
            while self.left:
                if not self.try_once(web, at_once):
                    assert time.monotonic() < until, (
                        f"{len(self.left)} could not be handed in: {self.answers}"
                    )
                    time.sleep(0.05)

    def try_once(self, web: httpx2.Client, at_once: int = 50) -> bool:
        """Hand in the next ones; False where no answer came or one that asks to come again."""
        with self._lock:
            batch = self.left[:at_once]
            try:
                answer = web.post("/activities/batch", json={"activities": batch})
            except httpx2.HTTPError:
                return False
            at = str(time.time())
            self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
            if answer.status_code != 200:
                return False
            del self.left[: len(batch)]
            for each, result in zip(batch, answer.json()["results"], strict=True):
                if result["status"] in (200, 201):
                    self._keep(result["activity"], at)
                elif result["status"] >= 500:
                    self.left.append(each)
                else:
                    self.turned_down.append(each["idempotency_key"])
            return True

    def hand_in_paper(self, content: bytes, patient: str, key: str = "") -> httpx2.Response:
        """Hand in one document, once, under a new key if none is given; returns the answer whatever it is."""
        self._made += not key
        with self.client() as web:
            answer = web.post(
                "/documents",
                data={"kind": "account_statement", "patient_key": patient},
                files={"file": ("statement.pdf", content, "application/pdf")},
                headers={"Idempotency-Key": key or f"{self.seed}-{self._made}"},
            )
        if answer.is_success:
            self._keep(answer.json(), str(time.time()))
        return answer

    def get(self, path: str) -> Any:
        """GET of the REST API."""
        with self.client() as web:
            return web.get(path).raise_for_status().json()

    def _keep(self, activity: dict[str, Any], at: str) -> None:
        self.acknowledged.append(
            {"activity": str(activity["id"]), "patient": activity["patient_key"], "at": at}
        )

    def client(self) -> httpx2.Client:
        return client(self.address, self.token)


def client(address: str, token: str) -> httpx2.Client:
    """A client of the REST API, as a program has one."""
    return httpx2.Client(
        base_url=f"{address}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
        trust_env=False,
    )
