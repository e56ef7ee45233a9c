"""The Reconciliation page: whether the chart shows a day's activities as they were written, and what mends it.

Must not be in it: asking the PMS (the engine goes on with what is begun here).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.clock import SystemClock
from chartbridge.pms.commands import CommandKind
from chartbridge.store import reconciliations
from chartbridge.store.models import FindingKind, Reconciliation, ReconciliationFinding, Role
from chartbridge.store.writebacks import names_of, waiting_for_a_person
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.differences import TypeNames, names_of_types, what_was_changed
from chartbridge.web.mending import how_many_go_on
from chartbridge.web.numbers import number_of
from chartbridge.web.toasts import with_toast
from chartbridge.writeback import correcting, mend, reconcile
from chartbridge.writeback.rules import kind_label

HISTORY = 14
SHOWN = 200
_SHOWN = "reconciliation-shown"
KINDS: dict[str, tuple[str | Promise, str | Promise, str]] = {
    FindingKind.MISSING: (
        gettext_lazy("Not in the chart"),
        gettext_lazy("It was written and is not there any more."),
        "circle-x",
    ),
    FindingKind.TWICE: (
        gettext_lazy("There more than once"),
        gettext_lazy("The chart shows it more than once."),
        "copy",
    ),
    FindingKind.WRONG_PATIENT: (
        gettext_lazy("Under another patient"),
        gettext_lazy("The chart shows it under another patient's number."),
        "user-x",
    ),
    FindingKind.MAYBE_MERGED: (
        gettext_lazy("Perhaps merged"),
        gettext_lazy(
            "The chart shows it under another patient's number. The PMS does not say whether the two were merged into "
            "one patient: then it stands where it should. Look there first."
        ),
        "user-x",
    ),
    FindingKind.MERGED: (
        gettext_lazy("Merged"),
        gettext_lazy("Its patient was merged into patient %(other)s in the PMS, and it stands there now."),
        "check",
    ),
    FindingKind.UNREADABLE: (
        gettext_lazy("Can't be read"),
        gettext_lazy(
            "What the PMS answered for it is not to be understood. Look there; all others were looked at."
        ),
        "triangle-alert",
    ),
    FindingKind.CHANGED: (
        gettext_lazy("Changed since"),
        gettext_lazy("Somebody has changed the text in the PMS."),
        "pencil",
    ),
}
VERIFIED_AGAIN = gettext_lazy(
    "It does not stand there now: verified again since, or its note was changed. What stands there is left as it is."
)
FIXES: dict[str, str | Promise] = {
    FindingKind.MISSING: gettext_lazy("Write again"),
    FindingKind.TWICE: gettext_lazy("Correct the second"),
    FindingKind.WRONG_PATIENT: gettext_lazy("Correct it there"),
    FindingKind.MAYBE_MERGED: gettext_lazy("Correct it there"),
}
CONFIRMED = (FindingKind.MAYBE_MERGED,)
"""Mended one by one only, and only once a person has said that it is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One finding as it is shown."""

    finding: ReconciliationFinding
    label: str | Promise
    title: str | Promise
    sentence: str | Promise
    icon: str
    name: str
    fix: str | Promise
    confirm: bool


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """The page."""
    request.session.pop(_SHOWN, None)  # it is opened anew
    return render(request, "web/proving/reconciliation.html", _context(request))


@require_GET
@needs(Role.READ_ONLY)
def state(request: StaffRequest) -> HttpResponse:
    """What moves: how far a look is, and what it has found."""
    return render(request, "web/proving/reconciliation_state.html", _context(request))


def _audit_once(request: StaffRequest, run: Reconciliation | None, shown: int) -> None:
    """Note that somebody sees these patients: once per opening and look, however often the page asks anew."""
    now = run.pk if run and shown else 0
    if request.session.get(_SHOWN) == now:
        return
    request.session[_SHOWN] = now
    audit(request, "reconciliation.viewed", run=run.pk if run else None, count=shown)


@require_POST
@needs(Role.FRONT_DESK)
def start(request: StaffRequest) -> HttpResponse:
    """Begin a look at a day; the engine goes on with it."""
    day = _day(request.POST.get("day", "")) or _today(request)
    if day > _today(request):
        answer = render(request, "web/proving/reconciliation_state.html", _context(request))
        return with_toast(request, answer, _("That day is still to come."), error=True)
    reconcile.begin(request.practice.pk, day, request.user.email, clock=SystemClock())
    audit(request, "reconciliation.begun", day=day.isoformat())
    return render(request, "web/proving/reconciliation_state.html", _context(request))


@require_POST
@needs(Role.FRONT_DESK)
def decide(request: StaffRequest) -> HttpResponse:
    """Mend one finding or all alike, or say that they are known."""
    said, bad = _decided(request)
    answer = render(request, "web/proving/reconciliation_state.html", _context(request))
    return with_toast(request, answer, said, error=bad)


def _decided(request: StaffRequest) -> tuple[str, bool]:
    found = _chosen(request)
    if not found:
        return _("Somebody has already dealt with it."), True
    what, now = request.POST.get("do", ""), timezone.now()
    who = request.user.email
    if what == "known":
        reconciliations.decide([each.pk for each in found], "known", who, now)
        audit(request, "reconciliation.known", count=len(found))
        return _("Kept as it is in the PMS."), False
    if any(each.kind in CONFIRMED for each in found) and not request.POST.get("sure"):
        return _("Look in the PMS first whether these are two people."), True
    waits = _mended(request, found, who, now)
    gone = [each.pk for each in found if each.pk not in waits]
    reconciliations.decide(gone, "mended", who, now)
    audit(request, "reconciliation.mended", count=len(gone), waits=len(waits))
    said = ngettext("%(n)d is on its way.", "%(n)d are on their way.", len(gone)) % {"n": len(gone)}
    return how_many_go_on(len(gone), list(waits.values()), said), not gone


def _chosen(request: StaffRequest) -> list[ReconciliationFinding]:
    """What is still open of the finding that was named, or of all alike in the newest look."""
    if kind := request.POST.get("alike", ""):
        runs = reconciliations.newest(request.practice.pk)
        found = reconciliations.findings(runs[0].pk) if runs else []
        return [each for each in found if each.kind == kind and not each.decision]
    number = number_of(request.POST.get("finding", ""))
    named = None if number is None else reconciliations.finding(request.practice.pk, number)
    return [named] if named and not named.decision else []


def _mended(
    request: StaffRequest, found: list[ReconciliationFinding], who: str, now: datetime
) -> dict[int, str]:
    """Mend what can be mended. Returns which of them wait all the same, and why."""
    missing = [each.writeback_id for each in found if each.kind == FindingKind.MISSING]
    mend.retry_many(request.practice.pk, missing, who)
    made: dict[int, list[int]] = {each.pk: [] for each in found}
    for each in found:
        if each.kind == FindingKind.MISSING:
            made[each.pk] = [each.writeback_id]
        elif each.kind in FIXES:
            made[each.pk] = correcting.correct_finding(each, who, now)
        if each.kind == FindingKind.MAYBE_MERGED:
            reconcile.another_patient(each, who, SystemClock())
    stuck = waiting_for_a_person(request.practice.pk, [pk for numbers in made.values() for pk in numbers])
    waits = {number: [stuck[pk] for pk in numbers if pk in stuck] for number, numbers in made.items()}
    return {number: (why or [""])[0] for number, why in waits.items() if why or not made[number]}


def _context(request: StaffRequest) -> dict[str, object]:
    runs = reconciliations.newest(request.practice.pk, HISTORY)
    run = runs[0] if runs else None
    lines = _lines(run) if run else []
    undecided = [line for line in lines if not line.finding.decision]
    kinds = [line.finding.kind for line in undecided]
    alike = [
        (kind, FIXES[kind], kinds.count(kind))
        for kind in FIXES
        if kinds.count(kind) > 1 and kind not in CONFIRMED
    ]
    over = run is not None and run.finished_at is not None
    _audit_once(request, run, len(lines) if over else 0)
    return {
        "run": run,
        "running": run is not None and run.finished_at is None,
        "lines": lines[:SHOWN],
        "more": max(0, len(lines) - SHOWN),
        "undecided": len(undecided),
        "alike": alike,
        "history": [(each, reconciliations.undecided(each.pk)) for each in runs[1:]],
        "today": _today(request),
        "percent": round(100 * run.looked / run.total) if run and run.total else 0,
        "can_work": request.membership.role != Role.READ_ONLY,
        "can_manage": request.membership.role in (Role.OWNER, Role.MANAGER),
    }


def _lines(run: Reconciliation) -> list[Line]:
    found = reconciliations.findings(run.pk)
    names = names_of([each.writeback for each in found])
    types = names_of_types(found)
    return [
        Line(
            finding=each,
            label=kind_label(each.writeback.kind),
            title=KINDS[each.kind][0],
            sentence=_sentence(each, types),
            icon=KINDS[each.kind][2],
            name=names.get(each.writeback_id, ""),
            fix=FIXES.get(each.kind, ""),
            confirm=each.kind in CONFIRMED,
        )
        for each in found
    ]


def _sentence(found: ReconciliationFinding, types: TypeNames) -> str:
    verification = found.writeback.command == CommandKind.MARK_INSURANCE_VERIFIED
    if found.kind == FindingKind.CHANGED and verification and not found.records:
        return str(VERIFIED_AGAIN)
    if found.changes:
        return what_was_changed(found, types)
    return str(KINDS[found.kind][1]) % {"other": found.records[0][1] if found.records else ""}


def _today(request: StaffRequest) -> date:
    return timezone.now().astimezone(ZoneInfo(request.practice.time_zone)).date()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
