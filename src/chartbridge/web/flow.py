"""The Patient Flow page: today's visits in their columns, live, and moving them.

Must not be in it: which column a visit stands in (flow), how a move gets to the PMS (writeback).
"""

from __future__ import annotations

from collections.abc import Collection

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from chartbridge.domain.schedule import FlowStatus
from chartbridge.flow.board import Board, Card, board
from chartbridge.flow.columns import LABELS
from chartbridge.flow.moves import Move, choices
from chartbridge.store.board import freshness, front_connection
from chartbridge.store.models import Role
from chartbridge.store.notices import newest
from chartbridge.web.access import StaffRequest, may, needs
from chartbridge.web.audit import audit
from chartbridge.web.templatetags.cards import card_html
from chartbridge.web.toasts import Undo, only_toast, with_toast
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.mend import dismiss, retry

WHOLE_DAY = "flow_whole_day"
MOST_AT_ONCE = 100
BOARD = "#board"


@require_GET
@needs(Role.READ_ONLY)
def page(request: StaffRequest) -> HttpResponse:
    """The page."""
    live_from = newest()
    audit(request, "flow.viewed")
    return render(request, "web/flow/page.html", {"board": _board(request), "live_from": live_from})


@needs(Role.READ_ONLY)
def cards(request: StaffRequest) -> HttpResponse:
    """The board alone, asked for anew. A POST also keeps whether the whole day is shown."""
    if request.method == "POST":
        request.session[WHOLE_DAY] = request.POST.get("whole_day") == "1"
    return _cards(request)


@require_GET
@needs(Role.READ_ONLY)
def changed(request: StaffRequest) -> HttpResponse:
    """The cards of the visits that are asked for, each with its column; a visit that is in no list is not shown.

    `whole`: that can't be shown by cards alone, so the board is to be asked for.
    """
    keys = [key for key in request.GET.get("keys", "").split(",") if key][:MOST_AT_ONCE]
    shown = _board(request, only=keys)
    can_work = may(request.membership, Role.FRONT_DESK)
    drawn = [
        {"key": card.key, "column": column.status, "html": card_html(card, shown, can_work=can_work)}
        for column in shown.columns
        for card in column.cards
    ]
    answer = {
        "day": shown.day.isoformat(),
        "whole_day": shown.whole_day,
        "whole": bool(shown.apart or shown.broken),
        "later": list(shown.later),
        "cards": drawn,
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


@require_GET
@needs(Role.READ_ONLY)
def fresh(request: StaffRequest) -> HttpResponse:
    """The line that says when the statuses were last read."""
    connection = front_connection(request.practice.pk)
    context = {"freshness": freshness(connection) if connection else None}
    return render(request, "web/flow/fresh.html", context)


@require_GET
@needs(Role.FRONT_DESK)
def menu(request: StaffRequest, key: str) -> HttpResponse:
    """Where a visit can be moved to."""
    shown = _board(request, whole_day=True, only=[key])
    card = _card_or_404(shown, key)
    moves = choices(shown.connection_id, key, card.column)
    return render(request, "web/flow/menu.html", {"card": card, "moves": moves, "board": shown})


@require_POST
@needs(Role.FRONT_DESK)
def move(request: StaffRequest) -> HttpResponse:
    """Move a visit into a column: its status goes to the PMS."""
    key = request.POST.get("appointment", "")
    shown = _board(request, whole_day=True, only=[key])
    card = _card_or_404(shown, key)
    wanted = _move_of(choices(shown.connection_id, card.key, card.column), request.POST.get("column", ""))
    if wanted is None or not wanted.possible:
        why = wanted.why_not if wanted else _("That is no column of this board.")
        return only_toast(request, why, error=True, status=409)
    _wish(request, shown, card, wanted.status_key)
    sentence = _("%(name)s: %(column)s.") % {"name": card.name, "column": _(LABELS[wanted.flow_status])}
    answer = _cards(request)
    if not card.status_key:
        return with_toast(request, answer, sentence)
    sends = {"appointment": card.key, "status": card.status_key}
    undo = Undo(url=reverse("flow-undo"), sends=sends, target=BOARD)
    return with_toast(request, answer, sentence, undo=undo)


@require_POST
@needs(Role.FRONT_DESK)
def undo(request: StaffRequest) -> HttpResponse:
    """Give a visit the status back that it had before a move."""
    key = request.POST.get("appointment", "")
    shown = _board(request, whole_day=True, only=[key])
    card = _card_or_404(shown, key)
    _wish(request, shown, card, request.POST.get("status", ""))
    return with_toast(request, _cards(request), _("%(name)s was put back.") % {"name": card.name})


@require_POST
@needs(Role.FRONT_DESK)
def stuck(request: StaffRequest) -> HttpResponse:
    """Try a move again that did not get through, or give it up."""
    key = request.POST.get("appointment", "")
    shown = _board(request, whole_day=True, only=[key])
    card = _card_or_404(shown, key)
    if request.POST.get("do") == "again":
        _wish(request, shown, card, card.wish_key)
    elif request.POST.get("do") == "retry":
        retry(request.practice.pk, [card.writeback_id], request.user.email)
    else:
        dismiss(request.practice.pk, [card.writeback_id], request.user.email)
    return _cards(request)


def _board(
    request: StaffRequest, *, whole_day: bool | None = None, only: Collection[str] | None = None
) -> Board:
    whole = bool(request.session.get(WHOLE_DAY)) if whole_day is None else whole_day
    return board(request.practice.pk, timezone.now(), whole, only)


def _cards(request: StaffRequest) -> HttpResponse:
    return render(request, "web/flow/board.html", {"board": _board(request)})


def _wish(request: StaffRequest, shown: Board, card: Card, status_key: str) -> None:
    audit(request, "flow.moved", card.patient_key, status=status_key)
    enqueue_status_move(shown.connection_id, card.key, status_key, card.status_key, request.user.email)


def _card_or_404(shown: Board, key: str) -> Card:
    card = shown.card(key)
    if card is None:
        raise Http404
    return card


def _move_of(offered: list[Move], column: str) -> Move | None:
    wanted = FlowStatus(column) if column in set(FlowStatus) else None
    return next((each for each in offered if each.flow_status is wanted), None)
