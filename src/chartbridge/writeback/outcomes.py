"""What an answer of the PMS, or the lack of one, means for a writeback: one table of error classes.

Must not be in it: talking to a PMS, storing, waiting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.text import same_text
from chartbridge.pms.commands import Receipt
from chartbridge.pms.errors import (
    Conflict,
    Misconfigured,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
    Unreadable,
)
from chartbridge.pms.manifest import Repeat
from chartbridge.store.deliveries import WAITING_FOR_IMPORT, Row, Tries
from chartbridge.store.desk import EVERYTHING, Desk
from chartbridge.store.models import Delivery
from chartbridge.store.moving import Change
from chartbridge.writeback.changes import CLEAR, change
from chartbridge.writeback.rules import APPOINTMENT_STATUS
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event

MISSING_AFTER = timedelta(seconds=120)
MOST_RESTARTS = 3
"""What was being sent alone at so many ends of the process is taken for their cause. Whoever kills the process hits
what happens to be on its way; what was sent when a batch was cut off goes alone from then on."""
MOST_LOST = 8
"""So often a write may be broken off and be absent, while as many others go through, until it is set aside."""
IMPORTED = "imported"
UNTIL_ASKED = "until_asked"
"""Stands in the detail of a parking: the write is not tried again by itself."""
LOOK_FOR_IMPORT = timedelta(minutes=2)
_MAYBE_TAKEN = {
    "internal",
    "unreadable",
    "later_verification",
    "uncertain",
    "crashed",
    "always_lost",
    "wrong_patient",
    "off_while_looking",
    "pms_replaced",
}
_OF_ONE_ROW = {"provider", "note_type", "document_type", "status", "patient", "appointment"}

log = structlog.get_logger()


class NotSent:
    """Nothing was sent: the row was claimed, and then something before it went wrong."""


NOT_SENT = NotSent()
Answer = Receipt | BaseException | NotSent


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Writing stops, wholly or for one ability, until a person acts."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What follows from one answer. `away` is set where the PMS could not be reached."""

    changes: tuple[Change, ...]
    hold: Hold | None = None
    away: Unavailable | None = None

    @property
    def stops(self) -> bool:
        """Sending on would meet the same wall."""
        return self.hold is not None or self.away is not None


def after_write(row: Row, desk: Desk, answer: Answer, now: datetime) -> Outcome:
    """Return what follows from the answer to a write. `row` stands at `sending`."""
    if isinstance(answer, NotSent):
        return Outcome(changes=(change(row, Event.PUT_BACK, fields={"sending_at": None}),))
    if isinstance(answer, Receipt):
        return Outcome(changes=_taken(row, desk, answer, now))
    handle = next((handle for kind, handle in _BY_ERROR if isinstance(answer, kind)), _internal)
    return handle(row, desk, answer, now)


def after_first_look(
    row: Row, desk: Desk, found: Receipt | Exception | None, now: datetime
) -> Outcome | None:
    """Return what follows from a look before the first sending, or None where it is to be sent.

    `row` stands at `sending`; another copy of this store may have sent it.
    """
    if isinstance(found, Exception):
        return Outcome(changes=(not_understood(row, found),))
    if found is not None and found.handed_over:
        return Outcome(changes=_taken(row, desk, found, now))
    if found is not None:
        return Outcome(changes=(_shown(row, desk, found, now, Event.FIND),))
    claim = desk.claim(row.command)
    if claim is not None and claim.repeat is Repeat.NEVER:
        return Outcome(changes=(_parked(row, "uncertain", sentence("uncertain", pms=desk.pms)),))
    return None


def after_look(
    row: Row, desk: Desk, found: Receipt | None, now: datetime, tries: Tries
) -> tuple[Change, ...]:
    """Return what follows from a look for an uncertain write; `tries` are those before this one."""
    if found is not None and found.handed_over:
        return _taken(row, desk, found, now)
    if found is not None:
        return (_shown(row, desk, found, now, Event.FIND),)
    claim = desk.claim(row.command)
    if claim is not None and claim.repeat is Repeat.NEVER:
        return (_parked(row, "uncertain", sentence("uncertain", pms=desk.pms)),)
    if tries.ends >= MOST_RESTARTS:
        return (_parked(row, "crashed", sentence("crashed")),)
    # An outage stops the others as well, and counts for nothing.
    if tries.absent + 1 >= MOST_LOST and tries.others >= MOST_LOST:
        return (_parked(row, "always_lost", sentence("always_lost", pms=desk.pms, times=tries.absent + 1)),)
    return (change(row, Event.ABSENT, fields={**CLEAR, "sending_at": None}),)


def after_read_back(
    row: Row, desk: Desk, found: Receipt | None, now: datetime, lived: timedelta
) -> tuple[Change, ...]:
    """Return what follows from reading a taken write back; nothing while it may still appear. `lived` is how long ago
    it was taken, at the least, whatever the wall clock says."""
    if found is not None and not found.handed_over:
        return (_shown(row, desk, found, now, Event.SEE),)
    if row.reason_code == WAITING_FOR_IMPORT:
        return ()  # until it shows in the index, or a person ticks it off
    if min(lived, now - (row.taken_at or now)) < MISSING_AFTER:
        return ()
    code = "status_moved_on" if row.kind == APPOINTMENT_STATUS else "missing"
    fields = {"reason_code": code, "reason": sentence(code, pms=desk.pms)}
    return (change(row, Event.MISS, fields=fields),)


def not_understood(row: Row, error: Exception) -> Change:
    """Return the change for a row at which even looking fails: whatever was sent of it may be there.

    Also where the PMS refused the look: it has said nothing about the write.
    """
    if isinstance(error, Conflict):
        return _parked(row, "later_verification", error.safe_message)
    if isinstance(error, PmsError):
        evidence = error.evidence if isinstance(error, Unreadable) else type(error).__name__.lower()
        return _parked(row, "unreadable", error.safe_message, {"evidence": evidence[:200]})
    _log_fault(row, error)
    return _parked(row, "internal", sentence("internal"))


def may_be_taken(row: Row) -> bool:
    """Whether it stands parked because nobody knows what became of it."""
    return row.attempts > 0 and row.delivery == Delivery.PARKED and row.reason_code in _MAYBE_TAKEN


def next_look(row: Row, now: datetime) -> datetime:
    """Return when to look again for a taken write that was not to be seen: after growing times."""
    age = (now - (row.taken_at or now)).total_seconds()
    return now + timedelta(seconds=min(300.0, max(1.0, age * 2)))


def _taken(row: Row, desk: Desk, receipt: Receipt, now: datetime) -> tuple[Change, ...]:
    if receipt.patient_key and receipt.patient_key != row.patient_key:
        return (_wrong_patient(row, desk, receipt),)
    claim = desk.claim(row.command)
    due_at = now + timedelta(seconds=claim.visible_after if claim else 0.0)
    fields = {**CLEAR, "record": receipt.record[:80], "taken_at": now, "due_at": due_at, "filed": None}
    if receipt.handed_over:
        fields |= {
            "reason_code": WAITING_FOR_IMPORT,
            "reason": sentence(WAITING_FOR_IMPORT, pms=desk.pms),
            "due_at": now + LOOK_FOR_IMPORT,
        }
    taken = change(row, Event.TAKE, fields=fields, detail=_record(receipt))
    if not receipt.seen:
        return (taken,)
    at_taken = row._replace(delivery=taken.delivery, seen=taken.seen, taken_at=now)
    return (taken, _shown(at_taken, desk, receipt, now, Event.SEE))


def _shown(row: Row, desk: Desk, found: Receipt, now: datetime, event: Event) -> Change:
    if found.patient_key and found.patient_key != row.patient_key:
        return _wrong_patient(row, desk, found)
    changed = row.kind != APPOINTMENT_STATUS and bool(found.text) and not same_text(row.text, found.text)
    fields: dict[str, object] = {
        **CLEAR,
        "reason_code": "text_changed" if changed else "",
        "reason": sentence("text_changed", pms=desk.pms) if changed else "",
        "seen_at": now,
        "recorded_at": found.recorded_at,
        "text_hash": hashlib.sha256(found.text.encode("utf-8", "replace")).hexdigest(),
        "filed": asdict(found.filed) if found.filed else None,
    }
    if found.record:
        fields["record"] = found.record[:80]
    if event is Event.FIND:
        fields["taken_at"] = now
    return change(row, event, fields=fields, detail={**_record(found), "text": fields["text_hash"]})


def _wrong_patient(row: Row, desk: Desk, receipt: Receipt) -> Change:
    return _parked(row, "wrong_patient", sentence("wrong_patient", pms=desk.pms), _record(receipt))


def _record(receipt: Receipt) -> dict[str, object]:
    return {"record": receipt.record[:80]} if receipt.record else {}


def _parked(row: Row, code: str, reason: str, detail: dict[str, object] | None = None) -> Change:
    fields = {**CLEAR, "reason_code": code, "reason": reason}
    return change(row, Event.PARK, fields=fields, detail=detail)


def _unavailable(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Unavailable)
    return Outcome(changes=(change(row, Event.PUT_BACK, fields={"sending_at": None}),), away=error)


def _uncertain(row: Row, desk: Desk, _error: BaseException, now: datetime) -> Outcome:
    due_at = now + settle_time(desk, row)
    fields = {
        **CLEAR,
        "reason_code": "looking",
        "reason": sentence("looking", pms=desk.pms),
        "due_at": due_at,
    }
    return Outcome(changes=(change(row, Event.LOSE, fields=fields),))


def settle_time(desk: Desk, row: Row) -> timedelta:
    """Return how long an attempt could still land; nothing where a repetition does no harm."""
    claim = desk.claim(row.command)
    return timedelta(seconds=claim.settle_after if claim and claim.repeat is not Repeat.SAFE else 0.0)


def _refused(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Refused)
    fields = {"reason_code": "refused", "reason": error.safe_message, "pms_reason": error.reason}
    return Outcome(changes=(change(row, Event.REFUSE, fields=fields),))


def _misconfigured(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Misconfigured)
    parked = _parked(row, "misconfigured", error.safe_message, {"setting": error.setting[:60]})
    hold = Hold(code=f"misconfigured:{EVERYTHING}", sentence=error.safe_message)
    return Outcome(changes=(parked,), hold=None if error.setting in _OF_ONE_ROW else hold)


def _unauthorised(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Unauthorised)
    ability = EVERYTHING if error.ability == EVERYTHING else row.command
    hold = Hold(code=f"unauthorised:{ability}", sentence=error.safe_message)
    detail: dict[str, object] | None = {UNTIL_ASKED: True} if error.until_asked else None
    return Outcome(changes=(_parked(row, "unauthorised", error.safe_message, detail),), hold=hold)


def _conflict(row: Row, desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Conflict)
    if row.kind != APPOINTMENT_STATUS:
        return Outcome(changes=(_parked(row, "later_verification", error.safe_message),))
    statuses = desk.lists.get(LookupKind.APPOINTMENT_STATUSES, {})

    def name(key: str) -> str:
        return statuses[key].name if key in statuses else key or "no status"

    reason = sentence(
        "conflict", pms=desk.pms, current=name(error.current), wish=name(row.payload.get("status_key", ""))
    )
    fields = {
        **CLEAR,
        "reason_code": "conflict",
        "reason": reason,
        "payload": {**row.payload, "current_key": error.current},
    }
    return Outcome(changes=(change(row, Event.PARK, fields=fields),))


def _unreadable(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    assert isinstance(error, Unreadable)
    return Outcome(changes=(not_understood(row, error),))


def _internal(row: Row, _desk: Desk, error: BaseException, _now: datetime) -> Outcome:
    _log_fault(row, error)
    return Outcome(changes=(_parked(row, "internal", sentence("internal")),))


def _log_fault(row: Row, error: BaseException) -> None:
    """The type and the place only: a message may hold a patient."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place else ""
    log.error("writeback.internal", error=type(error).__name__, where=where, writeback=row.id)


_Handler = Callable[[Row, Desk, BaseException, datetime], Outcome]
_BY_ERROR: tuple[tuple[type[BaseException], _Handler], ...] = (
    (Unavailable, _unavailable),
    (Uncertain, _uncertain),
    (Refused, _refused),
    (Misconfigured, _misconfigured),
    (Unauthorised, _unauthorised),
    (Conflict, _conflict),
    (Unreadable, _unreadable),
)
