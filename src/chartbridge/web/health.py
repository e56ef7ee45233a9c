"""The Health page: how fresh what is shown is, what waits, and what the PMS says of itself.

Must not be in it: settings (they have their own pages), doing what a button asks for (sync).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import mailing, reconciliations
from chartbridge.store.board import front_connection
from chartbridge.store.health import BadRows, bad_rows_by_stream, mirrored, queue_state, standing_for
from chartbridge.store.models import Connection, Role, StreamState
from chartbridge.store.notices import newest
from chartbridge.store.room import is_full
from chartbridge.store.streams import states
from chartbridge.store.webhooks import trouble
from chartbridge.sync.budget import budget_of
from chartbridge.sync.buttons import resume_after_brake
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.changes import changes_for, history_for
from chartbridge.web.toasts import with_toast
from chartbridge.writeback.mend import retry_alike

LABELS: dict[str, str | Promise] = {
    Stream.APPOINTMENT_STATUS: gettext_lazy("Appointment Status"),
    Stream.APPOINTMENTS: gettext_lazy("Appointments"),
    Stream.PATIENTS: gettext_lazy("Patients"),
    Stream.PHOTOS: gettext_lazy("Photos"),
    Stream.DOCUMENTS: gettext_lazy("Documents"),
    Stream.LOOKUPS: gettext_lazy("Lists (providers, types, statuses)"),
}
BRAKE = "brake"
VANISHED = "vanished"
SCALE = 2.0  # the bar's right end is twice the interval
OVERDUE = 3  # intervals without a good check, and at least:
OVERDUE_S = 30
LATE_BY_MS = 250
CLOCK_AGREES_S = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """Lag against the interval, in per cent of the bar's width; the tick is the interval."""

    p50: float
    p95: float
    tick: float
    within: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamHealth:
    """One row of the table."""

    state: StreamState
    label: str | Promise
    tone: str
    icon: str
    word: str
    bar: Bar | None
    bad: BadRows | None

    @property
    def reading_all(self) -> bool:
        """Whether a full read is under way."""
        return self.state.on and (self.state.reads_all or self.state.first_read_done_at is None)

    @property
    def has_more(self) -> bool:
        """Whether something stands under the row."""
        return bool(self.state.error or self.reading_all or self.bad)


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """The page."""
    live_from = newest()
    return render(request, "web/health/page.html", _context(request) | {"live_from": live_from})


@require_GET
@needs(Role.READ_ONLY)
def state(request: StaffRequest) -> HttpResponse:
    """What moves of the page, asked for anew."""
    return render(request, "web/health/state.html", _context(request))


@require_POST
@needs(Role.MANAGER)
def resume(request: StaffRequest) -> HttpResponse:
    """Let reading and writing go on after the brake."""
    connection = front_connection(request.practice.pk)
    if connection and connection.hold_code == BRAKE:
        resume_after_brake(connection.pk, request.user.email)
        again = request.POST.get("again") == "on"
        written = retry_alike(request.practice.pk, VANISHED, request.user.email) if again else 0
        audit(request, "connection.resumed", connection=connection.pk, written_again=written)
    answer = render(request, "web/health/state.html", _context(request))
    return with_toast(
        request, answer, _("Reading goes on, from the start. Watch this page until it is done.")
    )


def bar(state: StreamState) -> Bar | None:
    """The bar of a stream, where its lag was measured."""
    if state.lag_p50_ms is None or state.lag_p95_ms is None:
        return None
    whole = state.interval_s * 1000 * SCALE
    return Bar(
        p50=round(min(100.0, 100 * state.lag_p50_ms / whole), 1),
        p95=round(min(100.0, 100 * state.lag_p95_ms / whole), 1),
        tick=100 / SCALE,
        within=state.lag_p95_ms <= state.interval_s * 1000 + LATE_BY_MS,
    )


def health_of(
    state: StreamState, connection: Connection, now: datetime, bad: BadRows | None, stretch: float = 1.0
) -> StreamHealth:
    """Judge one stream in a word, with an icon. `stretch`: its checks come so much more rarely than was set."""
    tone, icon, word = _judge(state, connection, now, stretch)
    return StreamHealth(
        state=state,
        label=LABELS.get(state.stream, state.stream),
        tone=tone,
        icon=icon,
        word=word,
        bar=bar(state),
        bad=bad,
    )


def _judge(state: StreamState, connection: Connection, now: datetime, stretch: float) -> tuple[str, str, str]:
    if not connection.on or not state.on:
        return "off", "circle-pause", _("Off")
    if connection.hold:
        return "bad", "octagon-pause", _("Stopped")
    if state.failures:
        return "bad", "triangle-alert", _("Not working")
    if state.first_read_done_at is None:
        return "wait", "loader-circle", _("First read")
    since = (now - state.last_success_at).total_seconds() if state.last_success_at else None
    if since is None or since > max(OVERDUE * state.interval_s * stretch, OVERDUE_S):
        return "bad", "clock-alert", _("Overdue")
    return "ok", "check", _("Fresh")


def _context(request: StaffRequest) -> dict[str, object]:
    connection = front_connection(request.practice.pk)
    if connection is None:
        return {"connection": None, "disk_full": is_full()}
    manifest = registry().manifests[connection.connector]
    bad = bad_rows_by_stream(connection.pk)
    now = timezone.now()
    patients, appointments = mirrored(connection)
    all_states = states(connection.pk)
    month = budget_of(connection, manifest, all_states, now)
    stretch = month.stretch if month else 1.0
    return {
        "connection": connection,
        "disk_full": is_full(),
        "manifest": manifest,
        "streams": [health_of(each, connection, now, bad.get(each.stream), stretch) for each in all_states],
        "queue": queue_state(connection),
        "patients_held": patients,
        "appointments_held": appointments,
        "braked": connection.hold_code == BRAKE,
        "vanished": standing_for(request.practice.pk, VANISHED),
        "changes": changes_for(connection),
        "history": history_for(connection),
        "identity": connection.identity,
        "clock": (clock := _clock(connection.identity)),
        "clock_agrees": clock is not None and abs(clock) <= CLOCK_AGREES_S,
        "clock_behind": -(clock or 0),
        "budget": _budget(connection, manifest),
        "month": month,
        "webhooks": trouble(request.practice.pk),
        "mail_error": mailing.setting(request.practice.pk).error,
        "reconciled": reconciliations.newest_finished(request.practice.pk),
        "unlike": reconciliations.open_findings(request.practice.pk),
    }


def _clock(identity: dict[str, Any]) -> int | None:
    """By how many seconds the PMS's clock is ahead, as far as that was kept."""
    try:
        server = datetime.fromisoformat(str(identity["server_now"]))
        asked = datetime.fromisoformat(str(identity["asked_at"]))
    except (KeyError, ValueError):
        return None
    return round((server - asked).total_seconds())


def _budget(connection: Connection, manifest: Manifest) -> dict[str, float] | None:
    """How many calls a minute the checks cost at their intervals, where calls are limited."""
    if not manifest.calls_per_second:
        return None
    calls = sum(
        60 / max(1, each.interval_s) * claim.metered_calls
        for each in states(connection.pk)
        if each.on and (claim := manifest.streams.get(Stream(each.stream)))
    )
    most = manifest.calls_per_second * 60
    return {"calls": round(calls), "most": round(most), "percent": round(100 * calls / most)}
