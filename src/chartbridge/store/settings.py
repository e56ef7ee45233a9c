"""What a practice has set about writing, reading and statuses: the queries of the settings pages.

Must not be in it: the connection's own settings (store/connections), what a setting does (writeback, sync).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.store.board import STATUS_MOVE
from chartbridge.store.database import writing
from chartbridge.store.lookups import entries
from chartbridge.store.models import (
    Connection,
    Delivery,
    DocumentSetting,
    NoteSetting,
    Seen,
    StatusMapping,
    Writeback,
)
from chartbridge.store.wake import Lane, wake


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An entry of one of the PMS's lists, as a drop-down offers it."""

    key: str
    name: str
    short: str = ""
    active: bool = True
    gone: bool = False
    colour: str = ""
    meaning: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it may be chosen anew."""
        return self.active and not self.gone


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteChoice:
    """A writeback type's Allow box and Note Type."""

    kind: ActivityKind
    allow: bool = False
    note_type_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentChoice:
    """A document kind's boxes and Document Type."""

    kind: ActivityKind
    write: bool = False
    read: bool = False
    document_type_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusChoice:
    """What a status of the PMS means here."""

    status_key: str
    flow_status: str = ""
    writes: bool = False
    means_confirmed: bool = False
    origin: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindCount:
    """How one kind of activity fared."""

    written: int = 0
    waiting: int = 0
    attention: int = 0
    skipped: int = 0


def options(connection_id: int, kind: LookupKind) -> list[Option]:
    """A list of the PMS's in its own order: active, hidden and vanished entries."""
    return [
        Option(
            key=row.key,
            name=row.name,
            short=row.short,
            active=row.active,
            gone=row.gone_at is not None,
            colour=row.colour,
            meaning=tuple(row.meaning),
        )
        for row in entries(connection_id, kind)
    ]


def note_choices(connection_id: int) -> dict[ActivityKind, NoteChoice]:
    """Every note kind's setting, in the page's order; what was never set is off."""
    held = {row.kind: row for row in NoteSetting.objects.filter(connection_id=connection_id)}
    return {
        kind: NoteChoice(kind=kind, allow=held[kind].allow, note_type_key=held[kind].note_type_key)
        if kind in held
        else NoteChoice(kind=kind)
        for kind in NOTE_KINDS
    }


def save_note_choice(connection_id: int, choice: NoteChoice) -> None:
    """Store one type's setting."""
    with writing():
        NoteSetting.objects.update_or_create(
            connection_id=connection_id,
            kind=choice.kind,
            defaults={"allow": choice.allow, "note_type_key": choice.note_type_key},
        )


def document_choices(connection_id: int) -> dict[ActivityKind, DocumentChoice]:
    """Both document kinds' settings; what was never set is off."""
    held = {row.kind: row for row in DocumentSetting.objects.filter(connection_id=connection_id)}
    return {
        kind: DocumentChoice(
            kind=kind,
            write=held[kind].write,
            read=held[kind].read,
            document_type_key=held[kind].document_type_key,
        )
        if kind in held
        else DocumentChoice(kind=kind)
        for kind in DOCUMENT_KINDS
    }


def save_document_choice(connection_id: int, choice: DocumentChoice) -> None:
    """Store one document kind's setting; the reading side looks again at once."""
    with writing():
        DocumentSetting.objects.update_or_create(
            connection_id=connection_id,
            kind=choice.kind,
            defaults={
                "write": choice.write,
                "read": choice.read,
                "document_type_key": choice.document_type_key,
            },
        )
        wake(connection_id, Lane.READ)


def save_provider(connection_id: int, provider_key: str) -> None:
    """Store under whom everything is written."""
    with writing():
        Connection.objects.filter(pk=connection_id).update(provider_key=provider_key)


def save_writing_on(connection_id: int, on: bool) -> None:
    """Store whether anything is written at all."""
    with writing():
        Connection.objects.filter(pk=connection_id).update(writing_on=on)
        wake(connection_id, Lane.WRITE)


def save_show_photos(connection_id: int, show: bool) -> None:
    """Store whether the PMS's photos replace initials."""
    with writing():
        Connection.objects.filter(pk=connection_id).update(show_photos=show)
        wake(connection_id, Lane.READ)


def counts_since(connection_id: int, since: datetime) -> dict[str, KindCount]:
    """How each kind fared since then."""
    in_pms = Q(delivery=Delivery.TAKEN) & ~Q(seen=Seen.MISSING)
    needs = Q(delivery__in=[Delivery.PARKED, Delivery.REFUSED, Delivery.HELD]) | Q(
        delivery=Delivery.TAKEN, seen=Seen.MISSING
    )
    waits = Q(delivery__in=[Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN])
    rows = (
        Writeback.objects.filter(connection_id=connection_id, created_at__gte=since)
        .values("kind")
        .annotate(
            written=Count("pk", filter=in_pms),
            waiting=Count("pk", filter=waits),
            attention=Count("pk", filter=needs),
            skipped=Count("pk", filter=Q(delivery=Delivery.SKIPPED)),
        )
    )
    return {
        row["kind"]: KindCount(
            written=row["written"],
            waiting=row["waiting"],
            attention=row["attention"],
            skipped=row["skipped"],
        )
        for row in rows
    }


def in_use(connection: Connection) -> dict[tuple[LookupKind, str], list[str]]:
    """Which entries of the PMS's lists are chosen, and by what: the kinds of writebacks that go by them.

    A status that only says in which column a visit stands is used by nothing that is written.
    """
    uses: dict[tuple[LookupKind, str], list[str]] = {}
    provider = Connection.objects.values_list("provider_key", flat=True).get(
        pk=connection.pk
    )  # as it is saved
    notes = NoteSetting.objects.filter(connection=connection, allow=True).values_list("kind", "note_type_key")
    papers = DocumentSetting.objects.filter(connection=connection, write=True).values_list(
        "kind", "document_type_key"
    )
    for lookup, chosen in ((LookupKind.NOTE_TYPES, notes), (LookupKind.DOCUMENT_TYPES, papers)):
        for kind, key in chosen:
            uses.setdefault((lookup, key), []).append(kind)
            if provider:
                uses.setdefault((LookupKind.PROVIDERS, provider), []).append(kind)
    for row in StatusMapping.objects.filter(connection=connection):
        users = uses.setdefault((LookupKind.APPOINTMENT_STATUSES, row.status_key), [])
        users += [STATUS_MOVE] if row.writes else []
    return uses


def status_choices(connection_id: int) -> dict[str, StatusChoice]:
    """What each status means, by its key; statuses without a row are not in it."""
    return {
        row.status_key: StatusChoice(
            status_key=row.status_key,
            flow_status=row.flow_status,
            writes=row.writes,
            means_confirmed=row.means_confirmed,
            origin=row.origin,
        )
        for row in StatusMapping.objects.filter(connection_id=connection_id)
    }


def save_status_choice(connection_id: int, choice: StatusChoice) -> None:
    """Store a person's choice. At most one status a column is the one that a move sets."""
    with writing():
        if choice.writes and choice.flow_status:
            StatusMapping.objects.filter(
                connection_id=connection_id, flow_status=choice.flow_status, writes=True
            ).exclude(status_key=choice.status_key).update(writes=False, origin="practice")
        StatusMapping.objects.update_or_create(
            connection_id=connection_id,
            status_key=choice.status_key,
            defaults={
                "flow_status": FlowStatus(choice.flow_status) if choice.flow_status else "",
                "writes": choice.writes and bool(choice.flow_status),
                "means_confirmed": choice.means_confirmed,
                "origin": "practice",
            },
        )


def forget_status_choices(connection_id: int, keys: Collection[str] | None = None) -> None:
    """Drop what was chosen, so that the PMS's own preferences fill it in again."""
    with writing():
        rows = StatusMapping.objects.filter(connection_id=connection_id)
        (rows if keys is None else rows.filter(status_key__in=keys)).delete()
