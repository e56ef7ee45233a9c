"""Writing something new on a patient's page: thirteen kinds of note and two kinds of document, through intake.

Must not be in it: what is good enough to be kept (intake), what is written into the PMS (writeback).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from chartbridge.domain.activities import ActivityKind, Medium
from chartbridge.domain.clock import SystemClock
from chartbridge.domain.content import NOTHING
from chartbridge.intake.accept import Accepted, BadActivity, Intake, KeyReused, NewActivity
from chartbridge.intake.new import sent_file
from chartbridge.intake.pdf import too_large
from chartbridge.store.board import front_connection
from chartbridge.store.mirror import patient
from chartbridge.store.models import Delivery, MirrorPatient, Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.toasts import with_toast
from chartbridge.writeback.enqueue import enqueue_many

intake = Intake(enqueue=enqueue_many, clock=SystemClock())


def _kinds(*media: Medium) -> str:
    return "|".join(kind for kind in ActivityKind if kind.traits.medium in media)


SHOWN_FOR = {
    "phone": _kinds(Medium.TEXT, Medium.PHONE),
    "email": _kinds(Medium.EMAIL),
    "body": _kinds(Medium.TEXT, Medium.EMAIL, Medium.PHONE, Medium.NOTE, Medium.INSURANCE),
    "verified_on": "|".join((ActivityKind.VERIFICATION_NOTE, ActivityKind.INSURANCE_VERIFICATION)),
    "file": _kinds(Medium.DOCUMENT),
}
"""Field → the kinds for which it is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """One heading of the kind picker."""

    label: str
    kinds: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The form as filled in, and what is wrong with it."""

    values: Mapping[str, str]
    idempotency_key: str
    bad_field: str = ""
    bad_sentence: str = ""


def blank(who: MirrorPatient, kind: str = ActivityKind.PATIENT_NOTE) -> dict[str, object]:
    """The form's context with nothing written yet."""
    values = {"kind": kind, "phone": who.mobile_phone or who.home_phone, "email": who.email}
    return _context(who, Written(values=values, idempotency_key=str(uuid.uuid4())))


@require_POST
@needs(Role.FRONT_DESK)
def write(request: StaffRequest, key: str) -> HttpResponse:
    """Take in what was written; the answer is the form again, empty or with what is wrong."""
    connection = front_connection(request.practice.pk)
    who = patient(connection.pk, key) if connection else None
    if who is None:
        return render(request, "web/patients/unknown.html", {"key": key}, status=404)
    try:
        accepted = intake.accept(
            request.practice.pk,
            _new(request, key),
            source=f"user:{request.user.pk}",
            who=request.user.email,
            idempotency_key=request.POST.get("idempotency_key") or str(uuid.uuid4()),
        )
    except BadActivity as error:
        return _again(request, who, error.field, error.sentence)
    except KeyReused:
        return _again(request, who, "", _("This form was sent before. Send it once more."), fresh=True)
    audit(request, "patient.written", key, kind=accepted.activity.kind)
    answer = render(request, "web/patients/compose.html", blank(who, accepted.activity.kind))
    answer["HX-Trigger"] = "written"
    return with_toast(request, answer, said(accepted))


def said(accepted: Accepted) -> str:
    """What became of it, in a sentence."""
    kind = ActivityKind(accepted.activity.kind).traits.label
    states = {each.delivery for each in accepted.writebacks}
    if not accepted.writebacks or states == {Delivery.SKIPPED}:
        return _("%(kind)s: kept here. This type is not written to the PMS.") % {"kind": kind}
    if states & {Delivery.HELD, Delivery.PARKED}:
        return _("%(kind)s: kept, but it needs attention before it can be written.") % {"kind": kind}
    parts = sum(1 for each in accepted.writebacks if each.parts > 1)
    if parts:
        line = ngettext("in %(n)d part", "in %(n)d parts", parts) % {"n": parts}
        return _("%(kind)s: kept; it goes into the chart %(parts)s.") % {"kind": kind, "parts": line}
    return _("%(kind)s: kept; it goes into the chart now.") % {"kind": kind}


def groups() -> list[Group]:
    """The kinds under their headings, as on the settings page."""
    made: dict[str, Group] = {}
    for kind in ActivityKind:
        group = made.setdefault(kind.traits.group, Group(label=kind.traits.group))
        group.kinds.append((str(kind), kind.traits.label))
    return list(made.values())


def _new(request: StaffRequest, key: str) -> NewActivity:
    sent = request.POST
    upload = request.FILES.get("file")
    if upload is None and int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise too_large()  # of so large a request not all was kept
    return NewActivity(
        kind=sent.get("kind", ""),
        patient_key=key,
        occurred_at=_moment(sent.get("occurred_at", ""), request.practice.time_zone),
        subject=sent.get("subject", ""),
        body=sent.get("body", ""),
        phone=sent.get("phone", ""),
        email=sent.get("email", ""),
        author=request.user.get_full_name() or request.user.email,
        verified_on=_day(sent.get("verified_on", "")),
        file_name=(upload.name or "") if upload else "",
        file_content=sent_file(upload, upload.size or 0) if upload else NOTHING,
    )


def _moment(given: str, zone: str) -> datetime | None:
    """The wall time of the practice that was entered; the first of a repeated hour."""
    if not given.strip():
        return None
    try:
        return datetime.fromisoformat(given).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise BadActivity("occurred_at", _("This isn't a date and time. Choose it anew.")) from None


def _day(given: str) -> date | None:
    if not given.strip():
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise BadActivity("verified_on", _("This isn't a date. Choose it anew.")) from None


def _again(
    request: StaffRequest, who: MirrorPatient, bad: str, sentence: str, *, fresh: bool = False
) -> HttpResponse:
    used = "" if fresh else request.POST.get("idempotency_key", "")
    values = {name: str(value) for name, value in request.POST.items()}
    written = Written(
        values=values, idempotency_key=used or str(uuid.uuid4()), bad_field=bad, bad_sentence=sentence
    )
    return render(request, "web/patients/compose.html", _context(who, written), status=422)


def _context(who: MirrorPatient, written: Written) -> dict[str, object]:
    return {"patient": who, "written": written, "groups": groups(), "shown_for": SHOWN_FOR}
