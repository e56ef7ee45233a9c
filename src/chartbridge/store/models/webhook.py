"""Webhooks: whom to tell of what, and every message on its way there."""

from __future__ import annotations

from django.db import models

from chartbridge.domain.webhooks import Reach
from chartbridge.store.models.accounts import Practice


class WebhookEndpoint(models.Model):
    """An address that is told. `secrets` is sealed: `current`, and `previous` which still signs until `previous_until`.

    `failing_since`: the first failure since the last success. `off_code` says who switched it off: empty for a
    person, `failing` (for days), `gone` (the receiver answered 410), `secret_lost` (another installation's key).
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=1000)
    description = models.CharField(max_length=100, blank=True)
    events = models.JSONField(default=list)
    reach = models.CharField(max_length=8, choices=[(str(each), str(each)) for each in Reach])
    secrets = models.BinaryField()
    previous_until = models.DateTimeField(null=True)
    on = models.BooleanField(default=True)
    off_code = models.CharField(max_length=16, blank=True)
    off_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)


class MessageState(models.TextChoices):
    """How far a message has come."""

    WAITING = "waiting", "On its way"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class WebhookMessage(models.Model):
    """One event for one endpoint, written in the transaction that caused it; the outbox.

    `message_id` is the `webhook-id`, the same at each attempt. `body` holds record numbers and codes only.
    `tries` counts in the present round of the schedule, `attempts` all; both move before the first byte goes out,
    and `due_at` then stands at when another may take over, should this process end. `status` and `code` are of the
    last attempt: the answer's HTTP status, or why there was none.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, db_index=False)
    message_id = models.CharField(max_length=40, unique=True)
    event = models.CharField(max_length=40)
    body = models.TextField()
    state = models.CharField(max_length=12, choices=MessageState.choices, default=MessageState.WAITING)
    tries = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    status = models.IntegerField(null=True)
    code = models.CharField(max_length=24, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "state", "due_at"], name="webhook_due"),
            models.Index(fields=["endpoint", "-id"], name="webhook_log"),
            models.Index(fields=["state", "created_at"], name="webhook_old"),
        ]
