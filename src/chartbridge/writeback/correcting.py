"""Correction notes: where a PMS lets nobody remove a note, another one names it and says that it is to be disregarded.

A correction is a writeback like any other: marker, receipt, ledger. One record gets one correction, however often it is
asked for. Must not be in it: which records need one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import new_marker
from chartbridge.pms.commands import CommandKind
from chartbridge.store import bad_days, deliveries, ledger, mirror, moving
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.models import FindingKind, ReconciliationFinding, Writeback
from chartbridge.store.wake import Lane, wake
from chartbridge.writeback.rules import Case, judge
from chartbridge.writeback.states import NEW, Event, move

TEXT = (
    "Correction: the {what} of {day} ({record}) was written here by mistake. Please disregard it.\n{marker}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToCorrect:
    """One record of the PMS that is to be named, and the patient on whom it stands."""

    row: Row
    record: str
    patient_key: str


def text_of(each: ToCorrect, desk: Desk, marker: str) -> str:
    """The note that names a record: by its day and number, not by its marker, which stays the record's own."""
    at = (each.row.occurred_at or each.row.created_at).astimezone(ZoneInfo(desk.time_zone))
    what = "document" if each.row.command == CommandKind.ADD_DOCUMENT else "note"
    return TEXT.format(
        what=what, day=f"{at:%Y-%m-%d %H:%M}", record=each.record or "no number", marker=marker
    )


def correct(desk: Desk, those: Sequence[ToCorrect], who: str, now: datetime) -> list[Writeback]:
    """Make the corrections that are not there yet; inside `ledger.turn`. Returns them."""
    there = bad_days.corrections_of([each.row.id for each in those])
    fresh = [each for each in those if (each.row.id, each.record) not in there]
    known = mirror.patients_known(desk.connection_id, [each.patient_key for each in fresh])
    made: list[tuple[Writeback, str]] = []
    for each in fresh:
        made.append(_correction(desk, each, known.get(each.patient_key), now))
    moving.add(desk.practice_id, made, who=who, at=now)
    return [row for row, _ in made]


def correct_finding(found: ReconciliationFinding, who: str, now: datetime) -> list[int]:
    """Correct a finding: the second record, and what stands under another patient. Returns the corrections' numbers,
    also of those that were there already."""
    first = found.writeback
    if first.connection_id is None:
        return []
    with ledger.turn(first.practice_id):
        [row] = deliveries.rows_of(first.practice_id, [first.pk])
        desk = read_desk(first.connection_id)
        named = [record for record, _ in found.records]
        stays = first.record if first.record in named else next(iter(named), None)
        those = [
            ToCorrect(row=row, record=record, patient_key=patient or first.patient_key)
            for record, patient in found.records
            if (
                record != stays if found.kind == FindingKind.TWICE else patient not in ("", first.patient_key)
            )
        ]
        correct(desk, those, who, now)
    wake(first.connection_id, Lane.WRITE)
    made = bad_days.corrections_of([first.pk])
    return [made[first.pk, each.record] for each in those if (first.pk, each.record) in made]


def _correction(desk: Desk, each: ToCorrect, patient: bool | None, now: datetime) -> tuple[Writeback, Event]:
    first, marker = each.row, new_marker()
    kind = ActivityKind.PATIENT_NOTE.value if first.command == CommandKind.ADD_DOCUMENT else first.kind
    verdict = judge(
        desk,
        Case(
            kind=kind,
            command=CommandKind.ADD_NOTE,
            patient_key=each.patient_key,
            patient=patient,
            created_at=now,
            correction=True,
        ),
        now,
    )
    after = move(NEW, verdict.event)
    assert after.delivery is not None
    row = Writeback(
        practice_id=desk.practice_id,
        connection_id=desk.connection_id,
        activity_id=first.activity_id,
        corrects_id=first.id,
        kind=kind,
        command=CommandKind.ADD_NOTE,
        patient_key=each.patient_key,
        payload={"correction": each.record},
        text=text_of(each, desk, marker),
        marker=marker,
        delivery=after.delivery,
        seen=after.seen,
        created_at=now,
        due_at=now,
        reason_code=verdict.code,
        reason=verdict.reason,
    )
    return row, verdict.event
