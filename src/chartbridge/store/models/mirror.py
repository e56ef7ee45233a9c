"""The mirror: our copy of what the PMS holds, never edited by hand, and notices of what moved in it.

Rows are written by `store.mirror` in bulk. `content_hash` is of the record's content: equal content is no
change. `generation` is the full pass in which a row was last seen. `gone_at` is set when the PMS proved it gone.
"""

from __future__ import annotations

from django.db import models

from chartbridge.store.fields import LocalDateTimeField
from chartbridge.store.models.connection import Connection


class MirrorPatient(models.Model):
    """A patient. The `*_digits` are the phones as compared with other numbers (`store.mirror_rows.digits_of`).

    `search` is lower-case text of names, last name first, and phone digits: for the search box, and to sort
    by name with the help of an index. `photo_*` are
    of the patient's newest MirrorPhoto, empty without one. `other_since` is when the number was last found to
    stand for another person than before (a restored PMS gives its numbers once more).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=40)
    last_name = models.CharField(max_length=100)
    first_name = models.CharField(max_length=100)
    middle = models.CharField(max_length=100, blank=True)
    preferred = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=16)
    status_raw = models.CharField(max_length=40, blank=True)
    birthdate = models.DateField(null=True)
    mobile_phone = models.CharField(max_length=40, blank=True)
    home_phone = models.CharField(max_length=40, blank=True)
    work_phone = models.CharField(max_length=40, blank=True)
    email = models.CharField(max_length=200, blank=True)
    guarantor_key = models.CharField(max_length=40, blank=True)
    provider_key = models.CharField(max_length=40, blank=True)
    text_ok = models.BooleanField(null=True)
    mobile_digits = models.CharField(max_length=20, default="", blank=True)
    home_digits = models.CharField(max_length=20, default="", blank=True)
    work_digits = models.CharField(max_length=20, default="", blank=True)
    search = models.CharField(max_length=500)
    photo_key = models.CharField(max_length=40, blank=True)
    photo_version = models.CharField(max_length=64, blank=True)
    photo_ref = models.CharField(max_length=500, blank=True)
    other_since = models.DateTimeField(null=True)
    content_hash = models.BinaryField(max_length=8)
    generation = models.IntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="one_mirror_patient")]
        indexes = [
            models.Index(fields=["connection", "guarantor_key"], name="mirror_patient_by_family"),
            # PostgreSQL uses an index for "begins with" only in this operator class; SQLite ignores it.
            models.Index(
                fields=["connection", "search"],
                name="mirror_patient_by_search",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
            *(
                models.Index(fields=["connection", f"{phone}_digits"], name=f"mirror_patient_by_{phone}")
                for phone in ("mobile", "home", "work")
            ),
        ]

    @property
    def display_name(self) -> str:
        """First (or preferred) and last name, as said aloud."""
        return f"{self.preferred or self.first_name} {self.last_name}".strip()

    @property
    def initials(self) -> str:
        """Up to two letters shown where there is no photo."""
        letters = [part[0] for part in (self.preferred or self.first_name, self.last_name) if part]
        return "".join(letters).upper() or "?"


class MirrorAppointment(models.Model):
    """An appointment, in the PMS's own wall time."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=40)
    patient_key = models.CharField(max_length=40)
    starts_local = LocalDateTimeField()
    minutes = models.IntegerField()
    state = models.CharField(max_length=16)
    state_raw = models.CharField(max_length=40, blank=True)
    status_key = models.CharField(max_length=40, blank=True)
    operatory_key = models.CharField(max_length=40, blank=True)
    provider_key = models.CharField(max_length=40, blank=True)
    hygienist_key = models.CharField(max_length=40, blank=True)
    is_new_patient = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)
    arrived_local = LocalDateTimeField(null=True)
    seated_local = LocalDateTimeField(null=True)
    dismissed_local = LocalDateTimeField(null=True)
    content_hash = models.BinaryField(max_length=8)
    generation = models.IntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="one_mirror_appointment")]
        indexes = [
            models.Index(fields=["connection", "starts_local"], name="mirror_appointment_by_day"),
            models.Index(fields=["connection", "patient_key"], name="mirror_appt_by_patient"),
        ]


class StatusSighting(models.Model):
    """Every state that an appointment was seen in; never overwritten."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    appointment_key = models.CharField(max_length=40)
    seen_key = models.CharField(max_length=64)
    state = models.CharField(max_length=16)
    status_key = models.CharField(max_length=40, blank=True)
    at_local = LocalDateTimeField(null=True)
    stored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "seen_key"], name="one_status_sighting"),
        ]
        indexes = [models.Index(fields=["connection", "appointment_key"], name="sighting_by_appointment")]


class MirrorDocument(models.Model):
    """An entry of a patient's document list."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=40)
    patient_key = models.CharField(max_length=40)
    name = models.CharField(max_length=255)
    type_key = models.CharField(max_length=40, blank=True)
    created_local = LocalDateTimeField(null=True)
    media_type = models.CharField(max_length=100)
    ref = models.CharField(max_length=500)
    content_hash = models.BinaryField(max_length=8)
    generation = models.IntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="one_mirror_document")]
        indexes = [models.Index(fields=["connection", "patient_key"], name="mirror_document_by_patient")]


class MirrorPhoto(models.Model):
    """That a patient has a picture; here also for patients who have not been read yet."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=40)
    patient_key = models.CharField(max_length=40)
    version = models.CharField(max_length=64, blank=True)
    ref = models.CharField(max_length=500, blank=True)
    content_hash = models.BinaryField(max_length=8)
    generation = models.IntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="one_mirror_photo")]
        indexes = [models.Index(fields=["connection", "patient_key"], name="mirror_photo_by_patient")]


class MirrorBadRow(models.Model):
    """A row of the PMS that could not be understood: which, and what about it. Never a value."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    stream = models.CharField(max_length=24)
    key = models.CharField(max_length=40)
    why = models.CharField(max_length=300)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "stream", "key"], name="one_bad_row")]


class Notice(models.Model):
    """That something moved, for live pages and later for webhooks: one row a page applied, not one a record.

    `topic` is `appointments`, `patients`, `documents`, `writebacks`, `moves`, `streams` or `settings`; `keys` are the
    PMS's numbers (at most 50; empty means "many"): of patients for `writebacks`, of appointments for `moves`, the
    wishes for a status. Old rows are removed.
    """

    practice_id = models.BigIntegerField(db_index=True)
    topic = models.CharField(max_length=24)
    keys = models.JSONField(default=list)
    at = models.DateTimeField()
