"""Writebacks: one write on its way into the chart, on two axes, and every move it made."""

from __future__ import annotations

from django.db import models

from chartbridge.pms.commands import CommandKind
from chartbridge.store.models.accounts import Practice
from chartbridge.store.models.activity import Activity
from chartbridge.store.models.connection import Connection


class Delivery(models.TextChoices):
    """How far a writeback has come."""

    HELD = "held", "Held"
    SKIPPED = "skipped", "Skipped"
    QUEUED = "queued", "Waiting"
    SENDING = "sending", "Sending"
    TAKEN = "taken", "In the PMS"
    UNCERTAIN = "uncertain", "Looking"
    REFUSED = "refused", "Refused"
    PARKED = "parked", "Needs attention"
    RETRACTED = "retracted", "Retracted"


class Seen(models.TextChoices):
    """Whether a later read has shown it."""

    OWED = "owed", "Not read back yet"
    SEEN = "seen", "Read back"
    MISSING = "missing", "Missing"


class Writeback(models.Model):
    """One command on its way. Never deleted; each move is a `WritebackEvent`.

    `part`/`parts` where a long text was split. `payload` is what the command is made of beside the activity
    (for a status move: appointment, wish, expected). `text` is exactly what is or will be sent. `corrects` is what a
    correction names. `sent_type` and `sent_provider` are the note or document type and the provider with which it
    was last sent. `filed` is as what the PMS showed it when it was read back (`pms.commands.Filed`), None until then
    and where that is not known. `reason_code` is stable and groups alike failures (`provider_inactive`,
    `note_type_gone`, `unknown_patient`, …); `reason` is the sentence for people; `pms_reason` is the PMS's own,
    cleaned.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="writebacks")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="writebacks")
    activity = models.ForeignKey(Activity, null=True, on_delete=models.CASCADE, related_name="writebacks")
    kind = models.CharField(max_length=32)  # an ActivityKind, or "appointment_status"
    command = models.CharField(max_length=32, choices=[(str(k), str(k)) for k in CommandKind])
    patient_key = models.CharField(max_length=40)
    part = models.IntegerField(default=1)
    parts = models.IntegerField(default=1)
    corrects = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="corrections")
    payload = models.JSONField(default=dict)
    text = models.TextField(blank=True)
    marker = models.CharField(max_length=16, blank=True)
    delivery = models.CharField(max_length=12, choices=Delivery.choices)
    seen = models.CharField(max_length=8, choices=Seen.choices, default=Seen.OWED)
    sent_type = models.CharField(max_length=40, blank=True, default="")
    sent_provider = models.CharField(max_length=40, blank=True, default="")
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sending_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    pms_reason = models.TextField(blank=True)
    record = models.CharField(max_length=80, blank=True)
    recorded_at = models.DateTimeField(null=True)
    text_hash = models.CharField(max_length=64, blank=True)
    filed = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["marker"], name="one_marker", condition=~models.Q(marker="")),
        ]
        indexes = [
            models.Index(fields=["connection", "delivery", "id"], name="writeback_in_order"),
            models.Index(fields=["connection", "patient_key", "id"], name="writeback_patient_order"),
            models.Index(fields=["practice", "delivery", "-id"], name="writeback_list"),
            models.Index(fields=["practice", "patient_key", "-id"], name="writeback_timeline"),
            models.Index(fields=["connection", "seen", "delivery"], name="writeback_owed"),
            models.Index(fields=["practice", "created_at"], name="writeback_made"),
            models.Index(fields=["practice", "taken_at"], name="writeback_taken"),
        ]


class WritebackEvent(models.Model):
    """One move of a writeback, chained by hash into the practice's ledger.

    `hash` = SHA-256 over the previous event's hash of the same practice and this row's content. `who` is a
    user's e-mail address, `api:<token name>` or `chartbridge`. `detail` holds codes and numbers only.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE)
    writeback = models.ForeignKey(Writeback, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    who = models.CharField(max_length=200)
    move = models.CharField(max_length=24)
    delivery = models.CharField(max_length=12)
    seen = models.CharField(max_length=8)
    attempt = models.IntegerField(default=0)
    detail = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["practice", "id"], name="ledger_order")]


class WriteLease(models.Model):
    """Who delivers for a connection, and until when: one deliverer per connection over all processes.

    `holder` is `place:pid:number`. A lease that has run out, or whose process is known to be dead, may be taken.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True)
    holder = models.CharField(max_length=100)
    until = models.DateTimeField()
