"""The first run: whoever holds the token that `chartbridge serve` printed makes the practice and its owner.

The token lies in the data folder as `welcome.token` and is gone once it was used.
Must not be in it: anything that works when there is an account already.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chartbridge.store.accounts import add_audit_entry, create_practice, nobody_yet

_FIRST_ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
)


def token_file() -> Path:
    """Where the one-time token lies."""
    return Path(settings.DATA_DIR) / "welcome.token"


class WelcomeForm(forms.Form):
    """A practice and its owner."""

    token = forms.CharField(
        max_length=200,
        label=gettext_lazy("Token"),
        help_text=gettext_lazy("Chartbridge printed it when it started; it also lies in the data folder."),
    )
    practice = forms.CharField(max_length=200, label=gettext_lazy("Name of the practice"))
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), initial="America/New_York")
    name = forms.CharField(max_length=150, label=gettext_lazy("Your name"))
    email = forms.EmailField(max_length=150, label=gettext_lazy("Your e-mail address"))
    password = forms.CharField(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least ten characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        zones = [*_FIRST_ZONES, *sorted(available_timezones() - set(_FIRST_ZONES))]
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone.replace("_", " ")) for zone in zones]

    def clean_token(self) -> str:
        """Compare with the token file."""
        given: str = self.cleaned_data["token"].strip()
        lies = token_file()
        if not lies.exists():
            raise forms.ValidationError(
                _("There is no token any more. Start Chartbridge again; it makes one.")
            )
        if not hmac.compare_digest(given.encode(), lies.read_text(encoding="utf-8").strip().encode()):
            raise forms.ValidationError(_("That is not the token that Chartbridge printed when it started."))
        return given

    def clean_time_zone(self) -> str:
        """Make sure that this machine knows the zone."""
        zone: str = self.cleaned_data["time_zone"]
        ZoneInfo(zone)
        return zone

    def clean_password(self) -> str:
        """Ask the same rules as everywhere."""
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


def page(request: HttpRequest) -> HttpResponse:
    """Show the form; make the practice; sign its owner in."""
    if not nobody_yet():
        return redirect("account_login")
    form = WelcomeForm(request.POST or None, initial={"token": request.GET.get("token", "")})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        owner = create_practice(
            name=given["practice"],
            time_zone=given["time_zone"],
            owner_name=given["name"],
            email=given["email"],
            password=given["password"],
        )
        token_file().unlink(missing_ok=True)
        practice = owner.memberships.get().practice_id
        add_audit_entry(practice_id=practice, who=owner.email, what="practice.created", detail={})
        login(request, owner, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("settings-connection")
    return render(request, "web/welcome.html", {"form": form})
