"""Which connections an engine looks after. Must not be in it: what is read or written over them."""

from __future__ import annotations

from chartbridge.store.models import Connection, Practice


def tended() -> list[int]:
    """Return the ids of every connection that is on, of all practices."""
    return list(Connection.objects.filter(on=True).order_by("id").values_list("id", flat=True))


def practices() -> dict[int, str]:
    """Return every practice's name by its number."""
    return dict(Practice.objects.order_by("id").values_list("id", "name"))


def connections() -> list[Connection]:
    """Return every connection with its practice, whether it is on or not."""
    return list(Connection.objects.select_related("practice").order_by("practice_id", "id"))
