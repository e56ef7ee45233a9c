"""The PMS Write Back Settings for programs: provider, Allow boxes, note types, document types.

Must not be in it: what a setting does (writeback).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from chartbridge.api.access import caller
from chartbridge.api.charts import connection_for
from chartbridge.api.errors import ERRORS, ErrorOut, bad_field
from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.store import board, lookups, settings
from chartbridge.store.accounts import add_audit_entry
from chartbridge.store.database import writing
from chartbridge.store.models import Connection
from chartbridge.writeback import mend

router = Router(tags=["Settings"])


class NoteOut(Schema):
    """A writeback type's Allow box and Note Type."""

    kind: ActivityKind
    label: str
    allow: bool
    note_type_key: str


class DocumentOut(Schema):
    """A document kind's boxes and Document Type."""

    kind: ActivityKind
    label: str
    write: bool
    read: bool
    document_type_key: str


class WritebackSettings(Schema):
    """All of the page."""

    provider_key: str
    writing_on: bool
    notes: list[NoteOut]
    documents: list[DocumentOut]


class NoteIn(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    kind: ActivityKind
    allow: bool | None = Field(None, strict=True)
    note_type_key: str | None = Field(None, max_length=40)


class DocumentIn(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    kind: ActivityKind
    write: bool | None = Field(None, strict=True)
    read: bool | None = Field(None, strict=True)
    document_type_key: str | None = Field(None, max_length=40)


class SettingsIn(Schema):
    """What is left out stays as it is; one wrong field and nothing is changed."""

    model_config = ConfigDict(extra="forbid")
    provider_key: str | None = Field(None, max_length=40)
    writing_on: bool | None = Field(None, strict=True)
    notes: list[NoteIn] = Field([], max_length=50)
    documents: list[DocumentIn] = Field([], max_length=50)


@router.get(
    "/settings/writeback", response={200: WritebackSettings, ERRORS: ErrorOut}, summary="Write back settings"
)
def get_settings(request: HttpRequest) -> WritebackSettings:
    """Return the PMS Write Back Settings."""
    return _settings(connection_for(request))


@router.put(
    "/settings/writeback",
    response={200: WritebackSettings, ERRORS: ErrorOut},
    summary="Change write back settings",
)
def put_settings(request: HttpRequest, payload: SettingsIn) -> WritebackSettings:
    """Change some or all; writebacks that waited for what is now right go on by themselves."""
    connection, who = connection_for(request), caller(request).who
    changes = [
        *_provider(connection, payload),
        *_notes(connection, payload),
        *_documents(connection, payload),
    ]
    with writing():
        for change in changes:
            change()
        add_audit_entry(
            practice_id=connection.practice_id,
            who=who,
            what="writeback settings changed",
            detail={"fields": sorted(payload.model_fields_set)},
        )
    if changes:
        mend.free_after_setting(connection.pk, who)
    return _settings(connection_for(request))


Change = Callable[[], None]


def _provider(connection: Connection, payload: SettingsIn) -> list[Change]:
    changes: list[Change] = []
    key, on = payload.provider_key, payload.writing_on
    if key is not None:
        _must_be_active(connection, LookupKind.PROVIDERS, key, "provider_key", "provider")
        changes.append(lambda: settings.save_provider(connection.pk, key))
    if on is not None:
        changes.append(lambda: settings.save_writing_on(connection.pk, on))
    return changes


def _notes(connection: Connection, payload: SettingsIn) -> list[Change]:
    changes: list[Change] = []
    present = settings.note_choices(connection.pk)
    for index, wish in enumerate(payload.notes):
        where = f"notes.{index}"
        if wish.kind not in NOTE_KINDS:
            raise bad_field(f"{where}.kind", f"{wish.kind} is no kind of note.")
        held = present[wish.kind]
        if wish.note_type_key is not None:
            _must_be_active(
                connection, LookupKind.NOTE_TYPES, wish.note_type_key, f"{where}.note_type_key", "note type"
            )
        choice = settings.NoteChoice(
            kind=wish.kind,
            allow=held.allow if wish.allow is None else wish.allow,
            note_type_key=held.note_type_key if wish.note_type_key is None else wish.note_type_key,
        )
        present[wish.kind] = choice
        changes.append(lambda choice=choice: settings.save_note_choice(connection.pk, choice))  # type: ignore[misc]
    return changes


def _documents(connection: Connection, payload: SettingsIn) -> list[Change]:
    changes: list[Change] = []
    present = settings.document_choices(connection.pk)
    for index, wish in enumerate(payload.documents):
        where = f"documents.{index}"
        if wish.kind not in DOCUMENT_KINDS:
            raise bad_field(f"{where}.kind", f"{wish.kind} is no kind of document.")
        held, key = present[wish.kind], wish.document_type_key
        if key is not None:
            _must_be_active(
                connection, LookupKind.DOCUMENT_TYPES, key, f"{where}.document_type_key", "document type"
            )
        choice = settings.DocumentChoice(
            kind=wish.kind,
            write=held.write if wish.write is None else wish.write,
            read=held.read if wish.read is None else wish.read,
            document_type_key=held.document_type_key if key is None else key,
        )
        present[wish.kind] = choice
        changes.append(lambda choice=choice: settings.save_document_choice(connection.pk, choice))  # type: ignore[misc]
    return changes


def _must_be_active(connection: Connection, kind: LookupKind, key: str, field: str, what: str) -> None:
    """Refuse a key that the PMS has not or no longer; empty is allowed: nothing chosen."""
    if not key:
        return
    found = lookups.entry(connection.pk, kind, key) if key.isprintable() else None
    if found is None or not found.active or found.gone_at is not None:
        raise bad_field(field, f"The PMS has no such active {what}. Choose one from /lookups/{kind}.")


def _settings(connection: Connection) -> WritebackSettings:
    notes = settings.note_choices(connection.pk).values()
    documents = settings.document_choices(connection.pk).values()
    fresh = board.connection(connection.pk) or connection
    return WritebackSettings(
        provider_key=fresh.provider_key,
        writing_on=fresh.writing_on,
        notes=[
            NoteOut(kind=n.kind, label=n.kind.traits.label, allow=n.allow, note_type_key=n.note_type_key)
            for n in notes
        ],
        documents=[
            DocumentOut(
                kind=d.kind,
                label=d.kind.traits.label,
                write=d.write,
                read=d.read,
                document_type_key=d.document_type_key,
            )
            for d in documents
        ],
    )
