"""Who did what with a writeback and what became of it, in words: the ledger's entries as people read them.

Must not be in it: queries, a text of a chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chartbridge.store.deeds import OURS, latest_deeds, names_of
from chartbridge.store.models import Writeback, WritebackEvent
from chartbridge.web.reasons import title_of
from chartbridge.writeback.states import Event

_API = "api:"
_PERSON: dict[str, str | Promise] = {
    Event.QUEUE: gettext_lazy("%(who)s let it go on"),
    Event.RETRY: gettext_lazy("%(who)s sent it again"),
    Event.LOOK: gettext_lazy("%(who)s had it looked for"),
    Event.DISMISS: gettext_lazy("%(who)s dismissed it"),
    Event.REOPEN: gettext_lazy("%(who)s took it up again"),
    Event.SUPERSEDE: gettext_lazy("%(who)s replaced it"),
    Event.SEE: gettext_lazy("%(who)s ticked it off as imported"),
    Event.UNTICK: gettext_lazy("%(who)s took that back"),
}
_MOVES: dict[str, str | Promise] = {
    Event.QUEUE: gettext_lazy("May be sent"),
    Event.HOLD: gettext_lazy("Held"),
    Event.SKIP: gettext_lazy("Not written"),
    Event.PARK: gettext_lazy("Set aside"),
    Event.CLAIM: gettext_lazy("Sent to the PMS"),
    Event.PUT_BACK: gettext_lazy("Not taken; waits to be sent again"),
    Event.TAKE: gettext_lazy("Taken by the PMS"),
    Event.LOSE: gettext_lazy("The answer was lost"),
    Event.RESTART: gettext_lazy("Chartbridge stopped meanwhile"),
    Event.REFUSE: gettext_lazy("Refused by the PMS"),
    Event.FIND: gettext_lazy("Found in the chart"),
    Event.ABSENT: gettext_lazy("Looked for: not in the chart"),
    Event.SEE: gettext_lazy("Read back from the chart"),
    Event.MISS: gettext_lazy("Not to be found in the chart"),
    Event.VANISH: gettext_lazy("Gone from the chart"),
    Event.RETRY: gettext_lazy("Sent again"),
    Event.LOOK: gettext_lazy("Looked for again"),
    Event.DISMISS: gettext_lazy("Let go"),
    Event.REOPEN: gettext_lazy("Taken up again"),
    Event.SUPERSEDE: gettext_lazy("Replaced by a later one"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """One entry: what happened, when, and where it stands in the ledger."""

    at: datetime
    words: str
    more: str
    entry: int
    hash: str


def deeds_of(events: Sequence[WritebackEvent]) -> list[Deed]:
    """All that happened to one writeback, oldest first."""
    people = names_of([event.who for event in events])
    return [
        _deed(event, people, began=number == 0)
        for number, event in enumerate(sorted(events, key=lambda event: event.pk))
    ]


def latest_of(rows: Iterable[Writeback]) -> dict[int, Deed]:
    """What a person last did about each of these."""
    found = latest_deeds([row.pk for row in rows])
    people = names_of([event.who for event in found.values()])
    return {number: _deed(event, people) for number, event in found.items()}


def person(who: str, people: Mapping[str, str]) -> str:
    """What somebody is called: a person's name, a program's, or our own."""
    if who == OURS:
        return "Chartbridge"
    return who.removeprefix(_API) if who.startswith(_API) else people.get(who, who)


def _deed(event: WritebackEvent, people: Mapping[str, str], *, began: bool = False) -> Deed:
    who = person(event.who, people)
    if began:
        words = _("Came in by %(who)s") % {"who": who}
    elif event.who != OURS and event.move in _PERSON:
        words = str(_PERSON[event.move]) % {"who": who}
    else:
        words = str(_MOVES.get(event.move, event.move))
    return Deed(at=event.at, words=words, more=_more(event), entry=event.pk, hash=event.hash)


def _more(event: WritebackEvent) -> str:
    """What the entry itself tells beside its move: the record, the attempt, the reason."""
    told = event.detail
    if record := told.get("record"):
        return str(record)
    if event.move == Event.CLAIM and event.attempt > 1:
        return _("attempt %(n)d") % {"n": event.attempt}
    code = str(told.get("code", ""))
    return title_of(code) if code and event.move not in (Event.DISMISS, Event.REOPEN) else ""
