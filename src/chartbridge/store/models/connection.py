"""A practice's link to its PMS and everything that is set about it."""

from __future__ import annotations

from django.db import models

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.pms.reading import Stream
from chartbridge.store.fields import LocalDateTimeField
from chartbridge.store.models.accounts import Practice


def _choices(enum: type) -> list[tuple[str, str]]:
    return [(str(member), str(member)) for member in enum]  # type: ignore[attr-defined]


class Connection(models.Model):
    """A link to a PMS. `secrets` is one encrypted blob; `values` are the plain settings.

    `highest` are the numbers that only grow (signals, keys), kept for the brake. `hold` is a sentence while
    nothing may be read or written (brake, update in progress, wrong setting), `hold_code` names its cause.
    Writebacks up to the number `look_first_until` may have been sent by another copy of this store: each is
    looked for before it is sent. `restored_at`: when this store was last found to be restored, copied or set back, or
    took over from another hub; until then programs may have handed in what it does not know.
    `standby_since` is set while another hub writes to this practice.
    `rereading`: a person released the brake, and nothing is written until the patients were read anew.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="connections")
    connector = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    secrets = models.BinaryField(default=b"")
    on = models.BooleanField(default=True)
    writing_on = models.BooleanField(default=True)
    provider_key = models.CharField(max_length=40, blank=True)
    show_photos = models.BooleanField(default=True)
    identity = models.JSONField(default=dict)
    highest = models.JSONField(default=dict)
    connected_at = models.DateTimeField(null=True)
    hold = models.TextField(blank=True)
    hold_code = models.CharField(max_length=40, blank=True)
    write_hold = models.TextField(blank=True)
    write_hold_code = models.CharField(max_length=40, blank=True)
    write_not_before = models.DateTimeField(null=True)
    write_failures = models.IntegerField(default=0)
    look_first_until = models.BigIntegerField(default=0)
    restored_at = models.DateTimeField(null=True)
    standby_since = models.DateTimeField(null=True)
    rereading = models.BooleanField(default=False)
    settings_version = models.IntegerField(default=1)


class StreamState(models.Model):
    """One stream of one connection: its settings, its cursor and how it is doing.

    Lags are milliseconds from a change in the PMS (by its own clock) to its being stored here.
    `pass_*` tell of a full read under way: when it began, its own cursor, how many records it has brought, how
    many rows could not be understood, the wall times between which its appointments lay. `pass_state` is
    "first" (the first read, on the stream's own cursor), "reading" (on `pass_cursor`), "sweep" (all was read;
    after one more check, what was not seen is gone) or empty. `sweep_agreed`: a person released the brake, so
    the next sweep may remove as much as it finds.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="streams")
    stream = models.CharField(max_length=24, choices=_choices(Stream))
    on = models.BooleanField(default=True)
    interval_s = models.IntegerField()
    cursor = models.TextField(blank=True)
    scanned_at = models.DateTimeField(null=True)
    last_check_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_change_at = models.DateTimeField(null=True)
    checks = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    error_code = models.CharField(max_length=24, blank=True)
    error = models.TextField(blank=True)
    not_before = models.DateTimeField(null=True)
    lags_ms = models.JSONField(default=list)
    lag_p50_ms = models.IntegerField(null=True)
    lag_p95_ms = models.IntegerField(null=True)
    first_read_done_at = models.DateTimeField(null=True)
    wanted = models.CharField(max_length=8, blank=True)  # "", "now" or "full": a button that was pressed
    wanted_at = models.DateTimeField(null=True)
    pass_started_at = models.DateTimeField(null=True)
    pass_cursor = models.TextField(blank=True)
    pass_generation = models.IntegerField(default=0)
    pass_records = models.IntegerField(default=0)
    pass_state = models.CharField(max_length=8, default="", blank=True)
    pass_bad = models.IntegerField(default=0)
    pass_from = LocalDateTimeField(null=True)
    pass_until = LocalDateTimeField(null=True)
    sweep_agreed = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "stream"], name="one_state_per_stream")]

    @property
    def reads_all(self) -> bool:
        """Whether a full read is under way; no longer once all was read and only removing what is gone is left."""
        return self.pass_state in ("first", "reading")


class CallUse(models.Model):
    """How many calls of a connection's monthly budget were made in a month (`2026-11`, of UTC)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="call_uses")
    month = models.CharField(max_length=7)
    calls = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "month"], name="one_call_use_per_month")]


class LookupEntry(models.Model):
    """An entry of a list that the PMS owns, as last read. Entries that vanish stay, with `gone_at` set."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="lookup_entries")
    kind = models.CharField(max_length=24, choices=_choices(LookupKind))
    key = models.CharField(max_length=40)
    name = models.CharField(max_length=255)
    short = models.CharField(max_length=255, blank=True)
    active = models.BooleanField(default=True)
    meaning = models.JSONField(default=list)
    colour = models.CharField(max_length=9, blank=True)
    order = models.IntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind", "key"], name="one_lookup_entry")]


class NoteSetting(models.Model):
    """A writeback type's Allow box and Note Type. `kind` is an ActivityKind that is no document."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="note_settings")
    kind = models.CharField(max_length=32, choices=_choices(ActivityKind))
    allow = models.BooleanField(default=False)
    note_type_key = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind"], name="one_note_setting")]


class DocumentSetting(models.Model):
    """A document kind's boxes: written to the PMS, read from it, and under which Document Type."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="document_settings")
    kind = models.CharField(max_length=32, choices=_choices(ActivityKind))
    write = models.BooleanField(default=False)
    read = models.BooleanField(default=False)
    document_type_key = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind"], name="one_document_setting")]


class StatusMapping(models.Model):
    """Which column a status of the PMS means. `writes` marks the one that a move into the column sets.

    `origin` is `pms` where the PMS's own preferences filled it in, `practice` where a person chose.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="status_mappings")
    status_key = models.CharField(max_length=40)
    flow_status = models.CharField(max_length=24, choices=_choices(FlowStatus), blank=True)
    writes = models.BooleanField(default=False)
    means_confirmed = models.BooleanField(default=False)
    origin = models.CharField(max_length=8, default="pms")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "status_key"], name="one_status_mapping")
        ]
