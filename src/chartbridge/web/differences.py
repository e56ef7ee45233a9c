"""What of a record was changed in the PMS since it was written there, in the words of the front desk.

Must not be in it: finding it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.dateformat import format as written
from django.utils.translation import gettext as _

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.store.desk import read_desk
from chartbridge.store.models import ReconciliationFinding

TypeNames = Mapping[tuple[int, str, str], str]
"""What the PMS calls its note and document types, by connection, command and key."""
_LISTS = {
    CommandKind.ADD_NOTE: LookupKind.NOTE_TYPES,
    CommandKind.ADD_DOCUMENT: LookupKind.DOCUMENT_TYPES,
}


def names_of_types(found: Sequence[ReconciliationFinding]) -> TypeNames:
    """Read the names that are needed to say what was changed."""
    links = {
        each.writeback.connection_id
        for each in found
        if any(what == "type_key" for what, *_ in each.changes) and each.writeback.connection_id
    }
    return {
        (link, command.value, key): listed.name
        for link in links
        for lists in [read_desk(link).lists]
        for command, kind in _LISTS.items()
        for key, listed in lists.get(kind, {}).items()
    }


def what_was_changed(found: ReconciliationFinding, types: TypeNames) -> str:
    """Return a sentence for each difference."""
    return " ".join(_sentence(found, types, *each) for each in found.changes)


def _sentence(found: ReconciliationFinding, types: TypeNames, what: str, was: str, now: str) -> str:
    if what == "text":
        return _("Somebody has changed the text in the PMS.")
    if what == "type_key":
        row = found.writeback
        return _type(*(types.get((row.connection_id or 0, row.command, key), "") for key in (was, now)))
    if what == "at":
        return _dated(datetime.fromisoformat(was), datetime.fromisoformat(now))
    return _("It is marked “%(now)s” instead of “%(was)s”.") % {"now": now, "was": was}


def _type(was: str, now: str) -> str:
    if was and now and was != now:
        return _("Its type is no longer “%(was)s” but “%(now)s”.") % {"was": was, "now": now}
    if was and not now:
        return _("Its type is no longer “%(was)s”.") % {"was": was}
    return _("Its type is another one than it was.")


def _dated(was: datetime, now: datetime) -> str:
    day = "F j" if was.year == now.year else "F j, Y"
    form = "g:i A" if was.date() == now.date() else day
    return _("It is dated %(now)s instead of %(was)s.") % {
        "now": written(now, form),
        "was": written(was, form),
    }
