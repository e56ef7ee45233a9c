"""Which connectors there are, without naming one: `bootstrap` installs the registry, everybody else asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, ConnectorFactory, Settings
from chartbridge.pms.manifest import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The connectors of this installation by id. A manifest is known even where its connector can't be opened."""

    manifests: Mapping[str, Manifest]
    factories: Mapping[str, ConnectorFactory]

    def connect(self, connector_id: str, settings: Settings, clock: Clock) -> Connector:
        """Make a connector; nothing is opened until it is used. Raises `KeyError` for an unknown id."""
        return self.factories[connector_id](settings, clock)


_installed: Registry | None = None


def install(registry: Registry) -> None:
    """Make `registry` the one of this process."""
    global _installed
    _installed = registry


def registry() -> Registry:
    """Return the installed registry. Raises `RuntimeError` if `bootstrap` has not run."""
    if _installed is None:
        raise RuntimeError("bootstrap.prepare() has not been called")
    return _installed
