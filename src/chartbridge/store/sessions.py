"""Who is signed in: Django's sessions, which also end when the machine's clock is set back.

One that was begun by a clock far ahead would otherwise last until that time has come. Must not be in it: signing in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

_CLOCK_MAY_SLIP = timedelta(hours=1)


class SessionStore(db.SessionStore):
    """Sessions in the store; none is taken that has longer to go than a new one and an hour."""

    def _get_session_from_db(self) -> Any:
        return self._unless_of_a_later_clock(super()._get_session_from_db())  # type: ignore[misc]

    async def _aget_session_from_db(self) -> Any:
        return self._unless_of_a_later_clock(await super()._aget_session_from_db())  # type: ignore[misc]

    def _unless_of_a_later_clock(self, row: Any) -> Any:
        longest = timedelta(seconds=self.get_session_cookie_age()) + _CLOCK_MAY_SLIP
        if row is None or row.expire_date <= timezone.now() + longest:
            return row
        self._session_key = None
        return None
