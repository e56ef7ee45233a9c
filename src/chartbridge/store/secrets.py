"""Secrets at rest: encrypted with the installation's key, which lies in the data folder or the environment.

Must not be in it: a default key. Without the key a secret can't be read, and that is said.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class WrongKey(Exception):
    """The installation's key does not open this secret: it was made with another key."""


def key_file() -> Path:
    """Where the installation's key lies unless CHARTBRIDGE_KEY is set."""
    return Path(settings.DATA_DIR) / "secret.key"


def ensure_key() -> None:
    """Make the key file, readable by its owner only, if there is no key yet."""
    if os.environ.get("CHARTBRIDGE_KEY") or key_file().exists():
        return
    key_file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(key_file(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(Fernet.generate_key())
        out.flush()
        os.fsync(out.fileno())


def seal(secrets: Mapping[str, str]) -> bytes:
    """Encrypt a connection's secrets."""
    return _fernet().encrypt(json.dumps(dict(secrets)).encode())


def unseal(blob: bytes | memoryview) -> dict[str, str]:
    """Decrypt them. Raises `WrongKey`. Empty gives {}."""
    if not blob:
        return {}
    try:
        opened: dict[str, str] = json.loads(_fernet().decrypt(bytes(blob)))
    except InvalidToken as error:
        raise WrongKey("the installation's key does not open the stored secrets") from error
    return opened


def derive(told: Iterable[Sequence[str]]) -> list[bytes]:
    """Return for each the 32 bytes that only this installation's key makes of it. Raises `FileNotFoundError` without
    a key."""
    key = _key().strip()
    return [hmac.digest(key, json.dumps(each).encode(), "sha256") for each in told]


def _fernet() -> Fernet:
    return Fernet(_key())


def _key() -> bytes:
    given = os.environ.get("CHARTBRIDGE_KEY")
    return given.encode() if given else key_file().read_bytes()
