"""A connection's hold (nothing may be read or written) and what is known of the PMS behind it.

Must not be in it: when to hold or to let go.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chartbridge.store.database import writing
from chartbridge.store.models import AuditEntry, Connection, StreamState
from chartbridge.store.notices import notice
from chartbridge.store.streams import read_from_the_start
from chartbridge.store.wake import Lane, wake


def hold(connection: Connection, code: str, sentence: str, now: datetime) -> None:
    """Hold a connection and tell the pages."""
    with writing():
        Connection.objects.filter(pk=connection.pk).update(hold=sentence, hold_code=code)
        notice(connection.practice_id, "streams", [], now)
    connection.hold, connection.hold_code = sentence, code


def let_go(connection: Connection, code: str, now: datetime) -> None:
    """End a hold if it is still the one of this cause."""
    with writing():
        mine = Connection.objects.filter(pk=connection.pk, hold_code=code)
        mine.update(hold="", hold_code="")
        notice(connection.practice_id, "streams", [], now)
        wake(connection.pk, Lane.WRITE)
    connection.hold = connection.hold_code = ""


def sentences(practice_id: int) -> list[str]:
    """Why nothing may be read or written, of each of a practice's connections that are on and held."""
    held = Connection.objects.filter(practice_id=practice_id, on=True).exclude(hold="")
    return list(held.order_by("id").values_list("hold", flat=True))


def start_anew(connection_id: int, code: str, who: str, now: datetime) -> bool:
    """End a hold because a person says that the PMS is right as it is; read everything anew.

    What is known of the PMS is forgotten, so that its present numbers become the known ones. False where
    there was no such hold (somebody else was quicker).
    """
    with writing():
        mine = Connection.objects.filter(pk=connection_id, hold_code=code)
        patients = StreamState.objects.filter(connection_id=connection_id, stream="patients", on=True)
        gone_on = mine.update(hold="", hold_code="", highest={}, identity={}, rereading=patients.exists())
        if not gone_on:
            return False
        connection = Connection.objects.get(pk=connection_id)
        read_from_the_start(connection_id)
        AuditEntry.objects.create(
            practice_id=connection.practice_id,
            who=who,
            what=f"{code}.resumed",
            detail={"connection": connection_id},
        )
        notice(connection.practice_id, "streams", [], now)
        wake(connection_id, Lane.READ)
        wake(connection_id, Lane.WRITE)
    return True


def reread(connection: Connection) -> None:
    """The patients have been read anew after the brake: what waits may be written. Inside a transaction."""
    Connection.objects.filter(pk=connection.pk).update(rereading=False)
    connection.rereading = False
    wake(connection.pk, Lane.WRITE)


def known_version(connection_id: int) -> str:
    """The PMS's version as it was last stored."""
    identity = Connection.objects.values_list("identity", flat=True).get(pk=connection_id)
    return str(identity.get("version", ""))


def keep_identity(
    connection_id: int, identity: dict[str, Any], highest: dict[str, int], now: datetime
) -> None:
    """Store who answered and the numbers that only grow, unless the connection was held meanwhile."""
    mine = Connection.objects.filter(pk=connection_id)
    mine.filter(hold_code="").update(identity={**identity, "asked_at": now.isoformat()}, highest=highest)
    mine.filter(connected_at=None).update(connected_at=now)
