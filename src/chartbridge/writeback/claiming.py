"""Takes the next batch off the queue: judged once more, in order, and carefully where something went wrong before.

Must not be in it: sending, the lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chartbridge.pms.commands import CommandKind
from chartbridge.store import deliveries, mirror
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk
from chartbridge.store.models import Delivery
from chartbridge.store.moving import Moving
from chartbridge.writeback.changes import change, with_reason
from chartbridge.writeback.rules import APPOINTMENT_STATUS, GO, Case, Verdict, judge
from chartbridge.writeback.states import Event

CORRECTION = "correction"
MOST_FILES = 2
"""So many files are in memory at once."""


class Claimer:
    """Claims for any connection; keeps nothing."""

    def any(self, desk: Desk) -> bool:
        """Whether something may be sent right now."""
        return not desk.closed and deliveries.anything_claimable(desk.connection_id, paused=desk.paused)

    def claim(self, desk: Desk, moves: Moving, size: int, now: datetime, *, ahead: bool = False) -> list[Row]:
        """Claim the next batch; what must not be sent (any more) goes where its verdict says. `ahead`: while another
        batch is being sent."""
        claimed: list[Row] = []
        while not desk.closed and not claimed:
            rows = _cautiously(
                deliveries.claimable(desk.connection_id, size, paused=desk.paused), ahead=ahead
            )
            if not rows:
                break
            claimed = _claim(desk, moves, rows, now)
        return [
            row._replace(delivery=Delivery.SENDING.value, attempts=row.attempts + 1, sending_at=now)
            for row in claimed
        ]

    def free_arrived(self, desk: Desk, moves: Moving, now: datetime) -> None:
        """Let go on what was held for an unknown patient whom the mirror knows by now."""
        came = deliveries.whose_patient_came(desk.connection_id)
        if came:
            verdicts = _judged(desk, came, now)
            moves.apply([with_reason(row, verdict) for row, verdict in zip(came, verdicts, strict=True)])


def case_of(row: Row, patient: bool | None, other_since: datetime | None = None) -> Case:
    """Return what is judged of a row. A status move's patient is known to the PMS in any case."""
    return Case(
        kind=row.kind,
        command=row.command,
        patient_key=row.patient_key,
        patient=True if row.kind == APPOINTMENT_STATUS else patient,
        created_at=row.created_at,
        sent_before=True,
        other_since=other_since,
        status_key=row.payload.get("status_key", "") if row.kind == APPOINTMENT_STATUS else "",
        correction=CORRECTION in row.payload,
    )


def _claim(desk: Desk, moves: Moving, rows: Sequence[Row], now: datetime) -> list[Row]:
    judged = list(zip(rows, _judged(desk, rows, now), strict=True))
    bad = [with_reason(row, verdict) for row, verdict in judged if verdict.event is not Event.QUEUE]
    starts = [
        change(
            row, Event.CLAIM, fields=_sent_with(row, desk) | {"attempts": row.attempts + 1, "sending_at": now}
        )
        for row, verdict in judged
        if verdict.event is Event.QUEUE
    ]
    return [each.row for each in moves.apply([*bad, *starts]) if each.move == Event.CLAIM]


def _sent_with(row: Row, desk: Desk) -> dict[str, object]:
    """Under which type and provider it goes out: by these a person finds what a wrong setting wrote."""
    box = desk.boxes.get(row.kind)
    return {"sent_type": box.type_key if box else "", "sent_provider": desk.provider_key}


def _judged(desk: Desk, rows: Sequence[Row], now: datetime) -> list[Verdict]:
    keys = [row.patient_key for row in rows]
    known, other = mirror.patients_known_or_changed(desk.connection_id, keys)
    go: set[tuple[object, ...]] = set()
    verdicts: list[Verdict] = []
    for row in rows:
        case = case_of(row, known.get(row.patient_key), other.get(row.patient_key))
        alike = (case.kind, case.command, case.patient, case.correction)
        if alike in go and not case.other_since:
            verdicts.append(GO)  # which no patient's number has a part in
            continue
        verdict = judge(desk, case, now)
        if verdict is GO and case.kind != APPOINTMENT_STATUS:
            go.add(alike)
        verdicts.append(verdict)
    return verdicts


def _cautiously(rows: list[Row], *, ahead: bool) -> list[Row]:
    """What was being sent when the process ended goes alone, so that it alone is to blame the next time."""
    restarted = deliveries.restarted([row.id for row in rows if row.attempts])
    first = next((at for at, row in enumerate(rows) if row.id in restarted), None)
    rows = rows if first is None else rows[: max(first, 0 if ahead else 1)]
    files = [at for at, row in enumerate(rows) if row.command == CommandKind.ADD_DOCUMENT]
    return rows if len(files) <= MOST_FILES else rows[: files[MOST_FILES]]
