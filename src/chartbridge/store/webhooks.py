"""Webhook endpoints: added, changed, given a new secret, switched, removed. A secret is shown once and kept sealed.

Must not be in it: messages (those are `store.outbox`), sending.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from chartbridge.domain.webhooks import Reach, WebhookEvent
from chartbridge.store.database import writing
from chartbridge.store.models import MessageState, WebhookEndpoint, WebhookMessage
from chartbridge.store.secrets import WrongKey, seal, unseal

MOST = 20
BOTH_SIGN_FOR = timedelta(hours=24)


class TooMany(Exception):
    """The practice has as many endpoints as it may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSecret:
    """An endpoint and the only plain copy of what the receiver must know."""

    endpoint: WebhookEndpoint
    plain: str

    def __repr__(self) -> str:
        return f"NewSecret(endpoint={self.endpoint.pk})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What the Health page says: `failed` messages that nobody has sent again, and endpoints switched `off` by us."""

    failed: int
    failing: int
    off: int

    def __bool__(self) -> bool:
        return bool(self.failed or self.failing or self.off)


def endpoints_of(practice_id: int) -> list[WebhookEndpoint]:
    """Return a practice's endpoints in the order in which they were added."""
    return list(WebhookEndpoint.objects.filter(practice_id=practice_id, removed_at=None).order_by("pk"))


def endpoint_of(practice_id: int, pk: int) -> WebhookEndpoint | None:
    """Return one of a practice's endpoints."""
    return WebhookEndpoint.objects.filter(practice_id=practice_id, pk=pk, removed_at=None).first()


def add_endpoint(
    practice_id: int,
    *,
    url: str,
    description: str,
    events: Collection[WebhookEvent],
    reach: Reach,
    at: datetime,
) -> NewSecret:
    """Add one. Raises `TooMany`."""
    plain = _fresh()
    with writing():
        if WebhookEndpoint.objects.filter(practice_id=practice_id, removed_at=None).count() >= MOST:
            raise TooMany
        endpoint = WebhookEndpoint.objects.create(
            practice_id=practice_id,
            url=url,
            description=description.strip()[:100],
            events=sorted(events),
            reach=reach,
            secrets=seal({"current": plain}),
            created_at=at,
        )
    return NewSecret(endpoint=endpoint, plain=plain)


def change_endpoint(
    endpoint: WebhookEndpoint, *, url: str, description: str, events: Collection[WebhookEvent], reach: Reach
) -> None:
    """Change what it is told of and where; what is on its way goes to the new address."""
    with writing():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            url=url, description=description.strip()[:100], events=sorted(events), reach=reach
        )


def new_secret(endpoint: WebhookEndpoint, at: datetime) -> NewSecret:
    """Give it a new secret; the one before signs as well for a day, so that the receiver can be changed in peace."""
    plain = _fresh()
    with writing():
        held = WebhookEndpoint.objects.get(pk=endpoint.pk)
        try:
            before = {"previous": unseal(held.secrets)["current"]}
        except WrongKey:
            before = {}
        kept = seal({"current": plain, **before})
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(secrets=kept, previous_until=at + BOTH_SIGN_FOR)
    return NewSecret(endpoint=endpoint, plain=plain)


def secrets_of(endpoint: WebhookEndpoint, at: datetime) -> list[str]:
    """Return the secrets that sign at this moment, the newest first. Raises `WrongKey`."""
    held = unseal(endpoint.secrets)
    both = endpoint.previous_until is not None and at < endpoint.previous_until and "previous" in held
    return [held["current"], held["previous"]] if both else [held["current"]]


def switch(endpoint: WebhookEndpoint, at: datetime, *, on: bool) -> None:
    """A person switches it on (anew, whatever was) or off."""
    with writing():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            on=on, off_code="", off_at=None if on else at, failing_since=None
        )


def remove(endpoint: WebhookEndpoint, at: datetime) -> None:
    """Remove it; it can be put back while its row is kept."""
    with writing():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(removed_at=at)


def put_back(practice_id: int, pk: int) -> bool:
    """Undo a removal."""
    with writing():
        gone = WebhookEndpoint.objects.filter(practice_id=practice_id, pk=pk).exclude(removed_at=None)
        return bool(gone.update(removed_at=None))


def failed_counts(endpoints: Sequence[WebhookEndpoint]) -> dict[int, int]:
    """Count the failed messages of each."""
    rows = WebhookMessage.objects.filter(endpoint__in=endpoints, state=MessageState.FAILED)
    return dict(rows.values_list("endpoint_id").annotate(n=Count("id")).order_by())


def trouble(practice_id: int) -> Trouble:
    """Return what a person should look at."""
    endpoints = endpoints_of(practice_id)
    return Trouble(
        failed=sum(failed_counts(endpoints).values()) if endpoints else 0,
        failing=sum(1 for each in endpoints if each.on and each.failing_since),
        off=sum(1 for each in endpoints if each.off_code),
    )


def _fresh() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
