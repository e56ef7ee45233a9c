"""Undo a bad day: choose what one wrong setting wrote, see exactly what would happen, then do it.

Must not be in it: how a write is undone (writeback).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import SystemClock
from chartbridge.store import bad_days, undoings
from chartbridge.store.bad_days import Wanted
from chartbridge.store.board import front_connection
from chartbridge.store.lookups import entries
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.numbers import number_of
from chartbridge.web.toasts import with_toast
from chartbridge.writeback import undoing
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label
from chartbridge.writeback.undoing import Way

LISTED = 20
WAYS: dict[Way, tuple[str | Promise, str]] = {
    Way.TAKE_BACK: (gettext_lazy("taken back: not written yet"), "undo-2"),
    Way.CORRECT: (gettext_lazy("corrected by a note that names it"), "notebook-pen"),
    Way.SET_BACK: (gettext_lazy("set back to the former status"), "undo-2"),
    Way.WITH_FIRST: (gettext_lazy("set back with the first move of their appointment"), "undo-2"),
    Way.WAIT: (gettext_lazy("on their way right now: undone as soon as that is settled"), "clock"),
    Way.MOVED_ON: (gettext_lazy("left alone: somebody has moved the appointment since"), "circle-slash"),
    Way.CORRECTED: (gettext_lazy("left alone: undone already"), "check"),
    Way.UNSURE: (gettext_lazy("left alone: may be in the chart, see Writebacks first"), "triangle-alert"),
    Way.CANNOT: (gettext_lazy("left alone: the PMS has no way back"), "circle-slash"),
}
FIELDS = ("kind", "type", "provider", "source", "from", "to")


@require_GET
@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """The page: what may be chosen, and how far the newest undoing is."""
    return render(request, "web/proving/undo.html", _context(request, request.GET) | _state(request))


@require_GET
@needs(Role.MANAGER)
def state(request: StaffRequest) -> HttpResponse:
    """What moves: how far the newest undoing really is."""
    return render(request, "web/proving/undo_run.html", _state(request))


@require_POST
@needs(Role.MANAGER)
def dry_run(request: StaffRequest) -> HttpResponse:
    """Say what would happen. Changes nothing."""
    wanted = _wanted(request)
    if wanted is None:
        return _not_chosen(request)
    told = undoing.dry_run(request.practice.pk, wanted)
    audit(request, "undo.tried", count=sum(told.counts.values()))
    steps = [(step, WAYS[step.way][0]) for step in told.steps]
    shown = {"told": told, "steps": steps, "counts": _counted(told.counts), "twice": _twice(request)}
    return render(request, "web/proving/undo_run.html", shown)


@require_POST
@needs(Role.MANAGER)
def undo(request: StaffRequest) -> HttpResponse:
    """Begin to do it: what was there at the dry run, and nothing that came in since. The engine goes on with it."""
    wanted = _wanted(request)
    up_to = number_of(request.POST.get("up_to", ""))
    if wanted is None or up_to is None:
        return _not_chosen(request)
    run = undoing.begin(
        request.practice.pk, replace(wanted, up_to=up_to), request.user.email, clock=SystemClock()
    )
    audit(request, "undo.begun", run=run.pk)
    return render(request, "web/proving/undo_run.html", _state(request))


@require_POST
@needs(Role.MANAGER)
def take_back(request: StaffRequest) -> HttpResponse:
    """Take back what of the newest undoing is not sent yet."""
    run = undoings.newest(request.practice.pk)
    taken = run is not None and undoing.take_back(run, request.user.email)
    if taken and run:
        audit(request, "undo.taken_back", run=run.pk)
    answer = render(request, "web/proving/undo_run.html", _state(request))
    if taken:
        return answer
    return with_toast(request, answer, _("All of it was sent already."), error=True)


def _not_chosen(request: StaffRequest) -> HttpResponse:
    answer = render(request, "web/proving/undo_run.html", _state(request))
    return with_toast(request, answer, _("Choose from when to when it was written."), error=True)


def _state(request: StaffRequest) -> dict[str, object]:
    run = undoings.newest(request.practice.pk)
    if run is None:
        return {}
    progress = undoings.progress(run)
    return {
        "run": run,
        "progress": progress,
        "moves": run.finished_at is None or bool(progress.on_way),
        "left": [(progress.left[way], *WAYS[way]) for way in WAYS if progress.left.get(way)],
        "stuck": sorted(progress.stuck.items(), key=lambda each: -each[1])[:LISTED],
        "can_take_back": undoings.can_be_taken_back(run),
    }


def _counted(counts: dict[Way, int]) -> list[tuple[int, str | Promise, str]]:
    return [(counts[way], *WAYS[way]) for way in WAYS if counts.get(way)]


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
    begins, ends = _local(given.get("from", "")), _local(given.get("to", ""))
    if begins is None or ends is None:
        return None
    since, until = min(_moments(begins, zone)), max(_moments(ends, zone))
    if until <= since:
        return None
    return Wanted(
        since=since,
        until=until + timedelta(minutes=1),
        kind=given.get("kind", ""),
        type_key=given.get("type", ""),
        provider_key=given.get("provider", ""),
        source=given.get("source", ""),
    )


def _twice(request: StaffRequest) -> bool:
    """Whether one of the times names an hour that came twice."""
    zone = ZoneInfo(request.practice.time_zone)
    given = [_local(request.POST.get(name, "")) for name in ("from", "to")]
    pairs = [_moments(each, zone) for each in given if each]
    return any(first < second for first, second in pairs)


def _moments(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments that a local time may mean, as UTC, because two times of one zone are compared without their offset:
    two in the hour that a night in autumn has twice; in the one that a night in spring leaves out, the later first."""
    one, other = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return one, other


def _local(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            found = datetime.combine(date.fromisoformat(text), time())
        except ValueError:
            return None
    return found.replace(tzinfo=None) if 2000 <= found.year <= 2100 else None
