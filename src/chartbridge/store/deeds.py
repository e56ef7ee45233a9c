"""Who did what with a writeback: read from the ledger. Must not be in it: words for people, moving anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Min

from chartbridge.store.models import User, WritebackEvent

OURS = "chartbridge"
_BY_PEOPLE = ("queue", "retry", "look", "dismiss", "reopen", "see", "untick")


def latest_deeds(writeback_ids: Sequence[int]) -> dict[int, WritebackEvent]:
    """The last thing that a person did about each of these after it was made; without those that nobody touched."""
    moves = WritebackEvent.objects.filter(writeback_id__in=writeback_ids)
    firsts = moves.order_by().values_list("writeback_id").annotate(first=Min("id"))
    made = {first for _, first in firsts}
    by_people = moves.filter(move__in=_BY_PEOPLE).exclude(who=OURS).order_by("id")
    return {event.writeback_id: event for event in by_people if event.pk not in made}


def first_entries(writeback_ids: Sequence[int]) -> dict[int, WritebackEvent]:
    """The entry with which each of these came to be: who sent it in."""
    moves = WritebackEvent.objects.filter(writeback_id__in=writeback_ids).order_by("-id")
    return {event.writeback_id: event for event in moves}


def names_of(addresses: Collection[str]) -> dict[str, str]:
    """People's names by their e-mail addresses; the address itself where there is no name."""
    rows = User.objects.filter(email__in=set(addresses))
    return {user.email: user.get_full_name() or user.email for user in rows}
