"""What happened with patients, as it was accepted: durable before it is acknowledged, never changed after."""

from __future__ import annotations

from django.db import models

from chartbridge.domain.activities import ActivityKind
from chartbridge.store.models.accounts import Practice


class Activity(models.Model):
    """One text, call, e-mail, note, verification or document.

    `patient_key` is the PMS's number as given; whether it exists is found out later and never guessed.
    `idempotency_key` belongs to `source` (an API token's id or a user's form); `request_digest` tells the
    same request from another one under the same key. `verified_on` only for verifications.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="activities")
    kind = models.CharField(max_length=32, choices=[(str(k), str(k)) for k in ActivityKind])
    patient_key = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    accepted_at = models.DateTimeField()
    subject = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    is_html = models.BooleanField(default=False)
    phone = models.CharField(max_length=40, blank=True)
    email = models.CharField(max_length=254, blank=True)
    author = models.CharField(max_length=200, blank=True)
    written_by_ai = models.BooleanField(default=False)
    verified_on = models.DateField(null=True)
    source = models.CharField(max_length=60)
    idempotency_key = models.CharField(max_length=255, null=True)
    request_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "source", "idempotency_key"], name="one_activity_per_key"
            ),
        ]
        indexes = [models.Index(fields=["practice", "patient_key", "-occurred_at"], name="activity_timeline")]


class ActivityFile(models.Model):
    """The bytes of a document activity; here, not on disk beside it, so that one transaction keeps both."""

    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, related_name="file")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()


class TurnedDown(models.Model):
    """What a program handed in on one day and was turned down with the same sentence, and how often.

    `who` is `api:<token name>`. Nothing of what was sent is kept.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    who = models.CharField(max_length=200)
    sentence = models.CharField(max_length=500)
    times = models.IntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["practice", "day", "who", "sentence"], name="one_count_a_day"),
        ]
