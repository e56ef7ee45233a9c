"""What the drift watch keeps: the shape in which a PMS was last found, and what it saw change."""

from __future__ import annotations

from django.db import models

from chartbridge.store.models.connection import Connection


class PmsShape(models.Model):
    """Per ability (a stream) the columns that it reads and their types, as last found. Empty where there are none."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True)
    reads = models.JSONField(default=dict)


class Observation(models.Model):
    """Something that was seen to change: in the PMS's lists, tables or version, or with this store itself.

    `what` is a LookupKind, `version`, `columns`, `update`, `brake` or `store`; `event` says what happened to it
    (`sync.drift` has the table of both). `before` and `after` are names or versions, never anything of a patient.
    `paused` are the writeback kinds and streams that wait because of it. One that is `told` stands on the pages
    until a person puts it away or it is `over_at`; the others are history.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="observations")
    at = models.DateTimeField()
    what = models.CharField(max_length=24)
    event = models.CharField(max_length=16)
    key = models.CharField(max_length=40, blank=True)
    before = models.CharField(max_length=255, blank=True)
    after = models.CharField(max_length=255, blank=True)
    paused = models.JSONField(default=list)
    told = models.BooleanField(default=False)
    over_at = models.DateTimeField(null=True)
    put_away_at = models.DateTimeField(null=True)
    put_away_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "-id"], name="observation_newest")]
