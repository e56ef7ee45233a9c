"""A webhook to which things have been sent, with every outcome that its page can show."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chartbridge.domain.webhooks import CHOOSABLE, Reach
from chartbridge.store import outbox, webhooks
from chartbridge.store.models import Practice, WebhookEndpoint, WebhookMessage

OUTCOMES = [
    ("delivered", 1, 204, ""),
    ("failed", 8, 500, "refused"),
    ("waiting", 3, None, "timeout"),
    ("waiting", 0, None, ""),
]


def a_webhook_with_deliveries(practice: Practice) -> WebhookEndpoint:
    """Add one that is failing at present, and one that was switched off."""
    now = timezone.now()
    url = "https://phones.example.com/hooks/chartbridge?key=a-long-key-of-the-receiving-program-0123456789"
    made, gone = (
        webhooks.add_endpoint(
            practice.pk, url=url, description=name, events=CHOOSABLE, reach=Reach.INTERNET, at=now
        ).endpoint
        for name in ("Phone system", "")
    )
    outbox.switch_off(gone.pk, "gone", now)
    outbox.put_patients(practice.pk, [str(n) for n in range(len(OUTCOMES))], now)
    for row, (state, attempts, status, code) in zip(
        WebhookMessage.objects.order_by("pk"), OUTCOMES, strict=True
    ):
        last = now if attempts else None
        due = now + timedelta(hours=2) if attempts else now
        WebhookMessage.objects.filter(pk=row.pk).update(
            state=state, attempts=attempts, tries=attempts, status=status, code=code, last_at=last, due_at=due
        )
    WebhookEndpoint.objects.filter(pk=made.pk).update(failing_since=now)
    return made
