"""The open connectors of this process, one per connection, made from its stored settings.

Must not be in it: what is read or written with them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.errors import Misconfigured
from chartbridge.pms.registry import registry
from chartbridge.store.models import Connection
from chartbridge.store.secrets import WrongKey, unseal


@dataclass(frozen=True, slots=True)
class _Open:
    version: int
    connector: Connector


class LiveConnectors:
    """Hands out connectors; makes a new one when the settings have changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[int, _Open] = {}
        self._lock = threading.Lock()

    def of(self, connection: Connection) -> Connector:
        """Return the connector of a connection. Raises `Misconfigured` where it can't be made."""
        with self._lock:
            held = self._open.get(connection.pk)
            if held and held.version == connection.settings_version:
                return held.connector
            made = _Open(connection.settings_version, self._make(connection))
            self._open[connection.pk] = made
        if held:
            held.connector.close()
        return made.connector

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            held, self._open = list(self._open.values()), {}
        for each in held:
            each.connector.close()

    def _make(self, connection: Connection) -> Connector:
        try:
            secrets = unseal(connection.secrets)
        except WrongKey as error:
            raise Misconfigured(
                "The stored passwords and keys of this connection can't be opened with this installation's key. "
                "Enter them again on the PMS Connection page.",
                setting="secrets",
            ) from error
        settings = Settings(values=dict(connection.values), secrets=secrets)
        return registry().connect(connection.connector, settings, self._clock)


_installed: LiveConnectors | None = None


def install_live(live: LiveConnectors | None) -> None:
    """Make `live` the one of this process; `bootstrap` does."""
    global _installed
    _installed = live


def live() -> LiveConnectors:
    """Return this process's open connectors. Raises `RuntimeError` if `bootstrap` has not run."""
    if _installed is None:
        raise RuntimeError("bootstrap.prepare() has not been called")
    return _installed
