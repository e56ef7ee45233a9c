"""Which hub reads which connection, where several have one store: each reads a share, so that every practice is read
once.

Shares follow from which hubs live, without a lock, so that they may overlap for some seconds while one comes or goes:
two that read the same cost the PMS twice and harm nothing. A hub says every few seconds that it lives; what one had
that has fallen silent goes to the others. Must not be in it: who writes (leases).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db import connection

from chartbridge.store import place

LIVES_S = 15
"""Seconds, by the database's own clock, for which a hub counts as living after it has said so."""


def mine(connection_ids: Sequence[int]) -> list[int]:
    """Say that this hub lives, and return which of these connections it reads: all of them where it is alone."""
    if connection.vendor == "sqlite":
        return list(connection_ids)
    me = place.here()
    hubs = _living(me)
    return [each for each in connection_ids if reader(hubs, each) == me]


def reader(hubs: Sequence[str], connection_id: int) -> str:
    """Which of these hubs reads a connection. Where one comes or goes, only its own share moves."""
    return max(hubs, key=lambda hub: _draw(hub, connection_id))


def leave() -> None:
    """This hub ends: the others need not wait until it has been silent for long."""
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM store_hub WHERE name = %s", [place.here()])


def _living(me: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store_hub (name, until) VALUES (%s, now() + make_interval(secs => %s))"
            " ON CONFLICT (name) DO UPDATE SET until = EXCLUDED.until",
            [me, LIVES_S],
        )
        cursor.execute("DELETE FROM store_hub WHERE until < now() - interval '1 day'")
        cursor.execute("SELECT name FROM store_hub WHERE until > now()")
        return [name for (name,) in cursor.fetchall()]


def _draw(hub: str, connection_id: int) -> bytes:
    """What a hub draws for a connection: the highest draw reads it."""
    return hashlib.sha256(f"{hub}:{connection_id}".encode()).digest()
