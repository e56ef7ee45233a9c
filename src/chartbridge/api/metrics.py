"""The practice's health in Prometheus's text form: counts and times.

Must not be in it: anything about a patient, in a label or anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.http import HttpRequest, HttpResponse
from ninja import Router
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chartbridge.api.access import caller
from chartbridge.api.handing_in import clock
from chartbridge.engine import threads
from chartbridge.store import board, queue, room, streams
from chartbridge.store.models import StreamState

router = Router()
_Value = Callable[[StreamState], float | None]


@router.get("/metrics", include_in_schema=False)
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of the token's practice."""
    registry = CollectorRegistry()
    registry.register(_OfPractice(caller(request).practice_id))
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


class _OfPractice(Collector):
    """Collected once, for one answer."""

    def __init__(self, practice_id: int) -> None:
        link = board.front_connection(practice_id)
        self._states: Sequence[StreamState] = streams.states(link.pk) if link else []
        self._counts = queue.counts(practice_id)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        writebacks = GaugeMetricFamily(
            "chartbridge_writebacks", "Writebacks by delivery.", labels=["delivery"]
        )
        for delivery, count in self._counts.items():
            writebacks.add_metric([str(delivery)], count)
        yield writebacks
        yield GaugeMetricFamily(
            "chartbridge_disk_full", "1 while nothing new can be kept for want of room.", value=room.is_full()
        )
        yield self._of_streams("interval_seconds", "The set check interval.", lambda s: s.interval_s)
        yield self._of_streams("checks", "Checks so far.", lambda s: s.checks)
        yield self._of_streams("failures", "Failed checks in a row.", lambda s: s.failures)
        yield self._of_streams("age_seconds", "Time since the last check that succeeded.", _age)
        lag = GaugeMetricFamily(
            "chartbridge_stream_lag_seconds",
            "From a change in the PMS to its being stored.",
            labels=["stream", "quantile"],
        )
        for state in self._states:
            for quantile, value in (("0.5", state.lag_p50_ms), ("0.95", state.lag_p95_ms)):
                if value is not None:
                    lag.add_metric([state.stream, quantile], value / 1000)
        yield lag
        if engine := threads.running():
            slip = engine.slip()
            late = GaugeMetricFamily(
                "chartbridge_engine_slip_seconds",
                "How late turns begin, of all practices of this process.",
                labels=["quantile"],
            )
            late.add_metric(["0.5"], slip.p50_ms / 1000)
            late.add_metric(["0.99"], slip.p99_ms / 1000)
            yield late

    def _of_streams(self, name: str, told: str, value: _Value) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"chartbridge_stream_{name}", told, labels=["stream"])
        for state in self._states:
            found = value(state)
            if found is not None:
                family.add_metric([state.stream], found)
        return family


def _age(state: StreamState) -> float | None:
    if state.last_success_at is None:
        return None
    return (clock.now() - state.last_success_at).total_seconds()
