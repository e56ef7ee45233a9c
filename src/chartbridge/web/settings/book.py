"""The ledger on the audit page: verified on demand, downloaded as CSV or JSON lines.

Must not be in it: how it is chained, how an entry is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from chartbridge.store import ledger_checks, ledger_export
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit

LINES_AT_ONCE = 500


@require_POST
@needs(Role.MANAGER)
def state(request: StaffRequest) -> HttpResponse:
    """Look through the whole ledger and say what was found."""
    before = ledger_checks.newest(request.practice.pk, whole=True)
    report = ledger_checks.verify(request.practice.pk, request.user.email, timezone.now())
    audit(request, "ledger.verified", whole=report.whole)
    context = {"report": report, "before": before, "check": ledger_checks.newest(request.practice.pk)}
    return render(request, "web/settings/parts/ledger.html", context)


@require_GET
@needs(Role.MANAGER)
def download(request: StaffRequest, form: str) -> HttpResponseBase:
    """The ledger as a file, written as it is read, however long it is."""
    if form not in ledger_export.FORMS:
        return HttpResponse(status=404)
    audit(request, "ledger.exported", form=form)
    pieces = _pieces(request.practice.pk, form)
    answer = StreamingHttpResponse(
        # Served asynchronously, Django would first read a plain iterator to its end.
        _as_it_comes(pieces) if isinstance(request, ASGIRequest) else pieces,
        content_type=ledger_export.FORMS[form],
    )
    answer["Content-Disposition"] = f'attachment; filename="ledger.{"csv" if form == "csv" else "jsonl"}"'
    return answer


def _pieces(practice_id: int, form: str) -> Iterator[str]:
    lines = ledger_export.lines(ledger_export.entries(practice_id), form)
    while piece := "".join(islice(lines, LINES_AT_ONCE)):
        yield piece


async def _as_it_comes(pieces: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(pieces, ""))
    while piece := await following():
        yield piece
