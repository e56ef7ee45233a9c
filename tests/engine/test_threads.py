"""The engine with a checker and a deliverer that only note what they were asked."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
import structlog
from django.db import OperationalError

from chartbridge.domain.clock import SetClock, SystemClock
from chartbridge.engine.outages import ASK_EVERY
from chartbridge.engine.threads import Engine
from chartbridge.pms.errors import Unavailable
from chartbridge.pms.reading import Stream
from chartbridge.store.wake import Lane, _listeners

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, kw_only=True)
class Checked:
    again: bool = False
    next_in: float = 60.0
    changes: int = 0
    error_code: str = ""
    answered: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Due:
    connection_id: int
    stream: Stream
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Delivered:
    again: bool = False
    next_in: float | None = None
    answered: bool | None = None


@dataclass
class FakeChecker:
    """Each connection's streams are due once at the start, then as the outcomes say."""

    streams: tuple[Stream, ...] = (Stream.APPOINTMENT_STATUS,)
    does: Callable[[int, Stream], Checked] = lambda connection_id, stream: Checked()
    asked: list[tuple[int, Stream]] = field(default_factory=list)
    flushes: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def check(self, connection_id: int, stream: Stream) -> Checked:
        self.asked.append((connection_id, stream))
        return self.does(connection_id, stream)

    def due(self, connection_ids: Sequence[int]) -> list[Due]:
        return [
            Due(connection_id=who, stream=stream, at=self.at)
            for who in connection_ids
            for stream in self.streams
        ]

    def flush(self) -> None:
        self.flushes += 1


@dataclass
class FailingFlush(FakeChecker):
    """What it remembers can't be kept while `fails` says so."""

    fails: type[Exception] | None = None

    def flush(self) -> None:
        if self.fails:
            raise self.fails


@dataclass
class FakeDeliverer:
    does: Callable[[int], Delivered] = lambda connection_id: Delivered()
    asked: list[int] = field(default_factory=list)
    waits: dict[int, datetime] = field(default_factory=dict)

    def deliver(self, connection_id: int) -> Delivered:
        self.asked.append(connection_id)
        return self.does(connection_id)

    def due(self, connection_ids: Sequence[int]) -> dict[int, datetime]:
        return {who: at for who, at in self.waits.items() if who in connection_ids}


@dataclass
class Running:
    """Starts engines and stops them at the end of the test."""

    engines: list[Engine] = field(default_factory=list)

    def __call__(
        self,
        checker: FakeChecker,
        deliverer: FakeDeliverer | None = None,
        *,
        ids: Sequence[int] = (1,),
        begin: Callable[[int], None] | None = None,
        share: Callable[[Sequence[int]], Sequence[int]] = lambda ids: ids,
    ) -> Engine:
        engine = Engine(
            checker,
            deliverer or FakeDeliverer(),
            SystemClock(),
            begin=begin,
            connections=lambda: ids,
            share=share,
        )
        engine.start()
        self.engines.append(engine)
        return engine


@pytest.fixture
def running() -> object:
    started = Running()
    yield started
    for engine in started.engines:
        engine.stop()


@pytest.fixture
def by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the regular look at the rows nor the end of a rest brings what a test waits for."""
    monkeypatch.setattr("chartbridge.engine.threads.REFRESH_EVERY", 600.0)
    monkeypatch.setattr("chartbridge.engine.threads.FAILED_REST", 600.0)


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for what must come in the end: for longer than a machine that is busy with other tests stands still."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


class AtOnce:
    """A pool without threads: a job is done by who gives it."""

    def give(self, rank: float, job: Callable[[], None]) -> None:
        job()

    def stop(self, until: float) -> bool:
        return True


def wake(connection_id: int, lane: Lane) -> None:
    for listener in list(_listeners):
        listener(connection_id, lane)


def test_what_is_due_is_checked_and_again_after_what_the_check_says(running: Running) -> None:
    checker = FakeChecker(does=lambda who, stream: Checked(next_in=0.1))
    running(checker, ids=(1, 2))
    wait_for(lambda: min(Counter(who for who, _ in checker.asked)[who] for who in (1, 2)) >= 5)


@pytest.mark.usefixtures("by_themselves")
def test_a_check_with_more_to_read_gets_its_next_turn_at_once(running: Running) -> None:
    left = [5]

    def read(who: int, stream: Stream) -> Checked:
        left[0] -= 1
        return Checked(again=left[0] > 0, next_in=600.0)

    checker = FakeChecker(does=read)
    running(checker)
    wait_for(lambda: len(checker.asked) >= 5)


def test_one_connection_is_read_by_one_thread_at_a_time_and_status_goes_first(running: Running) -> None:
    inside = threading.Semaphore(1)
    overlaps = []

    def read(who: int, stream: Stream) -> Checked:
        if not inside.acquire(blocking=False):
            overlaps.append(stream)
        time.sleep(0.05)
        inside.release()
        return Checked()

    checker = FakeChecker(streams=(Stream.PATIENTS, Stream.DOCUMENTS, Stream.APPOINTMENT_STATUS), does=read)
    running(checker)
    wait_for(lambda: len(checker.asked) >= 3)
    assert overlaps == []
    assert Stream.APPOINTMENT_STATUS in [stream for _, stream in checker.asked[:2]]


def test_reading_and_writing_of_one_connection_go_side_by_side(running: Running) -> None:
    written = threading.Event()
    beside: list[bool] = []

    def read(who: int, stream: Stream) -> Checked:
        beside.append(written.wait(60))
        return Checked()

    def write(who: int) -> Delivered:
        written.set()
        return Delivered()

    checker = FakeChecker(does=read)
    deliverer = FakeDeliverer(does=write, waits={1: datetime.now(UTC)})
    running(checker, deliverer)
    wait_for(lambda: bool(beside), seconds=90)
    assert beside[0]


@pytest.mark.usefixtures("by_themselves")
def test_a_wake_starts_a_delivery_within_milliseconds(running: Running) -> None:
    """The best of some tries: in any single one the machine may have had something else to do."""
    began: list[float] = []
    took: list[float] = []

    def write(who: int) -> Delivered:
        began.append(time.monotonic())
        return Delivered()

    deliverer = FakeDeliverer(does=write)
    running(FakeChecker(), deliverer)
    while not took or (min(took) >= 0.1 and len(took) < 20):
        time.sleep(0.3)
        woken = time.monotonic()
        wake(1, Lane.WRITE)
        wait_for(lambda: len(began) > len(took))
        took.append(began[-1] - woken)
    assert min(took) < 0.1


def test_a_wake_during_a_delivery_is_not_lost(running: Running) -> None:
    go_on = threading.Event()

    def write(who: int) -> Delivered:
        go_on.wait(60)
        return Delivered()

    deliverer = FakeDeliverer(does=write)
    running(FakeChecker(), deliverer)
    wake(1, Lane.WRITE)
    wait_for(lambda: len(deliverer.asked) == 1)
    wake(1, Lane.WRITE)
    go_on.set()
    wait_for(lambda: len(deliverer.asked) == 2)


@pytest.mark.usefixtures("by_themselves")
def test_an_error_of_ours_is_logged_without_its_words_and_the_others_go_on(running: Running) -> None:
    def read(who: int, stream: Stream) -> Checked:
        if who == 1:
            raise ValueError("Kateryna Ó Brádaigh")
        return Checked(next_in=0.05)

    checker = FakeChecker(does=read)
    with structlog.testing.capture_logs() as lines:
        running(checker, ids=(1, 2))
        wait_for(lambda: Counter(who for who, _ in checker.asked)[2] >= 5)
        wait_for(lambda: any(line["event"] == "turn_failed" for line in lines))
    assert Counter(who for who, _ in checker.asked)[1] == 1, "it rests after a failure"
    failed = next(line for line in lines if line["event"] == "turn_failed")
    assert failed["error"] == "ValueError"
    assert "test_threads.py" in failed["place"] or "threads.py" in failed["place"]
    assert "Kateryna" not in repr(lines)


def test_a_failed_connection_is_tried_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartbridge.engine.threads.FAILED_REST", 0.05)
    seen: list[int] = []

    def read(who: int, stream: Stream) -> Checked:
        seen.append(who)
        if len(seen) < 3:
            raise RuntimeError
        return Checked()

    running(FakeChecker(does=read))
    wait_for(lambda: len(seen) >= 3)


def test_what_failed_while_the_disk_is_full_never_rests_for_long(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chartbridge.engine.threads.FAILED_REST", 0.05)
    monkeypatch.setattr("chartbridge.engine.threads.FULL_REST", 0.1)
    monkeypatch.setattr("chartbridge.engine.threads.is_full", lambda: True)

    def read(who: int, stream: Stream) -> Checked:
        raise OperationalError

    checker = FakeChecker(does=read)
    running(checker)
    wait_for(lambda: len(checker.asked) >= 12, 30)  # with rests that double, only after a minute and a half


def test_housekeeping_that_fails_is_logged_once_a_spell_and_goes_on_with_the_rest() -> None:
    checker = FailingFlush()
    looks: list[int] = []

    def look() -> list[int]:
        looks.append(1)
        return []

    clock = SetClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    engine = Engine(checker, FakeDeliverer(), clock, connections=look)

    def seconds(count: int) -> list[tuple[str, str]]:
        with structlog.testing.capture_logs() as logs:
            for _ in range(count):
                engine.keep_house()
                clock.advance(1)
        return [(each["event"], each.get("error", "")) for each in logs]

    checker.fails = OperationalError
    assert seconds(20) == [("housekeeping_failed", "OperationalError")]
    assert len(looks) == 4, "every five seconds all the same"
    checker.fails = RuntimeError
    assert seconds(20) == [("housekeeping_failed", "RuntimeError")], "another fault is told"
    checker.fails = None
    assert seconds(20) == [("housekeeping_goes_on", "")]
    checker.fails = OperationalError
    assert seconds(20) == [("housekeeping_failed", "OperationalError")], "another spell is told"


def test_what_others_read_is_written_and_not_read_until_it_is_ours(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chartbridge.engine.threads.REFRESH_EVERY", 0.05)
    monkeypatch.setattr("chartbridge.engine.threads.READER_FIRST", 0.5)
    begun: list[int] = []
    mine = [1]
    written_at: dict[int, float] = {}

    def write(who: int) -> Delivered:
        written_at.setdefault(who, time.monotonic())
        return Delivered()

    checker = FakeChecker(does=lambda who, stream: Checked(next_in=0.05))
    deliverer = FakeDeliverer(does=write, waits={1: datetime.now(UTC), 2: datetime.now(UTC)})
    started = time.monotonic()
    running(
        checker, deliverer, ids=(1, 2), begin=begun.append, share=lambda ids: [i for i in ids if i in mine]
    )
    wait_for(lambda: len(checker.asked) >= 5 and {1, 2} <= written_at.keys())
    assert written_at[2] - started >= 0.5, "whoever reads it goes first"
    wake(2, Lane.READ)
    time.sleep(0.2)
    assert {who for who, _ in checker.asked} == {1}
    assert begun == [1]
    mine[:] = [2]
    wait_for(lambda: (2, Stream.APPOINTMENT_STATUS) in checker.asked)

    def only_the_second_is_read() -> bool:
        so_far = Counter(who for who, _ in checker.asked)
        wait_for(lambda: Counter(who for who, _ in checker.asked)[2] >= so_far[2] + 5)
        return Counter(who for who, _ in checker.asked)[1] == so_far[1]

    wait_for(only_the_second_is_read)
    assert begun == [1, 2]


def test_that_a_wake_went_well_ends_no_spell_of_the_housekeeping() -> None:
    def fail() -> None:
        raise OperationalError

    clock = SetClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    engine = Engine(FakeChecker(), FakeDeliverer(), clock, connections=lambda: [1], keep=fail)
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            engine.keep_house()
            engine._on_wake(1, Lane.READ)
            clock.advance(1)
    assert [each["event"] for each in logs] == ["housekeeping_failed"]


@pytest.mark.usefixtures("by_themselves")
def test_a_new_connection_is_begun_once_before_it_is_tended(running: Running) -> None:
    begun: list[int] = []
    ids = [1]
    checker = FakeChecker()
    running(checker, ids=ids, begin=begun.append)
    wait_for(lambda: begun == [1])
    ids.append(2)
    wake(2, Lane.READ)
    wait_for(lambda: begun == [1, 2])
    wait_for(lambda: (2, Stream.APPOINTMENT_STATUS) in checker.asked)
    time.sleep(0.2)
    assert begun == [1, 2]


def test_many_connections_begin_one_by_one_and_what_is_to_be_written_waits_for_none() -> None:
    clock = SetClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    ids, began, did = list(range(1, 21)), clock.monotonic(), []

    def note(what: str, who: int) -> None:
        did.append((round(clock.monotonic() - began, 2), what, who))

    def write(who: int) -> Delivered:
        note("write", who)
        return Delivered()

    def read(who: int, stream: Stream) -> Checked:
        note("read", who)
        return Checked()

    engine = Engine(
        FakeChecker(does=read, at=clock.now()),
        FakeDeliverer(does=write, waits={20: clock.now()}),
        clock,
        begin=lambda who: note("begin", who),
        connections=lambda: ids,
        workers=lambda _name, _most: AtOnce(),
    )
    for _ in range(500):
        engine.keep_house()
        engine.hand_out()
        clock.advance(0.01)
    assert (0, "write", 20) in did
    begun = {who: at for at, what, who in did if what == "begin"}
    assert [begun[who] for who in ids] == pytest.approx([0.15 * place for place in range(20)], abs=0.021)
    first_read = {who: at for at, what, who in reversed(did) if what == "read"}
    assert all(begun[who] <= first_read[who] <= begun[who] + 0.6 for who in ids)
    order = [(what, who) for _, what, who in did]
    assert all(order.index(("begin", who)) < order.index(("read", who)) for who in ids)


@pytest.mark.usefixtures("by_themselves")
def test_a_beginning_that_the_pms_refuses_is_tried_again_when_the_connection_is_saved(
    running: Running,
) -> None:
    tries: list[int] = []

    def begin(who: int) -> None:
        tries.append(who)
        if len(tries) == 1:
            raise Unavailable("The PMS does not answer.")

    engine = running(FakeChecker(), begin=begin)
    wait_for(lambda: bool(engine._failures))
    wake(1, Lane.READ)
    wait_for(lambda: len(tries) == 2)


def test_stopping_lets_what_is_in_flight_finish(running: Running) -> None:
    finished = threading.Event()

    def write(who: int) -> Delivered:
        time.sleep(0.5)
        finished.set()
        return Delivered(again=True)

    deliverer = FakeDeliverer(does=write)
    checker = FakeChecker()
    engine = running(checker, deliverer)
    wake(1, Lane.WRITE)
    wait_for(lambda: bool(deliverer.asked))
    began = time.monotonic()
    assert engine.stop(seconds=60.0)
    assert finished.is_set()
    assert time.monotonic() - began < 30, "no longer than what is in flight"
    assert len(deliverer.asked) == 1
    assert checker.flushes >= 1


def test_a_pms_that_hangs_does_not_keep_the_process_from_ending(running: Running) -> None:
    let_go = threading.Event()
    checker = FakeChecker(does=lambda who, stream: (let_go.wait(120) and Checked()) or Checked())
    engine = running(checker)
    wait_for(lambda: bool(checker.asked))
    began = time.monotonic()
    assert not engine.stop(seconds=1.0)
    assert time.monotonic() - began < 30
    let_go.set()


def test_a_future_time_is_kept(running: Running) -> None:
    checker = FakeChecker(at=datetime.now(UTC) + timedelta(seconds=60))
    running(checker)
    time.sleep(0.5)
    assert checker.asked == []


@pytest.mark.slow
def test_a_thousand_practices_cost_little_and_begin_in_time(running: Running) -> None:
    """The best of three tries; and what is late is so by the engine, not by a machine that lets nobody begin."""
    checker = FakeChecker(does=lambda who, stream: Checked(next_in=15.0))
    engine = running(checker, ids=range(1000))
    wait_for(lambda: len(checker.asked) >= 1000)
    shares: list[float] = []
    late = 0.0
    while not shares or (min(shares) >= 0.10 and len(shares) < 3):
        before, began = process_time(), time.monotonic()
        while time.monotonic() - began < 16:
            at = time.monotonic()
            time.sleep(0.05)
            late = max(late, time.monotonic() - at - 0.05)
        shares.append((process_time() - before) / (time.monotonic() - began))
    assert len(checker.asked) >= 1900
    assert min(shares) < 0.10, f"the timetable alone takes {min(shares):.0%} of a core"
    assert engine.slip().p99_ms < 1000 * (1 + late)


def test_while_a_pms_is_away_reading_and_writing_ask_in_turn_every_two_seconds_and_go_on_at_once() -> None:
    clock = SetClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    away = [True]
    read: list[float] = []
    written: list[float] = []

    def check(who: int, stream: Stream) -> Checked:
        read.append(clock.monotonic())
        return Checked(next_in=0.05, answered=not away[0])

    def write(who: int) -> Delivered:
        written.append(clock.monotonic())
        return Delivered(next_in=0.05, answered=not away[0])

    engine = Engine(
        FakeChecker(streams=tuple(Stream), does=check, at=clock.now()),
        FakeDeliverer(does=write, waits={1: clock.now()}),
        clock,
        connections=lambda: [1],
        workers=lambda _name, _most: AtOnce(),
    )

    def seconds(count: int) -> None:
        for _ in range(100 * count):
            engine.keep_house()
            engine.hand_out()
            clock.advance(0.01)

    seconds(18)
    assert min(len(read), len(written)) == 4
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(read + written))]
    assert gaps == pytest.approx([ASK_EVERY] * 8, abs=0.021)
    away[0] = False
    before = len(read), len(written)
    seconds(10)
    assert len(read) >= before[0] + 8
    assert len(written) >= before[1] + 8


def test_a_pms_that_is_away_holds_up_no_other(running: Running) -> None:
    def check(who: int, stream: Stream) -> Checked:
        return Checked(next_in=0.05, answered=who != 1)

    checker = FakeChecker(does=check)
    began = time.monotonic()
    running(checker, ids=(1, 2))
    wait_for(lambda: sum(who == 2 for who, _ in checker.asked) >= 10)
    assert sum(who == 1 for who, _ in checker.asked) <= 2 + (time.monotonic() - began) / 4.0
