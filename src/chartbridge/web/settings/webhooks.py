"""Webhooks: which programs are told of what, whether they answer, and each message that went to them.

A secret is shown once, when it is made. Must not be in it: sending (api), what a message holds (store/outbox).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from urllib.parse import urlsplit

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.webhooks import CHOOSABLE, Reach, WebhookEvent
from chartbridge.store import outbox
from chartbridge.store.models import MessageState, Role, WebhookEndpoint, WebhookMessage
from chartbridge.store.webhooks import (
    MOST,
    NewSecret,
    TooMany,
    add_endpoint,
    change_endpoint,
    endpoint_of,
    endpoints_of,
    failed_counts,
    new_secret,
    put_back,
    switch,
)
from chartbridge.store.webhooks import remove as remove_endpoint
from chartbridge.transport.outward import NotPosted, pinned, target_of
from chartbridge.web.access import StaffRequest, may, needs
from chartbridge.web.audit import audit
from chartbridge.web.numbers import number_of
from chartbridge.web.toasts import Undo, with_toast

A_PAGE = 50
EVENTS: dict[str, str | Promise] = {
    WebhookEvent.WRITEBACK_DONE: gettext_lazy("Something stands in the chart"),
    WebhookEvent.WRITEBACK_FAILED: gettext_lazy("Something could not be written"),
    WebhookEvent.WRITEBACK_HELD: gettext_lazy("Something waits for a person or a setting"),
    WebhookEvent.STATUS_CHANGED: gettext_lazy("An appointment's status changed"),
    WebhookEvent.PATIENT_CHANGED: gettext_lazy("A patient's record changed"),
    WebhookEvent.TEST: gettext_lazy("Test"),
}
REACHES: dict[str, str | Promise] = {
    Reach.INTERNET: gettext_lazy("on the internet (https)"),
    Reach.OFFICE: gettext_lazy("in the office's own network (https)"),
    Reach.MACHINE: gettext_lazy("a program on this machine (http or https)"),
}
CODES: dict[str, str | Promise] = {
    "timeout": gettext_lazy("did not answer in time"),
    "no_connection": gettext_lazy("can't be reached"),
    "no_such_host": gettext_lazy("its name is not known"),
    "certificate": gettext_lazy("its certificate is not trusted"),
    "forbidden_address": gettext_lazy("its address is not where the receiver may stand"),
    "bad_address": gettext_lazy("not an address"),
    "broken": gettext_lazy("hung up"),
    "secret_lost": gettext_lazy("its secret can't be opened; make a new one"),
}
OFF: dict[str, str | Promise] = {
    "gone": gettext_lazy("The receiver answered that it is gone for good (410)."),
    "failing": gettext_lazy("The receiver has not taken anything for five days."),
    "secret_lost": gettext_lazy(
        "Its secret can't be opened with this installation's key. Make a new secret."
    ),
}
SHOWS = ("", MessageState.FAILED, MessageState.WAITING)


class Wishes(TypedDict):
    """What may be chosen of an endpoint."""

    url: str
    description: str
    events: list[WebhookEvent]
    reach: Reach


class EndpointForm(forms.Form):
    """An address and what it is told of."""

    url = forms.CharField(max_length=1000)
    description = forms.CharField(max_length=100, required=False)
    events = forms.MultipleChoiceField(choices=[(str(each), str(each)) for each in CHOOSABLE])
    reach = forms.ChoiceField(choices=[(str(each), str(each)) for each in Reach])

    def clean(self) -> dict[str, object]:
        """Refuse an address that could never be right, or lies elsewhere than was said."""
        given = self.cleaned_data
        if "url" in given and "reach" in given:
            try:
                pinned(target_of(given["url"], Reach(given["reach"])), Reach(given["reach"]))
            except NotPosted as error:
                if error.code == "bad_address":
                    self.add_error("url", str(_ADDRESS[given["reach"]]))
                elif error.code == "forbidden_address":
                    self.add_error(
                        "url", _("This address lies elsewhere than chosen below. Choose where it is.")
                    )
        return given


_ADDRESS: dict[str, str | Promise] = {
    Reach.INTERNET: gettext_lazy("Give a whole address that begins with https://, without a user name."),
    Reach.OFFICE: gettext_lazy("Give a whole address that begins with https://, without a user name."),
    Reach.MACHINE: gettext_lazy("Give a whole address, such as http://127.0.0.1:9000/webhooks."),
}


@require_POST
@needs(Role.MANAGER)
def add(request: StaffRequest) -> HttpResponse:
    """Add an endpoint; the answer shows its secret once."""
    form = _form(request)
    if not form.is_valid():
        return _list(request, form=form, status=422)
    try:
        made = add_endpoint(request.practice.pk, at=timezone.now(), **_wishes(form))
    except TooMany:
        sentence = _("There can be %(n)d at most. Remove one that is no longer needed.") % {"n": MOST}
        return with_toast(request, _list(request, status=409), sentence, error=True)
    _note(request, "webhook.added", made.endpoint)
    return _list(request, made=made)


@require_GET
@needs(Role.MANAGER)
def page(request: StaffRequest, pk: int) -> HttpResponse:
    """Show one endpoint and its deliveries."""
    endpoint = _endpoint(request, pk)
    context = _context(request, endpoint) | _log_context(request, endpoint)
    return render(request, "web/settings/webhook.html", context)


@require_GET
@needs(Role.MANAGER)
def log(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the deliveries anew."""
    return _log(request, _endpoint(request, pk))


@require_POST
@needs(Role.MANAGER)
def save(request: StaffRequest, pk: int) -> HttpResponse:
    """Change the address and the events."""
    endpoint = _endpoint(request, pk)
    form = _form(request, endpoint)
    if not form.is_valid():
        return _one(request, endpoint, form=form, status=422)
    change_endpoint(endpoint, **_wishes(form))
    fresh = _endpoint(request, pk)
    _note(request, "webhook.changed", fresh)
    return with_toast(request, _one(request, fresh), _("Saved."))


@require_POST
@needs(Role.MANAGER)
def turn(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch it on or off."""
    endpoint = _endpoint(request, pk)
    on = request.POST.get("on") == "on"
    switch(endpoint, timezone.now(), on=on)
    _note(request, "webhook.switched", endpoint, on=on)
    undo = Undo(
        url=reverse("settings-webhook-switch", args=[pk]), sends={"on": "" if on else "on"}, target="#webhook"
    )
    sentence = _("On. What was waiting goes out now.") if on else _("Off. What was on its way waits.")
    return with_toast(request, _one(request, _endpoint(request, pk)), sentence, undo=undo)


@require_POST
@needs(Role.MANAGER)
def secret(request: StaffRequest, pk: int) -> HttpResponse:
    """Make a new secret; the answer shows it once."""
    endpoint = _endpoint(request, pk)
    made = new_secret(endpoint, timezone.now())
    _note(request, "webhook.new_secret", endpoint)
    return _one(request, _endpoint(request, pk), made=made)


@require_POST
@needs(Role.MANAGER)
def test(request: StaffRequest, pk: int) -> HttpResponse:
    """Send a test message."""
    endpoint = _endpoint(request, pk)
    outbox.put_test(endpoint, timezone.now())
    _note(request, "webhook.tested", endpoint)
    sentence = _("A test is on its way. Its line shows in a moment what the receiver said.")
    if not endpoint.on:
        sentence = _("A test waits. It goes out when you switch this receiver on.")
    return with_toast(request, _log(request, endpoint), sentence)


@require_POST
@needs(Role.MANAGER)
def again(request: StaffRequest, pk: int) -> HttpResponse:
    """Send one message again, or all that failed."""
    endpoint = _endpoint(request, pk)
    given = request.POST.get("message", "")
    count = outbox.send_again(endpoint, timezone.now(), (number_of(given) or 0) if given else None)
    _note(request, "webhook.resent", endpoint, count=count)
    return with_toast(request, _log(request, endpoint), _("%(n)d on their way again.") % {"n": count})


@require_POST
@needs(Role.MANAGER)
def remove(request: StaffRequest, pk: int) -> HttpResponse:
    """Remove an endpoint, at once and with an Undo."""
    endpoint = _endpoint(request, pk)
    remove_endpoint(endpoint, timezone.now())
    _note(request, "webhook.removed", endpoint)
    undo = Undo(url=reverse("settings-webhook-put-back", args=[pk]), sends={}, target="#webhooks")
    return with_toast(request, _list(request), _("Removed. It is told nothing more."), undo=undo)


@require_POST
@needs(Role.MANAGER)
def back(request: StaffRequest, pk: int) -> HttpResponse:
    """Undo a removal."""
    if put_back(request.practice.pk, pk):
        _note(request, "webhook.put_back", _endpoint(request, pk))
    return with_toast(request, _list(request), _("Undone."))


def list_context(request: StaffRequest) -> dict[str, object]:
    """Return what the list of endpoints shows, for the page on which it stands."""
    endpoints = endpoints_of(request.practice.pk)
    failed = failed_counts(endpoints)
    return {
        "endpoints": [(each, _host(each), _state(each), failed.get(each.pk, 0)) for each in endpoints],
        "webhook_form": EndpointForm(),
        "events": [(each, EVENTS[each]) for each in CHOOSABLE],
        "reaches": _reaches(request),
        "wish": {
            "events": [str(each) for each in CHOOSABLE],
            "reach": Reach.INTERNET,
            "url": "",
            "description": "",
        },
    }


def _list(
    request: StaffRequest,
    *,
    form: EndpointForm | None = None,
    made: NewSecret | None = None,
    status: int = 200,
) -> HttpResponse:
    context = list_context(request)
    if form is not None:
        context |= {"webhook_form": form, "wish": _wish(form)}
    return render(request, "web/settings/parts/webhooks.html", context | {"secret": made}, status=status)


def _one(
    request: StaffRequest,
    endpoint: WebhookEndpoint,
    *,
    form: EndpointForm | None = None,
    made: NewSecret | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _context(request, endpoint, form) | {"secret": made}
    return render(request, "web/settings/parts/webhook.html", context, status=status)


def _context(
    request: StaffRequest, endpoint: WebhookEndpoint, form: EndpointForm | None = None
) -> dict[str, object]:
    now = timezone.now()
    return {
        "endpoint": endpoint,
        "state": _state(endpoint),
        "why_off": OFF.get(endpoint.off_code, ""),
        "both_until": endpoint.previous_until
        if endpoint.previous_until and endpoint.previous_until > now
        else None,
        "webhook_form": form or EndpointForm(),
        "events": [(each, EVENTS[each]) for each in CHOOSABLE],
        "reaches": _reaches(request, endpoint),
        "wish": _wish(form) if form else endpoint,
    }


def _log(request: StaffRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    return render(request, "web/settings/parts/webhook_log.html", _log_context(request, endpoint))


def _log_context(request: StaffRequest, endpoint: WebhookEndpoint) -> dict[str, object]:
    asked = request.POST if request.method == "POST" else request.GET
    show, before = asked.get("show", ""), asked.get("before", "")
    show = show if show in SHOWS else ""
    rows = outbox.log_of(endpoint, state=show, before=number_of(before), limit=A_PAGE + 1)
    return {
        "endpoint": endpoint,
        "deliveries": [(each, EVENTS.get(each.event, each.event), _said(each)) for each in rows[:A_PAGE]],
        "older": rows[A_PAGE - 1].pk if len(rows) > A_PAGE else None,
        "show": show,
        "before": before,
        "failed": failed_counts([endpoint]).get(endpoint.pk, 0),
        "shows": [
            ("", _("All")),
            (MessageState.FAILED, _("Failed")),
            (MessageState.WAITING, _("On their way")),
        ],
        "now": timezone.now(),
    }


def _said(message: WebhookMessage) -> str:
    """What the last attempt came to, in words."""
    if message.status is not None:
        return _("answered %(status)d") % {"status": message.status}
    return str(CODES.get(message.code, message.code))


def _state(endpoint: WebhookEndpoint) -> tuple[str, str, str, datetime | None]:
    """Return tone, icon, word and since when."""
    if endpoint.off_code:
        return "bad", "octagon-pause", _("Switched off"), endpoint.off_at
    if not endpoint.on:
        return "off", "circle-pause", _("Off"), endpoint.off_at
    if endpoint.failing_since:
        return "bad", "triangle-alert", _("Not answering"), endpoint.failing_since
    if endpoint.last_success_at:
        return "ok", "check", _("Working"), endpoint.last_success_at
    return "wait", "hourglass", _("Nothing sent yet"), None


def _form(request: StaffRequest, endpoint: WebhookEndpoint | None = None) -> EndpointForm:
    form = EndpointForm(request.POST)
    field = form.fields["reach"]
    assert isinstance(field, forms.ChoiceField)
    field.choices = _reaches(request, endpoint)
    return form


def _reaches(
    request: StaffRequest, endpoint: WebhookEndpoint | None = None
) -> list[tuple[str, str | Promise]]:
    """Only an owner opens the office's own network or this machine to messages."""
    held = endpoint.reach if endpoint else ""
    owner = may(request.membership, Role.OWNER)
    return [(str(r), REACHES[r]) for r in Reach if owner or r in (Reach.INTERNET, held)]


def _wishes(form: EndpointForm) -> Wishes:
    given = form.cleaned_data
    return Wishes(
        url=given["url"],
        description=given["description"],
        events=[WebhookEvent(each) for each in given["events"]],
        reach=Reach(given["reach"]),
    )


def _wish(form: EndpointForm) -> dict[str, object]:
    """What was typed, so that it can be mended."""
    text = {name: form.data.get(name, "") for name in ("url", "description", "reach")}
    return {**text, "events": list(form.data.getlist("events"))}  # type: ignore[attr-defined]


def _endpoint(request: StaffRequest, pk: int) -> WebhookEndpoint:
    found = endpoint_of(request.practice.pk, pk)
    if found is None:
        raise Http404
    return found


def _note(request: StaffRequest, what: str, endpoint: WebhookEndpoint, **detail: int | bool) -> None:
    """Into the audit trail: the host only, an address may hold a key."""
    told: dict[str, str | int | bool | None] = {"host": _host(endpoint), **detail}
    audit(request, what, "", endpoint=endpoint.pk, **told)


def _host(endpoint: WebhookEndpoint) -> str:
    return urlsplit(endpoint.url).hostname or ""
