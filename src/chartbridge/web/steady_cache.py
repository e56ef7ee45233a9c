"""The cache in which failed sign-ins are counted: by a clock that nobody can set.

By the wall clock, who was turned away for five minutes would be so until a clock that was set back has caught up.
"""

from __future__ import annotations

import time

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache


class SteadyCache(LocMemCache):
    """A cache in this process's memory."""

    _expire_info: dict[str, float | None]

    def get_backend_timeout(self, timeout: float | object | None = DEFAULT_TIMEOUT) -> float | None:
        """When an entry ends, in seconds of the steady clock; None for never."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else time.monotonic() + (seconds or -1)  # type: ignore[operator]

    def _has_expired(self, key: str) -> bool:
        ends = self._expire_info.get(key, -1.0)
        return ends is not None and ends <= time.monotonic()
