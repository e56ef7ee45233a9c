"""Whether what a person typed can be an address at all: a typo is told by its field, before anything is opened.

Must not be in it: which addresses may be reached (that is `outward`), looking a name up.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def can_be_host(host: str) -> bool:
    """Whether the machine's resolver takes it for a name: no empty part and none of more than 63 characters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(host) and host.isprintable() and not set(host) & set(" /\\@?#[]")


def web_address(text: str) -> SplitResult | None:
    """Return a web address taken apart, or None for what can be none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or port == 0 or not can_be_host(parts.hostname or ""):
        return None
    return parts


def port_of(text: str) -> int | None:
    """Return a port's number, or None for what can be none."""
    plain = text.isascii() and text.isdigit() and len(text) <= 5
    return int(text) if plain and 0 < int(text) < 65536 else None
