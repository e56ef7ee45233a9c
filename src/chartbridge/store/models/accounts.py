"""Practices, the people who work there, programs that may call the API, and who looked at what."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in, by e-mail address. `must_change_password` while the present one was given out."""

    email = models.EmailField(unique=True)
    must_change_password = models.BooleanField(default=False)


class Practice(models.Model):
    """One office."""

    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="America/New_York")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do in a practice, most first."""

    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    FRONT_DESK = "front_desk", "Front desk"
    READ_ONLY = "read_only", "Read-only"


class Membership(models.Model):
    """A person's role in a practice."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "practice"], name="one_role_per_practice")]


class ApiToken(models.Model):
    """A program's key to one practice. Only a SHA-256 of it is kept; `prefix` lets people tell them apart."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    can_write = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class AuditEntry(models.Model):
    """Who did what when. `patient_key` is the PMS's number; never a name, a phone number or a text."""

    practice = models.ForeignKey(Practice, null=True, on_delete=models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)
    who = models.CharField(max_length=200)
    what = models.CharField(max_length=100)
    patient_key = models.CharField(max_length=40, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["practice", "-id"], name="audit_newest")]
