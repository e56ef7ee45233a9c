"""What a connector claims, as data: read from its `manifest.toml` without importing the connector.

What is not declared is never called. Must not be in it: anything computed from a live connection.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources.abc import Traversable
from typing import Any

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.reading import Stream


class Changes(StrEnum):
    """How a stream's changes are found."""

    STAMP = "stamp"
    HISTORY = "history"
    REHASH = "rehash"


class Deletions(StrEnum):
    """How a stream shows that something is gone."""

    TOMBSTONE = "tombstone"
    ABSENCE = "absence"
    NEVER = "never"


class Repeat(StrEnum):
    """Whether a command may be sent again after an uncertain outcome."""

    SAFE = "safe"
    LOOK_FIRST = "look_first"
    NEVER = "never"


class OneHubClaim(StrEnum):
    """Whether a second hub on another machine can be seen: by a lock on a session of the PMS, or not at all."""

    SESSION = "session"
    NO = "no"


@dataclass(frozen=True, kw_only=True, slots=True)
class OneHub:
    """How the connector keeps two hubs from writing to one practice, and where it can't."""

    how: OneHubClaim = OneHubClaim.NO
    note: str = ""


class Retract(StrEnum):
    """How a write that is in the PMS can be undone."""

    CORRECT = "correct"  # a correction note that names it
    SET_BACK = "set_back"  # the former status, where nobody moved it since
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One value of a setting that is a choice."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One field of the PMS Connection page. `shown_when` is {"other setting": "value"} or empty."""

    name: str
    label: str
    type: str  # text, number, secret, choice, boolean, host, port, web_address
    required: bool = False
    default: str = ""
    help: str = ""
    choices: tuple[Choice, ...] = ()
    shown_when: dict[str, str]

    @property
    def secret(self) -> bool:
        """True where the value is encrypted at rest and never shown again."""
        return self.type == "secret"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamClaim:
    """What is claimed of a stream. Intervals are in seconds; `scan_every` 0 means no full scan is needed.

    `metered_calls` is what a check with nothing to say costs, where calls are counted.
    """

    stream: Stream
    changes: Changes
    deletions: Deletions
    default_interval: int
    least_interval: int
    most_interval: int = 24 * 3600
    scan_every: int = 0
    metered_calls: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandClaim:
    """What is claimed of a command. `visible_after` in seconds; `settle_after` is how long an earlier attempt
    could still land (the server's own limit plus a margin); `parallel` how many may be in flight at once."""

    kind: CommandKind
    repeat: Repeat
    since: str = ""
    permission: str = ""
    max_text: int = 0
    max_bytes: int = 0
    visible_after: float = 0.0
    settle_after: float = 0.0
    parallel: int = 1
    charset: str = "bmp"  # bmp, unicode, latin1
    retract: Retract = Retract.NEVER
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchClaim:
    """For which commands all records that carry a marker can be found: a second one, another patient's."""

    commands: frozenset[CommandKind] = frozenset()
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the connector has been run against, in one sentence each, and what it has not."""

    run_against: tuple[str, ...]
    not_run_against: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """All that a connector claims. `call_budget` names the setting that holds how many calls a month may be made;
    empty where they are not counted. Such a connector is `Metered`. `provider_help` says where a provider's number is
    found, `provider_use` what is written under the chosen one.
    """

    id: str
    label: str
    vendor: str
    provider_help: str
    provider_use: str = ""
    settings: tuple[Setting, ...]
    streams: dict[Stream, StreamClaim]
    commands: dict[CommandKind, CommandClaim]
    lookups: frozenset[LookupKind]
    search: SearchClaim
    opens_files: bool
    calls_per_second: float
    read_connections: int
    call_budget: str = ""
    cannot: dict[str, str]
    proof: Proof
    one_hub: OneHub = OneHub()

    def can_write(self, kind: CommandKind) -> bool:
        """Whether the command is declared."""
        return kind in self.commands


def load_manifest(source: Traversable) -> Manifest:
    """Read a `manifest.toml`. Raises `KeyError` or `ValueError` naming what is missing or not understood."""
    return parse_manifest(tomllib.loads(source.read_text(encoding="utf-8")))


def parse_manifest(raw: dict[str, Any]) -> Manifest:
    """Make a Manifest from the parsed TOML. Unknown keys are errors: a misspelt claim is no claim."""
    streams = {
        Stream(name): StreamClaim(
            stream=Stream(name),
            changes=Changes(body.pop("changes")),
            deletions=Deletions(body.pop("deletions")),
            **body,
        )
        for name, body in _copies(raw.get("streams", {}))
    }
    commands = {
        CommandKind(name): CommandClaim(
            kind=CommandKind(name),
            repeat=Repeat(body.pop("repeat")),
            retract=Retract(body.pop("retract", Retract.NEVER)),
            **body,
        )
        for name, body in _copies(raw.get("commands", {}))
    }
    limits = raw.get("limits", {})
    one_hub = raw.get("one_hub", {})
    return Manifest(
        id=raw["id"],
        label=raw["label"],
        vendor=raw["vendor"],
        provider_help=raw["provider_help"],
        provider_use=raw.get("provider_use", ""),
        settings=tuple(_setting(name, body) for name, body in _copies(raw["settings"])),
        streams=streams,
        commands=commands,
        lookups=frozenset(LookupKind(k) for k in raw.get("lookups", [])),
        search=_search(dict(raw.get("search", {}))),
        opens_files=raw.get("opens_files", False),
        calls_per_second=float(limits.get("calls_per_second", 0)),
        read_connections=int(limits.get("read_connections", 1)),
        call_budget=str(limits.get("call_budget", "")),
        cannot=dict(raw.get("cannot", {})),
        proof=Proof(
            run_against=tuple(raw["proof"]["run_against"]),
            not_run_against=tuple(raw["proof"]["not_run_against"]),
        ),
        one_hub=OneHub(how=OneHubClaim(one_hub.get("how", "no")), note=one_hub.get("note", "")),
    )


def _copies(table: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, dict(body)) for name, body in table.items()]


def _search(body: dict[str, Any]) -> SearchClaim:
    commands = frozenset(CommandKind(name) for name in body.pop("commands", ()))
    return SearchClaim(commands=commands, **body)


def _setting(name: str, body: dict[str, Any]) -> Setting:
    choices = tuple(Choice(value=c["value"], label=c["label"]) for c in body.pop("choices", []))
    shown_when = dict(body.pop("shown_when", {}))
    return Setting(name=name, choices=choices, shown_when=shown_when, **body)


def reaches(version: str, since: str) -> bool:
    """Whether a PMS of this version has what came with `since`. An unknown version is given the benefit."""
    if not since or not version:
        return True
    return _numbers(version) >= _numbers(since)


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]
