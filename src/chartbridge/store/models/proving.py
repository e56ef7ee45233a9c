"""What proves the writing: looks at a whole day, jobs that are done once a day, the mail that tells of what waits."""

from __future__ import annotations

from django.db import models

from chartbridge.store.models.accounts import Practice
from chartbridge.store.models.writeback import Writeback


class DailyRun(models.Model):
    """A job of a practice for one day of its own calendar: begun, and done once `done_at` is set."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE)
    job = models.CharField(max_length=24)
    day = models.DateField()
    tries = models.IntegerField(default=0)
    not_before = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["practice", "job", "day"], name="one_run_a_day")]


class Reconciliation(models.Model):
    """A look at every activity of a day in the PMS. `after` is the writeback up to which it has come.

    `everywhere`: the charts of all patients were searched. `error` is a sentence while the PMS can't be asked.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="reconciliations")
    day = models.DateField()
    who = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    total = models.IntegerField(default=0)
    looked = models.IntegerField(default=0)
    after = models.BigIntegerField(default=0)
    in_chart = models.IntegerField(default=0)
    not_written = models.IntegerField(default=0)
    everywhere = models.BooleanField(default=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["practice", "-id"], name="reconciliation_newest")]


class FindingKind(models.TextChoices):
    """What a reconciliation may find."""

    MISSING = "missing", "Missing"
    TWICE = "twice", "Twice"
    WRONG_PATIENT = "wrong_patient", "Under another patient"
    MAYBE_MERGED = "maybe_merged", "Under another patient, who may be the same"
    MERGED = "merged", "Under the patient into whom it was merged"
    CHANGED = "changed", "Changed since"
    UNREADABLE = "unreadable", "Can't be read"


class ReconciliationFinding(models.Model):
    """One writeback that the chart does not show as it was written.

    `records` are the PMS's records that carry its marker, each with its patient's number; `changes` are (what, was,
    now) of one that was changed, the two empty for its text; `shown` is a hash of what of them was not as written.
    `decision` is `known` or `mended` once a person has dealt with it, `told` where nobody need: the same is then not
    found again.
    """

    run = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="findings")
    writeback = models.ForeignKey(Writeback, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=16, choices=FindingKind.choices)
    records = models.JSONField(default=list)
    changes = models.JSONField(default=list, db_default=[])
    shown = models.CharField(max_length=64, blank=True, default="")
    decision = models.CharField(max_length=8, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "writeback", "kind"], name="one_finding")]


class Undoing(models.Model):
    """The undoing of what one wrong setting wrote: what was asked for, and how far it is.

    `stage` is `planning`, `doing`, `taking_back` or, with `finished_at`, `done` and `taken_back`; `after` is the
    writeback (while planning) or step up to which the stage has come. `taken_by` is who took it back. `error` is a
    sentence while it rests.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="undoings")
    who = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    stage = models.CharField(max_length=12, default="planning")
    after = models.BigIntegerField(default=0)
    since = models.DateTimeField()
    until = models.DateTimeField()
    kind = models.CharField(max_length=32, blank=True)
    type_key = models.CharField(max_length=40, blank=True)
    provider_key = models.CharField(max_length=40, blank=True)
    source = models.CharField(max_length=60, blank=True)
    up_to = models.BigIntegerField(default=0)
    taken_by = models.CharField(max_length=200, blank=True, default="")
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["practice", "-id"], name="undoing_newest")]


class UndoStep(models.Model):
    """One writeback that is undone. `way` is how; `made` is the writeback that undoes it.

    `state`: `open`, `done`, `left` alone, `failed` (with the reason), `back` where the undoing was taken back.
    """

    run = models.ForeignKey(Undoing, on_delete=models.CASCADE, related_name="steps")
    writeback = models.ForeignKey(Writeback, on_delete=models.CASCADE, related_name="+")
    made = models.ForeignKey(Writeback, null=True, on_delete=models.CASCADE, related_name="+")
    way = models.CharField(max_length=12)
    state = models.CharField(max_length=8)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "writeback"], name="one_step")]
        indexes = [models.Index(fields=["run", "state", "id"], name="undo_in_order")]


class LedgerCheck(models.Model):
    """A look through a practice's whole ledger: whether it was whole, and the hash with which it ended then."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE)
    at = models.DateTimeField()
    who = models.CharField(max_length=200)
    whole = models.BooleanField()
    entries = models.IntegerField()
    last_hash = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["practice", "-id"], name="ledger_check_newest")]


class MailSetting(models.Model):
    """How a practice is told by e-mail of what waits. `secrets` holds the sealed password."""

    practice = models.OneToOneField(Practice, on_delete=models.CASCADE, related_name="mail_setting")
    on = models.BooleanField(default=False)
    host = models.CharField(max_length=255, blank=True)
    port = models.IntegerField(default=587)
    security = models.CharField(max_length=8, default="starttls")  # starttls, tls, none
    user = models.CharField(max_length=255, blank=True)
    secrets = models.BinaryField(default=b"")
    sender = models.CharField(max_length=254, blank=True)
    recipients = models.JSONField(default=list)
    hour = models.IntegerField(default=8)
    pages_address = models.CharField(max_length=200, blank=True, default="")  # https://…, or empty
    error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True)
