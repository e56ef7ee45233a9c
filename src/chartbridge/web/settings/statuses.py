"""Statuses: which column each of the PMS's appointment statuses means, and which one a move sets.

Must not be in it: the rules of the board (flow), a status's meaning guessed from its name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.flow.mapping import default_mappings
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.registry import registry
from chartbridge.store.connections import connection_of
from chartbridge.store.models import Connection, Role
from chartbridge.store.settings import (
    Option,
    StatusChoice,
    forget_status_choices,
    options,
    save_status_choice,
    status_choices,
)
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.changes import ON_STATUSES, changes_for
from chartbridge.web.settings.words import FLOW, MEANINGS, Words
from chartbridge.web.toasts import Undo, only_toast, with_toast

COLUMNS = (
    FlowStatus.EXPECTED,
    FlowStatus.CHECKED_IN,
    FlowStatus.IN_OPERATORY,
    FlowStatus.READY_FOR_CHECKOUT,
    FlowStatus.COMPLETED,
    FlowStatus.BROKEN,
)
"""Columns that a status can mean. Late is not among them: the clock decides it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusRow:
    """A line of the page."""

    option: Option
    choice: StatusChoice
    meanings: tuple[Words, ...]
    placed: bool


@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """Show every status of the PMS."""
    connection = connection_of(request.practice.pk)
    context = _context(connection) if connection else {"connection": None}
    return render(request, "web/settings/statuses.html", context)


@require_POST
@needs(Role.MANAGER)
def save(request: StaffRequest) -> HttpResponse:
    """Store what one status means, at once."""
    connection = connection_of(request.practice.pk)
    key = request.POST.get("status", "")
    known = {o.key for o in options(connection.pk, LookupKind.APPOINTMENT_STATUSES)} if connection else set()
    column = request.POST.get("column", "")
    if connection is None or key not in known or (column and column not in COLUMNS):
        return only_toast(
            request, _("This status is no longer in the list. Reload the page."), error=True, status=409
        )
    before = status_choices(connection.pk).get(key, StatusChoice(status_key=key))
    after = replace(
        before,
        flow_status=column,
        writes=bool(column) and request.POST.get(f"writes-{column}") == "on",
        means_confirmed=request.POST.get("confirmed") == "on",
    )
    save_status_choice(connection.pk, after)
    audit(request, "statuses.changed", status=key, column=column, writes=after.writes)
    undo = Undo(url=reverse("settings-statuses-save"), sends=_sends(before), target="#statuses")
    return with_toast(request, _table(request, connection), _("Saved."), undo=undo)


@require_POST
@needs(Role.MANAGER)
def reset(request: StaffRequest) -> HttpResponse:
    """Take everything from the PMS's own preferences again."""
    connection = connection_of(request.practice.pk)
    if connection is None:
        return only_toast(request, _("There is no connection yet."), error=True, status=409)
    forget_status_choices(connection.pk)
    filled = default_mappings(connection.pk)
    audit(request, "statuses.reset", filled=filled)
    return with_toast(request, _table(request, connection), _("Taken from the PMS's own settings again."))


def _sends(choice: StatusChoice) -> dict[str, str]:
    return {
        "status": choice.status_key,
        "column": choice.flow_status,
        f"writes-{choice.flow_status}": "on" if choice.writes else "",
        "confirmed": "on" if choice.means_confirmed else "",
    }


def _table(request: StaffRequest, connection: Connection) -> HttpResponse:
    return render(request, "web/settings/parts/statuses.html", _context(connection))


def _context(connection: Connection) -> dict[str, object]:
    chosen = status_choices(connection.pk)
    rows = [
        StatusRow(
            option=option,
            choice=chosen.get(option.key, StatusChoice(status_key=option.key)),
            meanings=tuple(MEANINGS[m] for m in option.meaning if m in MEANINGS),
            placed=option.key in chosen,
        )
        for option in options(connection.pk, LookupKind.APPOINTMENT_STATUSES)
        if option.usable or option.key in chosen
    ]
    manifest: Manifest | None = registry().manifests.get(connection.connector)
    return {
        "connection": connection,
        "changes": changes_for(connection, ON_STATUSES),
        "pms": manifest.label if manifest else connection.connector,
        "rows": rows,
        "columns": [(str(c), FLOW[c]) for c in COLUMNS],
        "sets_status": bool(manifest and manifest.can_write(CommandKind.SET_APPOINTMENT_STATUS)),
        "why_not": manifest.cannot.get(CommandKind.SET_APPOINTMENT_STATUS, "") if manifest else "",
    }
