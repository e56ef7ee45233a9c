"""A practice's link to its PMS as the connection page changes it: plain values, sealed secrets, versions.

Must not be in it: what a setting means (manifests), talking to the PMS (connectors).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chartbridge.pms.connector import Settings
from chartbridge.store.board import front_connection
from chartbridge.store.database import writing
from chartbridge.store.models import Connection
from chartbridge.store.secrets import WrongKey, seal, unseal
from chartbridge.store.wake import Lane, wake

_CAUSED_BY_SETTINGS = ("misconfigured", "unauthorised")


def connection_of(practice_id: int) -> Connection | None:
    """The practice's connection that the settings pages are about."""
    return front_connection(practice_id)


def stored_secrets(connection: Connection | None) -> dict[str, str]:
    """The secrets as entered; none where there is no connection or another installation's key sealed them."""
    if connection is None:
        return {}
    try:
        return unseal(connection.secrets)
    except WrongKey:
        return {}


def secrets_are_locked(connection: Connection | None) -> bool:
    """Whether there are secrets that this installation's key does not open."""
    if connection is None:
        return False
    try:
        unseal(connection.secrets)
    except WrongKey:
        return True
    return False


def as_entered(
    connection: Connection | None,
    connector: str,
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    forgotten: Collection[str] = (),
) -> Settings:
    """What a form says, with the stored secrets where it left them empty, but for the forgotten. Saves nothing."""
    stored = stored_secrets(connection) if connection and connection.connector == connector else {}
    held = {name: secret for name, secret in stored.items() if name not in forgotten}
    return Settings(values=dict(values), secrets=held | {k: v for k, v in secrets.items() if v})


def save_connection(practice_id: int, connector: str, entered: Settings) -> Connection:
    """Create or change the practice's connection. What stopped it because of its settings is forgotten."""
    with writing():
        row = connection_of(practice_id) or Connection(practice_id=practice_id, settings_version=0)
        row.connector = connector
        row.values = dict(entered.values)
        row.secrets = seal(entered.secrets)
        row.settings_version += 1
        if row.hold_code in _CAUSED_BY_SETTINGS:
            row.hold = row.hold_code = ""
        if row.write_hold_code in _CAUSED_BY_SETTINGS:
            row.write_hold = row.write_hold_code = ""
        if row.write_failures:  # else it is another hub that is waited for
            row.write_not_before, row.write_failures = None, 0
        row.save()
        wake(row.pk, Lane.READ)
        wake(row.pk, Lane.WRITE)
    return row


def set_on(connection: Connection, on: bool) -> None:
    """Switch the whole connection on or off."""
    with writing():
        Connection.objects.filter(pk=connection.pk).update(on=on)
        wake(connection.pk, Lane.READ)
        wake(connection.pk, Lane.WRITE)
