"""Webhooks out: signed after standardwebhooks.com, tried again after growing times, given up in sight of people.

What there is to send comes from the rows; a process that ends loses nothing, and what it was sending is sent again
under the same id. Must not be in it: what causes a message (the store puts it down with its cause), opening
connections (transport).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from standardwebhooks.webhooks import Webhook

from chartbridge import __version__
from chartbridge.domain.clock import Clock
from chartbridge.domain.webhooks import Reach
from chartbridge.store import outbox
from chartbridge.store.outbox import Attempt
from chartbridge.store.secrets import WrongKey
from chartbridge.store.webhooks import secrets_of
from chartbridge.transport.http import Answer
from chartbridge.transport.outward import NotPosted, post

log = structlog.get_logger("chartbridge.webhooks")

WAITS = tuple(timedelta(seconds=each) for each in (5, 300, 1800, 7200, 18000, 36000, 36000))
"""After the first attempt, which is made at once: 27 h 35 min in all."""
JITTER = 0.1
LONGEST_WISH = timedelta(hours=12)
"""How long a receiver may ask us to wait."""
OFF_AFTER = timedelta(days=5)
_A_TURN = timedelta(seconds=20)
_GONE = 410

Post = Callable[..., Answer]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """What an attempt came to. `silent`: nobody answered, so the next message would only wait as long."""

    status: int | None = None
    code: str = ""
    wish_s: float | None = None
    silent: bool = False

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Sends what is due. `at_step` is called between the steps, for tests that end the process there."""

    def __init__(
        self,
        clock: Clock,
        *,
        post: Post = post,
        chance: Callable[[], float] = random.random,
        at_step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._clock, self._post, self._chance, self._at_step = clock, post, chance, at_step

    def due(self) -> Sequence[int]:
        """Return the endpoints for which something is due."""
        return outbox.due(self._clock.now())

    def send(self, endpoint_id: int) -> float:
        """Send what is due to one endpoint, for a while. Returns the seconds that it should be left alone for."""
        until = self._clock.monotonic() + _A_TURN.total_seconds()
        while self._clock.monotonic() < until:
            attempt = outbox.claim(endpoint_id, self._clock.now())
            if attempt is None:
                return 0.0
            self._at_step("claimed")
            if self._try(attempt).silent:
                return WAITS[0].total_seconds()
        return 0.0

    def forget_old(self) -> None:
        """Remove what is long over."""
        outbox.forget_old(self._clock.now())

    def _try(self, attempt: Attempt) -> _Outcome:
        now = self._clock.now()
        try:
            secrets = secrets_of(attempt.endpoint, now)
        except WrongKey:
            outbox.switch_off(attempt.endpoint.pk, "secret_lost", now)
            outcome = _Outcome(code="secret_lost", silent=True)
        else:
            outcome = self._send(attempt, headers_of(attempt.message_id, attempt.body, secrets, now))
        self._at_step("sent")
        self._settle(attempt, outcome)
        return outcome

    def _send(self, attempt: Attempt, headers: dict[str, str]) -> _Outcome:
        try:
            answer = self._post(
                attempt.endpoint.url,
                body=attempt.body.encode(),
                headers=headers,
                reach=Reach(attempt.endpoint.reach),
            )
        except NotPosted as error:
            return _Outcome(code=error.code, silent=True)
        return _Outcome(
            status=answer.status, code="" if answer.status < 300 else "refused", wish_s=answer.retry_after()
        )

    def _settle(self, attempt: Attempt, outcome: _Outcome) -> None:
        now = self._clock.now()
        if outcome.arrived:
            assert outcome.status is not None
            outbox.delivered(attempt, now, outcome.status)
            return
        again = self._next(attempt, outcome, now)
        outbox.not_delivered(attempt, now, status=outcome.status, code=outcome.code, again=again)
        log.info(
            "webhook_not_delivered",
            endpoint=attempt.endpoint.pk,
            message=attempt.message_id,
            attempt=attempt.attempts,
            status=outcome.status,
            code=outcome.code,
            given_up=again is None,
        )
        since = attempt.endpoint.failing_since
        if outcome.status == _GONE:
            outbox.switch_off(attempt.endpoint.pk, "gone", now)
        elif since is not None and now - since >= OFF_AFTER:
            outbox.switch_off(attempt.endpoint.pk, "failing", now)

    def _next(self, attempt: Attempt, outcome: _Outcome, now: datetime) -> datetime | None:
        if outcome.status == _GONE or attempt.tries > len(WAITS):
            return None
        wait = WAITS[attempt.tries - 1] * (1 + JITTER * self._chance())
        wish = min(timedelta(seconds=min(outcome.wish_s or 0.0, 1e6)), LONGEST_WISH)
        return now + max(wait, wish)


def headers_of(message_id: str, body: str, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of one attempt: the id is of the message, the time and the signatures are of the attempt."""
    moment = at.astimezone(UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Chartbridge/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(message_id, moment, body) for each in secrets),
    }
