"""The timetable alone: what is due when, and who stands apart from whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chartbridge.engine.timetable import Job, Timetable, next_on_grid, phase
from chartbridge.pms.reading import Stream
from chartbridge.store.wake import Lane


def status(connection_id: int) -> Job:
    return Job(connection_id=connection_id, lane=Lane.READ, stream=Stream.APPOINTMENT_STATUS)


def test_what_is_due_comes_in_the_order_of_its_time() -> None:
    table = Timetable()
    table.put(status(1), 3.0)
    table.put(status(2), 1.0)
    table.put(status(3), 9.0)
    assert [job.connection_id for job, _ in table.take_due(5.0)] == [2, 1]
    assert table.next_at() == 9.0


def test_a_job_stands_once_however_often_it_is_put() -> None:
    table = Timetable()
    for at in (5.0, 2.0, 7.0):
        table.put(status(1), at)
    assert table.take_due(6.0) == []
    assert table.take_due(7.0) == [(status(1), 7.0)]
    assert table.next_at() is None


def test_bringing_forward_never_delays() -> None:
    table = Timetable()
    table.put(status(1), 2.0)
    table.bring_forward(status(1), 5.0)
    assert table.next_at() == 2.0
    table.bring_forward(status(1), 1.0)
    assert table.next_at() == 1.0


def test_a_failed_job_rests_although_the_rows_say_now() -> None:
    table = Timetable()
    table.hold_off(status(1), 30.0)
    table.bring_forward(status(1), 0.0)
    assert table.next_at() == 30.0
    table.trust(status(1))
    table.bring_forward(status(1), 0.0)
    assert table.next_at() == 0.0


@given(st.integers(1, 10_000), st.floats(0, 1e6), st.integers(1, 86_400))
def test_the_next_time_is_later_than_now_and_within_the_interval(who: int, now: float, interval: int) -> None:
    at = next_on_grid(status(who), now, float(interval))
    assert now < at <= now + interval + 1e-6


def test_a_thousand_practices_do_not_bunch() -> None:
    a_second = [0] * 15
    for who in range(1000):
        a_second[int(next_on_grid(status(who), 0.0, 15.0)) % 15] += 1
    assert max(a_second) < 2 * 1000 / 15
    assert phase(status(1)) == phase(status(1))


def test_a_status_check_goes_before_others_but_nobody_starves() -> None:
    patients = Job(connection_id=1, lane=Lane.READ, stream=Stream.PATIENTS)
    assert status(1).rank(10.0) < patients.rank(10.0)
    assert patients.rank(10.0) < status(1).rank(13.0)
