"""The page of benchmarks says what was measured and no more: it is made from the committed figures."""

from __future__ import annotations

import json

import pytest

from bench.figures import Figure, Part, line, load
from bench.measure import percentile
from bench.page import DATA, PAGE, page
from bench.promises import BY_KEY, ENGINES, PARTS, TABLE

PROMISED = [
    "idle.status_hub",
    "idle.status_server",
    "idle.appointments_hub",
    "idle.appointments_server",
    "idle.growth_hub",
    "idle.growth_server",
    "idle.dlt_warm",
    "idle.dlt_cold",
    "idle.ten_rows",
    *(
        f"latency.{where}_{interval}_{kind}"
        for where in ("rest", "page")
        for interval in (15, 1)
        for kind in ("mean", "p99")
    ),
    "first.wall_ratio",
    "first.memory",
    "first.today",
    "first.kept",
    "desk.MyISAM_p99",
    "desk.MyISAM_max",
    "activities.p50",
    "activities.p99",
    "drain.share",
    "fleet.core",
    "fleet.slip",
    "serve.memory_sync",
    "serve.memory_day",
    "odbc.day",
    "ledger.verify",
    "ledger.memory",
]


def test_the_page_is_made_from_the_committed_figures() -> None:
    assert PAGE.read_text() == page(json.loads(DATA.read_text())), 'make bench ARGS="--only-write"'


@pytest.mark.parametrize("key", PROMISED)
def test_each_promised_number_stands_on_the_page_for_each_database(key: str) -> None:
    promised = BY_KEY[key]
    assert promised.limit is not None
    assert PAGE.read_text().count(f"| {promised.what} |") == len(promised.engines or ("",))


def test_only_whole_runs_are_on_the_page() -> None:
    assert not any(part["quick"] for part in json.loads(DATA.read_text()))


def test_nothing_is_promised_that_this_test_does_not_name() -> None:
    assert sorted(PROMISED) == sorted(each.key for each in TABLE if each.limit is not None)
    assert {each.part for each in TABLE} == set(PARTS)


@pytest.mark.parametrize(
    ("key", "measured", "whole", "said"),
    [
        ("idle.growth_hub", 1.3, True, "reached"),
        ("idle.growth_hub", 1.31, True, "SHORT"),
        ("drain.share", 60.0, True, "reached"),
        ("drain.share", 59.9, True, "SHORT"),
        ("activities.p50", 20.0, False, "SHORT"),
        ("activities.p50", float("nan"), True, "SHORT"),
    ],
)
def test_a_figure_beyond_its_limit_or_with_something_missing_is_short(
    key: str, measured: float, whole: bool, said: str
) -> None:
    engine = ENGINES[0] if BY_KEY[key].engines else ""
    figure = Figure(key=key, engine=engine, measured=measured, runs=[measured], whole=whole)
    assert said in line(figure)
    assert figure.reached is (said == "reached")


def test_a_figure_is_the_median_of_its_runs_and_is_read_back_as_it_was_saved(tmp_path) -> None:
    part = Part(name="drain", quick=True)
    part.add("drain.share", [50.0, 70.0, 61.0], note="three pairs")
    part.save(tmp_path)
    back = load((tmp_path / "quick-drain.json").read_text())
    assert back == part
    assert back.figures[0].measured == 61.0
    assert back.figures[0].reached


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)


def test_a_page_without_a_figure_says_that_it_was_not_measured() -> None:
    text = page([])
    assert text.count("|  | ≤ 2 ms | **not measured** |") == 2 * len(ENGINES)
