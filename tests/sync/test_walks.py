"""Chance walks over reading: a practice that works, breaks, is restored and mended, and a hub that dies in between.

All the time the mirror holds nothing that the practice never had, and loses nothing that it always had; while the
brake is on, it does not move at all. In the end both sides agree.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from chartbridge.domain.charts import Document
from chartbridge.domain.clock import SetClock
from chartbridge.pms.errors import Unavailable
from chartbridge.pms.reading import Page, Record, Stream
from chartbridge.store import mirror_pages, streams
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Connection,
    MirrorAppointment,
    MirrorBadRow,
    MirrorDocument,
    MirrorPatient,
    StreamState,
)
from chartbridge.sync import brake, reading, sweeping
from chartbridge.sync.buttons import full_sync, resume_after_brake
from chartbridge.sync.checks import Checker
from chartbridge.sync.turns import Turn
from tests.sync.conftest import Office, appointment, new_connection, patient
from tests.sync.fake_connector import START, FakePms, installed, make_manifest

PATIENTS, APPOINTMENTS, DOCUMENTS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.DOCUMENTS
WALKED = (PATIENTS, APPOINTMENTS, DOCUMENTS)
KEYS = [f"{n:02}" for n in range(30)]
_CHANGES = {PATIENTS: "last_name", APPOINTMENTS: "status_key", DOCUMENTS: "name"}
_a_stream, _a_key, _a_value = st.sampled_from(WALKED), st.sampled_from(KEYS), st.integers(20, 39)


class Died(BaseException):
    """The process ended here."""


def record(stream: Stream, key: str, value: int) -> Record:
    """What the practice holds under a key; `value` is the one thing in it that changes."""
    if stream is PATIENTS:
        return patient(key, f"Name{value}")
    if stream is APPOINTMENTS:
        return appointment(key, status_key=str(value))
    return Document(key=key, patient_key="1", name=f"paper {value}")


def value_of(stream: Stream, held: Any) -> str:
    """That one thing, of a record or of a row of the mirror."""
    return str(getattr(held, _CHANGES[stream]))


class Days(RuleBasedStateMachine):
    """The practice's truth is in `pms.books`; what it ever held is kept beside it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(transaction.atomic())
        clock = SetClock(START)
        self.pms = FakePms(clock)
        manifest = make_manifest(
            patients={"least_interval": 5, "scan_every": 900}, documents={"deletions": "absence"}
        )
        self._stack.enter_context(installed(lambda _settings: self.pms, manifest))
        connection = new_connection()
        streams.ensure_states(connection, manifest)
        self.office = Office(clock, self.pms, connection, Checker(LiveConnectors(clock), clock))
        self.ever: dict[Stream, dict[str, set[str]]] = {s: defaultdict(set) for s in WALKED}
        self.was_away: dict[Stream, set[str]] = {s: set(KEYS) for s in WALKED}
        self.mirrored: dict[Stream, set[str]] = {s: set() for s in WALKED}
        self.held_at: dict[Stream, dict[str, str]] | None = None
        self.backup: dict[Stream, dict[str, Record]] = {}
        for stream in WALKED:
            for key in KEYS[::2]:
                self._put(stream, key, 20)
            self.was_away[stream] = set(KEYS[1::2])
            self._check(stream)

    # what people do

    def _put(self, stream: Stream, key: str, value: int) -> None:
        made = record(stream, key, value)
        self.ever[stream][key].add(value_of(stream, made))
        self.pms.put(stream, made)

    @rule(stream=_a_stream, keys=st.lists(_a_key, min_size=1, max_size=4), value=_a_value)
    def somebody_edits(self, stream: Stream, keys: list[str], value: int) -> None:
        for key in keys:
            self._put(stream, key, value)

    @rule(stream=_a_stream, key=_a_key)
    def somebody_deletes(self, stream: Stream, key: str) -> None:
        self.was_away[stream].add(key)
        if stream is DOCUMENTS:
            self.pms.books[stream].rows.pop(key, None)
        else:
            self.pms.delete(stream, key)

    @rule(key=_a_key, value=_a_value)
    def somebody_edits_past_the_program(self, key: str, value: int) -> None:
        """Nothing tells of it; a scan finds it."""
        if key in self.pms.books[PATIENTS].rows:
            made = record(PATIENTS, key, value)
            self.ever[PATIENTS][key].add(value_of(PATIENTS, made))
            self.pms.change_unseen(PATIENTS, made)

    @rule(stream=_a_stream, key=_a_key, mended=st.booleans())
    def a_row_breaks_or_is_mended(self, stream: Stream, key: str, mended: bool) -> None:
        if key in self.pms.books[stream].rows:
            self.pms.corrupt(stream, key, mended=mended)

    @rule()
    def a_backup_is_made(self) -> None:
        self.backup = {stream: dict(self.pms.books[stream].rows) for stream in WALKED}

    @rule()
    def the_backup_is_restored(self) -> None:
        """The numbers fall; what came since is gone, without a trace."""
        if not self.backup or self.held_at is not None:
            return
        for stream in WALKED:
            book = self.pms.books[stream]
            self.was_away[stream] |= set(KEYS) - set(self.backup[stream])
            book.rows = dict(self.backup[stream])
            book.gone -= set(book.rows)
        self.pms.went_back = True

    @rule(stream=_a_stream)
    def a_table_is_suddenly_empty(self, stream: Stream) -> None:
        """Until somebody puts it right again, which is before anybody says that the PMS is right."""
        if self.held_at is not None:
            return
        of_it = StreamState.objects.get(connection=self.office.connection, stream=stream.value)
        # Somebody has just said that what the next full read does not see is gone; or one is under way that has seen
        # some, and the rest is no more than what the hub believes without asking.
        if of_it.sweep_agreed or of_it.pass_state:
            self.was_away[stream] |= set(KEYS)
        held, self.pms.books[stream].rows = self.pms.books[stream].rows, {}
        full_sync(self.office.pk, stream)
        for _ in range(2):
            self._check(stream)
            self.office.clock.advance(301)
        self.pms.books[stream].rows = held
        for key in held:
            self.pms.books[stream].log.append((key, self.office.clock.now()))

    @rule(minutes=st.sampled_from([10, 60, 1440]))
    def the_servers_clock_goes_back(self, minutes: int) -> None:
        self.pms.clock_is_off -= timedelta(minutes=minutes)

    @rule()
    def somebody_says_that_it_is_right(self) -> None:
        if self.held_at is None:
            return
        self.pms.went_back = False
        self.pms.clock_is_off = timedelta()
        self.pms.identity = replace(self.pms.identity, server_now=self.office.clock.now())
        assert resume_after_brake(self.office.pk, "ann@example.com")
        self.held_at = None

    # what the hub does

    def _check(self, stream: Stream) -> None:
        self.office.check(stream)
        self._look_at_the_brake()

    def _look_at_the_brake(self) -> None:
        on = Connection.objects.get(pk=self.office.pk).hold_code == brake.CODE
        if on and self.held_at is None:
            self.held_at = {each: self.mirror(each) for each in WALKED}

    @rule(stream=_a_stream, seconds=st.sampled_from([0.0, 6.0, 61.0, 301.0, 1000.0]))
    def a_while(self, stream: Stream, seconds: float) -> None:
        self.office.clock.advance(seconds)
        self._check(stream)

    @rule(stream=_a_stream)
    def a_full_sync(self, stream: Stream) -> None:
        full_sync(self.office.pk, stream)
        self._check(stream)

    @rule(stream=_a_stream, page=st.integers(1, 6), before=st.booleans())
    def the_process_dies_at_a_page(self, stream: Stream, page: int, before: bool) -> None:
        plain, count = streams.save_progress, 0

        def save_progress(state: StreamState, changes: dict[str, object]) -> None:
            nonlocal count
            count += 1
            if count == page and before:
                raise Died
            plain(state, changes)
            if count == page:
                raise Died

        streams.save_progress = save_progress
        try:
            with contextlib.suppress(Died), transaction.atomic():
                self.office.check(stream)
        finally:
            streams.save_progress = plain
        self.office.restart()
        self._look_at_the_brake()

    @rule(flushed=st.booleans())
    def the_hub_is_started_again(self, flushed: bool) -> None:
        if flushed:
            self.office.checker.flush()
        self.office.restart()

    @rule(times=st.integers(1, 3), stream=_a_stream)
    def the_line_is_away(self, times: int, stream: Stream) -> None:
        self.pms.failures = [Unavailable("away")] * times
        self._check(stream)

    # what must hold

    def mirror(self, stream: Stream) -> dict[str, str]:
        model = {PATIENTS: MirrorPatient, APPOINTMENTS: MirrorAppointment, DOCUMENTS: MirrorDocument}[stream]
        rows = model.objects.filter(connection=self.office.connection, gone_at=None)  # type: ignore[attr-defined]
        return {row.key: value_of(stream, row) for row in rows}

    @invariant()
    def nothing_is_made_up_and_nothing_is_removed_that_was_always_there(self) -> None:
        for stream in WALKED:
            mirror = self.mirror(stream)
            for key, value in mirror.items():
                assert value in self.ever[stream][key], (stream, key)
            always = self.mirrored[stream] - self.was_away[stream]
            assert always <= set(mirror), (stream, always - set(mirror))
            self.mirrored[stream] |= set(mirror)

    @invariant()
    def while_the_brake_is_on_nothing_moves(self) -> None:
        if self.held_at is not None:
            assert {each: self.mirror(each) for each in WALKED} == self.held_at

    def teardown(self) -> None:
        try:
            self._both_sides_agree()
        finally:
            self.office.checker.close()
            transaction.set_rollback(True)
            self._stack.close()

    def _both_sides_agree(self) -> None:
        """Everything is put right, a person says so, and everything is read once in full."""
        self.pms.failures, self.pms.went_back, self.pms.clock_is_off = [], False, timedelta()
        for stream in WALKED:
            for key in list(self.pms.books[stream].bad):
                self.pms.corrupt(stream, key, mended=True)
        for _ in range(4):
            self.office.clock.advance(1000)
            resume_after_brake(self.office.pk, "ann@example.com")
            for stream in WALKED:
                full_sync(self.office.pk, stream)
                self._rest(stream)
                self.office.clock.advance(301)  # what a full read has not seen goes at the next check
                self._rest(stream)
        for stream in WALKED:
            told = {key: value_of(stream, held) for key, held in self.pms.books[stream].rows.items()}
            assert self.mirror(stream) == told, stream
        assert not MirrorBadRow.objects.exists()

    def _rest(self, stream: Stream) -> None:
        """Check until there is nothing more for a while: a scan goes on in pieces, with pauses."""
        for _ in range(200):
            done = self.office.check(stream)
            if not done.again and done.next_in > 1.0:
                return
            self.office.clock.advance(0.0 if done.again else done.next_in)
        raise AssertionError("it never came to rest")


def walk(monkeypatch: pytest.MonkeyPatch, examples: int, **more: Any) -> None:
    """Pages of three rows, each kept by itself, so that a crash falls between them."""
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE_AT_FIRST", 3)
    run_state_machine_as_test(
        Days,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],  # shrinking takes longer than reading thirty steps
            **more,
        ),
    )


def test_chance_finds_no_way_to_lose_or_invent_anything(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    walk(monkeypatch, 100)


def _no_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brake, "too_many", lambda _going, _living: False)
    monkeypatch.setattr(sweeping, "_suddenly_missing", lambda _turn, _going, _living: 0)


def _loses_a_row_of_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = reading._apply

    def apply(turn: Turn, pages: list[Page], generation: int, now: datetime) -> dict[str, list[str]]:
        return plain(turn, [replace(page, records=page.records[:2]) for page in pages], generation, now)

    monkeypatch.setattr(reading, "_apply", apply)


def _removes_what_a_pass_has_not_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = mirror_pages.unseen

    def unseen(pk: int, stream: Stream, generation: int, scope: Any) -> list[str]:
        return [*plain(pk, stream, generation, scope), "00"]

    monkeypatch.setattr(mirror_pages, "unseen", unseen)


@pytest.mark.parametrize(
    "plant", [_no_brake, _loses_a_row_of_each_page, _removes_what_a_pass_has_not_come_to]
)
def test_a_planted_fault_is_found_by_chance(
    db: None, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        walk(monkeypatch, 200, database=None, derandomize=True)
