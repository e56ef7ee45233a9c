"""What is set for writing into a practice's PMS, read at one moment: boxes, provider, note types, holds, claims.

Must not be in it: what follows from it (that is `writeback.rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import CommandClaim, Manifest
from chartbridge.pms.registry import registry
from chartbridge.store import observations
from chartbridge.store.models import (
    Connection,
    Delivery,
    DocumentSetting,
    LookupEntry,
    NoteSetting,
    Writeback,
)

EVERYTHING = "all"
PAUSED = "paused"
"""The reason at what may go, and waits because the PMS takes nothing of its kind at this moment."""
_LISTS = (
    LookupKind.PROVIDERS,
    LookupKind.NOTE_TYPES,
    LookupKind.DOCUMENT_TYPES,
    LookupKind.APPOINTMENT_STATUSES,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An entry of a list that the PMS owns. `usable` is False where it is hidden or gone."""

    name: str
    usable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A type's box and the note or document type chosen for it."""

    allowed: bool
    type_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Everything that decides whether and how something is written. `paused` are commands that the PMS refused
    us the right to; `all` among them means every one."""

    connection_id: int
    practice_id: int
    time_zone: str
    connector: str
    on: bool
    writing_on: bool
    hold: str
    write_hold: str
    write_hold_code: str
    write_not_before: datetime | None
    write_failures: int
    look_first_until: int
    restored_at: datetime | None
    provider_key: str
    version: str
    manifest: Manifest | None
    boxes: Mapping[str, Box]
    lists: Mapping[LookupKind, Mapping[str, Listed]]
    paused: frozenset[str]

    @property
    def pms(self) -> str:
        """What people call the PMS."""
        return self.manifest.label if self.manifest else self.connector

    @property
    def closed(self) -> bool:
        """Nothing at all may be sent at this moment."""
        return not self.on or not self.writing_on or bool(self.hold) or EVERYTHING in self.paused

    def claim(self, command: str) -> CommandClaim | None:
        """What the connector claims of a command, or None where it declares none."""
        return self.manifest.commands.get(CommandKind(command)) if self.manifest else None


def read_desk(connection_id: int) -> Desk:
    """Read it. Raises `Connection.DoesNotExist`."""
    link = Connection.objects.select_related("practice").get(pk=connection_id)
    return desk_of(link)


def desk_of(link: Connection) -> Desk:
    """Read what belongs to a connection that is at hand."""
    notes = NoteSetting.objects.filter(connection=link).values_list("kind", "allow", "note_type_key")
    documents = DocumentSetting.objects.filter(connection=link).values_list(
        "kind", "write", "document_type_key"
    )
    return Desk(
        connection_id=link.pk,
        practice_id=link.practice_id,
        time_zone=link.practice.time_zone,
        connector=link.connector,
        on=link.on,
        writing_on=link.writing_on,
        hold=link.hold,
        write_hold=link.write_hold,
        write_hold_code=link.write_hold_code,
        write_not_before=link.write_not_before,
        write_failures=link.write_failures,
        look_first_until=link.look_first_until,
        restored_at=link.restored_at,
        provider_key=link.provider_key,
        version=str(link.identity.get("version", "")),
        manifest=registry().manifests.get(link.connector),
        boxes={kind: Box(allowed=on, type_key=key) for kind, on, key in [*notes, *documents]},
        lists=_lists(link.pk),
        paused=_paused(link),
    )


def connection_for_writing(practice_id: int) -> int | None:
    """Return the connection into which a practice's activities are written: the one that is on, else the first."""
    rows = Connection.objects.filter(practice_id=practice_id).order_by("-on", "id")
    return rows.values_list("pk", flat=True).first()


def set_write_hold(connection_id: int, *, code: str, sentence: str) -> None:
    """Pause writing, wholly (`…:all`) or one ability (`…:add_note`), and say why, also at each that waits for it."""
    Connection.objects.filter(pk=connection_id).update(write_hold_code=code[:40], write_hold=sentence)
    waiting = Writeback.objects.filter(connection_id=connection_id, delivery=Delivery.QUEUED)
    ability = code.partition(":")[2] or EVERYTHING
    waiting = waiting if ability == EVERYTHING else waiting.filter(command=ability)
    waiting.update(reason_code=PAUSED, reason=sentence)


def clear_write_hold(connection_id: int) -> None:
    """Let writing go on, and at once: a person has mended what was wrong. What another hub may still have on its way
    is waited for all the same; `write_failures` tells the one wait from the other."""
    link = Connection.objects.filter(pk=connection_id)
    link.update(write_hold_code="", write_hold="")
    waiting = Writeback.objects.filter(connection_id=connection_id, delivery=Delivery.QUEUED)
    waiting.filter(reason_code=PAUSED).update(reason_code="", reason="")
    link.filter(write_failures__gt=0).update(write_not_before=None, write_failures=0)


def set_backoff(connection_id: int, *, until: datetime | None, failures: int) -> None:
    """Keep until when nothing is sent because the PMS was away, and how often in a row that was."""
    Connection.objects.filter(pk=connection_id).update(write_not_before=until, write_failures=failures)


def _lists(connection_id: int) -> dict[LookupKind, dict[str, Listed]]:
    rows = LookupEntry.objects.filter(connection_id=connection_id, kind__in=_LISTS)
    lists: dict[LookupKind, dict[str, Listed]] = {}
    for kind, key, name, short, active, gone in rows.values_list(
        "kind", "key", "name", "short", "active", "gone_at"
    ):
        said = short if kind == LookupKind.PROVIDERS and short else name
        lists.setdefault(LookupKind(kind), {})[key] = Listed(name=said, usable=active and gone is None)
    return lists


def _paused(link: Connection) -> frozenset[str]:
    """A command is paused while one of its writebacks stands parked for want of a right, or while what it is
    looked for in has vanished from the PMS: derived, not kept."""
    lost = observations.paused(link.pk) & {str(kind) for kind in CommandKind}
    if not link.write_hold:
        return lost
    parked = Writeback.objects.filter(
        connection_id=link.pk, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    paused = set(parked.values_list("command", flat=True).distinct()) | lost
    if (link.write_hold_code.partition(":")[2] or EVERYTHING) == EVERYTHING:
        paused.add(EVERYTHING)
    return frozenset(paused)
