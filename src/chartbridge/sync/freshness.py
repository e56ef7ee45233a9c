"""How fresh what we show is, stream by stream: for the Health page, programs and the demo's report.

Must not be in it: mending anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.pms.reading import Stream
from chartbridge.store.models import StreamState
from chartbridge.store.streams import states

_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamFreshness:
    """How one stream is doing. Lags are from a change in the PMS to its being stored here, in seconds.

    `late`: it should have been read successfully by now and was not. `error` is a sentence, or empty.
    """

    stream: Stream
    on: bool
    interval_s: int
    checks: int
    lag_p50_s: float | None
    lag_p95_s: float | None
    last_check_at: datetime | None
    last_success_at: datetime | None
    last_change_at: datetime | None
    late: bool
    reading_all: bool
    pass_records: int
    error_code: str
    error: str


def freshness(connection_id: int, clock: Clock | None = None) -> list[StreamFreshness]:
    """Return how each stream of a connection is doing."""
    now = (clock or SystemClock()).now()
    return [_of(state, now) for state in states(connection_id)]


def _of(state: StreamState, now: datetime) -> StreamFreshness:
    return StreamFreshness(
        stream=Stream(state.stream),
        on=state.on,
        interval_s=state.interval_s,
        checks=state.checks,
        lag_p50_s=_seconds(state.lag_p50_ms),
        lag_p95_s=_seconds(state.lag_p95_ms),
        last_check_at=state.last_check_at,
        last_success_at=state.last_success_at,
        last_change_at=state.last_change_at,
        late=state.on and _is_late(state, now),
        reading_all=state.reads_all,
        pass_records=state.pass_records,
        error_code=state.error_code,
        error=state.error,
    )


def _is_late(state: StreamState, now: datetime) -> bool:
    allowed = max(timedelta(seconds=2 * state.interval_s), timedelta(seconds=state.interval_s) + _GRACE)
    return state.last_success_at is None or now - state.last_success_at > allowed


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
