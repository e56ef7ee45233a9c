"""Where this store lived when it was last used. One row."""

from __future__ import annotations

from django.db import models


class StorePlace(models.Model):
    """`facts` tell one place from another (see `store.place`); `copied_from` is set in a backup and by a restore."""

    facts = models.JSONField(default=dict)
    boot = models.CharField(max_length=64, blank=True)
    copied_from = models.CharField(max_length=16, blank=True)
    since = models.DateTimeField()
