"""What a connector must do. All plain data in and out, so that it can travel over a wire.

A connector translates and talks; it never decides when, whether or how often. It may be called from several
threads: one that reads and as many that write as its manifest allows; it does its own locking.
Must not be in it: a default implementation of talking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import Command, Finds, Receipt, Sought
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Page, PmsIdentity, Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the practice entered on the PMS Connection page: plain values and decrypted secrets by name."""

    values: Mapping[str, str]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Settings({', '.join(sorted(self.values))})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that works, doesn't, or could not be tried (`ok` None), in a sentence for people.

    `ability` is a stream, a command, a setting's name, `rights` or `connection`; `fix` says what to do.
    """

    ability: str
    ok: bool | None
    sentence: str
    fix: str = ""


class Connector(Protocol):
    """A practice's PMS. Every method may raise any `PmsError` and nothing else."""

    @property
    def manifest(self) -> Manifest: ...

    def identify(self) -> PmsIdentity:
        """Say who is there: vendor, version, clock. Cheap; called at the start and before writes after a pause."""
        ...

    def examine(self) -> Sequence[Finding]:
        """Try every ability without changing anything and say in words what works. Never raises a `PmsError`."""
        ...

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        """Return the full list, active and not."""
        ...

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        """Return the next page of a stream.

        With no cursor: the first page of everything in scope, today's first. With one: what changed since,
        found by cheap probes; with `thorough` also by a full scan in pieces (the core decides when). A page
        holds at most some hundred rows. The same cursor twice gives the same or newer records, never fewer.
        """
        ...

    def write(self, command: Command) -> Receipt:
        """Carry out a command once. Never repeats by itself.

        Whatever sends the bytes asks `fence.last_moment` directly before them; `transport` does.
        Raises `Unavailable` only if provably nothing was taken, `Uncertain` if it may have been.
        """
        ...

    def landed(self, command: Command) -> Receipt | None:
        """Look whether a command is in the PMS: by patient, time and marker. Writes nothing.

        Returns a receipt with `seen` True, or None if it provably isn't there now. Raises `Conflict` where a later
        record has taken its place and nothing shows whether it was there.
        """
        ...

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        """`landed` for several at once, in their order; one round trip where the PMS allows it."""
        ...

    def open_file(self, ref: str) -> bytes:
        """Return a photo's or document's bytes. `ref` comes from a record."""
        ...

    def close(self) -> None:
        """Let go of every connection. The connector may be used again afterwards."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """Whether this hub holds the practice; `taken_anew` where it did not do so without a gap since the last call."""

    ours: bool
    taken_anew: bool = False


class Searches(Protocol):
    """What a connector whose manifest claims `search` can do besides."""

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        """Return every record that carries one of their markers: also a second one, also another patient's.

        `since` is when the first of them was written, aware: nothing older needs to be searched. Writes nothing and
        reads in small pieces. Called for the commands that the manifest's `search` names, at most some hundred at
        once.
        """
        ...


class HoldsPractice(Protocol):
    """What a connector whose manifest claims `one_hub` can do besides."""

    def hold_practice(self, name: str) -> Holding:
        """Take the practice for this hub, or see that it still holds it, until `close` or until the line is lost.

        Whoever asks under the same `name` on another line meanwhile does not get it. Writes nothing. Raises
        `Unavailable` where the PMS can't be asked.
        """
        ...


class Metered(Protocol):
    """What a connector whose manifest names a `call_budget` can do besides."""

    def calls_made(self) -> int:
        """How many calls were sent since this connector was made, whatever became of them."""
        ...

    def allow_calls(self, calls: int) -> None:
        """Send at most so many more from now on; one that would be more raises `Unavailable` and is not sent."""
        ...


ConnectorFactory = Callable[[Settings, Clock], Connector]
"""What a connector's `connector.py` exports as `connect`."""
