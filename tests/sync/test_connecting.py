"""Starting a connection, and how it is told how fresh things are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.errors import Unavailable
from chartbridge.pms.reading import Stream
from chartbridge.store import live_connectors, lookups, streams
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection, StreamState
from chartbridge.sync.connect import start_connection
from chartbridge.sync.freshness import freshness
from tests.sync.conftest import Office, patient


@pytest.fixture
def fresh(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(live_connectors, "_installed", LiveConnectors(office.clock))
    StreamState.objects.all().delete()
    office.pms.lists[LookupKind.PROVIDERS] = [LookupItem(kind=LookupKind.PROVIDERS, key="1", name="DOC1")]
    return office


def test_starting_knows_the_pms_its_lists_and_its_streams_and_may_be_done_twice(fresh: Office) -> None:
    for _ in range(2):
        start_connection(fresh.pk, fresh.clock)
        connection = Connection.objects.get(pk=fresh.pk)
        assert connection.identity["practice_name"] == "Smile"
        assert connection.connected_at == fresh.clock.now()
        assert len(lookups.entries(fresh.pk, LookupKind.PROVIDERS)) == 1
    intervals = {s.stream: s.interval_s for s in streams.states(fresh.pk)}
    assert list(intervals) == [s.value for s in Stream]
    assert (intervals["appointment_status"], intervals["appointments"], intervals["patients"]) == (15, 60, 30)


def test_starting_while_the_pms_is_away_raises_and_leaves_streams_that_try_by_themselves(
    fresh: Office,
) -> None:
    fresh.pms.failures = [Unavailable("Away.")]
    with pytest.raises(Unavailable):
        start_connection(fresh.pk, fresh.clock)
    assert len(fresh.checker.due([fresh.pk])) == 6


def test_starting_against_another_practice_holds_by_the_brake(fresh: Office) -> None:
    start_connection(fresh.pk, fresh.clock)
    fresh.pms.identity = replace(fresh.pms.identity, practice_name="Grin")
    fresh.pms.lists[LookupKind.PROVIDERS] = []
    start_connection(fresh.pk, fresh.clock)
    assert Connection.objects.get(pk=fresh.pk).hold_code == "brake"
    assert len(lookups.entries(fresh.pk, LookupKind.PROVIDERS, True)) == 1


def test_freshness_tells_intervals_checks_lag_and_what_is_late(office: Office) -> None:
    office.settle(Stream.PATIENTS)
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.clock.advance(1.5)
    office.check(Stream.PATIENTS)
    office.checker.flush()
    told = {f.stream: f for f in freshness(office.pk, office.clock)}
    mine = told[Stream.PATIENTS]
    assert (mine.interval_s, mine.checks, mine.lag_p50_s, mine.late) == (30, 2, 1.5, False)
    assert told[Stream.APPOINTMENTS].late
    office.clock.advance(61)
    assert {f.stream: f.late for f in freshness(office.pk, office.clock)}[Stream.PATIENTS]
