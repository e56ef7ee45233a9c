"""E-mail: the server and the people to whom a daily mail goes if anything waits.

Must not be in it: what a mail says.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from chartbridge.domain.clock import SystemClock
from chartbridge.store import mailing
from chartbridge.store.models import MailSetting, Role
from chartbridge.transport.mail import OPEN_LINE, NotSent, on_this_machine
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.toasts import with_toast
from chartbridge.writeback import digest

MOST_RECIPIENTS = 10
_SECURITY = [
    ("starttls", gettext_lazy("STARTTLS (usually port 587)")),
    ("tls", gettext_lazy("TLS from the start (usually port 465)")),
    ("none", gettext_lazy("None (only for a server in the office)")),
]


class MailForm(forms.Form):
    """The fields of the page. An empty password keeps the present one."""

    on = forms.BooleanField(required=False)
    host = forms.RegexField(
        r"^[A-Za-z0-9.\-\[\]:]*$", max_length=255, required=False,
        error_messages={"invalid": gettext_lazy("This is no server's name, such as mail.example.com.")},
    )  # fmt: skip
    port = forms.IntegerField(min_value=1, max_value=65535)
    security = forms.ChoiceField(choices=_SECURITY)
    user = forms.CharField(max_length=255, required=False)
    password = forms.CharField(max_length=255, required=False, strip=False)
    sender = forms.EmailField(required=False)
    recipients = forms.CharField(required=False)
    hour = forms.IntegerField(min_value=0, max_value=23)
    pages_address = forms.URLField(
        max_length=200, required=False, assume_scheme="https",
        error_messages={"invalid": gettext_lazy("This is no address, such as https://chartbridge.example.com.")},
    )  # fmt: skip

    def clean_pages_address(self) -> str:
        """Its beginning: what follows the host is the hub's own matter."""
        given = urlsplit(self.cleaned_data["pages_address"])
        if given.scheme not in ("http", "https", ""):
            raise ValidationError(_("This is no address, such as https://chartbridge.example.com."))
        return f"{given.scheme}://{given.netloc.rpartition('@')[2]}" if given.netloc else ""

    def clean_recipients(self) -> list[str]:
        """Addresses, separated by commas or lines."""
        found = [each for each in self.cleaned_data["recipients"].replace(",", "\n").split() if each]
        if len(found) > MOST_RECIPIENTS:
            raise ValidationError(_("At most %(n)d recipients.") % {"n": MOST_RECIPIENTS})
        for each in found:
            try:
                validate_email(each)
            except ValidationError:
                raise ValidationError(_("One of these is no e-mail address.")) from None
        return found

    def clean(self) -> dict[str, object]:
        """Switched on, it must be able to send."""
        given = super().clean() or {}
        if given.get("on") and not (given.get("host") and given.get("sender") and given.get("recipients")):
            raise ValidationError(
                _("To switch it on, enter the mail server, the sender's address and at least one recipient.")
            )
        host, password = given.get("host", ""), given.get("password")
        if given.get("security") == "none" and password and not on_this_machine(host):
            raise ValidationError(OPEN_LINE)
        return given


@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """Show the setting."""
    return render(request, "web/settings/mail.html", _context(request))


@require_POST
@needs(Role.MANAGER)
def save(request: StaffRequest) -> HttpResponse:
    """Keep the setting."""
    form = MailForm(request.POST)
    if not form.is_valid():
        return render(request, "web/settings/parts/mail.html", _context(request, form), status=422)
    given = dict(form.cleaned_data)
    given["password"] = given["password"] or None
    mailing.save(request.practice.pk, **given)
    audit(request, "mail.saved", on=given["on"])
    answer = render(request, "web/settings/parts/mail.html", _context(request))
    return with_toast(request, answer, _("Saved."))


@require_POST
@needs(Role.MANAGER)
def test(request: StaffRequest) -> HttpResponse:
    """Send a mail that says that mails arrive, by what is saved."""
    try:
        digest.send_test(request.practice.pk, SystemClock())
        said, bad = _("Sent. Look whether it arrives."), False
    except NotSent as error:
        said, bad = str(error), True
    audit(request, "mail.tested", ok=not bad)
    answer = render(request, "web/settings/parts/mail.html", _context(request))
    return with_toast(request, answer, said, error=bad)


def _pages_address(request: StaffRequest) -> str:
    """Where this very page was asked for, as a proposal, unless only this machine knows that name."""
    host = request.get_host()
    return "" if on_this_machine(host.rpartition(":")[0] or host) else f"{request.scheme}://{host}"


def _context(request: StaffRequest, form: MailForm | None = None) -> dict[str, object]:
    row: MailSetting = mailing.setting(request.practice.pk)
    shown = {
        "on": row.on,
        "host": row.host,
        "port": row.port,
        "security": row.security,
        "user": row.user,
        "sender": row.sender,
        "recipients": "\n".join(row.recipients),
        "hour": row.hour,
        "pages_address": row.pages_address or _pages_address(request),
    }
    if form is not None:
        shown |= {name: form.data.get(name, "") for name in shown if name != "on"} | {"on": "on" in form.data}
    return {
        "mail": shown,
        "row": row,
        "errors": form.errors if form is not None else {},
        "whole": form.non_field_errors() if form is not None else [],
        "securities": _SECURITY,
        "hours": range(24),
        "has_password": bool(row.secrets),
    }
