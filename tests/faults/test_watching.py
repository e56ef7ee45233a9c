"""What a soak says of memory and lag: a leak is told from a new process, a late read from a PMS that was down."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.faults.watching import FLAT, Change, Sample, Span, growth, lags


def _samples(mb: Callable[[float, float], float], life: float, lasted: int = 600) -> list[Sample]:
    """One a second, of processes that live so long each; `mb` by the time and the age."""
    return [Sample(at, at % life, mb(at, at % life)) for at in range(lasted)]


def test_memory_that_each_process_gains_in_the_same_way_is_flat() -> None:
    assert growth(_samples(lambda _at, age: 100 + 10 * age, life=20)) == 1.0


def test_memory_that_grows_in_one_long_life_is_not_flat() -> None:
    grown = growth(_samples(lambda at, _age: 100 + at / 4, life=math.inf))
    assert grown is not None
    assert grown > FLAT


def test_memory_that_grows_from_process_to_process_is_not_flat() -> None:
    grown = growth(_samples(lambda at, age: 100 + at // 20 * 3 + age, life=20))
    assert grown is not None
    assert grown > FLAT


def test_processes_that_never_warm_up_tell_nothing() -> None:
    assert growth(_samples(lambda at, _age: 100 + at, life=6)) is None
    assert growth([]) is None


def test_a_lag_counts_unless_its_own_database_was_down_then_or_in_the_interval_before() -> None:
    def of(*changes: Change) -> dict[str, object]:
        down = [Span(100.0, 1, until=110.0), Span(500.0, None, until=505.0)]
        return lags(changes, down, [Span(301.0, until=303.0)], interval=15.0, now=1000.0)

    def change(office: int, made: float, seen: float) -> Change:
        return Change(office, "7", "22", made, ask_at=made, seen=seen)

    assert of(change(1, 99.0, 112.0), change(1, 124.0, 130.0), change(0, 519.0, 530.0))["changes"] == 0
    counted = of(
        change(0, 99.0, 112.0), change(1, 126.0, 130.0), change(0, 400.0, 440.0), change(0, 300.0, 350.0)
    )
    assert counted["changes"] == 3
    assert (counted["over_ends"], counted["over_ends_p99_s"]) == (1, 50.0)
    assert (counted["p50_s"], counted["p99_s"], counted["within"]) == (13.0, 40.0, False)


def test_what_is_never_seen_counts_with_the_time_it_was_waited_for() -> None:
    told = lags([Change(0, "7", "22", 10.0, ask_at=10.0)], [], [], interval=15.0, now=100.0)
    assert (told["never_seen"], told["p99_s"], told["within"]) == (1, 90.0, False)


def test_nothing_measured_is_not_within() -> None:
    assert lags([], [], [], interval=15.0, now=1.0)["within"] is None
