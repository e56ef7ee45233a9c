"""When the PMS does not answer, may not be read, or answers what nobody understands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from chartbridge.connectors.by_odbc.looking import wall
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.errors import Misconfigured, PmsError, Refused, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.store import lookups, streams
from chartbridge.store.models import Connection, Notice, StreamState
from chartbridge.store.wake import Lane, listen
from chartbridge.sync.buttons import sync_now
from chartbridge.sync.faults import backoff, place_of
from chartbridge.sync.freshness import freshness
from tests.sync.conftest import Office, patient
from tests.sync.fake_connector import FakeConnector

PATIENTS, APPOINTMENTS, STATUS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS


def attempts(office: Office, seconds: float, step: float = 0.25) -> int:
    """Do what an engine does for a while; returns how often the PMS was asked for anything."""
    real, count = FakeConnector._maybe_fail, 0

    def counting(self: FakeConnector) -> None:
        nonlocal count
        count += 1
        real(self)

    FakeConnector._maybe_fail = counting  # type: ignore[method-assign]
    try:
        until = office.clock.monotonic() + seconds
        while office.clock.monotonic() < until:
            for due in office.checker.due([office.pk]):
                if due.at <= office.clock.now():
                    office.check(due.stream)
            office.clock.advance(step)
    finally:
        FakeConnector._maybe_fail = real  # type: ignore[method-assign]
    return count


def test_a_pms_that_is_not_there_is_tried_at_most_every_two_seconds_and_at_least_every_minute(
    office: Office,
) -> None:
    office.pms.failures = [Unavailable("The server does not answer.")] * 10_000
    count = attempts(office, 600)
    assert 10 <= count <= 300
    state = office.state(STATUS)
    assert state.error_code == "unavailable"
    assert state.error == "The server does not answer."
    assert state.failures > 3
    assert state.not_before is not None
    assert (state.not_before - office.clock.now()).total_seconds() <= 60

    office.pms.failures.clear()
    office.clock.advance(61)
    attempts(office, 5)
    assert {office.state(s).error_code for s in Stream} == {""}
    assert not any(f.late for f in freshness(office.pk, office.clock) if f.stream is STATUS)


def test_the_wait_grows_to_a_minute_with_full_jitter() -> None:
    for failures in range(1, 12):
        waits = [backoff(failures) for _ in range(300)]
        assert min(waits) >= 2.0
        assert max(waits) <= min(60.0, 2.0 * 2**failures)
    assert len({round(backoff(9), 3) for _ in range(50)}) > 40


def test_a_throttle_is_obeyed(office: Office) -> None:
    office.pms.failing[PATIENTS] = Unavailable("Too many requests.", retry_after=90)
    assert office.check(PATIENTS).next_in >= 90


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("The password is wrong.", setting="password"), "misconfigured"),
        (Unauthorised("This key may not read.", ability="all"), "unauthorised"),
    ],
)
def test_a_wrong_setting_stops_every_stream_after_one_try_until_it_is_mended(
    office: Office, error: PmsError, code: str
) -> None:
    office.pms.failures = [error] * 100
    assert attempts(office, 300) == 1
    assert {office.state(s).error_code for s in Stream} == {code}
    office.pms.failures.clear()
    Connection.objects.filter(pk=office.pk).update(settings_version=2)
    office.clock.advance(3)
    assert attempts(office, 5) > 5
    assert {office.state(s).error_code for s in Stream} == {""}


def test_a_right_that_is_missing_for_one_stream_leaves_the_others_running(office: Office) -> None:
    office.pms.failing[PATIENTS] = Unauthorised("May not read patients.", ability="patients")
    attempts(office, 120)
    assert office.state(PATIENTS).error_code == "unauthorised"
    assert office.state(PATIENTS).failures == 1
    assert office.state(STATUS).error_code == ""
    assert office.state(STATUS).checks >= 7
    del office.pms.failing[PATIENTS]
    sync_now(office.pk, PATIENTS)
    office.clock.advance(4)
    attempts(office, 1)
    assert office.state(PATIENTS).error_code == ""


@pytest.mark.parametrize("error", [Unreadable("The answer makes no sense."), Refused("No.")])
def test_what_nobody_understands_is_tried_again_slowly(office: Office, error: PmsError) -> None:
    office.pms.failing[STATUS] = error
    attempts(office, 600)
    assert 3 <= office.state(STATUS).failures <= 6
    assert office.state(STATUS).error == error.safe_message


def test_our_own_fault_is_named_internal_and_tells_nothing(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.pms.failing[PATIENTS] = ValueError("Ann Miller 503-555-0100")
    assert office.check(PATIENTS).error_code == "internal"
    state = office.state(PATIENTS)
    told = state.error + "".join(capsys.readouterr())
    assert not [part for part in ("Ann", "Miller", "555-0100") if part in told]
    assert "tried again" in state.error


def test_pages_read_before_a_failure_are_kept(office: Office) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(9)))
    real, pages = FakeConnector.read, 0

    def failing_at_the_third(self: FakeConnector, *args: object, **rest: object) -> object:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise Unavailable("The line dropped.")
        return real(self, *args, **rest)  # type: ignore[arg-type]

    FakeConnector.read = failing_at_the_third  # type: ignore[method-assign, assignment]
    try:
        assert office.check(PATIENTS).error_code == "unavailable"
    finally:
        FakeConnector.read = real  # type: ignore[method-assign]
    assert len(office.patients()) == 6
    office.clock.advance(61)
    office.settle(PATIENTS)
    assert len(office.patients()) == 9
    assert office.state(PATIENTS).error_code == ""


def test_errors_and_recoveries_are_told_to_the_pages(office: Office) -> None:
    office.pms.failing[PATIENTS] = Unavailable("Away.")
    office.check(PATIENTS)
    office.checker.flush()
    assert Notice.objects.filter(topic="streams").count() == 1
    del office.pms.failing[PATIENTS]
    office.clock.advance(61)
    office.check(PATIENTS)
    office.checker.flush()
    assert Notice.objects.filter(topic="streams").count() == 2


def test_a_full_sync_that_fails_does_not_stop_the_ordinary_checks(office: Office) -> None:
    from chartbridge.sync.buttons import full_sync

    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(9)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)
    real = FakeConnector.read

    def no_pass(self: FakeConnector, stream: Stream, cursor: str | None, *, thorough: bool = False) -> object:
        if cursor is None:
            raise Unreadable("Strange.")
        return real(self, stream, cursor, thorough=thorough)

    FakeConnector.read = no_pass  # type: ignore[method-assign, assignment]
    try:
        full_sync(office.pk, PATIENTS)
        office.pms.put(PATIENTS, patient("1", "Smith"))
        attempts(office, 40)
        assert office.patients()["1"] == "Smith"
        office.pms.put(PATIENTS, patient("2", "Smith"))
        attempts(office, 40)
        assert office.patients()["2"] == "Smith"
        attempts(office, 1500)
    finally:
        FakeConnector.read = real  # type: ignore[method-assign]
    assert office.state(PATIENTS).pass_state == ""  # given up


def test_switched_off_is_not_checked_and_on_again_continues_from_its_cursor(office: Office) -> None:
    office.pms.put(PATIENTS, patient("1"))
    office.settle(PATIENTS)
    streams.save_stream_setting(office.pk, PATIENTS, False, 30)
    office.clock.advance(31)
    assert PATIENTS not in {d.stream for d in office.checker.due([office.pk])}
    office.pms.calls.clear()
    office.check(PATIENTS)
    assert office.pms.calls == []
    office.pms.put(PATIENTS, patient("2"))
    streams.save_stream_setting(office.pk, PATIENTS, True, 60)
    due = {d.stream: d.at for d in office.checker.due([office.pk])}
    assert due[PATIENTS] <= office.clock.now()
    office.check(PATIENTS)
    assert set(office.patients()) == {"1", "2"}
    assert office.state(PATIENTS).interval_s == 60
    assert office.state(PATIENTS).first_read_done_at is not None


def test_an_interval_below_what_the_pms_allows_is_refused_in_words(office: Office) -> None:
    with pytest.raises(ValueError, match="every 5 seconds"):
        streams.save_stream_setting(office.pk, PATIENTS, True, 4)
    assert StreamState.objects.get(connection=office.connection, stream="patients").interval_s == 30


def test_sync_now_makes_a_stream_due_at_once(office: Office) -> None:
    for stream in Stream:
        office.settle(stream)
    office.clock.advance(3)
    before = {d.stream: d.at for d in office.checker.due([office.pk])}
    assert before[Stream.LOOKUPS] > office.clock.now()
    sync_now(office.pk)
    assert all(d.at <= office.clock.now() for d in office.checker.due([office.pk]))
    office.check(Stream.LOOKUPS)
    after = {d.stream: d.at for d in office.checker.due([office.pk])}
    assert after[Stream.LOOKUPS] > office.clock.now()


def test_photos_are_not_read_while_their_box_is_empty(office: Office) -> None:
    office.check(Stream.PHOTOS)
    Connection.objects.filter(pk=office.pk).update(show_photos=False)
    office.clock.advance(31)
    assert Stream.PHOTOS not in {d.stream for d in office.checker.due([office.pk])}
    office.pms.calls.clear()
    office.check(Stream.PHOTOS)
    assert office.pms.calls == []


def test_a_list_that_moved_is_told_and_wakes_the_writing_side(office: Office) -> None:
    woken: list[tuple[int, Lane]] = []
    stop = listen(lambda pk, lane: woken.append((pk, lane)))
    office.pms.lists[LookupKind.PROVIDERS] = [
        LookupItem(kind=LookupKind.PROVIDERS, key=str(n), name=f"DOC{n}", order=n) for n in range(4)
    ]
    assert office.check(Stream.LOOKUPS).changes == 1
    assert (office.pk, Lane.WRITE) in woken
    assert [e.key for e in lookups.entries(office.pk, LookupKind.PROVIDERS, True)] == ["0", "1", "2", "3"]

    woken.clear()
    office.clock.advance(301)
    assert office.check(Stream.LOOKUPS).changes == 0
    assert woken == []

    items = office.pms.lists[LookupKind.PROVIDERS]
    office.pms.lists[LookupKind.PROVIDERS] = [
        LookupItem(kind=LookupKind.PROVIDERS, key="0", name="DOC0", active=False),
        *items[1:3],
    ]
    office.clock.advance(301)
    office.check(Stream.LOOKUPS)
    assert [e.key for e in lookups.entries(office.pk, LookupKind.PROVIDERS, True)] == ["1", "2"]
    gone = lookups.entry(office.pk, LookupKind.PROVIDERS, "3")
    assert gone is not None
    assert gone.gone_at == office.clock.now()
    assert Notice.objects.filter(topic="settings").count() == 2
    stop()

    office.pms.lists[LookupKind.PROVIDERS] = []
    office.clock.advance(301)
    assert office.check(Stream.LOOKUPS).error_code == "brake"
    assert len(lookups.entries(office.pk, LookupKind.PROVIDERS, True)) == 2


def test_one_list_that_is_refused_does_not_keep_the_others_away(office: Office) -> None:
    real = FakeConnector.lookups

    def refusing(self: FakeConnector, kind: LookupKind) -> object:
        if kind is LookupKind.APPOINTMENT_STATUSES:
            raise Refused("This version has no such list.")
        return real(self, kind)

    FakeConnector.lookups = refusing  # type: ignore[method-assign, assignment]
    try:
        office.pms.lists[LookupKind.PROVIDERS] = [LookupItem(kind=LookupKind.PROVIDERS, key="1", name="DOC1")]
        assert office.check(Stream.LOOKUPS).error_code == "refused"
    finally:
        FakeConnector.lookups = real  # type: ignore[method-assign]
    assert len(lookups.entries(office.pk, LookupKind.PROVIDERS)) == 1


def test_a_check_says_whether_the_pms_answered_and_nothing_where_it_did_not_ask(office: Office) -> None:
    assert office.check(PATIENTS).answered is True
    office.pms.failing[PATIENTS] = Unavailable("Away.")
    office.clock.advance(60)
    assert office.check(PATIENTS).answered is False
    asked = len(office.pms.calls)
    other = office.check(APPOINTMENTS)
    assert (other.error_code, other.answered, len(office.pms.calls)) == ("", None, asked), "asked too soon"


def test_a_place_is_ours_by_where_it_lies_and_not_by_the_name_of_a_folder(tmp_path: Path) -> None:
    library = tmp_path / "chartbridge" / "site-packages" / "library.py"
    library.parent.mkdir(parents=True)
    library.write_text("def fails():\n    raise ValueError\n")
    fails = runpy.run_path(str(library))["fails"]
    with pytest.raises(ValueError) as failed:
        wall(fails)
    assert place_of(failed.value).startswith("by_odbc/looking.py:")
