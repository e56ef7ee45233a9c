"""Patients: finding one, and the list before anything is typed.

Searches come as POST bodies, so that names never stand in an address. Must not be in it: the patient's own page.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from chartbridge.store.board import front_connection
from chartbridge.store.mirror import search_patients
from chartbridge.store.models import Role
from chartbridge.store.patients import here_today, opened_last
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.numbers import page_of

PAGE = 25
MOST = 500
IN_THE_BOX = 8


@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """The page; a POST asks for the list alone."""
    if request.method == "POST":
        return render(request, "web/patients/results.html", _found(request))
    audit(request, "patients.viewed")
    return render(request, "web/patients/page.html", _found(request))


@require_POST
@needs(Role.READ_ONLY)
def search(request: StaffRequest) -> HttpResponse:
    """What the search box in the top bar shows while one types."""
    text = request.POST.get("text", "").strip()
    connection = front_connection(request.practice.pk)
    found = search_patients(connection.pk, text, IN_THE_BOX) if connection and text else []
    if text:
        audit(request, "patients.searched", found=len(found))
    context = {"found": found, "text": text, "show_photos": bool(connection and connection.show_photos)}
    return render(request, "web/patients/search.html", context)


def now_local(practice_zone: str) -> datetime:
    """The practice's wall time."""
    return timezone.now().astimezone(ZoneInfo(practice_zone)).replace(tzinfo=None)


def _found(request: StaffRequest) -> dict[str, object]:
    connection = front_connection(request.practice.pk)
    text = request.POST.get("text", "").strip()
    context: dict[str, object] = {
        "text": text,
        "connection": connection,
        "show_photos": bool(connection and connection.show_photos),
    }
    if connection is None:
        return context
    if not text:
        today = now_local(request.practice.time_zone).date()
        return context | {
            "today": here_today(connection.pk, today),
            "opened": opened_last(request.practice.pk, connection.pk, request.user.email),
        }
    shown = min(MOST, PAGE * page_of(request.POST.get("pages", "1")))
    found = search_patients(connection.pk, text, shown + 1)
    audit(request, "patients.searched", found=min(len(found), shown))
    more = len(found) > shown
    return context | {
        "found": found[:shown],
        "next_pages": shown // PAGE + 1 if more and shown < MOST else 0,
        "too_many": more and shown >= MOST,
    }
