"""`chartbridge demo`: a sandbox practice and the hub as processes of their own, and a day between them.

Must not be in it: what comes in (day), how it is handed in (desk), counting (report).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import httpx2

from chartbridge import bootstrap
from chartbridge.demo.places import Office, answers_http, place_of
from chartbridge.demo.processes import Child, DidNotStart, free_port, how_it_ended
from chartbridge.sandbox.server import CannotStart

if TYPE_CHECKING:
    from chartbridge.demo.desk import Accepted, Desk
    from chartbridge.demo.practice import Ready
    from chartbridge.demo.report import Stand

EVERY_S = 1.5
"""Seconds between two things that come in, at speed 1."""
TOLD_EVERY_S = 5.0
LAST_CALM_S = 10.0
_ZONES = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage"),
    *("Pacific/Honolulu", "Pacific/Pago_Pago", "Pacific/Auckland", "Pacific/Guadalcanal", "Australia/Sydney"),
    *("Asia/Tokyo", "Asia/Singapore", "Asia/Bangkok", "Asia/Dhaka", "Asia/Karachi", "Asia/Dubai"),
    *("Africa/Nairobi", "Europe/Athens", "Europe/Berlin", "Europe/London", "Atlantic/Azores"),
    *("America/Sao_Paulo", "America/Halifax"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    seconds: float | None = None
    report: Path | None = None
    port: int = 8300
    folder: Path | None = None
    patients: int = 500
    seed: int = 7
    speed: float = 1.0
    pms: str = "open-dental"


@dataclass
class _Over:
    """That somebody pressed Ctrl-C."""

    asked: bool = field(default=False)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def play(wishes: Wishes) -> int:
    """Run the demo. Returns 1 if anything that was accepted is missing, twice or at a wrong patient."""
    over = _Over()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, over)
    with ExitStack() as stack:
        if wishes.folder:
            folder = wishes.folder.absolute()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chartbridge-demo-")))
        try:
            return _Play(wishes, folder, over, stack).run()
        except DidNotStart as error:
            print(error, file=sys.stderr)
            _show_tail(folder)
            return 2
        except CannotStart as error:
            print(f"{error} `make test-parts` does it.", file=sys.stderr)
            return 2


class _Play:
    """One run of the demo."""

    def __init__(self, wishes: Wishes, folder: Path, over: _Over, stack: ExitStack) -> None:
        self._wishes = wishes
        self._folder = folder
        self._over = over
        self._stack = stack
        self._zone = _kept(folder, "zone", _where_it_is_morning())
        office = Office(
            folder=folder, zone=self._zone, patients=wishes.patients, seed=wishes.seed, speed=wishes.speed
        )
        self._place = place_of(_kept(folder, "pms", wishes.pms), office)

    def run(self) -> int:
        print(f"Setting up a made-up practice on {self._place.label} …", flush=True)
        sandbox = self._place.child()
        self._stack.callback(sandbox.stop)
        sandbox.start()
        ready = self._set_up()
        hub, address = self._start_hub()
        desk = self._desk(address, ready)
        self._greet(address, ready, sandbox, hub)
        ends = None if self._wishes.seconds is None else time.monotonic() + self._wishes.seconds
        self._day(desk, ready, (sandbox, hub), ends)
        if not self._over.asked:
            self._await_quiet(desk, ready, (sandbox, hub))
        desk.close()
        print("\nStopping …", flush=True)
        hub.stop()
        code = self._prove(self._stand(ready), ready, desk.accepted)
        sandbox.stop()
        return code

    def _set_up(self) -> Ready:
        os.environ["CHARTBRIDGE_DATA"] = str(self._folder / "hub")
        os.environ.pop("CHARTBRIDGE_DATABASE_URL", None)
        bootstrap.prepare()
        bootstrap.make_data_folder()
        bootstrap.migrate()
        from chartbridge.demo.practice import set_up

        return set_up(self._place, time_zone=self._zone)

    def _start_hub(self) -> tuple[Child, str]:
        port = free_port(self._wishes.port)
        address = f"http://127.0.0.1:{port}"
        child = Child(
            "hub",
            [sys.executable, "-m", "chartbridge.cli", "serve", "--port", str(port)],
            log=self._folder / "hub.log",
            env={"CHARTBRIDGE_DATA": str(self._folder / "hub")},
            answers=lambda: answers_http(f"{address}/accounts/login/"),
        )
        self._stack.callback(child.stop)
        child.start()
        return child, address

    def _desk(self, address: str, ready: Ready) -> Desk:
        from chartbridge.demo.desk import Desk

        desk = Desk(address, ready.token, seed=secrets.randbits(30), zone=self._zone)
        until = time.monotonic() + 60
        while not self._over.asked:
            try:
                if desk.find_people():
                    break
            except httpx2.HTTPError:
                pass
            if time.monotonic() > until:
                raise DidNotStart(
                    f"The hub read no patients within a minute. Its words are in {self._folder}/hub.log."
                )
            time.sleep(0.2)
        return desk

    def _greet(self, address: str, ready: Ready, sandbox: Child, hub: Child) -> None:
        print(
            f"""
  The pages        {address}/
  Sign in as       {ready.email}
  Password         {ready.password}
  API              {address}/api/v1/   with   Authorization: Bearer {ready.token}
  {self._place.told()}
  Processes        hub {hub.pid}, sandbox {sandbox.pid}: kill -9 either, it is started again and nothing is lost
  Files            {self._folder}

Texts, calls, e-mails, notes and documents come in now; patients arrive and are seated.
Change a box under Settings > PMS Write Back Settings and watch what the next one does. {self._until()}
""",
            flush=True,
        )

    def _until(self) -> str:
        return (
            "Ctrl-C ends it."
            if self._wishes.seconds is None
            else f"Ends after {self._wishes.seconds:.0f} seconds."
        )

    def _day(self, desk: Desk, ready: Ready, children: tuple[Child, ...], ends: float | None) -> None:
        pause = EVERY_S / self._wishes.speed
        calm = None if ends is None else ends - min(LAST_CALM_S, 0.3 * (self._wishes.seconds or 0))
        next_in = next_told = time.monotonic()
        count = 0
        while not self._over.asked and (ends is None or time.monotonic() < ends):
            now = time.monotonic()
            self._watch(children)
            if now >= next_in and (calm is None or now < calm):
                next_in += pause
                if odd := desk.hand_in():
                    _tell(f"comes in: {odd}")
                count += 1
                if count % 6 == 0:
                    desk.move_somebody()
            if now >= next_told:
                next_told = now + TOLD_EVERY_S
                self._tell_stand(ready)
            time.sleep(0.05)

    def _await_quiet(self, desk: Desk, ready: Ready, children: tuple[Child, ...]) -> None:
        """Wait until nothing moves any more without a person; at most so long as an uncertain write may take."""
        until = time.monotonic() + self._place.quiet_within_s
        while not self._over.asked and time.monotonic() < until:
            self._watch(children)
            if desk.catch_up() and self._stand(ready).quiet:
                return
            time.sleep(0.25)

    def _watch(self, children: tuple[Child, ...]) -> None:
        for child in children:
            code = child.ended()
            if code is not None and not self._over.asked:
                _tell(f"the {child.name} {how_it_ended(code)}; starting it again")
                child.start_again()
                _tell(f"the {child.name} runs again, process {child.pid}")

    def _stand(self, ready: Ready) -> Stand:
        from chartbridge.demo.report import stand

        return stand(ready.practice_id)

    def _tell_stand(self, ready: Ready) -> None:
        told = self._stand(ready)
        parts = [
            f"{told.activities} came in",
            f"{told.done} in the chart and read back",
            f"{told.waiting} on the way" if told.waiting else "",
            f"{told.held} waiting for a person" if told.held else "",
            f"{told.parked} in need of attention" if told.parked else "",
            f"{told.uncertain} being looked for" if told.uncertain else "",
        ]
        _tell(" · ".join(part for part in parts if part))

    def _prove(self, told: Stand, ready: Ready, accepted: Sequence[Accepted]) -> int:
        from chartbridge.demo import report

        counts = report.proof(ready.practice_id, self._place, accepted)
        print(
            f"{told.activities} activities came in. {told.done} writebacks are in the chart and were read back; "
            f"held for a person: {told.held}, in need of attention: {told.parked}, not to be written: {told.skipped}, "
            f"not finished: {told.waiting + told.uncertain}.\n"
            f"Accepted from this demo's programs: {counts['accepted']}. "
            f"The practice's own tables: {counts['in_pms']} there, {counts['missing']} missing, "
            f"{counts['twice']} twice, {counts['wrong_patient']} at a wrong patient."
        )
        if self._wishes.report:
            report.write(self._wishes.report, told=told, found=counts, connection_id=ready.connection_id)
            print(f"The report is in {self._wishes.report}.")
        return int(any(counts[fault] for fault in ("missing", "twice", "wrong_patient")))


def _tell(sentence: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S}  {sentence}", flush=True)


def _where_it_is_morning() -> str:
    """Return a zone in which the practice is open now: a day at the desk at midnight would be a dull demo."""
    now = datetime.now(UTC)
    for hours in ((9, 10, 11), (8, 12, 13, 14)):
        for zone in _ZONES:
            if now.astimezone(ZoneInfo(zone)).hour in hours:
                return zone
    return _ZONES[0]


def _kept(folder: Path, name: str, value: str) -> str:
    """Return what an earlier demo in this folder chose, or keep this."""
    file = folder / "demo.json"
    held: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if name not in held:
        held[name] = value
        file.write_text(json.dumps(held))
    return held[name]


def _show_tail(folder: Path) -> None:
    """Show the last words of the processes: their logs hold no patient's data."""
    for log in (folder / "sandbox.log", folder / "hub.log"):
        if log.exists():
            print(
                f"--- {log.name}",
                *log.read_text(errors="replace").splitlines()[-15:],
                sep="\n",
                file=sys.stderr,
            )
