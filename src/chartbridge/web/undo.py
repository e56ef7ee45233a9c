"""Undo a bad day: choose what one wrong setting wrote, see exactly what would happen, then do it.

Must not be in it: how a write is undone (writeback).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.store import bad_days
from chartbridge.store.bad_days import Wanted
from chartbridge.store.board import front_connection
from chartbridge.store.lookups import entries
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.toasts import with_toast
from chartbridge.writeback import undoing
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label
from chartbridge.writeback.undoing import ACTS, Way

WAYS: dict[Way, tuple[str | Promise, str]] = {
    Way.TAKE_BACK: (gettext_lazy("taken back: not written yet"), "undo-2"),
    Way.CORRECT: (gettext_lazy("corrected by a note that names it"), "notebook-pen"),
    Way.SET_BACK: (gettext_lazy("set back to the former status"), "undo-2"),
    Way.WAIT: (gettext_lazy("on their way right now: undo again in a minute"), "clock"),
    Way.MOVED_ON: (gettext_lazy("left alone: the PMS shows another status by now"), "circle-slash"),
    Way.CORRECTED: (gettext_lazy("corrected already"), "check"),
    Way.UNSURE: (gettext_lazy("left alone: may be in the chart, see Writebacks first"), "triangle-alert"),
    Way.CANNOT: (gettext_lazy("left alone: the PMS has no way back"), "circle-slash"),
}
FIELDS = ("kind", "type", "provider", "source", "from", "to")


@require_GET
@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """The page, with nothing chosen yet."""
    return render(request, "web/proving/undo.html", _context(request, request.GET))


@require_POST
@needs(Role.MANAGER)
def dry_run(request: StaffRequest) -> HttpResponse:
    """Say what would happen. Changes nothing."""
    context = _context(request, request.POST)
    wanted = _wanted(request)
    if wanted is None:
        answer = render(request, "web/proving/undo_run.html", context)
        return with_toast(request, answer, _("Choose from when to when it was written."), error=True)
    told = undoing.dry_run(request.practice.pk, wanted)
    audit(request, "undo.tried", count=sum(told.counts.values()))
    steps = [(step, WAYS[step.way][0]) for step in told.steps]
    shown = {"told": told, "steps": steps, "counts": _counted(told.counts)}
    return render(request, "web/proving/undo_run.html", context | shown)


@require_POST
@needs(Role.MANAGER)
def undo(request: StaffRequest) -> HttpResponse:
    """Do it. Pressing twice corrects nothing twice."""
    context = _context(request, request.POST)
    wanted = _wanted(request)
    if wanted is None:
        answer = render(request, "web/proving/undo_run.html", context)
        return with_toast(request, answer, _("Choose from when to when it was written."), error=True)
    counts = undoing.undo(request.practice.pk, wanted, request.user.email)
    done = sum(n for way, n in counts.items() if way in ACTS)
    audit(request, "undo.done", count=done)
    answer = render(
        request, "web/proving/undo_run.html", context | {"done": done, "counts": _counted(counts)}
    )
    said = ngettext("%(n)d undone.", "%(n)d undone.", done) % {"n": done}
    return with_toast(request, answer, said)


def _counted(counts: dict[Way, int]) -> list[tuple[int, str | Promise, str, bool]]:
    return [(counts[way], *WAYS[way], way in ACTS) for way in WAYS if counts.get(way)]


def _context(request: StaffRequest, asked: QueryDict) -> dict[str, object]:
    connection = front_connection(request.practice.pk)
    kinds = [(str(kind), kind_label(kind)) for kind in ActivityKind]
    lists = {
        kind: entries(connection.pk, kind) if connection else []
        for kind in (LookupKind.NOTE_TYPES, LookupKind.DOCUMENT_TYPES, LookupKind.PROVIDERS)
    }
    today = timezone.now().astimezone(ZoneInfo(request.practice.time_zone)).date()
    return {
        "asked": {name: asked.get(name, "") for name in FIELDS},
        "kinds": [*kinds, (APPOINTMENT_STATUS, kind_label(APPOINTMENT_STATUS))],
        "types": [*lists[LookupKind.NOTE_TYPES], *lists[LookupKind.DOCUMENT_TYPES]],
        "providers": lists[LookupKind.PROVIDERS],
        "sources": bad_days.sources(request.practice.pk),
        "from_default": asked.get("from") or f"{today}T00:00",
        "to_default": asked.get("to") or f"{today}T23:59",
    }


def _wanted(request: StaffRequest) -> Wanted | None:
    given, zone = request.POST, ZoneInfo(request.practice.time_zone)
    since, until = _moment(given.get("from", ""), zone), _moment(given.get("to", ""), zone)
    if since is None or until is None or until <= since:
        return None
    return Wanted(
        since=since,
        until=until + timedelta(minutes=1),
        kind=given.get("kind", ""),
        type_key=given.get("type", ""),
        provider_key=given.get("provider", ""),
        source=given.get("source", ""),
    )


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            found = datetime.combine(date.fromisoformat(text), time())
        except ValueError:
            return None
    return found.replace(tzinfo=zone) if 2000 <= found.year <= 2100 else None
