"""Everything that Chartbridge wrote to one chart, with receipts and the ledger's entries, made to be printed.

Must not be in it: what is not written there (the timeline has everything).
"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from chartbridge.store import chart_writes
from chartbridge.store.board import front_connection
from chartbridge.store.mirror import patient
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.showing import shown


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest, key: str) -> HttpResponse:
    """The page."""
    connection = front_connection(request.practice.pk)
    who = patient(connection.pk, key) if connection else None
    if connection is None or who is None:
        return render(request, "web/patients/unknown.html", {"key": key}, status=404)
    audit(request, "patient.writes_viewed", key)
    writes = [(shown(each.row), each.entries) for each in chart_writes.of_patient(request.practice.pk, key)]
    context = {
        "patient": who,
        "writes": writes,
        "cut_at": chart_writes.MOST if len(writes) >= chart_writes.MOST else 0,
        "printed": timezone.now(),
        "who": request.user.email,
    }
    return render(request, "web/patients/writes.html", context)
