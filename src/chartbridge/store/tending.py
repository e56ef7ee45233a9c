"""Which connections an engine looks after. Must not be in it: what is read or written over them."""

from __future__ import annotations

from chartbridge.store.models import Connection


def tended() -> list[int]:
    """Return the ids of every connection that is on, of all practices."""
    return list(Connection.objects.filter(on=True).order_by("id").values_list("id", flat=True))
