"""What was seen to change, in words: on the Health page and on the settings page concerned; and putting it away.

Must not be in it: comparing, what waits because of a change (sync.drift).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.reading import Stream
from chartbridge.store import observations
from chartbridge.store.models import Connection, Observation, Role
from chartbridge.store.settings import in_use
from chartbridge.sync.buttons import go_on_without
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.toasts import only_toast, with_toast

ON_WRITEBACK = (LookupKind.PROVIDERS, LookupKind.NOTE_TYPES, LookupKind.DOCUMENT_TYPES)
ON_STATUSES = (LookupKind.APPOINTMENT_STATUSES,)
ON_CONNECTION = ("version", "columns", "store")
_LISTS = frozenset(LookupKind)

_SENTENCES: dict[tuple[str, str], str | Promise] = {
    (LookupKind.NOTE_TYPES, "renamed"): gettext_lazy("The Note Type “%(before)s” is now called “%(after)s”"),
    (LookupKind.NOTE_TYPES, "hidden"): gettext_lazy("The Note Type “%(before)s” was hidden in the PMS"),
    (LookupKind.NOTE_TYPES, "gone"): gettext_lazy("The Note Type “%(before)s” was deleted in the PMS"),
    (LookupKind.DOCUMENT_TYPES, "renamed"): gettext_lazy(
        "The Document Type “%(before)s” is now called “%(after)s”"
    ),
    (LookupKind.DOCUMENT_TYPES, "hidden"): gettext_lazy(
        "The Document Type “%(before)s” was hidden in the PMS"
    ),
    (LookupKind.DOCUMENT_TYPES, "gone"): gettext_lazy(
        "The Document Type “%(before)s” was deleted in the PMS"
    ),
    (LookupKind.PROVIDERS, "renamed"): gettext_lazy("The provider “%(before)s” is now called “%(after)s”"),
    (LookupKind.PROVIDERS, "hidden"): gettext_lazy(
        "The provider “%(before)s” is no longer active in the PMS"
    ),
    (LookupKind.PROVIDERS, "gone"): gettext_lazy("The provider “%(before)s” is no longer in the PMS"),
    (LookupKind.APPOINTMENT_STATUSES, "added"): gettext_lazy("The PMS has a new status, “%(after)s”"),
    (LookupKind.APPOINTMENT_STATUSES, "renamed"): gettext_lazy(
        "The status “%(before)s” is now called “%(after)s”"
    ),
    (LookupKind.APPOINTMENT_STATUSES, "hidden"): gettext_lazy(
        "The status “%(before)s” was hidden in the PMS"
    ),
    (LookupKind.APPOINTMENT_STATUSES, "gone"): gettext_lazy("The status “%(before)s” was deleted in the PMS"),
    ("version", "changed"): gettext_lazy("The PMS was updated from %(before)s to %(after)s"),
    ("version", "older"): gettext_lazy("The PMS went back from %(before)s to %(after)s"),
    ("columns", "lost"): gettext_lazy("The PMS's tables lack something that was read before: %(before)s"),
    ("columns", "added"): gettext_lazy("The PMS's tables have something new that is read: %(after)s"),
    ("columns", "changed"): gettext_lazy("The PMS's tables changed: %(before)s is now %(after)s"),
    ("update", "began"): gettext_lazy("The PMS was being updated; everything waited"),
    ("update", "ended"): gettext_lazy("The PMS's update was done; everything went on"),
    ("brake", "stopped"): gettext_lazy(
        "The PMS looked restored, emptied or like another one: the brake was pulled"
    ),
    ("store", "copied"): gettext_lazy("Chartbridge's own data was restored from a backup, or copied"),
    ("store", "set_back"): gettext_lazy("Chartbridge's own data is older than it was: a backup was put back"),
}
_MORE: dict[tuple[str, str], str | Promise] = {
    (LookupKind.APPOINTMENT_STATUSES, "added"): gettext_lazy(
        "Visits with it go by the time until you say on the Statuses page which column it means."
    ),
    (LookupKind.APPOINTMENT_STATUSES, "renamed"): gettext_lazy(
        "Look whether it still means the same column."
    ),
    ("columns", "lost"): gettext_lazy(
        "What depends on it waits, so that nothing here is overwritten with nothing. An update of Chartbridge may "
        "bring the reading back; or go on without it."
    ),
    ("store", "copied"): gettext_lazy(
        "Everything that was waiting is looked for in the chart before it is sent, so that nothing gets in twice. "
        "What came in after the backup was made is not known here."
    ),
    ("store", "set_back"): gettext_lazy(
        "Everything that was waiting is looked for in the chart before it is sent, so that nothing gets in twice. "
        "What came in after the backup was made is not known here."
    ),
}
_STREAMS: dict[str, str | Promise] = {
    Stream.APPOINTMENT_STATUS: gettext_lazy("statuses"),
    Stream.APPOINTMENTS: gettext_lazy("reading appointments"),
    Stream.PATIENTS: gettext_lazy("reading patients"),
    Stream.PHOTOS: gettext_lazy("reading photos"),
    Stream.DOCUMENTS: gettext_lazy("reading documents"),
    Stream.LOOKUPS: gettext_lazy("reading lists"),
    CommandKind.ADD_NOTE: gettext_lazy("writing notes"),
    CommandKind.ADD_DOCUMENT: gettext_lazy("writing documents"),
    CommandKind.SET_APPOINTMENT_STATUS: gettext_lazy("setting statuses"),
    CommandKind.MARK_INSURANCE_VERIFIED: gettext_lazy("marking insurance as verified"),
    "all": gettext_lazy("everything"),
}
_ICONS = {
    "version": "circle-arrow-up",
    "columns": "table",
    "store": "archive-restore",
    "update": "circle-arrow-up",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownChange:
    """One change as a page shows it."""

    id: int
    at: datetime
    title: str
    more: str
    tone: str
    icon: str
    button: str
    away: str


def changes_for(connection: Connection | None, whats: Collection[str] = ()) -> list[ShownChange]:
    """What is to be known on a page: of these subjects, or of all."""
    return _all_shown(connection, observations.standing(connection.pk, whats)) if connection else []


def history_for(connection: Connection) -> list[ShownChange]:
    """The latest changes, whether they need to be known or not."""
    return _all_shown(connection, observations.history(connection.pk))


def _all_shown(connection: Connection, changes: Sequence[Observation]) -> list[ShownChange]:
    """In words. What the practice has chosen anew since then no longer waits because of an entry of a list."""
    uses = in_use(connection) if any(each.paused and each.what in _LISTS for each in changes) else {}
    return [
        shown(each, [of for of in each.paused if of in uses.get((LookupKind(each.what), each.key), ())])
        if each.what in _LISTS
        else shown(each, each.paused)
        for each in changes
    ]


def shown(each: Observation, waits: Sequence[str]) -> ShownChange:
    """Put a change into words; `waits`: what still waits because of it."""
    words = {"before": each.before, "after": each.after}
    lost = each.what == "columns" and each.event == "lost"
    more = [str(_MORE.get((each.what, each.event), ""))]
    if waits:
        more.insert(0, _("Waits because of it: %(what)s.") % {"what": ", ".join(map(_name, waits))})
    elif each.paused:
        more.insert(0, _("Nothing waits because of it any more."))
    elif each.event == "renamed":
        more.insert(0, _("Nothing waits because of it."))
    return ShownChange(
        id=each.pk,
        at=each.at,
        title=str(_SENTENCES.get((each.what, each.event), each.what)) % words,
        more=" ".join(filter(None, more)),
        tone="bad" if waits else "wait",
        icon=_ICONS.get(each.what, "list"),
        button=_("Go on without it") if lost else _("Put away"),
        away=each.put_away_by,
    )


@require_POST
@needs(Role.MANAGER)
def put_away(request: StaffRequest, change: int) -> HttpResponse:
    """A person has read it."""
    if not go_on_without(request.practice.pk, change, request.user.email, timezone.now()):
        return only_toast(request, _("Somebody else has put this away already."))
    return with_toast(request, HttpResponse(""), _("Put away. It stays in the list of changes on Health."))


def _name(of: str) -> str:
    if of in _STREAMS:
        return str(_STREAMS[of])
    return ActivityKind(of).traits.label if of in set(ActivityKind) else of
