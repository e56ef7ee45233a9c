"""A day of one practice: people and programs act, chance breaks things, then all is mended and must come to rest."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from typing import Any
from unittest import mock

import structlog

from chartbridge.domain import marker
from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.content import Content
from chartbridge.engine import threads
from chartbridge.intake.accept import accept, assign
from chartbridge.intake.new import NewActivity
from chartbridge.pms import registry as registries
from chartbridge.pms.manifest import Repeat
from chartbridge.pms.reading import Stream
from chartbridge.store import leases, live_connectors, streams
from chartbridge.store.models import (
    Connection,
    Delivery,
    DocumentSetting,
    MirrorAppointment,
    NoteSetting,
    Practice,
    StreamState,
    Writeback,
)
from chartbridge.sync import desks
from chartbridge.writeback import deliver, reading_back
from chartbridge.writeback.enqueue import UnknownAppointment, enqueue_many, enqueue_status_move
from chartbridge.writeback.mend import dismiss, free_after_setting, retry, retry_alike
from tests.simulation.hub import Hub, Spinning
from tests.simulation.pms import STATUSES, Line, Pms, manifest_of
from tests.simulation.results import Told, Verdict
from tests.simulation.storage import Storage
from tests.simulation.verdict import judge
from tests.simulation.world import EPOCH, Died, World

ACTIONS = 12
LONGEST = 6 * 3600.0
"""Seconds of the virtual clock within which everything must have come to rest once nothing is broken any more."""
_WHO = "mary@example.com"
_KINDS = (
    *(ActivityKind.PATIENT_NOTE, ActivityKind.OUTGOING_TEXT, ActivityKind.OUTGOING_TEXT),
    *(ActivityKind.VERIFICATION_NOTE, ActivityKind.ACCOUNT_STATEMENT),
)


def prepare() -> None:
    """A practice with one connection and every box ticked."""
    practice = Practice.objects.create(name="Maple Street Dental")
    link = Connection.objects.create(practice=practice, connector="simulated", provider_key="9")
    for kind in NOTE_KINDS:
        NoteSetting.objects.create(connection=link, kind=kind, allow=True, note_type_key="235")
    for kind in DOCUMENT_KINDS:
        DocumentSetting.objects.create(connection=link, kind=kind, write=True, document_type_key="5")


class Day:
    """One seed."""

    def __init__(self, storage: Storage, world: World, actions: int) -> None:
        self.storage = storage
        self.world = world
        self.actions = actions
        self.pms = Pms(world)
        link = Connection.objects.get()
        self.practice_id, self.pk = link.practice_id, link.pk
        self.told: list[Told] = []
        self.moves = 0
        self.faults: list[str] = []
        self._unheard: list[tuple[str, str, NewActivity]] = []
        self._tokens = itertools.count(1)
        self._names = itertools.count(1)
        self.hub: Hub | None = None
        self.deeds: tuple[tuple[int, Callable[[], None]], ...] = (
            (9, self.something_happens),
            (3, self.somebody_moves_a_card),
            (2, self.somebody_retries),
            (1, self.somebody_lets_one_go),
            (1, self.somebody_says_who_it_was),
            (1, self.somebody_saves_settings),
            (1, self.somebody_presses_a_button),
            (2, self.the_hub_will_die),
            (1, self.the_hub_is_restarted),
            (1, self.the_clock_jumps),
            (4, self.a_while),
            (1, self.pms.new_patient),
            (1, self.pms.rename),
            (1, self.pms.delete_patient),
            (1, self.pms.merge),
            (1, self.pms.book),
            (2, self.pms.move),
            (1, self.pms.unbook),
            (3, self.pms.desk_moves),
            (1, self.pms.change_lists),
            (1, self.pms.corrupt_row),
        )

    def run(self) -> Verdict:
        verdict = Verdict(seed=self.world.seed)
        try:
            self._live()
            if not self._mend():
                verdict.unknown.append("it never came to rest")
        except Spinning:
            verdict.unknown.append("it turns round and round")
        judge(verdict, self.pms, self.practice_id, self.pk, self.told)
        verdict.unknown += self.faults
        self._record()
        verdict.ops, verdict.deaths = len(self.told) + self.moves, self.world.deaths
        verdict.trace = self.world.trace
        return verdict

    def _live(self) -> None:
        weighted = [deed for weight, deed in self.deeds for _ in range(weight)]
        for _ in range(self.actions):
            self._begin()
            deed = self.world.pick(weighted)
            self.world.log(deed.__name__)
            self._alive(deed)
            for _ in range(self.world.rng.randrange(10)):
                self._alive(self._turn)

    # the process

    def _start(self) -> None:
        if self.hub is None:
            self.hub = Hub(self.world, self._names)
            self.hub.begin()

    def _begin(self) -> None:
        """Have the hub run, however often it ends while it starts."""
        while self.hub is None:
            self._alive(self._start)

    def _turn(self) -> None:
        if self.hub is None:
            self._start()
        assert self.hub is not None
        self.hub.turn()

    def _alive(self, what: Callable[[], None]) -> None:
        """Do something in the process, which may end in the middle of it."""
        try:
            what()
        except Died:
            self._bury()

    def _bury(self) -> None:
        self.storage.after_death()
        if self.hub:
            self.hub.gone()
            self.hub = None
        self.world.dead = False
        self.world.dies_in = None
        self.world.pass_time(self.world.pick((0.5, 5.0, 30.0, 200.0)))
        if self.world.chance(0.7):  # on the same machine the dead process is known to be dead
            leases.WriteLease.objects.all().delete()

    def the_hub_will_die(self) -> None:
        self.world.dies_in = self.world.rng.randrange(1, 80)

    def the_hub_is_restarted(self) -> None:
        if self.hub:
            self.hub.stop()
            self.hub.gone()
            self.hub = None

    def the_clock_jumps(self) -> None:
        self.world.offset = timedelta(seconds=self.world.pick((-3600, -90, 0, 0, 90, 3600)))

    def a_while(self) -> None:
        until = self.world.t + self.world.pick((5.0, 70.0, 200.0))
        while self.world.t < until:
            self._turn()

    # the world around it

    def something_happens(self) -> None:
        for _ in range(self.world.pick((1, 1, 2, 4))):
            token = f"T{self.world.seed}x{next(self._tokens)}."
            self._unheard.append((token, f"key-{token}", self._activity(token)))
        self._hand_in()

    def _activity(self, token: str) -> NewActivity:
        world, kind = self.world, self.world.pick(_KINDS)
        patients = self.pms.patients()
        given: dict[str, Any] = {
            "patient_key": world.pick([*patients, "999"]),
            "body": f"{token} Prefers mornings.",
        }
        if world.chance(0.15):
            given["body"] = f"{token} " + "word " * 150
        if kind is ActivityKind.OUTGOING_TEXT:
            row = self.pms.books[Stream.PATIENTS].rows[world.pick(patients)]
            given["phone"] = row.mobile_phone if world.chance(0.8) else "(536) 555-0999"
            if world.chance(0.5):
                given["patient_key"] = ""
        if kind.is_document:
            given |= {
                "file_content": Content.of(f"%PDF-1.7 {token} %%EOF".encode()),
                "file_name": "a.pdf",
                "body": "",
            }
        if kind is ActivityKind.VERIFICATION_NOTE:
            given["verified_on"] = date(2026, 11, 2)
        return NewActivity(kind=kind, **given)

    def _hand_in(self) -> None:
        """A program hands in, and hands in again under the same key until it is told that it was kept."""
        assert self.hub
        while self._unheard:
            token, key, new = self._unheard[0]
            made = accept(
                self.practice_id,
                new,
                source="api:1",
                who="api:sim",
                idempotency_key=key,
                clock=self.hub.clock,
                enqueue=enqueue_many,
            )
            self.world.alive()
            self.told.append(Told(token, made.activity.pk, new.patient_key))
            self.world.log("accepted", token, made.activity.pk, made.duplicate)
            if not made.duplicate and self.world.chance(0.1):  # the answer did not reach the program
                self.told.pop()
                continue
            self._unheard.pop(0)

    def somebody_moves_a_card(self) -> None:
        assert self.hub
        shown = MirrorAppointment.objects.filter(connection_id=self.pk).order_by("id")
        cards = list(shown.values_list("key", "status_key"))
        if not cards:
            return
        key, status = self.world.pick(cards)
        wish = self.world.pick([each for each in STATUSES if each != status])
        try:
            enqueue_status_move(self.pk, key, wish, status, _WHO, clock=self.hub.clock)
        except UnknownAppointment:
            return
        self.moves += 1

    def somebody_retries(self) -> None:
        assert self.hub
        if self.world.chance(0.5):
            self.pms.locked = ""
        ids = list(Writeback.objects.order_by("id").values_list("id", flat=True))
        if self.world.chance(0.5):
            chosen = [pk for pk in ids if self.world.chance(0.3)]
            retry(self.practice_id, chosen, _WHO, clock=self.hub.clock)
        else:
            codes = sorted(set(Writeback.objects.values_list("reason_code", flat=True)) - {""})
            for code in codes:
                retry_alike(self.practice_id, code, _WHO, clock=self.hub.clock)

    def somebody_lets_one_go(self) -> None:
        assert self.hub
        rows = list(Writeback.objects.exclude(reason_code="").order_by("id").values_list("id", flat=True))
        if rows:
            dismiss(self.practice_id, [self.world.pick(rows)], _WHO, clock=self.hub.clock)

    def somebody_says_who_it_was(self) -> None:
        assert self.hub
        held = Writeback.objects.filter(delivery=Delivery.HELD, patient_key="").order_by("id").first()
        if held and held.activity_id:
            patient = self.world.pick(self.pms.patients())
            assign(self.practice_id, held.activity_id, patient, who=_WHO, clock=self.hub.clock)

    def somebody_saves_settings(self) -> None:
        assert self.hub
        NoteSetting.objects.filter(kind=self.world.pick(NOTE_KINDS)).update(
            allow=True, note_type_key=self.world.pick(("235", "236"))
        )
        Connection.objects.update(provider_key=self.world.pick(("9", "8")), writing_on=self.world.chance(0.8))
        free_after_setting(self.pk, _WHO, clock=self.hub.clock)

    def somebody_presses_a_button(self) -> None:
        assert self.hub
        streams.press(self.pk, list(Stream), self.world.pick(("now", "full")), self.hub.clock.now())

    # the end

    def _mend(self) -> bool:
        """Nothing is broken any more and everybody does what the pages ask for. Returns whether all came to rest."""
        world = self.world
        world.log("mended")
        self.pms.heal()
        world.dies_in = None
        world.offset = timedelta(0)
        self._begin()
        assert self.hub
        self._hand_in()
        NoteSetting.objects.update(allow=True)
        Connection.objects.update(writing_on=True)
        free_after_setting(self.pk, _WHO, clock=self.hub.clock)
        streams.press(self.pk, list(Stream), "now", self.hub.clock.now())
        since = world.t
        if not self._rests(since):
            return False
        if world.chance(0.7):
            for code in sorted(set(Writeback.objects.values_list("reason_code", flat=True)) - {""}):
                retry_alike(self.practice_id, code, _WHO, clock=self.hub.clock)
        return self._rests(since)

    def _rests(self, since: float) -> bool:
        """Whether it comes to rest in time."""
        assert self.hub
        until, look_at = self.world.t + LONGEST, self.world.t + 40
        while self.world.t < until:
            self.hub.turn()
            if self.world.t >= look_at:
                look_at = self.world.t + 40
                if not self.hub.deliverer.due([self.pk]) and self._all_read(since):
                    return True
        return False

    def _all_read(self, since: float) -> bool:
        assert self.hub
        self.hub.checker.flush()
        at = EPOCH + timedelta(seconds=max(since, self.pms.changed_at))
        states = list(StreamState.objects.filter(connection_id=self.pk))
        return bool(states) and all(
            s.last_success_at and s.last_success_at >= at and not s.error_code and not s.pass_state
            for s in states
        )

    def _record(self) -> None:
        """Put what the store holds at the end into the trace."""
        for row in Writeback.objects.order_by("id").values_list(
            "id", "delivery", "seen", "reason_code", "marker"
        ):
            self.world.log(*row)
        from chartbridge.store import ledger

        self.world.log(ledger.last_hash(self.practice_id))


@contextmanager
def chance_of(world: World, faults: list[str]) -> Iterator[None]:
    """Let all chance in the product come from the seed, and note what the product logs as a fault of its own.

    Few notes are enough that one batch is sent while the next is claimed and the last one looked for.
    """

    def note(_logger: object, _method: str, told: dict[str, Any]) -> dict[str, Any]:
        if told.get("event") in _OWN_FAULTS and told.get("error") != "Injected":
            faults.append(f"{told['event']}: {told.get('error')} at {told.get('place') or told.get('where')}")
        raise structlog.DropEvent

    was = random.getstate()
    logging = structlog.get_config()
    random.seed(world.seed)
    structlog.configure(processors=[note], cache_logger_on_first_use=False)
    draws = mock.Mock(choice=world.pick)
    try:
        with (
            mock.patch.object(marker, "secrets", draws),
            mock.patch.object(leases, "new_holder"),
            mock.patch.object(leases, "free_dead"),
            mock.patch.object(threads, "REFRESH_EVERY", 60.0),
            mock.patch.object(threads, "FLUSH_EVERY", 20.0),
            mock.patch.object(desks, "REFRESH_EVERY_S", 30.0),
            mock.patch.object(deliver, "BATCH", 2),
            mock.patch.object(reading_back, "BESIDE", 2),
        ):
            yield
    finally:
        random.setstate(was)
        structlog.configure(**logging)


_OWN_FAULTS = {
    "turn_failed",
    "check_failed",
    "writeback.internal",
    "housekeeping_failed",
    "last_flush_failed",
}


def run(
    storage: Storage, seed: int, *, actions: int = ACTIONS, keep_lines: bool = False
) -> tuple[Verdict, World]:
    """Live through the day of a seed."""
    world = World(seed, keep_lines=keep_lines)
    manifest = manifest_of(
        parallel=world.pick((1, 1, 3)),
        repeat=world.pick((Repeat.LOOK_FIRST, Repeat.LOOK_FIRST, Repeat.NEVER)),
    )
    faults: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(storage.installed())
        stack.enter_context(mock.patch.object(registries, "_installed", None))
        stack.enter_context(mock.patch.object(live_connectors, "_installed", None))
        stack.enter_context(chance_of(world, faults))
        stack.enter_context(storage.of(world))
        day = Day(storage, world, actions)
        day.faults = faults
        registries.install(
            registries.Registry(
                manifests={"simulated": manifest},
                factories={"simulated": lambda _settings, _clock: Line(day.pms, manifest)},
            )
        )
        try:
            return day.run(), world
        finally:
            if day.hub:
                day.hub.gone()
