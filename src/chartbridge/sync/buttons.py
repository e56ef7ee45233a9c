"""What a person presses: Sync now, Full sync, and going on after the brake; and what presses it each night.

Must not be in it: doing it; the next check does.
"""

from __future__ import annotations

from datetime import date, datetime

from chartbridge.domain.clock import SystemClock
from chartbridge.pms.manifest import Deletions
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import holds, observations, streams, tending
from chartbridge.sync import brake

_SUNDAY = 6


def sync_now(connection_id: int, stream: Stream | None = None) -> int:
    """Check a stream (or all) at once, also one that rests after an error. Returns how many streams."""
    return streams.press(connection_id, _which(stream), "now", SystemClock().now())


def full_sync(connection_id: int, stream: Stream | None = None) -> int:
    """Read everything of a stream (or of all) once more, beside the ordinary checks. Returns how many streams.

    Its progress is in the stream's `pass_records`. What the PMS then no longer has is marked as gone.
    """
    return streams.press(connection_id, _which(stream), "full", SystemClock().now())


def nightly(practice_id: int, day: date, now: datetime) -> None:
    """Have all read once more of which only a full read can tell that it is gone.

    Where a month's calls are limited that is done on Sundays only.
    """
    for link in tending.connections_of(practice_id):
        manifest = registry().manifests.get(link.connector)
        if manifest is None or (manifest.call_budget and day.weekday() != _SUNDAY):
            continue
        absent = [each for each, claim in manifest.streams.items() if claim.deletions is Deletions.ABSENCE]
        streams.press(link.pk, absent, "full", now)


def resume_after_brake(connection_id: int, who: str) -> bool:
    """A person says that the PMS is right as it is: take its numbers as they are and read everything anew.

    Recorded in the audit trail. False where the connection was not held by the brake.
    """
    return holds.start_anew(connection_id, brake.CODE, who, SystemClock().now())


def go_on_without(practice_id: int, observation_id: int, who: str, now: datetime) -> bool:
    """A person has read of a change: it is put away, and what waited for that goes on. False if it was before."""
    row = observations.put_away(practice_id, observation_id, who, now)
    if row is None:
        return False
    streams.press(row.connection_id, [each for each in Stream if each.value in row.paused], "now", now)
    return True


def _which(stream: Stream | None) -> list[Stream]:
    return list(Stream) if stream is None else [stream]
