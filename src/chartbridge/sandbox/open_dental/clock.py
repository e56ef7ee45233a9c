"""The practice's server clock: wall time in the practice's zone, as NOW() of its database gives it.

It can be jumped and set, so that a wrong clock and the repeated hour of a DST night can be played.
Must not be in it: the hub's clock (domain.clock), waiting.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
NONE_DATE = "0001-01-01"
NONE_TIME = "0001-01-01 00:00:00"


def text(at: datetime) -> str:
    """Return wall time in the database's words."""
    return at.strftime(FORMAT)


def moment(value: str) -> datetime:
    """Read the database's words back; raises ValueError for anything that is no time."""
    return datetime.fromisoformat(value).replace(tzinfo=None)


class PracticeClock:
    """Wall time without zone, whole seconds. `zone` is an IANA name; empty means this machine's zone."""

    def __init__(self, zone: str = "") -> None:
        self._zone = ZoneInfo(zone) if zone else None
        self.offset = timedelta(0)

    @property
    def jumped(self) -> bool:
        return bool(self.offset)

    def utc(self) -> datetime:
        """Return the present moment of this clock, aware, UTC."""
        return datetime.now(UTC) + self.offset

    def now(self) -> datetime:
        """Return wall time: naive, whole seconds."""
        return self.utc().astimezone(self._zone).replace(tzinfo=None, microsecond=0)

    def text(self) -> str:
        """Return wall time as NOW() would."""
        return text(self.now())

    def jump(self, seconds: float) -> None:
        """Move the clock by so many seconds, from where it stands."""
        self.offset += timedelta(seconds=seconds)

    def set(self, at: datetime) -> None:
        """Let the clock show this aware moment now, and go on from there."""
        self.offset = at.astimezone(UTC) - datetime.now(UTC)
