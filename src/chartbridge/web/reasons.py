"""Why a writeback did not get through, in front-desk words, and what mends it: one table for all pages.

Must not be in it: queries, doing what a button asks for (mending).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

Words = str | Promise


class Switch(StrEnum):
    """What can be switched on right where something waits for it."""

    WRITING = "writing"
    CONNECTION = "connection"


class Pick(StrEnum):
    """What can be chosen right where something waits for it."""

    PROVIDER = "provider"
    NOTE_TYPE = "note_type"
    DOCUMENT_TYPE = "document_type"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """What mends a cause for all alike: on another page, or in the group itself, and what its button says.

    `button` is said with the number that it sends.
    """

    page: str
    label: Words
    here: Pick | Switch | None = None
    button: Words = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """What trying once more is called, for one and for all alike."""

    one: Words
    every: Words
    icon: str = "rotate-cw"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """What a group is called, what mends its cause, and what trying again means; no `again` where it is of no use."""

    title: Words
    fix: Fix | None = None
    again: Again | None = None


_WRITEBACK, _CONNECTION = "settings-writeback", "settings-connection"
_SEND = Again(one=_("Send again"), every=ngettext_lazy("Send it again", "Send all %(n)d again", "n"))
_TRY = Again(one=_("Try again"), every=ngettext_lazy("Try again", "Try all %(n)d again", "n"))
_LOOK = Again(
    one=_("Look again"), every=ngettext_lazy("Look again", "Look for all %(n)d again", "n"), icon="search"
)
_WRITE = Again(one=_("Write it again"), every=ngettext_lazy("Write it again", "Write all %(n)d again", "n"))
_ABSENT = Again(
    one=_("It is not there: send it"),
    every=ngettext_lazy("It is not there: send it", "None is there: send all %(n)d", "n"),
)
_ANYWAY = Again(
    one=_("Set it anyway"), every=ngettext_lazy("Set it anyway", "Set all %(n)d anyway", "n"), icon="send"
)

REASONS: dict[str, Reason] = {
    "no_connection": Reason(
        title=_("No PMS is connected"), fix=Fix(page=_CONNECTION, label=_("Connect the PMS"))
    ),
    "connection_off": Reason(
        title=_("The connection is switched off"),
        fix=Fix(
            page=_CONNECTION,
            label=_("Switch the connection on"),
            here=Switch.CONNECTION,
            button=ngettext_lazy(
                "Switch the connection on and send it", "Switch the connection on and send %(n)d", "n"
            ),
        ),
    ),
    "off_while_looking": Reason(
        title=_("Can't be looked up: the connection is switched off"),
        fix=Fix(
            page=_CONNECTION,
            label=_("Switch the connection on"),
            here=Switch.CONNECTION,
            button=ngettext_lazy(
                "Switch the connection on and look for it",
                "Switch the connection on and look for %(n)d",
                "n",
            ),
        ),
    ),
    "pms_replaced": Reason(title=_("Can't be looked up: another PMS is connected")),
    "made_for_other_pms": Reason(
        title=_("Made for the PMS that was connected before"),
        again=Again(
            one=_("It is the same patient: send it"),
            every=ngettext_lazy(
                "It is the same patient: send it", "They are the same patients: send all %(n)d", "n"
            ),
        ),
    ),
    "paused": Reason(title=_("Waits until the PMS allows it again")),
    "writing_off": Reason(
        title=_("Writing is switched off"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Switch writing on"),
            here=Switch.WRITING,
            button=ngettext_lazy("Switch writing on and send it", "Switch writing on and send %(n)d", "n"),
        ),
    ),
    "no_provider": Reason(
        title=_("No provider is chosen"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Pick a provider"),
            here=Pick.PROVIDER,
            button=ngettext_lazy("Pick this provider and send it", "Pick this provider and send %(n)d", "n"),
        ),
    ),
    "provider_inactive": Reason(
        title=_("The provider is no longer active"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Pick another provider"),
            here=Pick.PROVIDER,
            button=ngettext_lazy(
                "Pick another provider and send it", "Pick another provider and send %(n)d", "n"
            ),
        ),
    ),
    "no_note_type": Reason(
        title=_("No Note Type is chosen"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Choose a Note Type"),
            here=Pick.NOTE_TYPE,
            button=ngettext_lazy("Choose a Note Type and send it", "Choose a Note Type and send %(n)d", "n"),
        ),
    ),
    "note_type_gone": Reason(
        title=_("A Note Type is gone"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Choose another Note Type"),
            here=Pick.NOTE_TYPE,
            button=ngettext_lazy(
                "Choose another Note Type and send it", "Choose another Note Type and send %(n)d", "n"
            ),
        ),
    ),
    "no_document_type": Reason(
        title=_("No Document Type is chosen"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Choose a Document Type"),
            here=Pick.DOCUMENT_TYPE,
            button=ngettext_lazy(
                "Choose a Document Type and send it", "Choose a Document Type and send %(n)d", "n"
            ),
        ),
    ),
    "document_type_gone": Reason(
        title=_("A Document Type is gone"),
        fix=Fix(
            page=_WRITEBACK,
            label=_("Choose another Document Type"),
            here=Pick.DOCUMENT_TYPE,
            button=ngettext_lazy(
                "Choose another Document Type and send it", "Choose another Document Type and send %(n)d", "n"
            ),
        ),
    ),
    "status_gone": Reason(
        title=_("A status is gone"), fix=Fix(page="settings-statuses", label=_("Choose another status"))
    ),
    "unknown_patient": Reason(title=_("The patient is not known")),
    "patient_deleted": Reason(title=_("The patient is deleted"), again=_TRY),
    "patient_changed": Reason(title=_("The number is another patient's by now")),
    "text_too_long": Reason(title=_("The text is too long"), again=_TRY),
    "file_too_large": Reason(title=_("The file is too large")),
    "no_file": Reason(title=_("There is no file"), again=_TRY),
    "not_supported": Reason(title=_("The PMS can't do this"), again=_TRY),
    "too_old": Reason(title=_("The PMS is too old"), again=_TRY),
    "too_late": Reason(title=_("Moves that came too late"), fix=Fix(page="flow", label=_("Open the board"))),
    "conflict": Reason(
        title=_("The PMS shows another status"),
        fix=Fix(page="flow", label=_("Decide on the board")),
        again=_ANYWAY,
    ),
    "status_moved_on": Reason(title=_("The status has moved on"), again=_TRY),
    "uncertain": Reason(title=_("The answer was lost"), again=_ABSENT),
    "crashed": Reason(title=_("Set aside after a stop"), again=_LOOK),
    "always_lost": Reason(title=_("Broken off each time"), again=_LOOK),
    "missing": Reason(title=_("Taken, but not to be found"), again=_LOOK),
    "gone_since": Reason(title=_("Gone from the chart"), again=_WRITE),
    "vanished": Reason(title=_("No longer in the chart"), again=_WRITE),
    "later_verification": Reason(title=_("Verified again on a later day"), again=_LOOK),
    "wrong_patient": Reason(title=_("Under another patient"), again=_LOOK),
    "refused": Reason(title=_("The PMS said no"), again=_SEND),
    "unauthorised": Reason(
        title=_("The PMS does not allow it"),
        fix=Fix(page=_CONNECTION, label=_("Check the connection")),
        again=_TRY,
    ),
    "misconfigured": Reason(
        title=_("A setting is wrong"),
        fix=Fix(page=_CONNECTION, label=_("Check the connection")),
        again=_TRY,
    ),
    "unreadable": Reason(title=_("An answer was not understood"), again=_LOOK),
    "internal": Reason(title=_("A fault of Chartbridge"), again=_TRY),
    "not_allowed": Reason(
        title=_("The type is not allowed"), fix=Fix(page=_WRITEBACK, label=_("Allow this type"))
    ),
    "who_is_this": Reason(title=_("Who is this?")),
    "unknown_number": Reason(title=_("Nobody has this number")),
    "waiting_for_import": Reason(title=_("Waiting to be imported")),
    "cannot_look": Reason(title=_("It could not be looked up"), again=_LOOK),
}
_OTHER = Reason(title=_("Other reasons"), again=_TRY)


def reason_of(code: str) -> Reason:
    """What is known of a reason's code."""
    return REASONS.get(code, _OTHER)


def fix_of(code: str) -> Fix | None:
    """What mends a cause, if anything does."""
    return reason_of(code).fix if code else None


def title_of(code: str) -> str:
    """What a group of a reason is called."""
    return str(reason_of(code).title)
