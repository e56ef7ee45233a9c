"""Mends a cause right where its writebacks wait: saves the setting and frees them all, in one press.

Must not be in it: what may be retried (writeback), how a group looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.store.connections import set_on
from chartbridge.store.models import Connection
from chartbridge.store.settings import (
    DocumentChoice,
    NoteChoice,
    Option,
    document_choices,
    note_choices,
    options,
    save_document_choice,
    save_note_choice,
    save_provider,
    save_writing_on,
)
from chartbridge.store.writebacks import Filter, ids_of, kinds_of, waiting_for_a_person
from chartbridge.web.access import StaffRequest
from chartbridge.web.audit import audit
from chartbridge.web.reasons import Fix, Pick, Switch
from chartbridge.writeback import mend
from chartbridge.writeback.rules import kind_label

_LISTS = {
    Pick.PROVIDER: LookupKind.PROVIDERS,
    Pick.NOTE_TYPE: LookupKind.NOTE_TYPES,
    Pick.DOCUMENT_TYPE: LookupKind.DOCUMENT_TYPES,
}


class NotMended(Exception):
    """Why a cause could not be mended, in a sentence for people."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Picker:
    """One drop-down in a group: for whom it chooses, what may be chosen, and what is chosen and still may be."""

    name: str
    label: str | Promise
    options: tuple[Option, ...]
    chosen: str


def pickers(connection: Connection | None, reason: str, fix: Fix | None) -> list[Picker]:
    """The drop-downs of a group; none where nothing is chosen there."""
    if connection is None or fix is None or not isinstance(fix.here, Pick):
        return []
    usable = tuple(each for each in options(connection.pk, _LISTS[fix.here]) if each.usable)
    if fix.here is Pick.PROVIDER:
        return [_picker("provider", gettext_lazy("Provider"), usable, connection.provider_key)]
    held = _types(connection, fix.here)
    return [
        _picker(f"type-{kind}", kind_label(kind), usable, held.get(kind, ""))
        for kind in sorted(kinds_of(connection.practice_id, reason))
        if kind in held
    ]


def how_many_go_on(n: int, waits: Sequence[str], said: str) -> str:
    """What is said once some go on: `said` where all do, and otherwise how many wait all the same, and why."""
    if not waits:
        return said
    why = next((reason for reason, _times in Counter(waits).most_common() if reason), "")
    why = why or _("the cause is still there.")
    if not n:
        return _("Nothing was sent: %(why)s") % {"why": why}
    goes = ngettext("%(n)d goes on", "%(n)d go on", n) % {"n": n}
    still = ngettext("%(n)d still waits", "%(n)d still wait", len(waits)) % {"n": len(waits)}
    return _("%(goes)s, %(still)s: %(why)s") % {"goes": goes, "still": still, "why": why}


def mend_cause(request: StaffRequest, connection: Connection, reason: str, fix: Fix) -> str:
    """Save what was chosen and free what waited; return what to say. Raises `NotMended`."""
    match fix.here:
        case Pick.PROVIDER:
            _save_provider(request, connection)
        case Pick() as pick:
            _save_types(request, connection, pickers(connection, reason, fix), pick)
        case Switch.WRITING:
            save_writing_on(connection.pk, True)
            audit(request, "writeback.switched", on=True)
        case Switch.CONNECTION:
            set_on(connection, True)
            audit(request, "connection.switched", on=True)
        case None:
            raise NotMended(_("This can't be mended here."))
    stood = ids_of(connection.practice_id, Filter(reason=reason), retryable=False)
    freed = mend.free_after_setting(connection.pk, request.user.email)
    if not freed:
        return _("Saved. Nothing could be sent yet: another cause is still there.")
    waits = list(waiting_for_a_person(connection.practice_id, stood).values())
    said = ngettext("%(n)d is on its way.", "%(n)d are on their way.", freed) % {"n": freed}
    return f"{_('Saved.')} {how_many_go_on(freed, waits, said)}"


def _save_provider(request: StaffRequest, connection: Connection) -> None:
    wanted = request.POST.get("provider", "")
    if not any(each.key == wanted and each.usable for each in options(connection.pk, LookupKind.PROVIDERS)):
        raise NotMended(_("Choose a provider first. Only active ones can be chosen."))
    before = connection.provider_key
    save_provider(connection.pk, wanted)
    audit(request, "writeback.provider", before=before, now=wanted)


def _save_types(request: StaffRequest, connection: Connection, asked: Sequence[Picker], pick: Pick) -> None:
    """Keep the chosen types; a kind for which nothing was chosen goes on waiting."""
    chosen = {
        ActivityKind(each.name.removeprefix("type-")): wanted
        for each in asked
        if (wanted := request.POST.get(each.name, "")) in {option.key for option in each.options}
    }
    if not chosen:
        raise NotMended(_("Choose a type first. Only those that are still in the PMS can be chosen."))
    for kind, wanted in chosen.items():
        if pick is Pick.NOTE_TYPE:
            note = note_choices(connection.pk)[kind]
            save_note_choice(connection.pk, NoteChoice(kind=kind, allow=note.allow, note_type_key=wanted))
            audit(request, "writeback.note", kind=str(kind), allow=note.allow, note_type=wanted)
        else:
            paper = document_choices(connection.pk)[kind]
            save_document_choice(
                connection.pk,
                DocumentChoice(kind=kind, write=paper.write, read=paper.read, document_type_key=wanted),
            )
            audit(
                request, "writeback.document", kind=str(kind), write=paper.write, read=paper.read,
                document_type=wanted,
            )  # fmt: skip


def _types(connection: Connection, pick: Pick) -> dict[str, str]:
    if pick is Pick.NOTE_TYPE:
        notes = note_choices(connection.pk)
        return {str(kind): notes[kind].note_type_key for kind in NOTE_KINDS}
    papers = document_choices(connection.pk)
    return {str(kind): papers[kind].document_type_key for kind in DOCUMENT_KINDS}


def _picker(name: str, label: str | Promise, usable: tuple[Option, ...], chosen: str) -> Picker:
    still = chosen if any(each.key == chosen for each in usable) else ""
    return Picker(name=name, label=label, options=usable, chosen=still)
