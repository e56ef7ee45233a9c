"""The ledger on the audit page: verified on demand, downloaded as CSV or JSON lines.

Must not be in it: how it is chained.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chartbridge.store import ledger, ledger_export
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit


@require_GET
@needs(Role.MANAGER)
def state(request: StaffRequest) -> HttpResponse:
    """Look through the whole ledger and say what was found."""
    report = ledger.verify(request.practice.pk)
    audit(request, "ledger.verified", whole=report.whole)
    return render(request, "web/settings/parts/ledger.html", {"report": report})


@require_GET
@needs(Role.MANAGER)
def download(request: StaffRequest, form: str) -> HttpResponseBase:
    """The ledger as a file, written as it is read."""
    if form not in ("csv", "json"):
        return HttpResponse(status=404)
    audit(request, "ledger.exported", form=form)
    pieces = _csv(request.practice.pk) if form == "csv" else _json(request.practice.pk)
    answer = StreamingHttpResponse(
        pieces, content_type="text/csv" if form == "csv" else "application/x-ndjson"
    )
    answer["Content-Disposition"] = f'attachment; filename="ledger.{"csv" if form == "csv" else "jsonl"}"'
    return answer


def _csv(practice_id: int) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=ledger_export.COLUMNS)
    writer.writeheader()
    for entry in ledger_export.entries(practice_id):
        writer.writerow({name: ledger_export.harmless(value) for name, value in entry.items()})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _json(practice_id: int) -> Iterator[str]:
    for entry in ledger_export.entries(practice_id):
        yield json.dumps(entry, ensure_ascii=False) + "\n"
