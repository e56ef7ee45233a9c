"""PMS Write Back Settings: under whom, what, and as which type things are written into the chart.

Each change is applied at once and can be undone. Must not be in it: when and how something is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.registry import registry
from chartbridge.store.connections import connection_of
from chartbridge.store.models import Connection, Role
from chartbridge.store.settings import (
    DocumentChoice,
    KindCount,
    NoteChoice,
    Option,
    counts_since,
    document_choices,
    note_choices,
    options,
    save_document_choice,
    save_note_choice,
    save_provider,
    save_writing_on,
)
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.changes import ON_WRITEBACK, changes_for
from chartbridge.web.toasts import Undo, with_toast
from chartbridge.writeback import mend
from chartbridge.writeback.preview import preview_note

WEEK = timedelta(days=7)
REHEARSED_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked:
    """A drop-down: what may be chosen, and the chosen entry even where it may not be chosen any more."""

    options: tuple[Option, ...]
    key: str

    @property
    def lost(self) -> Option | None:
        """The chosen entry if it is hidden, gone or never was read."""
        if not self.key or any(o.key == self.key and o.usable for o in self.options):
            return None
        return next((o for o in self.options if o.key == self.key), Option(key=self.key, name="", gone=True))

    @property
    def usable(self) -> list[Option]:
        """What may be chosen."""
        return [o for o in self.options if o.usable]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteRow:
    """A line of the table of types."""

    choice: NoteChoice
    types: Picked
    count: KindCount
    preview: str
    needs_type: bool

    @property
    def kind(self) -> ActivityKind:
        """The kind this line is about."""
        return self.choice.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentRow:
    """A line of the documents table."""

    choice: DocumentChoice
    types: Picked
    count: KindCount

    @property
    def kind(self) -> ActivityKind:
        """The kind this line is about."""
        return self.choice.kind


@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """Show the page."""
    connection = connection_of(request.practice.pk)
    if connection is None:
        return render(request, "web/settings/writeback.html", {"connection": None})
    rows = _note_rows(connection, NOTE_KINDS)
    grouped = [(g, list(each)) for g, each in groupby(rows, key=lambda row: row.kind.traits.group)]
    context = _head(connection) | {
        "changes": changes_for(connection, ON_WRITEBACK),
        "groups": grouped,
        "documents": _document_rows(connection, DOCUMENT_KINDS),
    }
    return render(request, "web/settings/writeback.html", context)


@require_POST
@needs(Role.MANAGER)
def provider(request: StaffRequest) -> HttpResponse:
    """Choose under whom everything is written."""
    connection = _connection(request)
    wanted = request.POST.get("provider", "")
    before = connection.provider_key
    known = {o.key for o in options(connection.pk, LookupKind.PROVIDERS) if o.usable}
    if wanted and wanted not in known and request.POST.get("undo") != "on":
        return with_toast(
            request,
            _writing(request, connection),
            _("This provider is not active. Pick another one."),
            error=True,
        )
    save_provider(connection.pk, wanted)
    audit(request, "writeback.provider", before=before, now=wanted)
    undo = Undo(
        url=reverse("settings-writeback-provider"),
        sends={"provider": before, "undo": "on"},
        target="#writing",
    )
    connection.refresh_from_db()
    freed = mend.free_after_setting(connection.pk, request.user.email)
    return with_toast(request, _writing(request, connection), _saved(freed), undo=undo)


@require_POST
@needs(Role.MANAGER)
def switch(request: StaffRequest) -> HttpResponse:
    """Switch all writing on or off."""
    connection = _connection(request)
    on = request.POST.get("writing_on") == "on"
    save_writing_on(connection.pk, on)
    audit(request, "writeback.switched", on=on)
    undo = Undo(
        url=reverse("settings-writeback-switch"), sends={"writing_on": "" if on else "on"}, target="#writing"
    )
    connection.refresh_from_db()
    freed = mend.free_after_setting(connection.pk, request.user.email)
    return with_toast(request, _writing(request, connection), _saved(freed), undo=undo)


@require_POST
@needs(Role.MANAGER)
def note(request: StaffRequest, kind: str) -> HttpResponse:
    """Allow a type or not, and choose its note type."""
    connection = _connection(request)
    of_kind = _kind(kind, NOTE_KINDS)
    before = note_choices(connection.pk)[of_kind]
    wanted = request.POST.get("note_type", "")
    if not _may_choose(connection, LookupKind.NOTE_TYPES, wanted, before.note_type_key, request):
        answer = _note_part(request, connection, of_kind)
        return with_toast(
            request, answer, _("This note type can't be chosen any more. Pick another one."), error=True
        )
    after = NoteChoice(kind=of_kind, allow=request.POST.get("allow") == "on", note_type_key=wanted)
    save_note_choice(connection.pk, after)
    audit(request, "writeback.note", kind=str(of_kind), allow=after.allow, note_type=wanted)
    freed = mend.free_after_setting(connection.pk, request.user.email)
    undo = Undo(
        url=reverse("settings-writeback-note", args=[of_kind]),
        sends={"allow": _on(before.allow), "note_type": before.note_type_key, "undo": "on"},
        target=f"#note-{of_kind}",
    )
    return with_toast(request, _note_part(request, connection, of_kind), _saved(freed), undo=undo)


@require_POST
@needs(Role.MANAGER)
def document(request: StaffRequest, kind: str) -> HttpResponse:
    """Set a document kind's boxes and document type."""
    connection = _connection(request)
    of_kind = _kind(kind, DOCUMENT_KINDS)
    before = document_choices(connection.pk)[of_kind]
    wanted = request.POST.get("document_type", "")
    if not _may_choose(connection, LookupKind.DOCUMENT_TYPES, wanted, before.document_type_key, request):
        answer = _document_part(request, connection, of_kind)
        return with_toast(
            request, answer, _("This document type can't be chosen any more. Pick another one."), error=True
        )
    after = DocumentChoice(
        kind=of_kind,
        write=request.POST.get("write") == "on",
        read=request.POST.get("read") == "on",
        document_type_key=wanted,
    )
    save_document_choice(connection.pk, after)
    audit(
        request,
        "writeback.document",
        kind=str(of_kind),
        write=after.write,
        read=after.read,
        document_type=wanted,
    )
    freed = mend.free_after_setting(connection.pk, request.user.email)
    undo = Undo(
        url=reverse("settings-writeback-document", args=[of_kind]),
        sends={
            "write": _on(before.write),
            "read": _on(before.read),
            "document_type": before.document_type_key,
            "undo": "on",
        },
        target=f"#document-{of_kind}",
    )
    return with_toast(request, _document_part(request, connection, of_kind), _saved(freed), undo=undo)


@require_POST
@needs(Role.MANAGER)
def rehearse(request: StaffRequest, kind: str) -> HttpResponse:
    """Show what the last 30 days of a type would have written; nothing is sent."""
    connection = _connection(request)
    of_kind = _kind(kind, tuple(ActivityKind))
    rehearsal = mend.rehearse(connection.pk, of_kind, days=REHEARSED_DAYS)
    audit(request, "writeback.rehearsed", kind=str(of_kind))
    context = {"rehearsal": rehearsal, "kind": of_kind, "days": REHEARSED_DAYS, "pms": _label(connection)}
    return render(request, "web/settings/parts/rehearsal.html", context)


@require_POST
@needs(Role.MANAGER)
def back_fill(request: StaffRequest, kind: str) -> HttpResponse:
    """Write what was skipped in the last 30 days while the type was not allowed."""
    connection = _connection(request)
    of_kind = _kind(kind, tuple(ActivityKind))
    since = datetime.now(UTC) - timedelta(days=REHEARSED_DAYS)
    sent = mend.back_fill(connection.pk, of_kind, since, request.user.email)
    audit(request, "writeback.back_filled", kind=str(of_kind), count=sent)
    sentence = (
        ngettext("%(n)d is on its way into the chart.", "%(n)d are on their way into the chart.", sent)
        % {"n": sent}
        if sent
        else _("There was nothing to write.")
    )
    if of_kind.is_document:
        return with_toast(request, _document_part(request, connection, of_kind), sentence)
    return with_toast(request, _note_part(request, connection, of_kind), sentence)


def _connection(request: StaffRequest) -> Connection:
    connection = connection_of(request.practice.pk)
    if connection is None:
        raise Http404
    return connection


def _kind(kind: str, among: Iterable[ActivityKind]) -> ActivityKind:
    if kind not in set(among):
        raise Http404
    return ActivityKind(kind)


def _may_choose(
    connection: Connection, lookup: LookupKind, wanted: str, before: str, request: StaffRequest
) -> bool:
    """Only what is active may be chosen anew; what was chosen may stay, and an undo may bring it back."""
    if wanted in ("", before) or request.POST.get("undo") == "on":
        return len(wanted) <= 40
    return any(o.key == wanted and o.usable for o in options(connection.pk, lookup))


def _on(value: bool) -> str:
    return "on" if value else ""


def _saved(freed: int) -> str:
    if not freed:
        return _("Saved.")
    return ngettext(
        "Saved. %(n)d that had been waiting for this is on its way.",
        "Saved. %(n)d that had been waiting for this are on their way.",
        freed,
    ) % {"n": freed}


def _manifest(connection: Connection) -> Manifest | None:
    return registry().manifests.get(connection.connector)


def _label(connection: Connection) -> str:
    manifest = _manifest(connection)
    return manifest.label if manifest else connection.connector


def _head(connection: Connection) -> dict[str, object]:
    manifest = _manifest(connection)
    providers = Picked(
        options=tuple(options(connection.pk, LookupKind.PROVIDERS)), key=connection.provider_key
    )
    return {
        "connection": connection,
        "pms": _label(connection),
        "providers": providers,
        "provider_help": manifest.provider_help if manifest else "",
        "provider_use": manifest.provider_use if manifest else "",
        "notes_why_not": _why_not(manifest, CommandKind.ADD_NOTE),
        "documents_why_not": _why_not(manifest, CommandKind.ADD_DOCUMENT),
    }


def _why_not(manifest: Manifest | None, command: CommandKind) -> str:
    if manifest is None or manifest.can_write(command):
        return ""
    return manifest.cannot.get(command) or _("%(pms)s does not take these.") % {"pms": manifest.label}


def _note_rows(connection: Connection, kinds: Iterable[ActivityKind]) -> list[NoteRow]:
    choices = note_choices(connection.pk)
    counts = counts_since(connection.pk, datetime.now(UTC) - WEEK)
    types = tuple(options(connection.pk, LookupKind.NOTE_TYPES))
    return [
        NoteRow(
            choice=choices[kind],
            types=Picked(options=types, key=choices[kind].note_type_key),
            count=counts.get(kind, KindCount()),
            preview=preview_note(kind),
            needs_type=choices[kind].allow and not choices[kind].note_type_key,
        )
        for kind in kinds
    ]


def _document_rows(connection: Connection, kinds: Iterable[ActivityKind]) -> list[DocumentRow]:
    choices = document_choices(connection.pk)
    counts = counts_since(connection.pk, datetime.now(UTC) - WEEK)
    types = tuple(options(connection.pk, LookupKind.DOCUMENT_TYPES))
    return [
        DocumentRow(
            choice=choices[kind],
            types=Picked(options=types, key=choices[kind].document_type_key),
            count=counts.get(kind, KindCount()),
        )
        for kind in kinds
    ]


def _writing(request: StaffRequest, connection: Connection) -> HttpResponse:
    return render(request, "web/settings/parts/writing.html", _head(connection))


def _note_part(request: StaffRequest, connection: Connection, kind: ActivityKind) -> HttpResponse:
    (row,) = _note_rows(connection, [kind])
    return render(request, "web/settings/parts/note_row.html", {"row": row, "pms": _label(connection)})


def _document_part(request: StaffRequest, connection: Connection, kind: ActivityKind) -> HttpResponse:
    (row,) = _document_rows(connection, [kind])
    return render(request, "web/settings/parts/document_row.html", {"row": row, "pms": _label(connection)})
