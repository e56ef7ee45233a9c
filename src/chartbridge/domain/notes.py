"""How an activity reads in a chart: head line, who wrote it, the text, parts, and the marker last.

Must not be in it: whether it is written, where, or what a connector makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from chartbridge.domain.activities import ActivityKind, Direction
from chartbridge.domain.text import clean, without_markers

MOST_PARTS = 40
AI_LABEL = "Written by AI"
_ROOM_FOR_PART = " (99/99)"


class TooLong(Exception):
    """The text would need more notes than anybody would read: `parts` of at most `MOST_PARTS`."""

    def __init__(self, parts: int) -> None:
        super().__init__(f"{parts} parts")
        self.parts = parts


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What is told of an activity. `phone` and `email` are the other side's; `body` may be HTML."""

    kind: ActivityKind
    subject: str = ""
    body: str = ""
    is_html: bool = False
    phone: str = ""
    email: str = ""
    author: str = ""
    written_by_ai: bool = False
    verified_on: date | None = None

    def __repr__(self) -> str:
        return f"Story({self.kind})"


def compose(story: Story, *, limit: int, charset: str, marker_of_part: Callable[[int], str]) -> list[str]:
    """Return the notes that tell a story, each at most `limit` characters (0: no limit), each ending in its marker.

    A line end counts as two characters, because PMSs store it so. Raises `TooLong`.
    """
    story = _cleaned(story, charset)
    head = head_line(story)
    under = ([AI_LABEL] if story.written_by_ai or story.kind.traits.written_by_ai else []) + (
        [f"By {story.author}"] if story.author else []
    )
    marker = marker_of_part(1)
    whole = _note(head, under, story.body, marker)
    if not limit or _size(whole) <= limit:
        return [whole]
    room = limit - _size(_note(head + _ROOM_FOR_PART, under, "", marker)) - 2
    if room < 20:
        raise TooLong(MOST_PARTS + 1)
    pieces = split(story.body, room)
    if len(pieces) > MOST_PARTS:
        raise TooLong(len(pieces))
    return [
        _note(f"{head} ({at}/{len(pieces)})", under, piece, marker if at == 1 else marker_of_part(at))
        for at, piece in enumerate(pieces, start=1)
    ]


def head_line(story: Story) -> str:
    """Return the first line of a note: what happened, with whom; for example `Incoming call, missed`."""
    traits = story.kind.traits
    say, by_email = _HEADS[story.kind]
    other = story.email if by_email else phone_as_said(story.phone)
    towards = "to" if traits.direction is Direction.OUTGOING else "from"
    middle = f" {towards} {other}" if other and traits.direction is not Direction.NEITHER else ""
    head = say.format(middle)
    if story.verified_on:
        head += f", verified on {story.verified_on.isoformat()}"
    return f"{head}: {story.subject}" if story.subject else head


def document_name(kind: ActivityKind, day: date, marker: str, *, limit: int = 0) -> str:
    """Return the name under which a document stands in the chart, of at most `limit` characters (0: no limit).

    A PMS cuts a longer one at its end, where the marker is: so words of what it is are left out instead.
    """
    label, rest = kind.traits.label, f" {day.isoformat()} {marker}"
    while limit and len(label) + len(rest) > limit and " " in label:
        label = label.rpartition(" ")[0]
    return f"{label}{rest}"


def verification_text(verified_on: date, marker: str) -> str:
    """Return the short note that goes with marking insurance as verified."""
    return f"Verified {verified_on.isoformat()} {marker}"


def phone_as_said(phone: str) -> str:
    """Return a North American number as `(536) 555-0101`, any other as it is."""
    digits = "".join(c for c in phone if c.isdigit() and c.isascii())
    local = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    if len(local) != 10 or set(phone) - set("+0123456789()-. /"):
        return phone
    return f"({local[:3]}) {local[3:6]}-{local[6:]}"


def split(text: str, room: int) -> list[str]:
    """Return `text` in pieces of at most `room`, cut at line ends or words where there are any."""
    pieces = []
    while _size(text) > room:
        cut = _cut(text, room)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text or not pieces else pieces


def _cut(text: str, room: int) -> int:
    reach = room
    while _size(text[:reach]) > room:
        reach -= _size(text[:reach]) - room
    border = max(text.rfind(" ", 0, reach + 1), text.rfind("\n", 0, reach + 1))
    return border if border > reach // 2 else reach


def _size(text: str) -> int:
    return len(text) + text.count("\n")


def _note(head: str, under: list[str], body: str, marker: str) -> str:
    return "\n".join([head, *under, *([body] if body else []), marker])


def _cleaned(story: Story, charset: str) -> Story:
    def one(raw: str, *, is_html: bool = False) -> str:
        return without_markers(clean(raw, is_html=is_html, charset=charset))

    def line(raw: str) -> str:
        return " ".join(one(raw).split())

    return replace(
        story,
        subject=line(story.subject)[:300],
        body=one(story.body, is_html=story.is_html),
        phone=line(story.phone)[:40],
        email=line(story.email)[:254],
        author=line(story.author)[:100],
    )


_HEADS: dict[ActivityKind, tuple[str, bool]] = {
    ActivityKind.OUTGOING_TEXT: ("Text message sent{}", False),
    ActivityKind.INCOMING_TEXT: ("Text message received{}", False),
    ActivityKind.OUTGOING_EMAIL: ("E-mail sent{}", True),
    ActivityKind.INCOMING_CALL: ("Incoming call{}", False),
    ActivityKind.OUTGOING_CALL: ("Outgoing call{}", False),
    ActivityKind.MISSED_CALL: ("Incoming call{}, missed", False),
    ActivityKind.INCOMING_CALL_TRANSCRIPT: ("Transcript of an incoming call{}", False),
    ActivityKind.OUTGOING_CALL_TRANSCRIPT: ("Transcript of an outgoing call{}", False),
    ActivityKind.INCOMING_CALL_SUMMARY: ("Summary of an incoming call{}", False),
    ActivityKind.OUTGOING_CALL_SUMMARY: ("Summary of an outgoing call{}", False),
    ActivityKind.PATIENT_NOTE: ("Note{}", False),
    ActivityKind.TASK_NOTE: ("Task note{}", False),
    ActivityKind.VERIFICATION_NOTE: ("Insurance verification{}", False),
    ActivityKind.INSURANCE_VERIFICATION: ("Insurance verification{}", False),
    ActivityKind.ACCOUNT_STATEMENT: ("Account statement{}", False),
}
