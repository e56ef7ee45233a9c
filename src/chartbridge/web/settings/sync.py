"""PMS Sync Settings: which streams are read, how often, how they are doing; Sync now and Full sync.

Must not be in it: when a check is due, the brake's button (Health).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chartbridge.pms.manifest import Manifest, StreamClaim
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store.connections import connection_of
from chartbridge.store.models import Connection, Role, StreamState
from chartbridge.store.settings import save_show_photos
from chartbridge.store.streams import save_stream_setting, states
from chartbridge.sync.buttons import full_sync, sync_now
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.settings.words import STREAMS, Words
from chartbridge.web.toasts import Undo, only_toast, with_toast


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRow:
    """A line of the page."""

    state: StreamState
    claim: StreamClaim | None
    label: Words

    @property
    def least(self) -> int:
        """The least interval that the connector allows, in seconds."""
        return self.claim.least_interval if self.claim else 1

    @property
    def most(self) -> int:
        """The longest interval that the connector allows, in seconds."""
        return self.claim.most_interval if self.claim else 24 * 3600

    @property
    def spoken(self) -> str:
        """The interval as people say it, where it is a minute or more: "5 min", "1 h 30 min"."""
        seconds = self.state.interval_s
        if seconds < 60:
            return ""
        hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
        parts = [(hours, _("h")), (minutes, _("min")), (rest, _("s"))]
        return " ".join(f"{n} {unit}" for n, unit in parts if n)

    @property
    def under_way(self) -> bool:
        """Whether a full pass is running or a button's work has yet to begin."""
        return self.state.reads_all or bool(self.state.wanted)


@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """Show the page."""
    connection = connection_of(request.practice.pk)
    context = _context(connection) if connection else {"connection": None}
    return render(request, "web/settings/sync.html", context)


@needs(Role.READ_ONLY)
def state(request: StaffRequest) -> HttpResponse:
    """Answer the page's poll: how each stream is doing. The fields themselves are left alone."""
    connection = _connection(request)
    return render(request, "web/settings/parts/stream_states.html", _context(connection))


@require_POST
@needs(Role.MANAGER)
def stream(request: StaffRequest, stream: str) -> HttpResponse:
    """Set one stream's toggle and interval."""
    connection = _connection(request)
    of = _stream(stream)
    before = next((s for s in states(connection.pk) if s.stream == of), None)
    if before is None:
        raise Http404
    given = request.POST.get("interval", "").strip()
    on = request.POST.get("on") == "on"
    if not (given.isascii() and given.isdigit()):
        return _row(request, connection, of, error=_("Enter the seconds as a number, for example 60."))
    try:
        save_stream_setting(connection.pk, of, on, int(given[:9]))
    except ValueError as error:
        return _row(request, connection, of, error=str(error))
    audit(request, "sync.stream", stream=str(of), on=on, interval_s=int(given))
    undo = Undo(
        url=reverse("settings-sync-stream", args=[of]),
        sends={"on": "on" if before.on else "", "interval": str(before.interval_s)},
        target=f"#stream-{of}",
    )
    return with_toast(request, _row(request, connection, of), _("Saved."), undo=undo)


@require_POST
@needs(Role.MANAGER)
def photos(request: StaffRequest) -> HttpResponse:
    """Show the PMS's photos, or initials."""
    connection = _connection(request)
    show = request.POST.get("photos") == "on"
    save_show_photos(connection.pk, show)
    audit(request, "sync.photos", on=show)
    undo = Undo(url=reverse("settings-sync-photos"), sends={"photos": "" if show else "on"}, target="#photos")
    connection.refresh_from_db()
    answer = render(request, "web/settings/parts/photos.html", _context(connection))
    return with_toast(request, answer, _("Saved."), undo=undo)


@require_POST
@needs(Role.FRONT_DESK)
def now(request: StaffRequest) -> HttpResponse:
    """Check one stream, or all, at once."""
    return _press(request, full=False)


@require_POST
@needs(Role.MANAGER)
def full(request: StaffRequest) -> HttpResponse:
    """Read one stream, or all, anew from the beginning."""
    return _press(request, full=True)


def _press(request: StaffRequest, *, full: bool) -> HttpResponse:
    connection = _connection(request)
    which = request.POST.get("stream", "")
    of = _stream(which) if which else None
    if connection.hold or not connection.on:
        sentence = _("Nothing is read at the moment: %(why)s") % {
            "why": connection.hold or _("the connection is switched off.")
        }
        return only_toast(request, sentence, error=True, status=409)
    (full_sync if full else sync_now)(connection.pk, of)
    audit(request, "sync.full" if full else "sync.now", stream=which or "all")
    sentence = (
        _("The full sync has begun. You can leave this page; it goes on.") if full else _("Checking now.")
    )
    answer = render(request, "web/settings/parts/stream_states.html", _context(connection))
    answer = with_toast(request, answer, sentence)
    answer["HX-Reswap"] = "none"
    return answer


def _connection(request: StaffRequest) -> Connection:
    connection = connection_of(request.practice.pk)
    if connection is None:
        raise Http404
    return connection


def _stream(name: str) -> Stream:
    if name not in set(Stream):
        raise Http404
    return Stream(name)


def _rows(connection: Connection, manifest: Manifest | None) -> Sequence[StreamRow]:
    return [
        StreamRow(
            state=each,
            claim=manifest.streams.get(Stream(each.stream)) if manifest else None,
            label=STREAMS[each.stream],
        )
        for each in states(connection.pk)
    ]


def _row(request: StaffRequest, connection: Connection, of: Stream, *, error: str = "") -> HttpResponse:
    row = next(
        r for r in _rows(connection, registry().manifests.get(connection.connector)) if r.state.stream == of
    )
    shown = {"row": row, "error": error, "given": request.POST.get("interval", "") if error else ""}
    return render(request, "web/settings/parts/stream_row.html", shown, status=422 if error else 200)


def _context(connection: Connection) -> dict[str, object]:
    manifest = registry().manifests.get(connection.connector)
    return {
        "connection": connection,
        "pms": manifest.label if manifest else connection.connector,
        "rows": _rows(connection, manifest),
        "missing": _missing(manifest),
    }


def _missing(manifest: Manifest | None) -> list[tuple[Words, str]]:
    """Streams that this PMS does not offer, and why."""
    if manifest is None:
        return []
    return [(STREAMS[s], manifest.cannot.get(s, "")) for s in Stream if s not in manifest.streams]
