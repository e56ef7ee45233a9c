"""How a writeback and an activity are shown: the word, the icon, the receipt, what mends it. One place for all pages.

Must not be in it: queries, sending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chartbridge.domain.activities import ActivityKind, Direction, Medium
from chartbridge.domain.text import html_to_text
from chartbridge.store.deliveries import WAITING_FOR_IMPORT
from chartbridge.store.models import Activity, Delivery, Seen, Writeback
from chartbridge.web.reasons import Again, Fix, fix_of, reason_of
from chartbridge.writeback.mend import can_be_taken_up_again
from chartbridge.writeback.rules import APPOINTMENT_STATUS, kind_label


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """A state's chip: always a word and an icon, never a colour alone."""

    word: str | Promise
    icon: str
    tone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One writeback as a row or under an activity."""

    row: Writeback
    label: str | Promise
    state: State
    receipt: str
    fix: Fix | None
    again: Again | None
    can_dismiss: bool
    can_reopen: bool
    can_tick_off: bool

    @property
    def waits(self) -> bool:
        """Whether it is not where it should be yet: its age is then a waiting."""
        return self.state.tone in ("bad", "wait")

    @property
    def undoes(self) -> bool:
        """Whether letting it go could be undone: not a byte of it was sent."""
        return self.row.attempts == 0 and self.row.kind != APPOINTMENT_STATUS


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One entry of a patient's timeline."""

    activity: Activity
    label: str | Promise
    icon: str
    text: str
    file_name: str
    writebacks: tuple[Shown, ...]

    @property
    def over(self) -> str:
        """The number or address over which it went."""
        return self.activity.phone or self.activity.email


STATES: dict[tuple[str, str], State] = {
    (Delivery.HELD, ""): State(word=_("Held"), icon="hand", tone="bad"),
    (Delivery.SKIPPED, ""): State(word=_("Not written"), icon="circle-slash", tone="off"),
    (Delivery.QUEUED, ""): State(word=_("Waiting"), icon="clock", tone="wait"),
    (Delivery.SENDING, ""): State(word=_("Sending"), icon="send", tone="wait"),
    (Delivery.UNCERTAIN, ""): State(word=_("Looking"), icon="search", tone="wait"),
    (Delivery.REFUSED, ""): State(word=_("Refused"), icon="circle-x", tone="bad"),
    (Delivery.PARKED, ""): State(word=_("Needs attention"), icon="triangle-alert", tone="bad"),
    (Delivery.RETRACTED, ""): State(word=_("Let go"), icon="undo-2", tone="off"),
    (Delivery.TAKEN, Seen.OWED): State(word=_("Being read back"), icon="eye", tone="wait"),
    (Delivery.TAKEN, Seen.SEEN): State(word=_("In chart"), icon="check", tone="ok"),
    (Delivery.TAKEN, Seen.MISSING): State(word=_("Missing in chart"), icon="circle-x", tone="bad"),
}
_TO_IMPORT = State(word=_("Not imported yet"), icon="clock", tone="wait")
ICONS: dict[tuple[Medium, Direction], str] = {
    (Medium.TEXT, Direction.OUTGOING): "message-square-text",
    (Medium.TEXT, Direction.INCOMING): "message-square-reply",
    (Medium.EMAIL, Direction.OUTGOING): "mail",
    (Medium.PHONE, Direction.OUTGOING): "phone-outgoing",
    (Medium.PHONE, Direction.INCOMING): "phone-incoming",
    (Medium.NOTE, Direction.NEITHER): "notebook-pen",
    (Medium.INSURANCE, Direction.NEITHER): "shield-check",
    (Medium.DOCUMENT, Direction.NEITHER): "file-text",
}
_OWN_ICONS = {ActivityKind.MISSED_CALL: "phone-missed", ActivityKind.TASK_NOTE: "list-todo"}
_CAN_RETRY = frozenset({Delivery.PARKED, Delivery.REFUSED})


def shown(row: Writeback) -> Shown:
    """A writeback as pages show it."""
    missing = row.delivery == Delivery.TAKEN and row.seen == Seen.MISSING
    to_import = row.delivery == Delivery.TAKEN and row.reason_code == WAITING_FOR_IMPORT
    return Shown(
        row=row,
        label=kind_label(row.kind),
        state=_TO_IMPORT
        if to_import
        else STATES.get((row.delivery, row.seen if row.delivery == Delivery.TAKEN else ""), _plain(row)),
        receipt=row.record if row.delivery == Delivery.TAKEN else "",
        fix=fix_of(row.reason_code),
        again=reason_of(row.reason_code).again if missing or row.delivery in _CAN_RETRY else None,
        can_dismiss=missing or row.delivery in (*_CAN_RETRY, Delivery.HELD),
        can_reopen=can_be_taken_up_again(row),
        can_tick_off=to_import,
    )


def event(activity: Activity, file_names: Mapping[int, str]) -> Event:
    """An activity with its writebacks (prefetched) as the timeline shows it."""
    kind = ActivityKind(activity.kind)
    rows = sorted(activity.writebacks.all(), key=lambda row: row.pk)
    return Event(
        activity=activity,
        label=kind.traits.label,
        icon=_OWN_ICONS.get(kind) or ICONS[kind.traits.medium, kind.traits.direction],
        text=html_to_text(activity.body) if activity.is_html else activity.body,
        file_name=file_names.get(activity.pk, ""),
        writebacks=tuple(shown(row) for row in rows),
    )


def timeline(
    activities: Sequence[Activity], moves: Sequence[Writeback], file_names: Mapping[int, str]
) -> list[Event | Shown]:
    """Activities and status moves in one line, the latest first."""
    entries: list[tuple[datetime, int, Event | Shown]] = [
        (each.occurred_at, 0, event(each, file_names)) for each in activities
    ]
    entries += [(row.created_at, 1, shown(row)) for row in moves]
    return [entry for _at, _kind, entry in sorted(entries, key=lambda e: (e[0], e[1]), reverse=True)]


def _plain(row: Writeback) -> State:
    return State(word=row.get_delivery_display(), icon="circle", tone="off")
