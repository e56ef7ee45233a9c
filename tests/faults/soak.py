"""`make soak`: mixed faults on the running product for as long as one likes; same seed, same sequence of faults.

Ends with the hub's memory, the lag of status reads, and `ops, kills, lost, twice, wrong_patient, unknown`; exit code
1 unless the last four are 0. Memory is flat where its median in the last fifth of the time is at most 1.3 times that in
the second fifth, of processes of the same age. The lag is from setting a visit's status in the PMS to its being seen by
REST, unless the practice's database or the hub was down in that time or the interval before; its p99 may be two
intervals.
Must not be in it: judging (checker).
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.checker import Verdict, interrupted_often
from tests.faults.lab import Lab, Office, await_that
from tests.faults.watching import FLAT, FrontDesks, Memory, Span
from tests.servers.mariadb import DURABLE, MariaDbProcess
from tests.servers.proxy import Does, Fault, Mix

DEADLY = "Ends the process that writes it"
_WEIGHTS = {
    "kill_hub": 50,
    "kill_sandbox": 20,
    "kill_database": 4,
    "drop": 12,
    "stall": 5,
    "outage": 6,
    "poison": 3,
}
KILLS = frozenset({"kill_hub", "kill_sandbox", "kill_database"})
INTERVAL = 15
"""Seconds between two status reads of a practice: the product's own default."""
SERVERS = 4
"""More practices than this share that many API services and databases, each by lines of its own."""
_ROOM = ("--max-connections=1000",)


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One fault of the sequence: after so many seconds of peace, this, at that practice."""

    after: float
    what: str
    office: int
    seconds: float
    seed: int


def blows(seed: int, offices: int, without: Set[str] = frozenset()) -> Iterator[Blow]:
    """The sequence of faults, without end and without some kinds; a matter of the seed alone."""
    chance = random.Random(seed)
    names = [name for name in _WEIGHTS if name not in without]
    weights = [_WEIGHTS[name] for name in names]
    while True:
        yield Blow(
            after=round(chance.uniform(0.3, 3.0), 2),
            what=chance.choices(names, weights)[0],
            office=chance.randrange(offices),
            seconds=round(chance.uniform(1.0, 5.0), 2),
            seed=chance.randrange(2**31),
        )


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What was asked for. It goes on until the minutes are over and `ops` and `kills` are reached."""

    minutes: float = 0.0
    ops: int = 0
    kills: int = 0
    seed: int = 1
    practices: int = 4
    patients: int = 300
    rate: float = 40.0
    quick: float = 1.0
    deadly: int = 3
    without: Sequence[str] = ()
    changes: float = 1.0
    """Statuses set in the PMSs a second, over all."""


@dataclass
class Soak:
    """One soak."""

    wishes: Wishes
    folder: Path
    tell: Callable[[str], None] = print
    struck: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> tuple[Verdict, int]:
        """Play, let it become quiet, judge. Returns the verdict and the number of kills."""
        with ExitStack() as stack:
            self.database = MariaDbProcess((*DURABLE, *_ROOM))
            stack.callback(self.database.remove)
            wishes = self.wishes
            self.lab = Lab(
                self.folder,
                mariadb=self.database.server,
                offices=wishes.practices,
                sandboxes=min(SERVERS, wishes.practices),
                patients=wishes.patients,
                seed=wishes.seed,
                quick=wishes.quick,
                reads_database=True,
                interval=INTERVAL,
                deadly=DEADLY,
            )
            stack.callback(self.lab.close)
            self.lab.start()
            self.memory = Memory(lambda: self.lab.hub.pid)
            self.desks = FrontDesks(
                self.lab.offices,
                self.lab.address,
                interval=INTERVAL,
                every=1 / wishes.changes,
                seed=wishes.seed,
            )
            stack.callback(self.desks.stop)
            stack.callback(self.memory.stop)
            self._play()
            self.memory.stop()
            return self._end(), self.kills

    @property
    def kills(self) -> int:
        """Processes killed so far; those that a poisonous note ended are among them."""
        return sum(self.struck[what] for what in KILLS) + self.struck["poison_struck"]

    @property
    def at_desk(self) -> dict[str, int]:
        """What may stand in the failure desk at the end: what was being sent alone at several kills."""
        ends = self.struck["kill_hub"] + self.struck["poison_struck"]
        often = interrupted_often(ends, self.wishes.practices)
        return {"crashed": often["crashed"] + self.struck["poison"]}

    @property
    def handed_in(self) -> int:
        return sum(len(office.program.acknowledged) for office in self.lab.offices)

    def _play(self) -> None:
        self.began = self.told = time.monotonic()
        writers = [
            threading.Thread(target=self._hand_in, args=(office, number))
            for number, office in enumerate(self.lab.offices)
        ]
        for writer in writers:
            writer.start()
        try:
            for blow in blows(self.wishes.seed, self.wishes.practices, set(self.wishes.without)):
                if self._enough():
                    break
                self._peace(blow.after)
                self._strike(blow)
        finally:
            self._over.set()
            for writer in writers:
                writer.join()

    def _enough(self) -> bool:
        minutes = (time.monotonic() - self.began) / 60
        wishes = self.wishes
        return minutes >= wishes.minutes and self.handed_in >= wishes.ops and self.kills >= wishes.kills

    def _hand_in(self, office: Office, number: int) -> None:
        """One practice's program, at its share of the rate, whatever happens; each begins at its own time."""
        pause = self.wishes.practices / self.wishes.rate
        program = office.program
        began = self.began + number / self.wishes.rate * 10
        self._over.wait(began - time.monotonic())
        with program.client() as web:
            for turn in itertools.count(1):
                if self._over.is_set():
                    return
                mine = len(program.acknowledged) + len(program.left)
                if not self.wishes.ops or mine * self.wishes.practices < self.wishes.ops:
                    program.make(10)
                if program.left:
                    program.try_once(web)
                self._over.wait(max(0.05, began + turn * pause * 10 - time.monotonic()))

    def _peace(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._watch()
            time.sleep(0.05)
        if time.monotonic() - self.told > 10:
            self.told = time.monotonic()
            self.tell(
                f"{self.told - self.began:6.0f} s  ops {self.handed_in}  kills {self.kills}  "
                f"moving {self.lab.moving()}  {dict(self.struck)}"
            )

    def _watch(self) -> None:
        """What has ended by itself is started again, as a supervisor does."""
        if self.lab.hub.ended() is not None:
            self.struck["poison_struck"] += 1
            with self._spanning(self.desks.away):
                self._start_hub()
        for office in self.lab.offices:
            if office.sandbox.ended() is not None:
                office.sandbox.start()

    def _strike(self, blow: Blow) -> None:
        self.struck[blow.what] += 1
        getattr(self, f"_{blow.what}")(self.lab.offices[blow.office], blow)

    @contextmanager
    def _spanning(self, spans: list[Span], office: int | None = None) -> Iterator[None]:
        """Note how long it lasts, at one practice or at all."""
        span = Span(time.monotonic(), office)
        spans.append(span)
        yield
        span.until = time.monotonic()

    def _start_hub(self) -> None:
        """Start it and wait until it answers, or has ended before its first answer by a poisonous note."""
        self.lab.launch()
        await_that(
            lambda: self.lab.hub.answers() or self.lab.hub.ended() is not None, 120, "the hub's answer"
        )

    def _kill_hub(self, _office: Office, _blow: Blow) -> None:
        with self._spanning(self.desks.away):
            self.lab.hub.kill()
            self._start_hub()

    def _kill_sandbox(self, office: Office, _blow: Blow) -> None:
        office.sandbox.kill()
        office.sandbox.start()

    def _kill_database(self, _office: Office, blow: Blow) -> None:
        with self._spanning(self.desks.down):
            self.database.kill()
            time.sleep(blow.seconds / 2)
            self.database.start()
            self.database.open_every_table()

    def _drop(self, office: Office, blow: Blow) -> None:
        shares = {
            Fault(Does.DROPS_ANSWER): 0.2,
            Fault(Does.DROPS_REQUEST): 0.1,
            Fault(Does.DELAYS_REQUEST, blow.seconds): 0.05,
            Fault(Does.DELAYS_ANSWER, blow.seconds): 0.05,
        }
        office.api.choose = Mix(blow.seed, shares)
        self._peace(blow.seconds)
        office.api.choose = lambda _request: None

    def _stall(self, office: Office, blow: Blow) -> None:
        office.api.stall()
        self._peace(blow.seconds)
        office.api.release()

    def _outage(self, office: Office, blow: Blow) -> None:
        assert office.sql is not None
        lines = (office.api, office.sql)
        with self._spanning(self.desks.down, blow.office):
            for line in lines:
                line.cut()
            self._peace(blow.seconds)
            for line in lines:
                line.restore()

    def _hand_in_the_rest(self) -> bool:
        """Try to hand in what was not acknowledged before the faults were over; whether anything is left."""
        programs = [office.program for office in self.lab.offices if office.program.left]
        for program in programs:
            with program.client() as web:
                program.try_once(web)
        return any(program.left for program in programs)

    def _poison(self, office: Office, blow: Blow) -> None:
        if self.struck["poison"] <= self.wishes.deadly:
            office.program.make(1, text=f"{DEADLY}, {blow.seed}.")

    def _end(self) -> Verdict:
        self.tell(
            f"the faults are over after {time.monotonic() - self.began:.0f} s; waiting until it is quiet"
        )
        until = time.monotonic() + 1800
        while not self.desks.have_ended():
            self._watch()
            time.sleep(0.05)
        while self._hand_in_the_rest() or self.lab.moving():
            self._watch()
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        self.tell(f"quiet after {time.monotonic() - self.began:.0f} s")
        return self.lab.check()


def report(soak: Soak, verdict: Verdict, kills: int) -> dict[str, Any]:
    """What is printed and written down."""
    numbers = verdict.numbers()
    bad = sum(int(numbers[name]) for name in ("lost", "twice", "wrong_patient", "unknown"))
    return {
        **{name: numbers[name] for name in ("ops", "writes")},
        "kills": kills,
        **{name: numbers[name] for name in ("lost", "twice", "wrong_patient", "unknown")},
        "ledger_whole": verdict.ledger_whole,
        "in_chart": verdict.in_chart,
        "in_desk": verdict.in_desk,
        "reasons": verdict.reasons,
        "seed": soak.wishes.seed,
        "struck": dict(soak.struck),
        "bound_95": 3 / verdict.writes if verdict.writes and not bad else None,
        "practices": soak.wishes.practices,
        "memory": soak.memory.figures(),
        "lag": soak.desks.figures(),
    }


def watched(memory: dict[str, Any], lag: dict[str, Any]) -> Iterator[str]:
    """What was watched, in a line each."""
    flat = {True: "flat", False: f"NOT FLAT, at most {FLAT} is", None: "too short to say whether flat"}
    yield (
        f"memory of the hub: {memory['beginning_mb']} MB at the beginning, {memory['end_mb']} MB at the end, "
        f"{memory['highest_mb']} MB at most, in {memory['processes']} processes; "
        f"grew {memory['growth']} times at the same age: {flat[memory['flat']]}"
    )
    kept = {True: "kept", False: "NOT KEPT", None: "nothing measured"}
    yield (
        f"lag of {lag['changes']} statuses: p50 {lag['p50_s']} s, p99 {lag['p99_s']} s, at most {lag['highest_s']} s; "
        f"{lag['allowed_s']} s allowed at p99: {kept[lag['within']]}; {lag['set_aside']} more with the database down, "
        f"{lag['over_ends']} over an end of the hub (p99 {lag['over_ends_p99_s']} s)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a soak from the command line."""
    asked = argparse.ArgumentParser(prog="make soak", description=__doc__)
    defaults = Wishes()
    asked.add_argument("--minutes", type=float, default=0.0, help="play at least so long")
    asked.add_argument(
        "--ops", type=int, default=0, help="hand in at least so many activities (then no more)"
    )
    asked.add_argument("--kills", type=int, default=0, help="kill at least so many processes")
    asked.add_argument("--seed", type=int, default=1, help="the sequence of faults")
    asked.add_argument(
        "--practices", type=int, default=defaults.practices, help=f"above {SERVERS} they share servers"
    )
    asked.add_argument("--patients", type=int, default=defaults.patients, help="in each practice")
    asked.add_argument("--rate", type=float, default=defaults.rate, help="activities a second, over all")
    asked.add_argument(
        "--quick", type=float, default=1.0, help="divide the protocol's waits (65 s and so on) by this"
    )
    asked.add_argument("--without", nargs="*", default=[], choices=sorted(_WEIGHTS), help="leave faults out")
    asked.add_argument("--json", default="", help="write the report there, too")
    given = vars(asked.parse_args(argv))
    file = given.pop("json")
    if not (given["minutes"] or given["ops"] or given["kills"]):
        given["minutes"] = 10.0
    with tempfile.TemporaryDirectory(prefix="chartbridge-soak-") as folder:
        soak = Soak(Wishes(**given), Path(folder), tell=lambda line: print(line, flush=True))
        verdict, kills = soak.run()
    told = report(soak, verdict, kills)
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(told, indent=2) + "\n")
    for name in ("lost", "twice", "wrong_patient", "unknown"):
        for each in getattr(verdict, name)[:20]:
            print(f"{name}: {each}")
    names = ("ops", "kills", "lost", "twice", "wrong_patient", "unknown")
    print(json.dumps(told))
    for line in watched(told["memory"], told["lag"]):
        print(line)
    print(", ".join(f"{name} {told[name]}" for name in names))
    for reason, count in verdict.too_many(soak.at_desk).items():
        print(f"in the failure desk beyond what may be: {count} for {reason}")
    return 0 if verdict.clean(soak.at_desk) else 1


if __name__ == "__main__":
    sys.exit(main())
