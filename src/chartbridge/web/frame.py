"""What stands around every page: practice, side bar, colours. Must not be in it: any page's own content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chartbridge.store.accounts import attention_count
from chartbridge.store.board import front_connection
from chartbridge.store.models import Role
from chartbridge.store.room import is_full
from chartbridge.web.access import StaffRequest, may, needs

THEMES = ("light", "dark")


@dataclass(frozen=True, kw_only=True, slots=True)
class SideItem:
    """One line of the side bar."""

    url: str
    label: str
    icon: str
    current: bool
    counts: bool = False
    count: int = 0
    chip: str = ""


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: what `base.html` shows besides the page itself."""
    theme = request.COOKIES.get("theme", "")
    found: dict[str, Any] = {"theme": theme if theme in THEMES else ""}
    membership = getattr(request, "membership", None)
    if membership is None:
        return found
    return found | {
        "practice": membership.practice,
        "membership": membership,
        "memberships": request.memberships,  # type: ignore[attr-defined]
        "can_manage": may(membership, Role.MANAGER),
        "can_work": may(membership, Role.FRONT_DESK),
        "sidebar": _sidebar(request, membership.practice_id),
    }


def _sidebar(request: HttpRequest, practice_id: int) -> list[SideItem]:
    rows = (
        ("flow", _("Patient Flow"), "columns-3"),
        ("patients", _("Patients"), "users"),
        ("writebacks", _("Writebacks"), "send"),
        ("health", _("Health"), "heart-pulse"),
    )
    return [
        SideItem(
            url=(url := reverse(name)),
            label=label,
            icon=icon,
            current=request.path.startswith(url),
            counts=name == "writebacks",
            count=attention_count(practice_id) if name == "writebacks" else 0,
            chip=_health(practice_id) if name == "health" else "",
        )
        for name, label, icon in rows
    ]


def _health(practice_id: int) -> str:
    """A word beside Health while something there needs to be known on every page."""
    if is_full():
        return _("Disk full")
    connection = front_connection(practice_id)
    if connection is None or not connection.on:
        return ""
    if connection.hold:
        return _("Stopped")
    return _("Stands by") if connection.standby_since else ""


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of colours in a cookie; empty means as the computer has it."""
    wanted = request.POST.get("theme", "")
    answer = HttpResponseRedirect(_safe_next(request))
    if wanted in THEMES:
        answer.set_cookie("theme", wanted, max_age=5 * 365 * 86400, samesite="Lax", httponly=True)
    else:
        answer.delete_cookie("theme")
    return answer


@require_POST
@needs(Role.READ_ONLY)
def choose_practice(request: StaffRequest) -> HttpResponse:
    """Work for another one of one's practices."""
    wanted = request.POST.get("practice", "")
    if any(str(m.practice_id) == wanted for m in request.memberships):
        request.session["practice_id"] = int(wanted)
    return HttpResponseRedirect(reverse("flow"))


def _safe_next(request: HttpRequest) -> str:
    target = request.POST.get("next", "/")
    return target if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}) else "/"
