"""Reading a stream: first read, changes, crashes, order, turns."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartbridge.domain.clock import SetClock
from chartbridge.pms.reading import Stream
from chartbridge.store import streams
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import MirrorBadRow, MirrorPatient, Notice, StatusSighting, StreamState
from chartbridge.sync import reading
from chartbridge.sync.checks import Checker
from tests.sync.conftest import Office, appointment, new_connection, patient, seen
from tests.sync.fake_connector import START, FakePms, installed, make_manifest

PATIENTS, APPOINTMENTS, STATUS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS


def test_the_first_read_brings_everything_and_then_only_what_changed(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(10)))
    office.settle(PATIENTS)
    assert len(office.patients()) == 10
    assert office.state(PATIENTS).first_read_done_at is not None

    office.pms.calls.clear()
    office.pms.put(PATIENTS, patient("3", "Smith"))
    outcome = office.check(PATIENTS)
    assert outcome.changes == 1
    assert not outcome.again
    assert office.patients()["3"] == "Smith"
    assert [c for c in office.pms.calls if c[0] == "patients"] == [("patients", False)]


def test_a_page_with_nothing_new_makes_no_notice(office: Office) -> None:
    office.pms.put(PATIENTS, patient("1"))
    office.settle(PATIENTS)
    before = Notice.objects.count()
    office.pms.put(PATIENTS, patient("1"))
    assert office.check(PATIENTS).changes == 0
    assert Notice.objects.count() == before


def test_an_idle_check_asks_the_store_for_nothing_and_is_flushed_later(office: Office) -> None:
    office.settle(PATIENTS)
    office.check(PATIENTS)  # the first read's sweep
    office.checker.flush()
    office.clock.advance(1.0)
    with CaptureQueriesContext(database) as queries:
        office.check(PATIENTS)
    assert [q["sql"] for q in queries] == []
    with CaptureQueriesContext(database) as queries:
        office.checker.flush()
    assert sum("UPDATE" in q["sql"] for q in queries) == 1
    assert office.state(PATIENTS).last_check_at == office.clock.now()


def test_a_thousand_idle_connections_cost_one_statement_a_second_and_a_look_at_the_settings(
    transactional_db: None,
) -> None:
    clock = SetClock(START)
    pms, manifest = FakePms(clock), make_manifest()
    with installed(lambda _settings: pms, manifest):
        connections = [new_connection() for _ in range(1000)]
        StreamState.objects.bulk_create(
            StreamState(
                connection=c, stream="patients", interval_s=30, first_read_done_at=START, cursor='{"seq": 0}'
            )
            for c in connections
        )
        checker = Checker(LiveConnectors(clock), clock)
        ids = [c.pk for c in connections]
        assert len(checker.due(ids)) == 1000
        with CaptureQueriesContext(database) as queries:
            for pk in ids:
                assert checker.check(pk, PATIENTS).error_code == ""
        assert len(queries) <= 4
        for _ in range(25):
            checker.flush()
        clock.advance(2.0)
        with CaptureQueriesContext(database) as queries:
            for pk in ids:
                checker.check(pk, PATIENTS)
            checker.due(ids)
            checker.flush()
        assert len(queries) <= 12
        assert StreamState.objects.filter(checks=2).count() == 1000
        checker.close()


def test_the_timetable_spreads_a_thousand_connections_and_lets_one_begin_at_once(
    transactional_db: None,
) -> None:
    clock = SetClock(START)
    pms, manifest = FakePms(clock), make_manifest()
    with installed(lambda _settings: pms, manifest):
        connections = [new_connection() for _ in range(200)]
        for each in connections:
            streams.ensure_states(each, manifest)
        checker = Checker(LiveConnectors(clock), clock)
        alone = checker.due([connections[0].pk])
        assert max((d.at - START).total_seconds() for d in alone) < 1.0
        many = Checker(LiveConnectors(clock), clock).due([c.pk for c in connections])
        late = sorted((d.at - START).total_seconds() for d in many if d.stream is STATUS)
        assert late[-1] <= 15.0
        checker.close()


class _Crash(BaseException):
    pass


@pytest.mark.parametrize("crash_at", range(8))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_page_loses_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, crash_at: int, when: str
) -> None:
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE_AT_FIRST", 3)
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(12)))
    real, count = streams.save_progress, 0

    def crashing(state: StreamState, changes: dict[str, object]) -> None:
        nonlocal count
        count += 1
        if count == crash_at and when == "before":
            raise _Crash
        real(state, changes)
        if count == crash_at and when == "after":
            raise _Crash  # still within the transaction: neither page nor cursor may stay

    monkeypatch.setattr(streams, "save_progress", crashing)
    for number in range(12, 16):
        try:
            office.settle(PATIENTS)
        except _Crash:
            office.restart()
        office.pms.put(PATIENTS, patient(str(number)), patient("2", f"Smith{number}"))
    office.settle(PATIENTS)
    assert set(office.patients()) == {str(n) for n in range(16)}
    assert office.patients()["2"] == "Smith15"


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 9), st.sampled_from(["Li", "O'Brien", "Zoë"])),
            st.tuples(st.just("delete"), st.integers(0, 9)),
            st.tuples(st.just("check")),
            st.tuples(st.just("flush")),
            st.tuples(st.just("restart")),
            st.tuples(st.just("full")),
            st.tuples(st.just("time"), st.sampled_from([1, 20, 1000])),
        ),
        max_size=30,
    )
)
def test_whatever_happens_in_whatever_order_both_sides_agree_in_the_end(
    office: Office, steps: list[tuple[object, ...]]
) -> None:
    from chartbridge.sync.buttons import full_sync

    book = office.pms.books[PATIENTS]
    for name, *what in steps:
        if name == "put":
            office.pms.put(PATIENTS, patient(str(what[0]), str(what[1])))
        elif name == "delete":
            office.pms.delete(PATIENTS, str(what[0]))
        elif name == "check":
            office.check(PATIENTS)
        elif name == "flush":
            office.checker.flush()
        elif name == "restart":
            office.restart()
        elif name == "full":
            full_sync(office.pk, PATIENTS)
        else:
            office.clock.advance(float(what[0]))  # type: ignore[arg-type]
    office.settle(PATIENTS)
    office.clock.advance(60)
    office.settle(PATIENTS)
    assert office.patients() == {k: r.last_name for k, r in book.rows.items()}


def test_the_same_page_twice_changes_nothing(office: Office) -> None:
    office.pms.put(STATUS, seen("1", 1, "20"), seen("1", 2, "21"))
    office.pms.put(APPOINTMENTS, appointment("1"))
    office.settle(APPOINTMENTS)
    office.settle(STATUS)
    state = office.state(STATUS)
    StreamState.objects.filter(pk=state.pk).update(cursor="", first_read_done_at=None)
    office.restart()
    before = list(StatusSighting.objects.values_list("seen_key", flat=True))
    office.settle(STATUS)
    assert list(StatusSighting.objects.values_list("seen_key", flat=True)) == before == ["h1", "h2"]
    assert office.appointments() == {"1": "21"}


def test_a_status_seen_is_no_change_again_when_the_appointments_say_the_same(office: Office) -> None:
    office.pms.put(APPOINTMENTS, appointment("1", status_key="19"))
    office.settle(APPOINTMENTS)
    office.settle(STATUS)
    office.pms.put(STATUS, seen("1", 1, "21"))
    assert office.check(STATUS).changes == 1
    assert office.appointments() == {"1": "21"}
    office.pms.put(APPOINTMENTS, appointment("1", status_key="21"))
    assert office.check(APPOINTMENTS).changes == 0


def test_an_old_sighting_is_kept_and_moves_nothing(office: Office) -> None:
    office.pms.put(APPOINTMENTS, appointment("1", status_key="21"))
    office.settle(APPOINTMENTS)
    office.pms.put(STATUS, seen("1", 1, "19", latest=False))
    office.settle(STATUS)
    assert StatusSighting.objects.count() == 1
    assert office.appointments() == {"1": "21"}


def test_a_bad_row_is_named_and_forgotten_once_it_reads_well(office: Office) -> None:
    office.pms.put(PATIENTS, patient("1"), patient("2"))
    office.settle(PATIENTS)
    office.pms.corrupt(PATIENTS, "2")
    office.check(PATIENTS)
    assert list(MirrorBadRow.objects.values_list("stream", "key")) == [("patients", "2")]
    assert set(office.patients()) == {"1", "2"}
    office.pms.corrupt(PATIENTS, "2", mended=True)
    office.check(PATIENTS)
    assert not MirrorBadRow.objects.exists()


def test_status_checks_keep_their_time_while_a_big_first_read_is_under_way(office: Office) -> None:
    office.pms.page_size, office.pms.page_takes_s = 10, 0.05
    office.pms.put(APPOINTMENTS, *(appointment(str(n)) for n in range(2000)))
    StreamState.objects.filter(connection=office.connection, stream=STATUS.value).update(interval_s=1)
    office.settle(STATUS)
    last, gaps = office.clock.monotonic(), []
    while not office.state(APPOINTMENTS).first_read_done_at:
        due = office.checker.due([office.pk])
        now = office.clock.now()
        ripe = [d for d in due if d.at <= now and d.stream in (STATUS, APPOINTMENTS)]
        if not ripe:
            office.clock.advance(0.01)
            continue
        office.check(ripe[0].stream)
        if ripe[0].stream is STATUS:
            gaps.append(office.clock.monotonic() - last)
            last = office.clock.monotonic()
    assert len(gaps) > 5
    assert max(gaps) <= 1.25


def test_a_scan_goes_on_in_pieces_with_pauses_and_finds_what_left_no_trace(
    transactional_db: None,
) -> None:
    clock = SetClock(START)
    pms, manifest = FakePms(clock), make_manifest(patients={"scan_every": 60})
    with installed(lambda _settings: pms, manifest):
        connection = new_connection()
        streams.ensure_states(connection, manifest)
        checker = Checker(LiveConnectors(clock), clock)
        pms.put(PATIENTS, *(patient(str(n)) for n in range(9)))
        while checker.check(connection.pk, PATIENTS).again:
            pass
        pms.change_unseen(PATIENTS, patient("5", "Smith"))
        clock.advance(890)
        checker.check(connection.pk, PATIENTS)
        assert ("patients", True) not in pms.calls  # not before 15 minutes, whatever the manifest says
        clock.advance(120)
        pms.page_takes_s = 0.2
        outcome = checker.check(connection.pk, PATIENTS)
        assert not outcome.again
        assert 0 < outcome.next_in <= 0.5
        for _ in range(5):
            checker.check(connection.pk, PATIENTS)
        assert MirrorPatient.objects.get(key="5").last_name == "Smith"
        asked = pms.calls.count(("patients", True))
        clock.advance(300)
        checker.check(connection.pk, PATIENTS)
        assert pms.calls.count(("patients", True)) == asked
        checker.close()


def test_a_scan_of_the_future_stops_no_scans(transactional_db: None) -> None:
    clock = SetClock(START)
    pms, manifest = FakePms(clock), make_manifest(patients={"scan_every": 60})
    with installed(lambda _settings: pms, manifest):
        connection = new_connection()
        streams.ensure_states(connection, manifest)
        checker = Checker(LiveConnectors(clock), clock)
        pms.put(PATIENTS, patient("5"))
        while checker.check(connection.pk, PATIENTS).again:
            pass
        checker.close()
        StreamState.objects.filter(stream=PATIENTS).update(scanned_at=clock.now() + timedelta(days=30))
        pms.change_unseen(PATIENTS, patient("5", "Smith"))
        checker = Checker(LiveConnectors(clock), clock)  # the clock was set back while the hub was off
        clock.advance(60)
        checker.check(connection.pk, PATIENTS)
        assert MirrorPatient.objects.get(key="5").last_name == "Smith"
        state = StreamState.objects.get(stream=PATIENTS)
        checker.flush()
        state.refresh_from_db()
        assert state.scanned_at == clock.now()
        checker.close()


def test_a_scan_is_still_done_when_its_first_answer_was_of_changes_in_front_of_it(
    transactional_db: None,
) -> None:
    clock = SetClock(START)
    pms, manifest = FakePms(clock), make_manifest(patients={"scan_every": 60})
    pms.changes_first = True
    with installed(lambda _settings: pms, manifest):
        connection = new_connection()
        streams.ensure_states(connection, manifest)
        checker = Checker(LiveConnectors(clock), clock)
        pms.put(PATIENTS, *(patient(str(n)) for n in range(9)))
        while checker.check(connection.pk, PATIENTS).again:
            pass
        clock.advance(1000)
        pms.change_unseen(PATIENTS, patient("5", "Smith"))
        pms.put(PATIENTS, patient("1", "Li"))
        for _ in range(6):
            checker.check(connection.pk, PATIENTS)
        assert set(MirrorPatient.objects.filter(key__in="15").values_list("last_name", flat=True)) == {
            "Smith",
            "Li",
        }
        checker.close()


def test_one_connection_is_never_read_twice_at_once(office: Office) -> None:
    desk = office.checker._desks.of(office.pk)
    assert desk
    with desk.lock:
        outcome = office.check(PATIENTS)
    assert outcome.again
    assert not office.pms.calls


def test_many_threads_may_check_many_connections(transactional_db: None) -> None:
    from django.db import connections

    clock = SetClock(START)
    manifest = make_manifest()
    made: dict[str, FakePms] = {}
    with installed(lambda settings: made[settings.values["office"]], manifest):
        links = []
        for n in range(4):
            link = new_connection()
            link.values = {"office": str(n)}
            link.save()
            streams.ensure_states(link, manifest)
            made[str(n)] = pms = FakePms(clock)
            pms.put(PATIENTS, *(patient(str(k), f"Office{n}") for k in range(60)))
            links.append(link)
        checker = Checker(LiveConnectors(clock), clock)

        def work(pk: int) -> None:
            while checker.check(pk, PATIENTS).again:
                checker.flush()
            connections.close_all()

        threads = [threading.Thread(target=work, args=(link.pk,)) for link in links for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        checker.flush()
        checker.close()
    for n, link in enumerate(links):
        names = set(MirrorPatient.objects.filter(connection=link).values_list("last_name", flat=True))
        assert names == {f"Office{n}"}
        assert MirrorPatient.objects.filter(connection=link).count() == 60


def test_lag_is_measured_from_the_pms_own_moment_by_the_pms_own_clock(office: Office) -> None:
    from datetime import timedelta

    office.pms.clock_is_off = timedelta(seconds=40)
    office.settle(PATIENTS)
    office.pms.put(PATIENTS, patient("1"))
    office.clock.advance(2.5)
    office.check(PATIENTS)
    state = office.state(PATIENTS)
    assert state.lags_ms == [2500]
    assert (state.lag_p50_ms, state.lag_p95_ms) == (2500, 2500)
