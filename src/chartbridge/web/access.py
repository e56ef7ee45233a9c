"""Who may open a page: signed in, member of a practice, with a role that is high enough.

Must not be in it: what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _

from chartbridge.store.accounts import memberships_of, nobody_yet
from chartbridge.store.models import Membership, Practice, Role, User

View = Callable[..., HttpResponseBase]
RANK: dict[str, int] = {Role.READ_ONLY: 0, Role.FRONT_DESK: 1, Role.MANAGER: 2, Role.OWNER: 3}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class StaffRequest(HttpRequest):
    """A request behind `needs`: somebody is signed in and works for `practice`."""

    user: User
    practice: Practice
    membership: Membership
    memberships: list[Membership]


def may(membership: Membership, role: Role) -> bool:
    """Whether a membership's role is `role` or a higher one."""
    return RANK[membership.role] >= RANK[role]


def needs(role: Role, *, change: Role | None = None) -> Callable[[View], View]:
    """Let only people with at least `role` in; for anything but looking, with at least `change`.

    The view is then handed a `StaffRequest`.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if getattr(request.user, "must_change_password", False):
                return redirect("account_change_password")
            staff = _as_staff(request)
            if staff is None:
                return render(request, "web/no_practice.html", status=403)
            wanted = role if request.method in SAFE_METHODS or change is None else change
            if not may(staff.membership, wanted):
                return _refuse(staff, wanted)
            return view(staff, *args, **kwargs)

        return guarded

    return wrap


def _as_staff(request: HttpRequest) -> StaffRequest | None:
    """Choose the practice: the one last chosen, else the first."""
    assert isinstance(request.user, User)
    memberships = memberships_of(request.user.pk)
    if not memberships:
        return None
    chosen = request.session.get("practice_id")
    membership = next((m for m in memberships if m.practice_id == chosen), memberships[0])
    request.memberships = memberships  # type: ignore[attr-defined]
    request.membership = membership  # type: ignore[attr-defined]
    request.practice = membership.practice  # type: ignore[attr-defined]
    return request  # type: ignore[return-value]


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if nobody_yet():
        return redirect("welcome")
    if request.headers.get("HX-Request"):
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = resolve_url(settings.LOGIN_URL)
        return answer
    return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))


def _refuse(request: StaffRequest, wanted: Role) -> HttpResponse:
    sentence = _("Your role (%(has)s) may not do this. Ask somebody with the role %(wanted)s or higher.") % {
        "has": request.membership.get_role_display(),
        "wanted": wanted.label,
    }
    if request.headers.get("HX-Request"):
        answer = render(
            request, "web/parts/toasts_oob.html", {"sentence": sentence, "kind": "error"}, status=403
        )
        answer["HX-Reswap"] = "none"
        return answer
    return render(request, "web/no_access.html", {"sentence": sentence}, status=403)
