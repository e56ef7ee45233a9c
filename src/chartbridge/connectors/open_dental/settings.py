"""What the practice entered on the PMS Connection page, checked and typed. Must not be in it: talking."""

from __future__ import annotations

from dataclasses import dataclass

from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured
from chartbridge.transport.addresses import can_be_host, port_of, web_address
from chartbridge.transport.sql import SqlAddress

# The vendor's addresses and limits (API pages, March 2025). Remote: one call a second; a margin is kept.
REMOTE = "https://api.opendental.com/api/v1/"
LOCAL = "http://localhost:30222/api/v1/"
PAGE_LIMITS = {"remote": 100, "local": 500, "service": 500}
INTERVALS = {"remote": 1.1, "local": 0.0, "service": 0.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiAccess:
    """Where the API is and with which keys. Its repr shows no key."""

    mode: str
    address: str
    developer_key: str
    customer_key: str

    def __repr__(self) -> str:
        return f"ApiAccess({self.mode})"

    @property
    def page(self) -> int:
        """Rows per answer."""
        return PAGE_LIMITS[self.mode]

    @property
    def interval(self) -> float:
        """Least seconds between two calls."""
        return INTERVALS[self.mode]


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDentalSettings:
    """All settings. `api` is None while no keys are entered: then nothing can be written."""

    reads_database: bool
    database: SqlAddress | None
    api: ApiAccess | None
    image_folder: str


def parse(settings: Settings) -> OpenDentalSettings:
    """Check and type them. Raises `Misconfigured` naming the setting."""
    values, secrets = settings.values, settings.secrets
    reads_database = _choice(values.get("read_mode", "") or "database", ("database", "api"), "read_mode")
    api = _api(values.get("api_mode", ""), values.get("api_address", ""), settings)
    if reads_database == "api" and api is None:
        raise Misconfigured(
            "Reading through the API needs the developer key and the customer key. "
            "Enter both on the PMS Connection page.",
            setting="developer_key" if not secrets.get("developer_key", "").strip() else "customer_key",
        )
    return OpenDentalSettings(
        reads_database=reads_database == "database",
        database=_database(settings) if reads_database == "database" else None,
        api=api,
        image_folder=values.get("image_folder", "").strip(),
    )


def _database(settings: Settings) -> SqlAddress:
    values = settings.values
    for name, label in (("db_host", "database server"), ("db_user", "database user")):
        if not values.get(name, "").strip():
            raise Misconfigured(f"The {label} is not set. Enter it on the PMS Connection page.", setting=name)
    host = values["db_host"].strip()
    if not can_be_host(host):
        raise Misconfigured(
            "The database server can't be right. Enter its name or address alone, like 192.168.1.5.",
            setting="db_host",
        )
    port = port_of(values.get("db_port", "").strip() or "3306")
    if port is None:
        raise Misconfigured("The database port must be a number, usually 3306.", setting="db_port")
    return SqlAddress(
        host=host,
        port=port,
        database=values.get("db_name", "").strip() or "opendental",
        user=values["db_user"].strip(),
        password=settings.secrets.get("db_password", ""),
        tls=_choice(values.get("db_tls", "") or "off", ("off", "on", "verify"), "db_tls"),
    )


def _api(mode: str, address: str, settings: Settings) -> ApiAccess | None:
    developer = settings.secrets.get("developer_key", "").strip()
    customer = settings.secrets.get("customer_key", "").strip()
    if not developer or not customer:
        return None
    for name, key in (("developer_key", developer), ("customer_key", customer)):
        if not key.isascii() or not key.isprintable() or " " in key or "/" in key:
            raise Misconfigured("A key holds only letters and digits. Copy it once more.", setting=name)
    mode = _choice(mode or "service", tuple(PAGE_LIMITS), "api_mode")
    address = address.strip() or {"remote": REMOTE, "local": LOCAL}.get(mode, "")
    if web_address(address) is None:
        raise Misconfigured(
            "The API address is missing or is no address. It should look like http://server:30223/api/v1/.",
            setting="api_address",
        )
    return ApiAccess(mode=mode, address=address, developer_key=developer, customer_key=customer)


def _choice(value: str, choices: tuple[str, ...], name: str) -> str:
    if value not in choices:
        raise Misconfigured(f"This must be one of: {', '.join(choices)}.", setting=name)
    return value
