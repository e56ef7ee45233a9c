"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: talking."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured
from chartbridge.transport.addresses import web_address

ADDRESS = "https://prod.hs1api.com"
_LABELS = {
    "client_id": "client ID",
    "client_secret": "client secret",
    "organization_id": "organization ID",
    "location_id": "location ID",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AscendSettings:
    """All settings. Its repr shows none."""

    address: str
    client_id: str
    client_secret: str
    organization_id: str
    location_id: str
    zone: ZoneInfo

    def __repr__(self) -> str:
        return "AscendSettings()"


def parse(settings: Settings) -> AscendSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    entered = {
        name: (settings.secrets.get(name) or settings.values.get(name) or "").strip() for name in _LABELS
    }
    for name, value in entered.items():
        if not value:
            raise Misconfigured(
                f"The {_LABELS[name]} is not set. Enter it on the PMS Connection page.", setting=name
            )
        if not value.isascii() or not value.isprintable() or set(value) & set(" ,;=<>"):
            raise Misconfigured(f"The {_LABELS[name]} can't be right. Copy it once more.", setting=name)
    return AscendSettings(address=_address(settings), zone=_zone(settings), **entered)


def _address(settings: Settings) -> str:
    """A token is sent there: in the open only to this machine itself."""
    address = settings.values.get("address", "").strip() or ADDRESS
    parts = web_address(address)
    if parts and (parts.scheme == "https" or (parts.scheme, parts.hostname) == ("http", "127.0.0.1")):
        return address
    raise Misconfigured(f"The address must begin with https://, as {ADDRESS}.", setting="address")


def _zone(settings: Settings) -> ZoneInfo:
    try:
        return ZoneInfo(settings.values.get("time_zone", "").strip())
    except (ValueError, OSError, KeyError):
        raise Misconfigured(
            "This is no time zone. It should look like America/New_York.", setting="time_zone"
        ) from None
