"""From an activity to the writebacks that it becomes: texts, parts, markers, and where each stands at first.

The text is made once, here; what is sent later is exactly this. Must not be in it: storing, sending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import derived_marker, new_marker
from chartbridge.domain.notes import (
    MOST_PARTS,
    Story,
    TooLong,
    compose,
    document_name,
    verification_text,
)
from chartbridge.pms.commands import CommandKind
from chartbridge.store.desk import Desk
from chartbridge.store.models import Activity, Writeback
from chartbridge.writeback.rules import Case, Verdict, judge
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import NEW, Event, move


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One writeback to be. `text` ends in `marker`."""

    command: CommandKind
    text: str
    marker: str
    part: int = 1
    parts: int = 1
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What is known of an activity beside itself. `seed`: what its markers are derived from; None: made up anew."""

    patient: bool | None
    size: int | None = None
    seed: bytes | None = None


def plan(
    activity: Activity, desk: Desk | None, given: Given, *, as_if_allowed: bool = False
) -> list[Planned]:
    """Return the writebacks of an activity in the order in which they are to be sent."""
    if desk is None:
        reason = sentence("no_connection")
        held = Verdict(event=Event.HOLD, code="no_connection", reason=reason)
        return [Planned(command=_main_command(activity), text="", marker="", verdict=held)]
    kind = ActivityKind(activity.kind)
    planned = [_document(activity, desk, given)] if kind.is_document else _notes(activity, desk, given)
    if kind is ActivityKind.VERIFICATION_NOTE and activity.verified_on:
        planned.append(_verification(activity, given))
    return [_judged(each, activity, desk, given, as_if_allowed) for each in planned]


def story_of(activity: Activity) -> Story:
    """Return what an activity tells."""
    return Story(
        kind=ActivityKind(activity.kind),
        subject=activity.subject,
        body=activity.body,
        is_html=activity.is_html,
        phone=activity.phone,
        email=activity.email,
        author=activity.author,
        written_by_ai=activity.written_by_ai,
        verified_on=activity.verified_on,
    )


def row_of(activity: Activity, planned: Planned, desk: Desk | None) -> tuple[Writeback, str]:
    """Return the row that a plan becomes and the move that makes it."""
    after = move(NEW, planned.verdict.event)
    assert after.delivery is not None
    row = Writeback(
        practice_id=activity.practice_id,
        connection_id=desk.connection_id if desk else None,
        activity=activity,
        kind=activity.kind,
        command=planned.command,
        patient_key=activity.patient_key,
        part=planned.part,
        parts=planned.parts,
        text=planned.text,
        marker=planned.marker,
        delivery=after.delivery,
        seen=after.seen,
        created_at=activity.accepted_at,
        due_at=activity.accepted_at,
        reason_code=planned.verdict.code,
        reason=planned.verdict.reason,
    )
    return row, planned.verdict.event


_UNDECIDED = Verdict(event=Event.QUEUE)


def _notes(activity: Activity, desk: Desk, given: Given) -> list[Planned]:
    markers: dict[int, str] = {}
    claim = desk.claim(CommandKind.ADD_NOTE)
    try:
        texts = compose(
            story_of(activity),
            limit=claim.max_text if claim else 0,
            charset=claim.charset if claim else "bmp",
            marker_of_part=_remembered(markers, given),
        )
    except TooLong:
        reason = sentence("text_too_long", pms=desk.pms, most=MOST_PARTS)
        too_long = Verdict(event=Event.PARK, code="text_too_long", reason=reason)
        return [Planned(command=CommandKind.ADD_NOTE, text="", marker="", verdict=too_long)]
    return [
        Planned(
            command=CommandKind.ADD_NOTE,
            text=text,
            marker=markers[at],
            part=at,
            parts=len(texts),
            verdict=_UNDECIDED,
        )
        for at, text in enumerate(texts, start=1)
    ]


def _document(activity: Activity, desk: Desk, given: Given) -> Planned:
    marker = _marker(given, CommandKind.ADD_DOCUMENT)
    day = _local(activity.occurred_at, desk.time_zone).date()
    claim = desk.claim(CommandKind.ADD_DOCUMENT)
    name = document_name(ActivityKind(activity.kind), day, marker, limit=claim.max_text if claim else 0)
    return Planned(command=CommandKind.ADD_DOCUMENT, text=name, marker=marker, verdict=_UNDECIDED)


def _verification(activity: Activity, given: Given) -> Planned:
    assert activity.verified_on is not None
    marker = _marker(given, CommandKind.MARK_INSURANCE_VERIFIED)
    text = verification_text(activity.verified_on, marker)
    command = CommandKind.MARK_INSURANCE_VERIFIED
    return Planned(command=command, text=text, marker=marker, verdict=_UNDECIDED)


def _judged(planned: Planned, activity: Activity, desk: Desk, given: Given, as_if_allowed: bool) -> Planned:
    case = Case(
        kind=activity.kind,
        command=planned.command,
        patient_key=activity.patient_key,
        patient=given.patient,
        created_at=activity.accepted_at,
        size=given.size,
    )
    verdict = judge(desk, case, activity.accepted_at, as_if_allowed=as_if_allowed)
    if planned.verdict.event is Event.PARK and verdict.event is not Event.SKIP:
        return planned
    return replace(planned, verdict=verdict)


def _main_command(activity: Activity) -> CommandKind:
    return CommandKind.ADD_DOCUMENT if ActivityKind(activity.kind).is_document else CommandKind.ADD_NOTE


def _remembered(markers: dict[int, str], given: Given) -> Callable[[int], str]:
    def marker_of_part(part: int) -> str:
        return markers.setdefault(part, _marker(given, CommandKind.ADD_NOTE, part))

    return marker_of_part


def _marker(given: Given, command: CommandKind, part: int = 1) -> str:
    return derived_marker(given.seed, f"{command.value} {part}") if given.seed else new_marker()


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))
