"""The Writebacks page: what needs attention and why, what waits, what was written; mending one or all alike.

Must not be in it: what may be retried (writeback), how a state looks (showing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.text import html_to_text
from chartbridge.intake.accept import BadActivity
from chartbridge.intake.checking import check_patient_number
from chartbridge.store.board import front_connection, lookup_entries
from chartbridge.store.mirror import patient, patients_by_phone
from chartbridge.store.models import MirrorPatient, Role, Writeback
from chartbridge.store.notices import newest
from chartbridge.store.writebacks import Filter, Group, Show, counts, groups, listing, names_of
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.compose import intake
from chartbridge.web.showing import FIXES, Fix, Shown, shown
from chartbridge.web.toasts import with_toast
from chartbridge.writeback import mend
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label

PAGE = 50
IN_A_GROUP = 5
MOST_CANDIDATES = 6
TABS: dict[Show, str | Promise] = {
    Show.ATTENTION: gettext_lazy("Needs attention"),
    Show.WAITING: gettext_lazy("Waiting"),
    Show.WRITTEN: gettext_lazy("Written"),
    Show.SKIPPED: gettext_lazy("Not written"),
    Show.ALL: gettext_lazy("All"),
}
TITLES: dict[str, str | Promise] = {
    "no_connection": gettext_lazy("No PMS is connected"),
    "connection_off": gettext_lazy("The connection is switched off"),
    "writing_off": gettext_lazy("Writing is switched off"),
    "no_provider": gettext_lazy("No provider is chosen"),
    "provider_inactive": gettext_lazy("The provider is no longer active"),
    "no_note_type": gettext_lazy("No Note Type is chosen"),
    "note_type_gone": gettext_lazy("A Note Type is gone"),
    "no_document_type": gettext_lazy("No Document Type is chosen"),
    "document_type_gone": gettext_lazy("A Document Type is gone"),
    "unknown_patient": gettext_lazy("The patient is not known"),
    "patient_deleted": gettext_lazy("The patient is deleted"),
    "text_too_long": gettext_lazy("The text is too long"),
    "file_too_large": gettext_lazy("The file is too large"),
    "no_file": gettext_lazy("There is no file"),
    "not_supported": gettext_lazy("The PMS can't do this"),
    "too_old": gettext_lazy("The PMS is too old"),
    "too_late": gettext_lazy("Moves that came too late"),
    "conflict": gettext_lazy("The PMS shows another status"),
    "uncertain": gettext_lazy("The answer was lost"),
    "crashed": gettext_lazy("Set aside after a stop"),
    "missing": gettext_lazy("Taken, but not to be found"),
    "wrong_patient": gettext_lazy("Under another patient"),
    "refused": gettext_lazy("The PMS said no"),
    "unauthorised": gettext_lazy("The PMS does not allow it"),
    "misconfigured": gettext_lazy("A setting is wrong"),
    "unreadable": gettext_lazy("An answer was not understood"),
    "internal": gettext_lazy("A fault of Chartbridge"),
    "not_allowed": gettext_lazy("The type is not allowed"),
    "who_is_this": gettext_lazy("Who is this?"),
    "unknown_number": gettext_lazy("Nobody has this number"),
    "gone_since": gettext_lazy("Gone from the chart"),
    "cannot_look": gettext_lazy("It could not be looked up"),
}


def title_of(reason: str) -> str:
    """What a group of a reason is called."""
    return str(TITLES.get(reason, reason.replace("_", " ").capitalize()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line: the writeback as shown, whose it is, what it says."""

    shown: Shown
    name: str
    preview: str
    text: str
    candidates: list[MirrorPatient]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pile:
    """All that stand for one reason, with the first of them."""

    group: Group
    title: str | Promise
    sentence: str
    fix: Fix | None
    rows: list[Row]


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


@require_POST
@needs(Role.FRONT_DESK)
def act(request: StaffRequest) -> HttpResponse:
    """Retry one or all alike, dismiss one, say whose one is; the answer is the list as it then is."""
    try:
        said, bad = _done(request, request.POST.get("do", "")), False
    except BadActivity as error:
        said, bad = error.sentence, True
    answer = render(request, "web/writebacks/list.html", _context(request, request.POST))
    return with_toast(request, answer, said, error=bad)


def _done(request: StaffRequest, what: str) -> str:
    practice_id, who = request.practice.pk, request.user.email
    ids = [int(each) for each in request.POST.getlist("id") if each.isdecimal()]
    if what == "dismiss":
        mend.dismiss(practice_id, ids, who)
        audit(request, "writebacks.dismissed", count=len(ids))
        return _("Dismissed. It stays under All.")
    if what == "assign":
        return _assigned(request)
    if what == "retry_alike":
        code = request.POST.get("code", "")
        n = mend.retry_alike(practice_id, code, who)
        audit(request, "writebacks.retried", count=n, reason=code)
    else:
        n = mend.retry(practice_id, ids, who)
        audit(request, "writebacks.retried", count=n)
    if not n:
        return _("Nothing was sent: the cause is still there, or it is on its way already.")
    return ngettext("%(n)d is on its way again.", "%(n)d are on their way again.", n) % {"n": n}


def _assigned(request: StaffRequest) -> str:
    """Give a nameless activity to the patient whose number was entered. Raises `BadActivity`."""
    activity_id, key = request.POST.get("activity", ""), request.POST.get("patient_key", "")
    connection = front_connection(request.practice.pk)
    number = check_patient_number(key)
    if connection is None or patient(connection.pk, number) is None:
        return _("There is no patient %(key)s here. Look the number up under Patients.") % {"key": number}
    done = activity_id.isdecimal() and intake.assign(
        request.practice.pk, int(activity_id), number, who=request.user.email
    )
    if not done:
        return _("Somebody has already said whose this is.")
    mend.patients_changed(connection.pk, [number])
    audit(request, "activity.assigned", number, activity=int(activity_id))
    return _("Given to patient %(key)s; it goes on its way.") % {"key": number}


def _context(request: StaffRequest, asked: QueryDict) -> dict[str, object]:
    wanted = _filter(asked, request.practice.time_zone)
    at = max(1, int(asked.get("page", "1"))) if asked.get("page", "1").isdecimal() else 1
    statuses = _statuses(request.practice.pk)
    kept = {k: asked.get(k, "") for k in ("kind", "from", "to", "patient", "reason") if asked.get(k)}
    context: dict[str, object] = {
        "tabs": [(show, label, urlencode(kept | {"show": show})) for show, label in TABS.items()],
        "wanted": wanted,
        "asked": {k: asked.get(k, "") for k in ("kind", "from", "to", "patient", "reason")},
        "kinds": [(str(kind), kind.traits.label) for kind in ActivityKind]
        + [(APPOINTMENT_STATUS, kind_label(APPOINTMENT_STATUS))],
        "counts": counts(request.practice.pk),
        "query": urlencode(kept | {"show": wanted.show}),
        "title": TITLES.get(wanted.reason or "", wanted.reason),
        "has_connection": front_connection(request.practice.pk) is not None,
    }
    if wanted.show is Show.ATTENTION and wanted.reason is None:
        return context | {"piles": _piles(request.practice.pk, wanted, statuses)}
    found = listing(request.practice.pk, wanted, limit=PAGE + 1, offset=(at - 1) * PAGE)
    return context | {
        "rows": _rows(found[:PAGE], statuses),
        "page": at,
        "earlier": at - 1,
        "later": at + 1 if len(found) > PAGE else 0,
    }


def _piles(practice_id: int, wanted: Filter, statuses: Mapping[str, str]) -> list[Pile]:
    made = []
    for group in groups(practice_id, wanted):
        alike = Filter(
            show=wanted.show,
            kind=wanted.kind,
            since=wanted.since,
            until=wanted.until,
            patient_key=wanted.patient_key,
            reason=group.reason,
        )
        first = listing(practice_id, alike, limit=IN_A_GROUP)
        sentences = {row.reason for row in first}
        made.append(
            Pile(
                group=group,
                title=TITLES.get(group.reason) or _("Other reasons"),
                sentence=sentences.pop() if len(sentences) == 1 else "",
                fix=FIXES.get(group.reason),
                rows=_rows(first, statuses),
            )
        )
    return made


def _rows(found: Sequence[Writeback], statuses: Mapping[str, str]) -> list[Row]:
    names = names_of(found)
    return [
        Row(
            shown=shown(row),
            name=names.get(row.pk, ""),
            preview=_preview(row, statuses),
            text=row.text,
            candidates=_candidates(row),
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
    """Who might be meant by a nameless activity: everybody with its phone number."""
    if row.patient_key or row.connection_id is None or row.activity is None or not row.activity.phone:
        return []
    return patients_by_phone(row.connection_id, row.activity.phone)[:MOST_CANDIDATES]


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
