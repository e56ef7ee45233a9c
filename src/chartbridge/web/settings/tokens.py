"""API and webhooks: keys for programs. A key is shown once, when it is made.

Must not be in it: how a key is checked (store/tokens).
"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chartbridge.store.models import Role
from chartbridge.store.tokens import NewToken, create_token, revoke_token, tokens_of
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit
from chartbridge.web.settings.webhooks import list_context
from chartbridge.web.toasts import with_toast


@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """Show the keys that work."""
    return render(request, "web/settings/tokens.html", _context(request) | list_context(request))


@require_POST
@needs(Role.MANAGER)
def create(request: StaffRequest) -> HttpResponse:
    """Make a key; the answer shows it once."""
    name = request.POST.get("name", "").strip()
    if not name:
        error = _("Give it a name by which you will know it later, such as the program that uses it.")
        return _tokens(request, error=error, status=422)
    made = create_token(
        request.practice.pk, name, can_write=request.POST.get("can_write") == "on", created_by=request.user
    )
    audit(request, "token.created", name=made.token.name, can_write=made.token.can_write)
    return _tokens(request, made=made)


@require_POST
@needs(Role.MANAGER)
def revoke(request: StaffRequest, pk: int) -> HttpResponse:
    """End a key for good."""
    if revoke_token(request.practice.pk, pk):
        audit(request, "token.revoked", token=pk)
        return with_toast(request, _tokens(request), _("Revoked. The program is refused from now on."))
    return with_toast(request, _tokens(request), _("This token had already been revoked."))


def _context(request: StaffRequest) -> dict[str, object]:
    return {"tokens": tokens_of(request.practice.pk), "api_address": request.build_absolute_uri("/api/v1/")}


def _tokens(
    request: StaffRequest, *, made: NewToken | None = None, error: str = "", status: int = 200
) -> HttpResponse:
    context = _context(request) | {"made": made, "error": error}
    return render(request, "web/settings/parts/tokens.html", context, status=status)
