"""`python -m tests.faults.hub_that_dies serve …`: the product with fail-points and shorter waits, for tests only.

FAULTS holds JSON: `die_at` a step's name and `after` so many passes of it (kill -9 by its own hand); `quick` divides
the protocol's waits (65 s for an API's time limit, the lease, the client's time-out) by that number; `deadly` is a
word: writing a note that holds it ends the process. Two plant a fault: `rash`, a hub that does not wait before it
looks; `synchronous`, SQLite's pragma, a hub that does not sync each commit.
The product itself has no such switch.
Must not be in it: what the lab does with it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

STEPS = (
    "accept.before_commit",
    "accept.after_commit",
    "reading.before_commit",
    "reading.after_commit",
    "ledger.before_commit",
    "ledger.after_commit",
    "claimed",
    "before_sending",
    "pms.before_write",
    "pms.after_write",
    "answered",
    "kept",
    "before_looking",
    "looked",
    "looks_kept",
)
"""Before and after every durable write and every statement to the PMS, and between them."""
MIGRATING = "migrating"
"""Before each statement that changes a table of the store, and after each change as a whole."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What FAULTS asks for."""

    die_at: str = ""
    after: int = 0
    quick: float = 1.0
    deadly: str = ""
    rash: bool = False
    synchronous: str = ""


def main() -> None:
    """Make the product mortal and run its command line. SIGUSR1 prints where its threads stand."""
    faulthandler.register(signal.SIGUSR1)
    wishes = Wishes(**json.loads(os.environ.get("FAULTS", "{}")))
    assert wishes.die_at in ("", MIGRATING, *STEPS), wishes.die_at
    steps = _Steps(wishes)
    if wishes.synchronous:
        _sync_only(wishes.synchronous)
    _before_commits(steps)
    _before_and_after_writes(steps, wishes.deadly)
    _told_by_the_deliverer(steps)
    _while_tables_change(steps)
    if wishes.quick != 1.0 or wishes.rash:
        _shorten_waits(wishes.quick, settles=not wishes.rash)
    from chartbridge.cli import main as product

    product(sys.argv[1:])


class _Steps:
    """Counts the passes of each step and ends the process at the wished one."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self._passed[name] += 1
            if name == self._wishes.die_at and self._passed[name] > self._wishes.after:
                os.kill(os.getpid(), signal.SIGKILL)
                threading.Event().wait()


def _sync_only(how: str) -> None:
    """Let SQLite sync less than the product asks it to."""
    from chartbridge.project import settings
    from chartbridge.store import database

    options = settings.DATABASES["default"]["OPTIONS"]
    careful = options["init_command"]
    options["init_command"] = careful.replace("synchronous=FULL", f"synchronous={how}")
    assert options["init_command"] != careful
    database.writing_what_may_be_lost = database.writing  # it would set FULL again


def _before_commits(steps: _Steps) -> None:
    """Name the room at each durable write: `accept.before_commit` and so on. Before those rooms are imported."""
    from django.db import connection

    from chartbridge.store import database

    plain = database.writing

    @contextmanager
    def writing() -> Iterator[None]:
        outermost = not connection.in_atomic_block
        room = sys._getframe(2).f_globals["__name__"].rpartition(".")[2]
        with plain():
            yield
            if outermost:
                steps(f"{room}.before_commit")
        if outermost:
            steps(f"{room}.after_commit")

    database.writing = writing


def _before_and_after_writes(steps: _Steps, deadly: str) -> None:
    class Mortal:
        """A connector whose writes may end the process."""

        def __init__(self, connector: Any) -> None:
            self._connector = connector

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connector, name)

        def write(self, command: Any) -> Any:
            steps("pms.before_write")
            if deadly and deadly in getattr(command, "text", ""):
                os._exit(137)
            try:
                return self._connector.write(command)
            finally:
                steps("pms.after_write")

    def install() -> None:
        from chartbridge.writeback import deliver

        plain, flight = deliver.send, deliver.Flight

        def send(connector: Any, *given: Any, **more: Any) -> Any:
            return plain(Mortal(connector), *given, **more)

        def fly(connector: Any, *given: Any, **more: Any) -> Any:
            return flight(Mortal(connector), *given, **more)

        deliver.send, deliver.Flight = send, fly  # type: ignore[assignment,misc]

    _WHEN_READY.append(install)


def _told_by_the_deliverer(steps: _Steps) -> None:
    def install() -> None:
        from chartbridge.writeback import deliver

        plain = deliver.Deliverer.__init__

        def init(self: Any, *given: Any, **more: Any) -> None:
            plain(self, *given, **{**more, "at_step": steps})

        deliver.Deliverer.__init__ = init  # type: ignore[method-assign]

    _WHEN_READY.append(install)


def _while_tables_change(steps: _Steps) -> None:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.executor import MigrationExecutor

    execute, apply = BaseDatabaseSchemaEditor.execute, MigrationExecutor.apply_migration

    def executed(self: Any, *given: Any, **more: Any) -> Any:
        steps(MIGRATING)
        return execute(self, *given, **more)

    def applied(self: Any, *given: Any, **more: Any) -> Any:
        done = apply(self, *given, **more)
        steps(MIGRATING)
        return done

    BaseDatabaseSchemaEditor.execute = executed
    MigrationExecutor.apply_migration = applied


def _shorten_waits(by: float, *, settles: bool) -> None:
    from chartbridge import bootstrap
    from chartbridge.transport import http

    plain = bootstrap.make_registry

    def make_registry() -> Any:
        made = plain()
        for name, manifest in made.manifests.items():
            commands = {
                kind: replace(claim, settle_after=claim.settle_after / by * settles)
                for kind, claim in manifest.commands.items()
            }
            made.manifests[name] = replace(manifest, commands=commands)
        return made

    bootstrap.make_registry = make_registry
    defaults = http.Http.__init__.__kwdefaults__
    assert defaults is not None
    defaults["answer_s"] /= by

    def install() -> None:
        from chartbridge.store import leases
        from chartbridge.writeback import deliver, outcomes

        leases.SECONDS /= by
        leases.SEND_WITHIN /= by
        deliver._RENEW_AFTER /= by
        outcomes.MISSING_AFTER /= by

    _WHEN_READY.append(install)


_WHEN_READY: list[Any] = []


def _install_when_ready() -> None:
    """What needs Django set up is put in once `prepare` has run."""
    from chartbridge import bootstrap

    plain = bootstrap.prepare

    def prepare(**given: Any) -> None:
        plain(**given)
        for install in _WHEN_READY:
            install()

    bootstrap.prepare = prepare


if __name__ == "__main__":
    _install_when_ready()
    main()
