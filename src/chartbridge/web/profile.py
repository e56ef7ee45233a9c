"""One's own name, password and second factor. Must not be in it: other people (settings/people)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from chartbridge.store.accounts import save_name
from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit


@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """Show the profile; save the name."""
    if request.method == "POST":
        save_name(
            request.user,
            request.POST.get("first_name", "").strip()[:150],
            request.POST.get("last_name", "").strip()[:150],
        )
        audit(request, "profile.saved")
        messages.success(request, _("Saved."))
        return redirect("profile")
    return render(request, "web/profile.html")
