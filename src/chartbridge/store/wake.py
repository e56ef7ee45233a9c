"""Waking the engine of this process: a hint only. Lose it and the timetable finds the work a little later.

Must not be in it: truth of any kind, waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from django.db import transaction


class Lane(StrEnum):
    """The two things that are done for a connection, each by one worker at a time."""

    READ = "read"
    WRITE = "write"


Listener = Callable[[int, Lane], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Call `listener(connection_id, lane)` at each wake; returns what stops that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def wake(connection_id: int, lane: Lane) -> None:
    """Say that there is something to do, once the present transaction is committed."""
    transaction.on_commit(lambda: [listener(connection_id, lane) for listener in list(_listeners)] and None)
