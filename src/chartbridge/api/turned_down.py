"""Keeps what was turned down of what programs hand in: the program is told in the answer, and people see it, too.

Must not be in it: what was sent; a field's name only where it is one of ours, for it may be anything.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from django.db import DatabaseError
from django.http import HttpRequest

from chartbridge.domain.clock import SystemClock
from chartbridge.intake.new import NewActivity
from chartbridge.store import turned_down

if TYPE_CHECKING:
    from chartbridge.api.access import Caller

log = logging.getLogger("chartbridge.api")
_HANDED_IN = ("/activities", "/activities/batch", "/documents")
_OURS = frozenset(each.name for each in fields(NewActivity)) | {"", "activities", "file", "idempotency_key"}
_NOT_OURS = "The request has a field that is not known."


def keep(request: HttpRequest, told: Sequence[tuple[str, str]]) -> None:
    """Keep the fields and sentences with which activities of this request were turned down, for people to see."""
    who: Caller | None = getattr(request, "auth", None)
    if not told or who is None or request.method != "POST":
        return
    if not request.path.rstrip("/").endswith(_HANDED_IN):
        return
    said = Counter(sentence if field.partition(".")[0] in _OURS else _NOT_OURS for field, sentence in told)
    try:
        turned_down.note(who.practice_id, who.who, said, SystemClock().now())
    except DatabaseError as error:  # the program has its answer all the same
        log.warning("what was turned down could not be kept: %s", type(error).__name__)
