"""Who is calling, may they, and not too often.

Must not be in it: what a call does.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from chartbridge.api.errors import ApiError
from chartbridge.store.models import ApiToken
from chartbridge.store.tokens import authenticate

PER_SECOND = 100.0
BURST = 200.0
MOST_BYTES = 20 * 1024 * 1024
_SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A program that calls. `who` is how the ledger and the audit trail name it; `source` whose keys it uses."""

    practice_id: int
    token_id: int
    who: str
    source: str


class Bearer(HttpBearer):
    """Lets a live token in: for reading always, for anything else only if the token may write."""

    def __init__(self, *, reads: bool = False) -> None:
        super().__init__()
        self._reads = reads

    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        """Return the Caller, or None for the 401."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            raise ApiError(413, "too_large", "The request is larger than 20 MB. Send it in several.")
        known = authenticate(token)
        if known is None:
            return None
        _limit.take(known.pk)
        if not (self._reads or request.method in _SAFE or known.can_write):
            raise ApiError(403, "read_only", "This token may only read. Use one that may write.")
        return _caller(known)


def caller(request: HttpRequest) -> Caller:
    """Return who calls, after `Bearer` has let them in."""
    found: Caller = request.auth  # type: ignore[attr-defined]
    return found


def _caller(token: ApiToken) -> Caller:
    return Caller(
        practice_id=token.practice_id,
        token_id=token.pk,
        who=f"api:{token.name}",
        source=f"api:{token.pk}",
    )


class RateLimit:
    """A bucket a token: `BURST` calls at once, `PER_SECOND` after that; in this process."""

    def __init__(self, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._per_second, self._burst = per_second, burst
        self._lock = threading.Lock()
        self._left: dict[int, tuple[float, float]] = {}

    def take(self, token_id: int) -> None:
        """Count one call. Raises the 429 when there have been too many."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.get(token_id, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            self._left[token_id] = (max(left - 1, 0) if left >= 1 else left, now)
        if left < 1:
            raise ApiError(
                429,
                "too_many",
                "Too many calls at once; this one was not taken. Send it again in a second, "
                "or up to 1,000 activities in one call to /activities/batch.",
                retry_after=1,
            )


_limit = RateLimit()
