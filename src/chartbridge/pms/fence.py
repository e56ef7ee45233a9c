"""The last question before a write goes out: may it still? The core answers, whoever sends the bytes asks.

Before it writes, a connector may have to read, wait for its turn or open a line, for longer than whoever began the
write could foresee; meanwhile another hub may have taken over. So the rooms that send (transport) ask directly before
the first byte, or before what makes a transaction or a file count. Must not be in it: who may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chartbridge.pms.errors import Unavailable

_may_go_out: ContextVar[Callable[[], bool]] = ContextVar("may_go_out", default=lambda: True)


@contextmanager
def fenced(may_go_out: Callable[[], bool]) -> Iterator[None]:
    """Have writes of this thread within the block ask `may_go_out`, which must be quick and must not talk to a PMS."""
    token = _may_go_out.set(may_go_out)
    try:
        yield
    finally:
        _may_go_out.reset(token)


def last_moment() -> None:
    """Raise `Unavailable` where the write at hand may not go out any more. Called with nothing of it sent."""
    if not _may_go_out.get()():
        raise Unavailable(
            "The PMS took too long to answer before this could be written. Nothing was written; it is tried again."
        )
