"""The patient's page: who it is, family, visits, documents, and one timeline of everything with its receipts.

Must not be in it: writing something new (compose), opening files (files).
"""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chartbridge.domain.charts import LookupKind
from chartbridge.store import activities
from chartbridge.store.board import front_connection, lookup_entries, status_moves
from chartbridge.store.mirror import documents_of_patient, patient
from chartbridge.store.models import Connection, MirrorPatient, Role
from chartbridge.store.notices import newest
from chartbridge.store.patients import file_names, guarantor, related, visits
from chartbridge.web.access import StaffRequest, may, needs
from chartbridge.web.audit import audit
from chartbridge.web.compose import blank
from chartbridge.web.patients import now_local
from chartbridge.web.showing import timeline


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest, key: str) -> HttpResponse:
    """The page."""
    live_from = newest()
    connection = front_connection(request.practice.pk)
    who = patient(connection.pk, key) if connection else None
    if connection is None or who is None:
        return render(request, "web/patients/unknown.html", {"key": key}, status=404)
    audit(request, "patient.viewed", key)
    context = _about(request, connection, who) | _timeline(request, key) | {"live_from": live_from}
    if may(request.membership, Role.FRONT_DESK):
        context |= blank(who)
    return render(request, "web/patients/patient.html", context)


@require_GET
@needs(Role.READ_ONLY)
def entries(request: StaffRequest, key: str) -> HttpResponse:
    """The timeline alone, asked for anew when something moved."""
    return render(request, "web/patients/timeline.html", _timeline(request, key) | {"key": key})


@require_GET
@needs(Role.READ_ONLY)
def about(request: StaffRequest, key: str) -> HttpResponse:
    """Contacts, family, visits and documents alone, asked for anew when something moved."""
    connection = front_connection(request.practice.pk)
    who = patient(connection.pk, key) if connection else None
    if connection is None or who is None:
        return HttpResponse(status=204)
    return render(request, "web/patients/about.html", _about(request, connection, who))


def age(born: date, today: date) -> int:
    """Whole years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _about(request: StaffRequest, connection: Connection, who: MirrorPatient) -> dict[str, object]:
    now = now_local(request.practice.time_zone)
    booked = visits(connection.pk, who.key, now)
    return {
        "patient": who,
        "age": age(who.birthdate, now.date()) if who.birthdate and who.birthdate <= now.date() else None,
        "related": related(connection.pk, who),
        "guarantor": guarantor(connection.pk, who),
        "coming": booked.coming,
        "past": booked.past,
        "providers": lookup_entries(connection.pk, LookupKind.PROVIDERS),
        "operatories": lookup_entries(connection.pk, LookupKind.OPERATORIES),
        "statuses": lookup_entries(connection.pk, LookupKind.APPOINTMENT_STATUSES),
        "document_types": lookup_entries(connection.pk, LookupKind.DOCUMENT_TYPES),
        "documents": documents_of_patient(connection.pk, who.key),
        "show_photos": connection.show_photos,
        "today": now.date(),
    }


def _timeline(request: StaffRequest, key: str) -> dict[str, object]:
    happened = activities.timeline(request.practice.pk, key)
    moves = status_moves(request.practice.pk, key)
    connection = front_connection(request.practice.pk) if moves else None
    return {
        "timeline": timeline(happened, moves, file_names(happened)),
        "key": key,
        "status_words": lookup_entries(connection.pk, LookupKind.APPOINTMENT_STATUSES) if connection else {},
    }
