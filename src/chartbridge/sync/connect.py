"""Starting a connection: who is there, the first lists, a row for each stream. May be done again at any time.

Must not be in it: status mappings (who calls this fills them in from the lists afterwards), secrets.
"""

from __future__ import annotations

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.store import holds, lookups, streams
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import live
from chartbridge.store.models import Connection
from chartbridge.store.notices import notice
from chartbridge.store.wake import Lane, wake
from chartbridge.sync import brake, drift


def start_connection(connection_id: int, clock: Clock | None = None) -> None:
    """Identify the PMS, read its lists and make the streams' rows. Raises `PmsError`.

    The rows are made first: a PMS that is not there yet is then tried by the checks. Where another practice
    or a restored backup answers, the connection is held by the brake, and nothing is stored of it.
    """
    now = (clock or SystemClock()).now()
    connection = Connection.objects.get(pk=connection_id)
    connector = live().of(connection)
    with writing():
        streams.ensure_states(connection, connector.manifest)
        wake(connection_id, Lane.READ)
    if connection.hold_code == brake.CODE:
        return
    identity = connector.identify()
    try:
        brake.look_at(connection.identity, connection.highest, identity)
    except brake.Braked as braked:
        holds.hold(connection, brake.CODE, braked.sentence, now)
        return
    if identity.busy:
        holds.hold(connection, brake.BUSY, identity.busy, now)
        return
    lists = {kind: connector.lookups(kind) for kind in sorted(connector.manifest.lookups)}
    with writing():
        highest = {**connection.highest, **identity.highest}
        holds.keep_identity(connection_id, brake.as_known(identity), highest, now)
        drift.identity_seen(connection, connector.manifest, identity, now)
        stored = {
            kind: lookups.store_lookups(connection_id, kind, items, now)
            for kind, items in lists.items()
            if items  # an empty one: see the checks
        }
        for kind, each in stored.items():
            drift.list_seen(connection, kind, each.changes, now)
        if any(each.moved for each in stored.values()):
            notice(connection.practice_id, "settings", [], now)
        wake(connection_id, Lane.READ)
        wake(connection_id, Lane.WRITE)
