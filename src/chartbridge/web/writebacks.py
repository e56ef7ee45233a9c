"""The Writebacks page: what needs attention and why, what waits, what was written; mending one or all alike.

Must not be in it: what may be retried (writeback), how a state looks (showing).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import SystemClock
from chartbridge.domain.text import html_to_text
from chartbridge.intake.accept import BadActivity
from chartbridge.intake.checking import check_patient_number
from chartbridge.intake.people import candidates
from chartbridge.store import turned_down
from chartbridge.store.accounts import attention_count
from chartbridge.store.board import front_connection, lookup_entries
from chartbridge.store.deliveries import WAITING_FOR_IMPORT
from chartbridge.store.mirror import patient
from chartbridge.store.models import MirrorPatient, Role, Writeback
from chartbridge.store.notices import newest
from chartbridge.store.queue import moves_of
from chartbridge.store.writebacks import (
    Filter,
    Group,
    Show,
    amount,
    counts,
    groups,
    ids_of,
    listing,
    names_of,
    totals,
    waiting_for_a_person,
)
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.compose import intake
from chartbridge.web.deeds import Deed, deeds_of, latest_of
from chartbridge.web.mending import NotMended, Picker, how_many_go_on, mend_cause, pickers
from chartbridge.web.numbers import number_of, page_of
from chartbridge.web.reasons import Reason, Switch, fix_of, reason_of, title_of
from chartbridge.web.showing import Shown, shown
from chartbridge.web.toasts import Undo, with_toast
from chartbridge.writeback import mend
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label

PAGE = 50
IN_A_GROUP = 5
MOST_UNDONE = 200
_FILTERS = ("show", "kind", "from", "to", "patient", "reason")
MOST_CANDIDATES = 6
TABS: dict[Show, str | Promise] = {
    Show.ATTENTION: gettext_lazy("Needs attention"),
    Show.WAITING: gettext_lazy("Waiting"),
    Show.WRITTEN: gettext_lazy("Written"),
    Show.SKIPPED: gettext_lazy("Not written"),
    Show.ALL: gettext_lazy("All"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line: the writeback as shown, whose it is, what it says."""

    shown: Shown
    name: str
    preview: str
    text: str
    candidates: list[MirrorPatient]
    deed: Deed | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pile:
    """All that stand for one reason, with the first of them."""

    group: Group
    reason: Reason
    sentence: str
    rows: list[Row]
    pickers: list[Picker]
    total: int

    @property
    def fix_button(self) -> str:
        """What the fix right here says, with the number that it frees."""
        here = self.reason.fix and self.reason.fix.here and self.reason.fix.button
        return str(here % {"n": self.total}) if here else ""

    @property
    def again_button(self) -> str:
        """What trying all alike again says."""
        n = self.group.retryable
        return str(self.reason.again.every % {"n": n}) if self.reason.again and n > 1 else ""

    @property
    def mends_here(self) -> bool:
        """Whether there is something to choose from, or nothing needs to be chosen."""
        fix = self.reason.fix
        return bool(fix and (isinstance(fix.here, Switch) or self.pickers))


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """The page."""
    live_from = newest()
    audit(request, "writebacks.viewed")
    return render(
        request, "web/writebacks/page.html", _context(request, request.GET) | {"live_from": live_from}
    )


@require_GET
@needs(Role.READ_ONLY)
def rows(request: StaffRequest) -> HttpResponse:
    """The list alone, asked for anew."""
    return render(request, "web/writebacks/list.html", _context(request, request.GET))


@require_GET
@needs(Role.READ_ONLY)
def count(request: StaffRequest) -> HttpResponse:
    """The badge in the side bar alone."""
    return render(request, "web/parts/attention.html", {"count": attention_count(request.practice.pk)})


@require_GET
@needs(Role.READ_ONLY)
def history(request: StaffRequest, pk: int) -> HttpResponse:
    """Everything that happened to one writeback, and who did it."""
    deeds = deeds_of(moves_of(request.practice.pk, pk))
    return render(request, "web/writebacks/history.html", {"deeds": deeds})


@require_POST
@needs(Role.FRONT_DESK)
def act(request: StaffRequest) -> HttpResponse:
    """Retry or dismiss one or all alike, undo that, say whose one is; the answer is the list as it then is."""
    do = _ACTIONS.get(request.POST.get("do", ""), _retry)
    try:
        sentence, undo = do(request)
    except BadActivity as error:
        return _list(request, error.sentence, bad=True)
    return _list(request, sentence, undo=undo)


@require_POST
@needs(Role.MANAGER)
def fix(request: StaffRequest) -> HttpResponse:
    """Mend a cause right here and free all that waited for it; the answer is the list as it then is."""
    reason = request.POST.get("code", "")
    connection, way = front_connection(request.practice.pk), fix_of(reason)
    try:
        if connection is None or way is None:
            raise NotMended(_("This can't be mended here."))
        return _list(request, mend_cause(request, connection, reason, way))
    except NotMended as error:
        return _list(request, error.sentence, bad=True)


def _list(
    request: StaffRequest, sentence: str, *, undo: Undo | None = None, bad: bool = False
) -> HttpResponse:
    answer = render(request, "web/writebacks/list.html", _context(request, request.POST))
    answer["HX-Reswap"] = "keyed"  # an Undo button asks for no swap of its own
    return with_toast(request, answer, sentence, undo=undo, error=bad)


def _ids(request: StaffRequest) -> list[int]:
    given = [each for several in request.POST.getlist("id") for each in several.split(",")]
    return [number for number in map(number_of, given) if number is not None]


def _alike(request: StaffRequest) -> Filter:
    """All that stand for one reason, of those that the filters leave on the page."""
    wanted = _filter(request.POST, request.practice.time_zone)
    return replace(wanted, show=Show.ATTENTION, reason=request.POST.get("code", ""))


def _retry(request: StaffRequest) -> _Said:
    return _retried(request, _ids(request))


def _retry_alike(request: StaffRequest) -> _Said:
    return _retried(request, ids_of(request.practice.pk, _alike(request), retryable=True))


def _retried(request: StaffRequest, ids: Sequence[int]) -> _Said:
    n = mend.retry_many(request.practice.pk, ids, request.user.email)
    audit(request, "writebacks.retried", count=n, reason=request.POST.get("code", ""))
    if not n:
        return _("Nothing was sent: the cause is still there, or it is on its way already."), None
    said = ngettext("%(n)d is on its way again.", "%(n)d are on their way again.", n) % {"n": n}
    return how_many_go_on(n, list(waiting_for_a_person(request.practice.pk, ids).values()), said), None


def _dismiss(request: StaffRequest) -> _Said:
    return _dismissed(request, _ids(request))


def _dismiss_alike(request: StaffRequest) -> _Said:
    return _dismissed(request, ids_of(request.practice.pk, _alike(request), retryable=False))


def _dismissed(request: StaffRequest, ids: Sequence[int]) -> _Said:
    n = mend.dismiss_many(request.practice.pk, ids, request.user.email)
    audit(request, "writebacks.dismissed", count=n)
    said = ngettext("Dismissed. It stays under All.", "%(n)d dismissed. They stay under All.", n) % {"n": n}
    return said, _undo(request, ids)


def _undo(request: StaffRequest, ids: Sequence[int]) -> Undo | None:
    if len(ids) > MOST_UNDONE or not mend.all_can_be_taken_up_again(request.practice.pk, ids):
        return None
    return _undoes(request, "reopen", ids)


def _undoes(request: StaffRequest, do: str, ids: Sequence[int]) -> Undo:
    kept = {name: request.POST.get(name, "") for name in _FILTERS if request.POST.get(name)}
    sends = kept | {"do": do, "id": ",".join(str(each) for each in ids)}
    return Undo(url=reverse("writebacks-act"), sends=sends, target="#writebacks")


def _reopen(request: StaffRequest) -> _Said:
    n = mend.reopen(request.practice.pk, _ids(request), request.user.email)
    audit(request, "writebacks.reopened", count=n)
    if not n:
        return _("It can't be taken up again."), None
    return ngettext("It is back where it stood.", "%(n)d are back where they stood.", n) % {"n": n}, None


def _imported(request: StaffRequest) -> _Said:
    return _ticked_off(request, _ids(request))


def _imported_alike(request: StaffRequest) -> _Said:
    return _ticked_off(
        request, ids_of(request.practice.pk, _to_import(request, request.POST), retryable=False)
    )


def _ticked_off(request: StaffRequest, ids: Sequence[int]) -> _Said:
    n = mend.imported(request.practice.pk, ids, request.user.email)
    audit(request, "writebacks.imported", count=n)
    if not n:
        return _("It does not wait to be imported any more."), None
    said = ngettext("Ticked off as imported.", "%(n)d ticked off as imported.", n) % {"n": n}
    return said, _undoes(request, "untick", ids)


def _untick(request: StaffRequest) -> _Said:
    n = mend.not_imported(request.practice.pk, _ids(request), request.user.email)
    audit(request, "writebacks.unticked", count=n)
    return ngettext("It waits to be imported again.", "%(n)d wait to be imported again.", n) % {"n": n}, None


def _to_import(request: StaffRequest, asked: QueryDict) -> Filter:
    """All that wait to be imported, of those that the filters leave on the page."""
    wanted = _filter(asked, request.practice.time_zone)
    return replace(wanted, show=Show.WAITING, reason=WAITING_FOR_IMPORT)


def _assign(request: StaffRequest) -> _Said:
    return _assigned(request), None


_Said = tuple[str, Undo | None]
_ACTIONS: dict[str, Callable[[StaffRequest], _Said]] = {
    "retry": _retry,
    "retry_alike": _retry_alike,
    "dismiss": _dismiss,
    "dismiss_alike": _dismiss_alike,
    "reopen": _reopen,
    "assign": _assign,
    "imported": _imported,
    "imported_alike": _imported_alike,
    "untick": _untick,
}


def _assigned(request: StaffRequest) -> str:
    """Give a nameless activity to the patient whose number was entered. Raises `BadActivity`."""
    activity_id, key = number_of(request.POST.get("activity", "")), request.POST.get("patient_key", "")
    connection = front_connection(request.practice.pk)
    number = check_patient_number(key)
    if connection is None or patient(connection.pk, number) is None:
        return _("There is no patient %(key)s here. Look the number up under Patients.") % {"key": number}
    done = activity_id is not None and intake.assign(
        request.practice.pk, activity_id, number, who=request.user.email
    )
    if not done:
        return _("Somebody has already said whose this is.")
    mend.patients_changed(connection.pk, [number])
    audit(request, "activity.assigned", number, activity=activity_id)
    return _("Given to patient %(key)s; it goes on its way.") % {"key": number}


def _context(request: StaffRequest, asked: QueryDict) -> dict[str, object]:
    wanted = _filter(asked, request.practice.time_zone)
    at = page_of(asked.get("page", "1"))
    statuses = _statuses(request.practice.pk)
    kept = {k: asked.get(k, "") for k in _FILTERS[1:] if asked.get(k)}
    context: dict[str, object] = {
        "tabs": [(show, label, urlencode(kept | {"show": show})) for show, label in TABS.items()],
        "wanted": wanted,
        "asked": {k: asked.get(k, "") for k in _FILTERS},
        "kinds": [(str(kind), kind.traits.label) for kind in ActivityKind]
        + [(APPOINTMENT_STATUS, kind_label(APPOINTMENT_STATUS))],
        "counts": counts(request.practice.pk),
        "query": urlencode(kept | {"show": wanted.show}),
        "title": title_of(wanted.reason or ""),
        "has_connection": front_connection(request.practice.pk) is not None,
    }
    if wanted.show is Show.ATTENTION and wanted.reason is None:
        return context | {
            "piles": _piles(request.practice.pk, wanted, statuses),
            "turned_down": turned_down.recent(request.practice.pk, SystemClock().now()),
        }
    found = listing(request.practice.pk, wanted, limit=PAGE + 1, offset=(at - 1) * PAGE)
    if at > 1 and not found:  # beyond the last page: there
        at = max(1, -(-amount(request.practice.pk, wanted) // PAGE))
        found = listing(request.practice.pk, wanted, limit=PAGE + 1, offset=(at - 1) * PAGE)
    return context | {
        "rows": _rows(found[:PAGE], statuses),
        "page": at,
        "earlier": at - 1,
        "later": at + 1 if len(found) > PAGE else 0,
        "to_import": _to_import_count(request, asked) if wanted.show is Show.WAITING else 0,
    }


def _to_import_count(request: StaffRequest, asked: QueryDict) -> int:
    return len(ids_of(request.practice.pk, _to_import(request, asked), retryable=False))


def _piles(practice_id: int, wanted: Filter, statuses: Mapping[str, str]) -> list[Pile]:
    made = []
    connection, all_of = front_connection(practice_id), totals(practice_id)
    for group in groups(practice_id, wanted):
        first = listing(practice_id, replace(wanted, reason=group.reason), limit=IN_A_GROUP)
        sentences = {row.reason for row in first}
        reason = reason_of(group.reason)
        made.append(
            Pile(
                group=group,
                reason=reason,
                sentence=sentences.pop() if len(sentences) == 1 else "",
                rows=_rows(first, statuses),
                pickers=pickers(connection, group.reason, reason.fix),
                total=all_of.get(group.reason, group.count),
            )
        )
    return made


def _rows(found: Sequence[Writeback], statuses: Mapping[str, str]) -> list[Row]:
    names, deeds = names_of(found), latest_of(found)
    return [
        Row(
            shown=shown(row),
            name=names.get(row.pk, ""),
            preview=_preview(row, statuses),
            text=row.text,
            candidates=_candidates(row),
            deed=deeds.get(row.pk),
        )
        for row in found
    ]


def _preview(row: Writeback, statuses: Mapping[str, str]) -> str:
    """The first line of what was said; for a status move, the status."""
    if row.kind == APPOINTMENT_STATUS:
        wish = str(row.payload.get("status_key", ""))
        return f"→ {statuses.get(wish, wish)}"
    said = row.text
    if activity := row.activity:
        body = html_to_text(activity.body) if activity.is_html else activity.body
        said = activity.subject or body or said
    line = next((each for each in said.splitlines() if each.strip()), "")
    return line if len(line) <= 120 else f"{line[:119]}…"


def _candidates(row: Writeback) -> list[MirrorPatient]:
    """Who might be meant by a nameless activity: everybody with its phone number or its e-mail address."""
    if row.patient_key or row.connection_id is None or row.activity is None:
        return []
    found = candidates(row.connection_id, phone=row.activity.phone, email=row.activity.email)
    return [each.patient for each in found[:MOST_CANDIDATES]]


def _statuses(practice_id: int) -> dict[str, str]:
    connection = front_connection(practice_id)
    if connection is None:
        return {}
    entries = lookup_entries(connection.pk, LookupKind.APPOINTMENT_STATUSES)
    return {key: each.name for key, each in entries.items()}


def _filter(asked: QueryDict, zone: str) -> Filter:
    until = _midnight(asked.get("to", ""), zone, days=1)
    return Filter(
        show=next((each for each in Show if each == asked.get("show")), Show.ATTENTION),
        kind=asked.get("kind", ""),
        since=_midnight(asked.get("from", ""), zone),
        until=until,
        patient_key=asked.get("patient", "").strip(),
        reason=asked.get("reason") or None,
    )


def _midnight(given: str, zone: str, days: int = 0) -> datetime | None:
    try:
        day = date.fromisoformat(given) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), ZoneInfo(zone))
