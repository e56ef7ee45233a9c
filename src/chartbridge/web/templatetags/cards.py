"""The cards of the board, drawn once for as long as they look the same: a board of a busy day has hundreds.

Must not be in it: anything that a card does not say itself, or this process's words for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

from chartbridge.flow.board import Board, Card

register = template.Library()

_KEPT = 4000


@register.simple_tag(takes_context=True)
def drawn(context: dict[str, Any], card: Card) -> SafeString:
    """Return a card as it stands on the board."""
    return card_html(card, context["board"], can_work=bool(context.get("can_work")))


def card_html(card: Card, board: Board, *, can_work: bool) -> SafeString:
    """Return a card as it stands on that board, for somebody who may move it or only look."""
    where = (get_language(), get_current_timezone_name())
    return _drawn(card, board.pms, board.show_photos, can_work, where)


@lru_cache(maxsize=_KEPT)
def _drawn(card: Card, pms: str, photos: bool, can_work: bool, _where: tuple[str | None, str]) -> SafeString:
    words = {"card": card, "board": {"pms": pms}, "show_photos": photos, "can_work": can_work}
    return mark_safe(render_to_string("web/flow/card.html", words))  # noqa: S308, our own template
