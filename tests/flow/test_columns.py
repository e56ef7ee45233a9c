"""Where a visit stands: the table of cases, and what holds for every visit there can be."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartbridge.domain.schedule import Appointment, BookingState, FlowStatus
from chartbridge.flow.columns import COLUMNS, ON_THE_BOARD, Place, column_of, minutes_since

NOW = datetime.fromisoformat("2026-11-24T10:00")
F = FlowStatus
CHOSEN: dict[str, FlowStatus | None] = {
    "20": None,
    "21": F.EXPECTED,
    "22": F.CHECKED_IN,
    "25": F.IN_OPERATORY,
    "246": F.READY_FOR_CHECKOUT,
}


def at(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute)


def visit(
    starts: datetime = NOW, state: BookingState = BookingState.SCHEDULED, **more: object
) -> Appointment:
    return Appointment(key="1", patient_key="7", starts_local=starts, minutes=30, state=state, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("visit_", "column", "later"),
    [
        (visit(at(10, 30)), F.EXPECTED, False),
        (visit(at(11, 0)), F.EXPECTED, False),
        (visit(at(11, 1)), F.EXPECTED, True),
        (visit(at(10, 0)), F.EXPECTED, False),
        (visit(at(9, 59)), F.LATE, False),
        (visit(at(8, 0)), F.LATE, False),
        (visit(at(9), status_key="21"), F.LATE, False),
        (visit(at(9), status_key="20"), F.LATE, False),
        (visit(at(9), status_key="22"), F.CHECKED_IN, False),
        (visit(at(15), status_key="22"), F.CHECKED_IN, False),
        (visit(at(9), status_key="25"), F.IN_OPERATORY, False),
        (visit(at(9), status_key="246"), F.READY_FOR_CHECKOUT, False),
        (visit(at(9), status_key="20", arrived_local=at(8, 50)), F.CHECKED_IN, False),
        (visit(at(9), arrived_local=at(8, 50), seated_local=at(9, 5)), F.IN_OPERATORY, False),
        (visit(at(9), arrived_local=at(8, 50), dismissed_local=at(9, 40)), F.READY_FOR_CHECKOUT, False),
        (visit(at(9), BookingState.COMPLETE, status_key="22"), F.COMPLETED, False),
        (visit(at(9), BookingState.BROKEN, status_key="22"), F.BROKEN, False),
        (visit(at(9), BookingState.UNKNOWN, state_raw="9", status_key="22"), None, False),
        (visit(at(9), status_key="999"), None, False),
        (visit(at(9), status_key="999", seated_local=at(9, 1)), F.IN_OPERATORY, False),
    ],
)
def test_each_visit_stands_where_the_pms_and_the_clock_say(
    visit_: Appointment, column: FlowStatus | None, later: bool
) -> None:
    place = column_of(visit_, CHOSEN, NOW)
    assert place is not None
    assert (place.column, place.later) == (column, later)


def test_a_patient_who_was_moved_back_to_expected_is_expected_although_the_pms_keeps_the_arrival_time() -> (
    None
):
    place = column_of(visit(at(10, 30), status_key="21", arrived_local=at(9, 50)), CHOSEN, NOW)
    assert place == Place(column=F.EXPECTED)


@pytest.mark.parametrize("state", [BookingState.PLANNED, BookingState.UNSCHEDULED, BookingState.NOTE])
def test_what_is_no_visit_of_the_day_is_not_on_the_board(state: BookingState) -> None:
    assert column_of(visit(state=state), CHOSEN, NOW) is None


def test_waiting_counts_from_the_pms_own_time() -> None:
    place = column_of(
        visit(at(9), status_key="22", arrived_local=at(9, 48)), CHOSEN, NOW, status_since=at(9, 55)
    )
    assert place is not None
    assert minutes_since(place.since, NOW) == 12


def test_waiting_counts_from_the_first_sight_of_the_status_where_the_pms_keeps_no_time() -> None:
    place = column_of(visit(at(9), status_key="22"), CHOSEN, NOW, status_since=at(9, 55))
    assert place is not None
    assert minutes_since(place.since, NOW) == 5


def test_a_late_patient_is_late_since_the_start_of_the_visit() -> None:
    place = column_of(visit(at(9, 40)), CHOSEN, NOW)
    assert place is not None
    assert minutes_since(place.since, NOW) == 20


def test_a_pms_clock_that_runs_ahead_gives_no_negative_wait() -> None:
    assert minutes_since(at(10, 3), NOW) == 0


times = st.datetimes(min_value=NOW - timedelta(hours=12), max_value=NOW + timedelta(hours=12))
visits = st.builds(
    Appointment,
    key=st.just("1"),
    patient_key=st.just("7"),
    starts_local=times,
    minutes=st.integers(5, 240),
    state=st.sampled_from(BookingState),
    status_key=st.sampled_from(["", "20", "21", "22", "25", "246", "999", "х"]),
    arrived_local=st.none() | times,
    seated_local=st.none() | times,
    dismissed_local=st.none() | times,
)


@given(visits, times)
def test_every_visit_has_at_most_one_place_and_an_unknown_one_is_never_guessed(
    each: Appointment, now: datetime
) -> None:
    place = column_of(each, CHOSEN, now)
    assert (place is None) == (each.state not in ON_THE_BOARD)
    if place is None:
        return
    assert place.column in (*COLUMNS, F.BROKEN, None)
    assert place.later <= (place.column is F.EXPECTED)
    if each.state is BookingState.UNKNOWN:
        assert place.column is None
    if each.state is BookingState.SCHEDULED and each.status_key in ("999", "х"):
        assert place.column not in (F.EXPECTED, F.LATE)


@given(visits, times, st.integers(0, 600))
def test_as_time_passes_a_visit_only_ever_goes_from_expected_to_late(
    each: Appointment, now: datetime, minutes: int
) -> None:
    before = column_of(each, CHOSEN, now)
    after = column_of(each, CHOSEN, now + timedelta(minutes=minutes))
    assert (before is None) == (after is None)
    if before is not None and after is not None and before.column is not after.column:
        assert (before.column, after.column) == (F.EXPECTED, F.LATE)
