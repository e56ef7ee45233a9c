"""In which column of the board a visit stands. Computes only: rows in, a place out.

The PMS's status decides where a column was chosen for it; the times at which the PMS itself says that the
patient arrived, was seated and was dismissed decide where the status says nothing; the clock decides between
Expected and Late. A status that nobody has placed is not guessed: it stands apart, with the PMS's own word.
Must not be in it: queries, names of people, a vendor's status words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.schedule import Appointment, BookingState, FlowStatus

COLUMNS: tuple[FlowStatus, ...] = (
    FlowStatus.EXPECTED,
    FlowStatus.LATE,
    FlowStatus.CHECKED_IN,
    FlowStatus.IN_OPERATORY,
    FlowStatus.READY_FOR_CHECKOUT,
    FlowStatus.COMPLETED,
)
LABELS: dict[FlowStatus, str] = {
    FlowStatus.EXPECTED: "Expected Today",
    FlowStatus.LATE: "Late",
    FlowStatus.CHECKED_IN: "Checked in",
    FlowStatus.IN_OPERATORY: "Operatories",
    FlowStatus.READY_FOR_CHECKOUT: "Ready for Check-out",
    FlowStatus.COMPLETED: "Completed",
    FlowStatus.BROKEN: "Broken",
}
NEXT_HOUR = timedelta(hours=1)
ON_THE_BOARD = frozenset(
    {BookingState.SCHEDULED, BookingState.COMPLETE, BookingState.BROKEN, BookingState.UNKNOWN}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a visit stands. `column` None: nobody has said what its status means.

    `later` is True for a visit that starts after the next hour. `since` is the wall time from which the
    patient waits there, where the PMS says one (for Late: the time of the visit).
    """

    column: FlowStatus | None
    later: bool = False
    since: datetime | None = None


def column_of(
    visit: Appointment,
    chosen: Mapping[str, FlowStatus | None],
    now_local: datetime,
    *,
    status_since: datetime | None = None,
) -> Place | None:
    """Return where `visit` stands at `now_local` (the practice's wall time), or None if it isn't on the board.

    `chosen` has the PMS's status keys: a column, or None where the status says nothing about where the
    patient is. A key that is not in it is one that nobody has placed. `status_since` is when the PMS showed
    the present status first; it stands in where the PMS keeps no arrival time.
    """
    if visit.state not in ON_THE_BOARD:
        return None
    if visit.state is BookingState.UNKNOWN:
        return Place(column=None)
    if visit.state is BookingState.COMPLETE:
        return Place(column=FlowStatus.COMPLETED)
    if visit.state is BookingState.BROKEN:
        return Place(column=FlowStatus.BROKEN)
    if visit.status_key and visit.status_key not in chosen:
        return _by_times(visit) or Place(column=None)
    column = chosen.get(visit.status_key) if visit.status_key else None
    if column is None:
        return _by_times(visit) or _by_clock(visit, now_local)
    if column in (FlowStatus.EXPECTED, FlowStatus.LATE):
        return _by_clock(visit, now_local)
    return Place(column=column, since=_time_of(visit, column) or status_since)


def minutes_since(since: datetime | None, now_local: datetime) -> int | None:
    """Whole minutes from `since` to now; 0 where the PMS's clock runs ahead of ours; None without a time."""
    if since is None:
        return None
    return max(0, int((now_local - since).total_seconds() // 60))


def _by_times(visit: Appointment) -> Place | None:
    for column in (FlowStatus.READY_FOR_CHECKOUT, FlowStatus.IN_OPERATORY, FlowStatus.CHECKED_IN):
        at = _time_of(visit, column)
        if at is not None:
            return Place(column=column, since=at)
    return None


def _time_of(visit: Appointment, column: FlowStatus) -> datetime | None:
    return {
        FlowStatus.CHECKED_IN: visit.arrived_local,
        FlowStatus.IN_OPERATORY: visit.seated_local,
        FlowStatus.READY_FOR_CHECKOUT: visit.dismissed_local,
    }.get(column)


def _by_clock(visit: Appointment, now_local: datetime) -> Place:
    if now_local >= visit.starts_local + timedelta(minutes=1):
        return Place(column=FlowStatus.LATE, since=visit.starts_local)
    return Place(column=FlowStatus.EXPECTED, later=visit.starts_local > now_local + NEXT_HOUR)
