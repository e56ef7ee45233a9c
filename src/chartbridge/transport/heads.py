"""The head of a request, as it goes out.

Must not be in it: answers (that is `answers`), sending (that is `http`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from urllib.parse import SplitResult

_FIELD = re.compile(r"[!-9;-~]+: [\t -~\xa0-\xff]*")
_USUAL_PORTS = {"http": 80, "https": 443}


def host_field(there: SplitResult) -> str:
    """What `Host` says of a web address: its port only where that is not the scheme's own, and never by which of our
    network cards it is reached."""
    host = there.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if ":" in host:
        host = f"[{host.partition('%')[0]}]"
    return host if there.port in (None, _USUAL_PORTS[there.scheme]) else f"{host}:{there.port}"


def fields(told: Mapping[str, str]) -> bytes:
    """Lines of a head. Raises `ValueError` where a name or a value can't stand in one."""
    lines = [f"{name}: {value}" for name, value in told.items()]
    if not all(map(_FIELD.fullmatch, lines)):
        raise ValueError
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def head(method: str, address: str, told: bytes, body: Sized | None) -> bytes:
    """A whole head. `address` is the path with its question, quoted; `told` are its `fields`."""
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    return f"{method} {address} HTTP/1.1\r\n".encode("ascii") + told + f"{length}\r\n".encode("ascii")
