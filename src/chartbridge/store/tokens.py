"""API tokens: made, revoked and recognised. The token itself is shown once and kept nowhere; a SHA-256 of it is.

Must not be in it: what a token may reach (that is `api`).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.store.database import writing
from chartbridge.store.models import ApiToken, User

PREFIX = "cb_"
_REMEMBERED_S = 1.0
_USED_EVERY = timedelta(minutes=1)
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class NewToken:
    """A token just made. `plain` is the only copy of what the program must send."""

    token: ApiToken
    plain: str

    def __repr__(self) -> str:
        return f"NewToken(prefix={self.token.prefix!r})"


def create_token(
    practice_id: int, name: str, *, can_write: bool = True, created_by: User | None = None
) -> NewToken:
    """Make a token for a practice: 32 random bytes, so that looking it up by its digest gives nothing away."""
    plain = PREFIX + secrets.token_urlsafe(32)
    with writing():
        token = ApiToken.objects.create(
            practice_id=practice_id,
            name=name.strip()[:100] or "Unnamed",
            prefix=plain[:10],
            digest=_digest(plain),
            can_write=can_write,
            created_by=created_by,
        )
    return NewToken(token=token, plain=plain)


def revoke_token(practice_id: int, token_id: int, clock: Clock | None = None) -> bool:
    """End a token for good; other processes notice within a second. False if there is no such live token."""
    now = (clock or SystemClock()).now()
    with writing():
        rows = ApiToken.objects.filter(practice_id=practice_id, pk=token_id, revoked_at=None)
        ended = rows.update(revoked_at=now)
    _remembered.clear()
    return bool(ended)


def tokens_of(practice_id: int) -> list[ApiToken]:
    """Return a practice's live tokens, newest first."""
    return list(ApiToken.objects.filter(practice_id=practice_id, revoked_at=None).order_by("-pk"))


def authenticate(plain: str, clock: Clock | None = None) -> ApiToken | None:
    """Return the live token that `plain` is, or None. Notes its use, at most once a minute."""
    if not plain.startswith(PREFIX) or len(plain) > 200:
        return None
    digest = _digest(plain)
    token = _remembered.get(digest)
    if token is None:
        token = ApiToken.objects.filter(digest=digest, revoked_at=None).first()
        if token is None:
            return None
        _remembered.keep(digest, token)
    _note_use(token, (clock or SystemClock()).now())
    return token


def digests(token_ids: Iterable[int]) -> dict[int, str]:
    """Return by what these tokens are known, revoked ones too: it is no other token's, in no other store either."""
    return dict(ApiToken.objects.filter(pk__in=token_ids).values_list("pk", "digest"))


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def _note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at and timedelta(0) <= now - token.last_used_at < _USED_EVERY:
        return
    token.last_used_at = now
    with writing():
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


class _Remembered:
    """The tokens seen within the last second, so that a burst asks the database once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[float, ApiToken]] = {}

    def get(self, digest: str) -> ApiToken | None:
        held = self._tokens.get(digest)
        return held[1] if held and time.monotonic() - held[0] < _REMEMBERED_S else None

    def keep(self, digest: str, token: ApiToken) -> None:
        with self._lock:
            if len(self._tokens) >= _MOST_REMEMBERED:
                self._tokens.clear()
            self._tokens[digest] = (time.monotonic(), token)

    def clear(self) -> None:
        with self._lock:
            self._tokens.clear()


_remembered = _Remembered()
