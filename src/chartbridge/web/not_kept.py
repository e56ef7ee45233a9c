"""What a person is shown where the store did not take what a page must keep, above all the note of who looked at whom.

Must not be in it: anything from the store, which may not answer at all.
"""

from __future__ import annotations

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from chartbridge.store.room import says_full


def fault(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`: 503 with a sentence for a full or busy store, of whatever part of a request; else 500.

    As in the API: `Retry-After` is 30 seconds for a full disk, one for a busy store.
    """
    error = sys.exception()
    if not isinstance(error, OperationalError):
        return server_error(request)
    full = says_full(error)
    look = request.method in ("GET", "HEAD")
    told = {"full": full, "why": _why(full), "then": _then(look=look)}
    if request.headers.get("HX-Request"):
        answer = _toast(f"{told['why']} {told['then']}")
    else:
        again = request.get_full_path() if look else ""
        page = {**told, "again": again, "theme": request.COOKIES.get("theme", "")}
        answer = HttpResponse(render_to_string("web/not_kept.html", page), status=503)
    answer["Retry-After"] = "30" if full else "1"
    answer["Cache-Control"] = "no-store"
    return answer


def _toast(sentence: str) -> HttpResponse:
    toast = render_to_string("web/parts/toasts_oob.html", {"sentence": sentence, "kind": "error"})
    answer = HttpResponse(toast, status=503)
    answer["HX-Reswap"] = "none"
    return answer


def _why(full: bool) -> str:
    if full:
        return _(
            "Chartbridge's disk is full. There is no room to keep anything new, nor to note who looked at a patient, "
            "without which no patient is shown. What was taken in is not lost. "
            "Ask whoever looks after Chartbridge's computer to make room."
        )
    return _("Chartbridge's database does not answer just now. That usually passes within a moment.")


def _then(*, look: bool) -> str:
    if look:
        return _("Try again then.")
    return _("What you just did may not have been kept: look before you do it again.")
