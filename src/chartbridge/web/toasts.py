"""Short answers at the edge of the page: "Saved. Undo". Sent along with an htmx answer.

Must not be in it: patients' data beyond what the page itself shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """What the Undo button posts, and what of the page its answer replaces (a CSS selector)."""

    url: str
    sends: Mapping[str, str]
    target: str = "body"

    @property
    def values(self) -> str:
        """The values as htmx wants them."""
        return json.dumps(dict(self.sends))


def with_toast(
    request: HttpRequest,
    answer: HttpResponse,
    sentence: str,
    *,
    undo: Undo | None = None,
    error: bool = False,
) -> HttpResponse:
    """Append a toast to an htmx answer; it lands in the page's live region."""
    part = render_to_string(
        "web/parts/toasts_oob.html",
        {"sentence": sentence, "undo": undo, "kind": "error" if error else ""},
        request=request,
    )
    answer.content = answer.content + part.encode()
    return answer


def only_toast(
    request: HttpRequest, sentence: str, *, undo: Undo | None = None, error: bool = False, status: int = 200
) -> HttpResponse:
    """Answer an htmx request with nothing but a toast."""
    answer = with_toast(request, HttpResponse(status=status), sentence, undo=undo, error=error)
    answer["HX-Reswap"] = "none"
    return answer
