"""What a note is called in a chart that gives it a title. Must not be in it: a vendor's word."""

from __future__ import annotations

from chartbridge.domain.activities import Direction, Medium
from chartbridge.pms.commands import AddNote

_TITLES: dict[tuple[Medium, Direction], str] = {
    (Medium.TEXT, Direction.OUTGOING): "Text message sent",
    (Medium.TEXT, Direction.INCOMING): "Text message received",
    (Medium.EMAIL, Direction.OUTGOING): "E-mail sent",
    (Medium.EMAIL, Direction.INCOMING): "E-mail received",
    (Medium.PHONE, Direction.OUTGOING): "Outgoing call",
    (Medium.PHONE, Direction.INCOMING): "Incoming call",
}


def title_of(note: AddNote) -> str:
    """What it is, in two or three words."""
    return _TITLES.get((note.medium, note.direction), "Note")
