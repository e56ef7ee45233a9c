"""The hub's tables in memory, made once and put back for each seed; the end of the process at any statement.

What a process had not committed is gone when it ends, as SQLite's own journal sees to; that a commit survives the
power is not shown here. Must not be in it: what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from tests.simulation.world import World

_UNDOING = ("ROLLBACK", "RELEASE", "SAVEPOINT")


class Storage:
    """One database in memory in the place of the configured one."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        given = {**settings.DATABASES["default"], **_MEMORY}
        self._ours = DatabaseWrapper(given, alias="default")
        with self.installed():
            call_command("migrate", verbosity=0, interactive=False)
            prepare()
            self._image = self._ours.connection.serialize()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let every query of this thread go to this database."""
        theirs = connections["default"]
        connections["default"] = self._ours
        try:
            yield
        finally:
            connections["default"] = theirs

    @contextmanager
    def of(self, world: World) -> Iterator[None]:
        """Put the tables back as they were prepared; while this lasts, statements may be the process's last."""
        self._ours.connection.deserialize(self._image)
        self._tidy()

        def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            if world.dead:
                if sql.startswith(_UNDOING):
                    return execute(sql, params, many, context)
                world.die()
            world.statements += 1
            if world.dies_in is None:
                return execute(sql, params, many, context)
            world.dies_in -= 1
            if world.dies_in > 0:
                return execute(sql, params, many, context)
            if world.chance(0.5):
                execute(sql, params, many, context)
            world.die()
            return None

        with self._ours.execute_wrapper(statement):
            yield

    def after_death(self) -> None:
        """What was not committed is gone."""
        self._tidy()

    def _tidy(self) -> None:
        ours = self._ours
        ours.connection.rollback()
        ours.in_atomic_block = ours.needs_rollback = ours.closed_in_transaction = False
        ours.savepoint_ids, ours.run_on_commit, ours.atomic_blocks = [], [], []
        ours.set_autocommit(True)


_MEMORY: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ":memory:",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA foreign_keys=ON;"},
    "ATOMIC_REQUESTS": False,
    "AUTOCOMMIT": True,
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False,
    "TIME_ZONE": None,
    "USER": "",
    "PASSWORD": "",
    "HOST": "",
    "PORT": "",
}
