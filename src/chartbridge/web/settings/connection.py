"""PMS Connection: which PMS, how it is reached, a test that says in words what works.

The form is made from the connector's manifest. Secrets are never shown again.
Must not be in it: a vendor's setting names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chartbridge.domain.clock import SystemClock
from chartbridge.flow.mapping import default_mappings
from chartbridge.pms.connector import Finding, Settings
from chartbridge.pms.errors import Misconfigured, PmsError
from chartbridge.pms.manifest import Manifest, Setting
from chartbridge.pms.registry import registry
from chartbridge.store import ledger
from chartbridge.store.connections import (
    as_entered,
    connection_of,
    save_connection,
    secrets_are_locked,
    set_on,
    stored_secrets,
)
from chartbridge.store.models import Connection, Role
from chartbridge.store.streams import states
from chartbridge.sync.budget import Spending, budget_of
from chartbridge.sync.connect import start_connection
from chartbridge.transport.addresses import can_be_host, port_of, web_address
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.changes import ON_CONNECTION, changes_for
from chartbridge.web.settings.words import ABILITIES
from chartbridge.web.toasts import only_toast
from chartbridge.writeback import giving_back, mend, unasked

LONGEST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class FormField:
    """One field of the form. `value` is empty for secrets; `stored` says that there is one."""

    setting: Setting
    value: str
    stored: bool
    error: str

    @property
    def rule(self) -> str:
        """When the field is shown, for the page's script: `name=value;…`."""
        return ";".join(f"{name}={value}" for name, value in self.setting.shown_when.items())


@needs(Role.READ_ONLY, change=Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """Show the page."""
    connection = connection_of(request.practice.pk)
    manifest = _manifest(request.GET.get("connector") or (connection.connector if connection else ""))
    context = _context(connection, manifest) | {"changes": changes_for(connection, ON_CONNECTION)}
    return render(request, "web/settings/connection.html", context)


@require_POST
@needs(Role.MANAGER)
def test(request: StaffRequest) -> HttpResponse:
    """Try what is in the form, without saving it."""
    connection = connection_of(request.practice.pk)
    manifest = _manifest(request.POST.get("connector", ""))
    entered, errors = _read(request, manifest, connection)
    if errors:
        return _form(request, connection, manifest, entered, errors, status=422)
    findings = _examine(manifest, entered, connection)
    works = all(f.ok is not False for f in findings)
    audit(request, "connection.tested", connector=manifest.id, works=works)
    if works and connection is not None:
        giving_back.try_now(connection.pk, request.user.email, SystemClock())
    by_setting = {f.ability: f.sentence for f in findings if f.ok is False}
    named = {s.name: by_setting[s.name] for s in manifest.settings if s.name in by_setting}
    return _form(request, connection, manifest, entered, named, findings=findings)


@require_POST
@needs(Role.MANAGER)
def save(request: StaffRequest) -> HttpResponse:
    """Save what is in the form and begin to read."""
    before = connection_of(request.practice.pk)
    manifest = _manifest(request.POST.get("connector", ""))
    entered, errors = _read(request, manifest, before)
    if errors:
        return _form(request, before, manifest, entered, errors, status=422)
    old = before.values if before else {}
    changed = sorted(name for name, value in entered.values.items() if old.get(name, "") != value)
    with ledger.turn(request.practice.pk):
        if before and before.connector != manifest.id:
            unasked.part_with(before.pk, SystemClock())
        connection = save_connection(request.practice.pk, manifest.id, entered)
    audit(
        request,
        "connection.saved",
        connector=manifest.id,
        changed=", ".join(changed),
        new_secrets=", ".join(_secrets_given(request, manifest)),
        forgotten_secrets=", ".join(_secrets_forgotten(request, manifest)),
    )
    problem, named = _start(connection, manifest)
    default_mappings(connection.pk)
    mend.free_after_setting(connection.pk, request.user.email)
    connection.refresh_from_db()
    return _form(request, connection, manifest, entered, named, problem=problem, saved=True)


@require_POST
@needs(Role.MANAGER)
def switch(request: StaffRequest) -> HttpResponse:
    """Pause or resume the whole connection."""
    connection = connection_of(request.practice.pk)
    if connection is None:
        return only_toast(request, _("There is no connection yet. Fill in the form first."), error=True)
    on = request.POST.get("on") == "on"
    set_on(connection, on)
    audit(request, "connection.switched", on=on)
    if on:
        mend.free_after_setting(connection.pk, request.user.email)
    else:
        unasked.give_up_where_off(SystemClock())
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = reverse("settings-connection")
    return answer


def _manifest(connector: str) -> Manifest:
    known = registry().manifests
    return known.get(connector) or next(iter(known.values()))


def _read(
    request: StaffRequest, manifest: Manifest, connection: Connection | None
) -> tuple[Settings, dict[str, str]]:
    """Return what was entered, and by setting the sentence about what is wrong with it."""
    values: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for setting in manifest.settings:
        given = request.POST.get(setting.name, "").strip().replace("\x00", "")
        if setting.type == "boolean":
            given = "true" if given in ("on", "true") else "false"
        (secrets if setting.secret else values)[setting.name] = given
    entered = as_entered(connection, manifest.id, values, secrets, _secrets_forgotten(request, manifest))
    errors: dict[str, str] = {}
    for setting in manifest.settings:
        if _is_shown(setting, values):
            held = (entered.secrets if setting.secret else values).get(setting.name, "")
            if wrong := _fault(setting, held):
                errors[setting.name] = wrong
        elif not setting.secret:
            values[setting.name] = ""
    return Settings(values=values, secrets=entered.secrets), errors


def _is_shown(setting: Setting, values: Mapping[str, str]) -> bool:
    return all(values.get(name) == value for name, value in setting.shown_when.items())


def _fault(setting: Setting, value: str) -> str:
    if not value:
        return _("%(what)s is needed.") % {"what": setting.label} if setting.required else ""
    if len(value) > LONGEST:
        return _("That is too long: at most %(n)d characters.") % {"n": LONGEST}
    if setting.type == "number" and not (value.isascii() and value.isdigit()):
        return _("This must be a number, for example %(n)s.") % {"n": setting.default or "100"}
    if setting.type == "host" and not can_be_host(value):
        return _("This can't be a server. Enter its name or address alone, like 192.168.1.5.")
    if setting.type == "port" and port_of(value) is None:
        return _("A port must be a number from 1 to 65535, for example %(n)s.") % {"n": setting.default}
    if setting.type == "web_address" and web_address(value) is None:
        return _("This can't be an address. It should look like http://server:30223/api/v1/.")
    if setting.choices and value not in {c.value for c in setting.choices}:
        return _("Choose one of the list.")
    return ""


def _secrets_forgotten(request: StaffRequest, manifest: Manifest) -> list[str]:
    return [s.name for s in manifest.settings if s.secret and request.POST.get(f"forget-{s.name}")]


def _secrets_given(request: StaffRequest, manifest: Manifest) -> list[str]:
    return [s.name for s in manifest.settings if s.secret and request.POST.get(s.name, "").strip()]


def _examine(manifest: Manifest, entered: Settings, connection: Connection | None) -> list[Finding]:
    try:
        connector = registry().connect(manifest.id, entered, SystemClock())
    except PmsError as error:
        return [_as_finding(error)]
    try:
        return list(connector.examine())
    finally:
        if connection is not None:
            Spending(SystemClock()).count(connection, connector)
        connector.close()


def _as_finding(error: PmsError) -> Finding:
    ability = error.setting if isinstance(error, Misconfigured) else "connection"
    return Finding(ability=ability, ok=False, sentence=error.safe_message)


def _start(connection: Connection, manifest: Manifest) -> tuple[str, dict[str, str]]:
    """Begin to read; return what went wrong and, where it is about one setting, at which."""
    try:
        start_connection(connection.pk)
    except Misconfigured as error:
        if any(s.name == error.setting for s in manifest.settings):
            return "", {error.setting: error.safe_message}
        return error.safe_message, {}
    except PmsError as error:
        return error.safe_message, {}
    return "", {}


def _form(
    request: StaffRequest,
    connection: Connection | None,
    manifest: Manifest,
    entered: Settings,
    errors: dict[str, str],
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = _context(connection, manifest, entered, errors) | more
    return render(request, "web/settings/parts/connection_form.html", context, status=status)


def _context(
    connection: Connection | None,
    manifest: Manifest,
    entered: Settings | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    same = connection if connection and connection.connector == manifest.id else None
    values = entered.values if entered else (same.values if same else {})
    held = stored_secrets(same)
    fields = [
        FormField(
            setting=setting,
            value="" if setting.secret else str(values.get(setting.name, setting.default)),
            stored=setting.secret and bool(held.get(setting.name)),
            error=(errors or {}).get(setting.name, ""),
        )
        for setting in manifest.settings
    ]
    return {
        "connection": connection,
        "manifest": manifest,
        "manifests": list(registry().manifests.values()),
        "fields": fields,
        "errors": errors or {},
        "locked": secrets_are_locked(same),
        "identity": _identity(same),
        "month": budget_of(same, manifest, states(same.pk), datetime.now(UTC)) if same else None,
        "cannot": [
            (ABILITIES.get(what) or what.replace("_", " ").capitalize(), why)
            for what, why in manifest.cannot.items()
        ],
    }


def _identity(connection: Connection | None) -> dict[str, Any]:
    """What the PMS said of itself, as the page shows it; empty before the first answer."""
    if connection is None or not connection.identity:
        return {}
    told = dict(connection.identity)
    difference = None
    try:
        server = datetime.fromisoformat(str(told.get("server_now", "")))
        asked = datetime.fromisoformat(str(told.get("asked_at", "")))
        difference = round((server - asked).total_seconds())
    except (ValueError, TypeError):
        if isinstance(told.get("clock_difference_s"), int | float):
            difference = round(told["clock_difference_s"])
    return told | {"difference": difference, "now": datetime.now(UTC)}
