"""Audit trail: who did or looked at what, newest first. Must not be in it: changing anything."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from chartbridge.store import ledger_checks
from chartbridge.store.accounts import audit_trail
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.numbers import number_of
from chartbridge.web.settings.words import AUDIT_GROUPS, audit_sentence


@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """Show a page of it, in the practice's own time. The filter comes by POST: nothing of it stands in an address."""
    with timezone.override(request.practice.time_zone):
        return _page(request)


def _page(request: StaffRequest) -> HttpResponse:
    given = request.POST
    found = audit_trail(
        request.practice.pk,
        who=given.get("who", "").strip(),
        what=given.get("what", "").strip(),
        patient_key=given.get("patient", "").strip(),
        day=_day(given.get("day", "")),
        before=number_of(given.get("before", "")),
    )
    lines = [(entry, audit_sentence(entry.what)) for entry in found.entries]
    context = {
        "lines": lines,
        "older": found.older,
        "given": given,
        "groups": AUDIT_GROUPS.items(),
        "check": ledger_checks.newest(request.practice.pk),
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "web/settings/parts/trail.html" if part else "web/settings/trail.html", context)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
