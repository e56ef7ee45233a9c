"""Puts it together: the only place that names connectors."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.resources import files

from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, ConnectorFactory, Settings
from chartbridge.pms.manifest import load_manifest
from chartbridge.pms.registry import Registry, install

CONNECTORS: dict[str, str] = {
    "open_dental": "chartbridge.connectors.open_dental",
}
"""Connector id → its package. A new vendor adds one line here."""


def make_registry() -> Registry:
    """Read every manifest; connectors themselves are imported when first used."""
    return Registry(
        manifests={
            name: load_manifest(files(package) / "manifest.toml") for name, package in CONNECTORS.items()
        },
        factories={name: _late(package) for name, package in CONNECTORS.items()},
    )


def prepare() -> None:
    """Make this process ready for Django and the rooms: settings, registry."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chartbridge.project.settings")
    import django

    install(make_registry())
    django.setup()


def _late(package: str) -> ConnectorFactory:
    def connect(settings: Settings, clock: Clock) -> Connector:
        made: Connector = import_module(f"{package}.connector").connect(settings, clock)
        return made

    return connect
