"""The hubs that have this store. One row each; only where several may (PostgreSQL)."""

from __future__ import annotations

from django.db import models


class Hub(models.Model):
    """A process that gives connections their turns, by its data folder (`place.here`), and until when it counts as
    living."""

    name = models.CharField(max_length=100, primary_key=True)
    until = models.DateTimeField()
