"""The drift watch: what changed in the PMS since it was last looked at, and what waits because of it.

Only what depends on a change waits; everything else goes on. What is in use is told until a person puts it away;
the rest is history. Must not be in it: words for pages, the brake (another PMS, a restored one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.manifest import Manifest, reaches
from chartbridge.pms.reading import PmsIdentity
from chartbridge.store import holds, observations
from chartbridge.store.lookups import Moved
from chartbridge.store.models import Connection
from chartbridge.store.observations import Reads, Seen
from chartbridge.store.settings import in_use

VERSION, COLUMNS, UPDATE, BRAKE = "version", "columns", "update", "brake"


class Tell(StrEnum):
    """When a change is told."""

    NEVER = "never"
    IF_USED = "if used"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a change. `pauses`: what uses the entry waits (`writeback.rules` holds it up)."""

    tell: Tell
    pauses: bool = False


_CHOSEN = (LookupKind.NOTE_TYPES, LookupKind.DOCUMENT_TYPES, LookupKind.PROVIDERS)
RULES: Mapping[tuple[LookupKind, str], Rule] = {
    **{(kind, "renamed"): Rule(Tell.IF_USED) for kind in _CHOSEN},
    **{(kind, event): Rule(Tell.IF_USED, pauses=True) for kind in _CHOSEN for event in ("hidden", "gone")},
    # A status that nobody has placed shows under its raw name and goes by the time, until somebody does.
    (LookupKind.APPOINTMENT_STATUSES, "added"): Rule(Tell.ALWAYS),
    (LookupKind.APPOINTMENT_STATUSES, "renamed"): Rule(Tell.IF_USED),
    (LookupKind.APPOINTMENT_STATUSES, "hidden"): Rule(Tell.IF_USED, pauses=True),
    (LookupKind.APPOINTMENT_STATUSES, "gone"): Rule(Tell.IF_USED, pauses=True),
}
"""What depends on what, of lists: everything that is not here is history. What uses an entry: `settings.in_use`.
A version pauses the commands that it does not offer; a lost column the streams and commands that read it; an
update in progress, and the brake, everything."""
_AS_BEFORE = ("back", "shown")


def list_seen(connection: Connection, kind: LookupKind, changes: Sequence[Moved], now: datetime) -> None:
    """Keep what changed in a list. Call it within the transaction that stores the list."""
    if not changes:
        return
    uses = in_use(connection)
    observations.over(connection, kind, [each.key for each in changes if each.event in _AS_BEFORE], now)
    observations.record(connection, [_seen(kind, each, uses.get((kind, each.key))) for each in changes], now)


def _seen(kind: LookupKind, change: Moved, users: Sequence[str] | None) -> Seen:
    rule = RULES.get((kind, change.event), Rule(Tell.NEVER))
    told = rule.tell is Tell.ALWAYS or (rule.tell is Tell.IF_USED and users is not None)
    return Seen(
        what=kind,
        event=change.event,
        key=change.key,
        before=change.before,
        after=change.after,
        paused=list(users or ()) if rule.pauses else [],
        told=told,
    )


def identity_seen(connection: Connection, manifest: Manifest, identity: PmsIdentity, now: datetime) -> bool:
    """Keep what changed of version and tables since the last time; whether anything did.

    Costs a query only where tables are told.
    """
    known = str(connection.identity.get("version", ""))
    seen: list[Seen] = []
    if known and known != identity.version and holds.known_version(connection.pk) == identity.version:
        known = identity.version  # it has been told since this connection's row was read
    seen += _version(known, identity.version, manifest)
    reshaped = False
    if identity.reads:
        before = observations.shape_of(connection.pk)
        after: Reads = {ability: dict(columns) for ability, columns in identity.reads.items()}
        reshaped = before != after
        if reshaped:
            seen += _columns(before, after)
            whole = [
                ability for ability in after if before.get(ability) and not _lost(before, after, ability)
            ]
            observations.over(
                connection, COLUMNS, [each for each in whole if _gained(before, after, each)], now
            )
            observations.keep_shape(connection.pk, after)
    observations.record(connection, seen, now)
    return reshaped


def _version(before: str, after: str, manifest: Manifest) -> list[Seen]:
    if not before or not after or before == after:
        return []
    lacking = [str(kind) for kind, claim in manifest.commands.items() if not reaches(after, claim.since)]
    event = "changed" if reaches(after, before) else "older"
    return [Seen(what=VERSION, event=event, before=before, after=after, paused=lacking, told=True)]


def _columns(before: Reads, after: Reads) -> list[Seen]:
    seen: list[Seen] = []
    for ability in after:
        if ability not in before:
            continue
        lost, gained = _lost(before, after, ability), _gained(before, after, ability)
        altered = [
            f"{name} {before[ability][name]} → {kind}"
            for name, kind in after[ability].items()
            if kind and before[ability].get(name) and before[ability][name] != kind
        ]
        if lost:
            seen.append(
                Seen(
                    what=COLUMNS,
                    event="lost",
                    key=ability,
                    before=", ".join(lost),
                    paused=[ability],
                    told=True,
                )
            )
        elif gained:
            seen.append(Seen(what=COLUMNS, event="added", key=ability, after=", ".join(gained)))
        seen += [
            Seen(what=COLUMNS, event="changed", key=ability, before=old, after=new)
            for old, new in (each.split(" → ") for each in altered)
        ]
    return seen


def _lost(before: Reads, after: Reads, ability: str) -> list[str]:
    now = after.get(ability, {})
    return [name for name, kind in before.get(ability, {}).items() if kind and not now.get(name)]


def _gained(before: Reads, after: Reads, ability: str) -> list[str]:
    old = before.get(ability, {})
    return [name for name, kind in after.get(ability, {}).items() if kind and not old.get(name)]
