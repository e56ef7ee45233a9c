"""What people do about writebacks that did not go through: retry, one or all alike; back-fill; let go.

Whatever may already be in the chart is looked for before it is sent again. Must not be in it: sending.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Repeat
from chartbridge.store import deliveries, ledger, mirror, moving
from chartbridge.store.deliveries import WAITING_FOR_IMPORT, Row
from chartbridge.store.desk import Desk, clear_write_hold, connection_for_writing, read_desk
from chartbridge.store.models import Activity, Connection, Delivery, Seen, Writeback
from chartbridge.store.moving import Change
from chartbridge.store.wake import Lane, wake
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.claiming import case_of
from chartbridge.writeback.enqueue import plan_all
from chartbridge.writeback.outcomes import IMPORTED, LOOK_FOR_IMPORT, may_be_taken
from chartbridge.writeback.planning import Planned, row_of
from chartbridge.writeback.rehearsal import Problem, Rehearsal, rehearse
from chartbridge.writeback.rules import APPOINTMENT_STATUS, GO, Verdict, judge
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event, allows, state_of
from chartbridge.writeback.unasked import FOR_ANOTHER, REPLACED

__all__ = [
    "Problem",
    "Rehearsal",
    "all_can_be_taken_up_again",
    "back_fill",
    "can_be_taken_up_again",
    "dismiss",
    "dismiss_many",
    "free_after_setting",
    "imported",
    "may_be_taken",
    "not_imported",
    "patients_changed",
    "rehearse",
    "reopen",
    "resume",
    "retry",
    "retry_alike",
    "retry_many",
]

_MENDABLE = (Delivery.HELD, Delivery.PARKED, Delivery.REFUSED)
_BY_SETTINGS = (
    "connection_off",
    "off_while_looking",
    "writing_off",
    "no_provider",
    "provider_inactive",
    "no_note_type",
    "note_type_gone",
    "no_document_type",
    "document_type_gone",
    "not_supported",
    "too_old",
    "unauthorised",
    "misconfigured",
    "unknown_patient",
)
_ON_THE_WAY = (Delivery.SENDING, Delivery.UNCERTAIN)
_WISHED = (Delivery.HELD, Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN, Delivery.TAKEN)
_UNWRITTEN = {"no_connection", "text_too_long"}
_REOPENED, _WHOSE = "reopened", "who_is_this"
_PIECE = 1000


def retry(practice_id: int, writeback_ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """Send these again, or look first where they may have been taken. Returns how many go on."""
    now = (clock or SystemClock()).now()
    with ledger.turn(practice_id):
        rows = deliveries.rows_of(practice_id, writeback_ids)
        rows += _under_the_same_pause(rows)
        freed = _free_all(practice_id, rows, who, now)
        for connection_id in {row.connection_id for row in rows if row.connection_id}:
            resume(connection_id)
    return freed


def retry_alike(practice_id: int, reason_code: str, who: str, *, clock: Clock | None = None) -> int:
    """Retry everything that stands for the same reason. Returns how many go on."""
    rows = Writeback.objects.filter(practice_id=practice_id, reason_code=reason_code)
    waiting = rows.filter(delivery__in=_MENDABLE) | rows.filter(delivery=Delivery.TAKEN, seen=Seen.MISSING)
    return retry_many(
        practice_id, list(waiting.order_by("id").values_list("id", flat=True)), who, clock=clock
    )


def retry_many(practice_id: int, ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """Retry any number of them, a piece in each transaction. Returns how many go on."""
    pieces = [ids[at : at + _PIECE] for at in range(0, len(ids), _PIECE)]
    return sum(retry(practice_id, piece, who, clock=clock) for piece in pieces)


def free_after_setting(connection_id: int, who: str, *, clock: Clock | None = None) -> int:
    """After a setting was saved: let go on what only waited for it. Returns how many go on."""
    now = (clock or SystemClock()).now()
    practice_id = read_desk(connection_id).practice_id
    with ledger.turn(practice_id):
        clear_write_hold(connection_id)
        rows = deliveries.standing(connection_id=connection_id, deliveries=_MENDABLE, codes=_BY_SETTINGS)
        freed = _free_all(practice_id, [*deliveries.without_connection(practice_id), *rows], who, now)
        wake(connection_id, Lane.WRITE)
    return freed


def patients_changed(connection_id: int, keys: Sequence[str], *, clock: Clock | None = None) -> int:
    """After patients were read: let go on what was held because they were unknown. Returns how many go on."""
    now = (clock or SystemClock()).now()
    practice_id = read_desk(connection_id).practice_id
    with ledger.turn(practice_id):
        wanted = set(keys)
        held = deliveries.standing(
            connection_id=connection_id, deliveries=[Delivery.HELD], codes=["unknown_patient"]
        )
        freed = _free_all(practice_id, [row for row in held if row.patient_key in wanted], "chartbridge", now)
        if freed:
            wake(connection_id, Lane.WRITE)
    return freed


def back_fill(connection_id: int, kind: str, since: datetime, who: str, *, clock: Clock | None = None) -> int:
    """Write what was skipped because its type was not allowed, from `since` on. Returns how many go on."""
    now = (clock or SystemClock()).now()
    practice_id = read_desk(connection_id).practice_id
    freed = 0
    with ledger.turn(practice_id):
        rows = deliveries.standing(
            connection_id=connection_id, deliveries=[Delivery.SKIPPED], kind=kind, since=since
        )
        freed = _free_all(practice_id, rows, who, now)
        wake(connection_id, Lane.WRITE)
    return freed


def imported(practice_id: int, writeback_ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """A person says that these documents were imported by hand. Returns how many were still waiting for it."""
    now = (clock or SystemClock()).now()
    with ledger.turn(practice_id):
        rows = deliveries.rows_of(practice_id, writeback_ids)
        changes = [
            change(
                row,
                Event.SEE,
                fields={**CLEAR, "reason_code": IMPORTED, "reason": sentence(IMPORTED), "seen_at": now},
            )
            for row in rows
            if row.reason_code == WAITING_FOR_IMPORT and allows(state_of(row), Event.SEE)
        ]
        return len(moving.apply(practice_id, changes, who=who, at=now))


def not_imported(
    practice_id: int, writeback_ids: Sequence[int], who: str, *, clock: Clock | None = None
) -> int:
    """Take that back: they wait for it, and are looked for, again. Returns how many had been ticked off."""
    now = (clock or SystemClock()).now()
    with ledger.turn(practice_id):
        rows = [row for row in deliveries.rows_of(practice_id, writeback_ids) if row.reason_code == IMPORTED]
        pms = {row.connection_id: read_desk(row.connection_id).pms for row in rows if row.connection_id}
        changes = [
            change(
                row,
                Event.UNTICK,
                fields={
                    **CLEAR,
                    "reason_code": WAITING_FOR_IMPORT,
                    "reason": sentence(WAITING_FOR_IMPORT, pms=pms.get(row.connection_id or 0, "")),
                    "seen_at": None,
                    "due_at": now + LOOK_FOR_IMPORT,
                },
            )
            for row in rows
        ]
        done = moving.apply(practice_id, changes, who=who, at=now)
        for connection_id in pms:
            wake(connection_id, Lane.WRITE)
        return len(done)


def dismiss(practice_id: int, writeback_ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """Let these go; they stay on record. Returns how many could be let go."""
    now = (clock or SystemClock()).now()
    with ledger.turn(practice_id):
        rows = deliveries.rows_of(practice_id, writeback_ids)
        fields = {**CLEAR, "reason_code": "dismissed", "reason": sentence("dismissed")}
        changes = [
            change(row, Event.DISMISS, fields=fields, detail={"was": row.reason_code})
            for row in rows
            if allows(state_of(row), Event.DISMISS)
        ]
        done = moving.apply(practice_id, changes, who=who, at=now)
        for connection_id in {row.connection_id for row in rows if row.reason_code == "unauthorised"}:
            resume(connection_id or 0)
        return len(done)


def dismiss_many(practice_id: int, ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """Let any number of them go, a piece in each transaction. Returns how many could be let go."""
    pieces = [ids[at : at + _PIECE] for at in range(0, len(ids), _PIECE)]
    return sum(dismiss(practice_id, piece, who, clock=clock) for piece in pieces)


def can_be_taken_up_again(row: Row | Writeback) -> bool:
    """Whether letting it go can be undone: only while not a byte of it was sent, and no later wish stands for it."""
    return (
        row.delivery == Delivery.RETRACTED
        and row.reason_code in ("dismissed", "undone")
        and row.attempts == 0
        and row.kind != APPOINTMENT_STATUS
    )


def all_can_be_taken_up_again(practice_id: int, writeback_ids: Sequence[int]) -> bool:
    """Whether letting these go can be undone for every one of them."""
    rows = Writeback.objects.filter(practice_id=practice_id, pk__in=writeback_ids)
    found = [can_be_taken_up_again(row) for row in rows.only("delivery", "reason_code", "attempts", "kind")]
    return bool(found) and all(found)


def reopen(practice_id: int, writeback_ids: Sequence[int], who: str, *, clock: Clock | None = None) -> int:
    """Undo a letting go: each stands again where the settings put it now. Returns how many were taken up."""
    now = (clock or SystemClock()).now()
    with ledger.turn(practice_id):
        rows = [row for row in deliveries.rows_of(practice_id, writeback_ids) if can_be_taken_up_again(row)]
        codes = {row.id: _REOPENED if row.patient_key else _WHOSE for row in rows}
        changes = [
            change(
                row,
                Event.REOPEN,
                fields={**CLEAR, "reason_code": codes[row.id], "reason": sentence(codes[row.id])},
            )
            for row in rows
        ]
        done = moving.apply(practice_id, changes, who=who, at=now)
        named = [each.row.id for each in done if each.row.patient_key]
        held = deliveries.rows_of(practice_id, named)
        _free_all(practice_id, held, who, now)
        for connection_id in {row.connection_id for row in held if row.connection_id}:
            wake(connection_id, Lane.WRITE)
        return len(done)


def resume(connection_id: int) -> None:
    """Lift the pause, unless something else still stands parked for want of a right."""
    code = Connection.objects.values_list("write_hold_code", flat=True).get(pk=connection_id)
    still = Writeback.objects.filter(
        connection_id=connection_id, delivery=Delivery.PARKED, reason_code="unauthorised"
    )
    if code.startswith("misconfigured") or (code.startswith("unauthorised") and not still.exists()):
        clear_write_hold(connection_id)
    wake(connection_id, Lane.WRITE)


def _under_the_same_pause(rows: Sequence[Row]) -> list[Row]:
    """An ability stays paused while one writeback stands parked for want of a right: take them all."""
    chosen = {row.id for row in rows}
    paused = {(row.connection_id, row.command) for row in rows if row.reason_code == "unauthorised"}
    more = [
        row
        for connection_id in {connection_id for connection_id, _ in paused if connection_id}
        for row in deliveries.standing(
            connection_id=connection_id, deliveries=[Delivery.PARKED], codes=["unauthorised"]
        )
    ]
    return [row for row in more if row.id not in chosen and (row.connection_id, row.command) in paused]


def _free_all(practice_id: int, rows: Sequence[Row], who: str, now: datetime) -> int:
    by_connection: dict[int, list[Row]] = defaultdict(list)
    fallback = connection_for_writing(practice_id)
    for row in rows:
        if connection_id := row.connection_id or fallback:
            by_connection[connection_id].append(row)
    return sum(
        _free(read_desk(connection_id), group, who, now) for connection_id, group in by_connection.items()
    )


def _free(desk: Desk, rows: Sequence[Row], who: str, now: datetime) -> int:
    keys = [row.patient_key for row in rows]
    known, other = mirror.patients_known_or_changed(desk.connection_id, keys)
    changes: list[Change] = []
    superseded = {**CLEAR, "reason_code": "superseded", "reason": sentence("superseded")}
    for row in rows:
        if row.reason_code == REPLACED:
            continue  # what is connected now is another PMS: it knows nothing of it
        if row.delivery in _ON_THE_WAY:
            continue  # first its answer, or what is found, whatever the settings say now
        if row.reason_code == FOR_ANOTHER and row.delivery == Delivery.SKIPPED:
            # A person must first say that it is the same patient.
            changes.append(change(row, Event.PARK, detail={"code": FOR_ANOTHER}))
            continue
        if replaces := _replaced_by(row):
            changes.append(change(row, replaces, fields=superseded))
            continue
        if row.activity_id and _is_unwritten(row):
            changes += _write_anew(desk, row, who, now)
            continue
        verdict = judge(desk, case_of(row, known.get(row.patient_key), other.get(row.patient_key)), now)
        changes += _freed(desk, row, verdict, now)
    done = moving.apply(desk.practice_id, changes, who=who, at=now)
    return sum(1 for each in done if each.delivery in (Delivery.QUEUED, Delivery.UNCERTAIN))


def _replaced_by(row: Row) -> Event | None:
    """Return the move for a status move after which another of the same visit was wished: the last wish wins.

    What is on its way, done or may have been taken is left as it is.
    """
    if row.kind != APPOINTMENT_STATUS or may_be_taken(row):
        return None
    is_missing = row.delivery == Delivery.TAKEN and row.seen == Seen.MISSING
    if not is_missing and row.delivery not in _MENDABLE:
        return None
    visit = row.payload.get("appointment_key")
    for each in deliveries.status_moves(row.connection_id or 0, row.patient_key):
        if each.id > row.id and each.payload.get("appointment_key") == visit and each.delivery in _WISHED:
            return Event.DISMISS if is_missing else Event.SUPERSEDE
    return None


def _freed(desk: Desk, row: Row, verdict: Verdict, now: datetime) -> list[Change]:
    if _must_be_looked_for(desk, row):
        # Whatever the settings say: were it held or skipped now, it would be sent later as if it had never been.
        verdict = GO
    event = _way_on(desk, row) if verdict.event is Event.QUEUE else verdict.event
    same = verdict.event is not Event.QUEUE and verdict.code == row.reason_code
    if same or not allows(state_of(row), event):
        return []
    fields = {**CLEAR, "reason_code": verdict.code, "reason": verdict.reason, "due_at": now}
    if row.reason_code == "conflict":
        fields["payload"] = {**row.payload, "expected_key": row.payload.get("current_key", "")}
    return [change(row, event, fields=fields)]


def _way_on(desk: Desk, row: Row) -> Event:
    if row.delivery in (Delivery.HELD, Delivery.SKIPPED):
        return Event.QUEUE
    return Event.LOOK if _must_be_looked_for(desk, row) else Event.RETRY


def _must_be_looked_for(desk: Desk, row: Row) -> bool:
    """Whether it may be in the chart already."""
    claim = desk.claim(row.command)
    if row.reason_code == "uncertain" and claim and claim.repeat is Repeat.NEVER:
        return False  # a person has looked where the PMS can't be asked
    return may_be_taken(row) or (row.attempts > 0 and row.delivery == Delivery.TAKEN)


def _is_unwritten(row: Row) -> bool:
    """Whether its text could not be made when it came in."""
    made_here = row.command in (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT)
    return row.reason_code in _UNWRITTEN or (
        row.reason_code in (_REOPENED, FOR_ANOTHER) and made_here and not row.marker
    )


def _write_anew(desk: Desk, row: Row, who: str, now: datetime) -> list[Change]:
    """Make the text that could not be made before; further parts become writebacks of their own."""
    assert row.activity_id is not None
    activity = Activity.objects.get(pk=row.activity_id)
    [[first, *others]] = plan_all([activity], desk)
    if first.verdict.code == row.reason_code:
        return []
    event = (
        Event.RETRY
        if first.verdict.event is Event.QUEUE and row.delivery == Delivery.PARKED
        else first.verdict.event
    )
    if others:
        moving.add(desk.practice_id, [row_of(activity, other, desk) for other in others], who=who, at=now)
    return [change(row, event, fields=_written(desk, first, now))]


def _written(desk: Desk, planned: Planned, now: datetime) -> dict[str, object]:
    return {
        **CLEAR,
        "connection_id": desk.connection_id,
        "command": planned.command.value,
        "text": planned.text,
        "marker": planned.marker,
        "part": planned.part,
        "parts": planned.parts,
        "reason_code": planned.verdict.code,
        "reason": planned.verdict.reason,
        "due_at": now,
    }
