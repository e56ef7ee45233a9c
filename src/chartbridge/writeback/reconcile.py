"""Looks for every activity of a day in the PMS: in the chart, missing, twice, under another patient, changed since.

A piece at a time, each kept with what it brought, so that it goes on after a crash and shows how far it is. What is
missing moves through the table of states and so to the failure desk. Must not be in it: when it is done, SQL.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from typing import cast

import structlog

from chartbridge.domain.clock import Clock
from chartbridge.domain.marker import markers_in
from chartbridge.domain.text import same_text
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Filed, Receipt, Sought
from chartbridge.pms.connector import Connector, Searches
from chartbridge.pms.errors import Conflict, PmsError
from chartbridge.store import deliveries, ledger, moving, reconciliations
from chartbridge.store.deliveries import Row
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection, FindingKind, Reconciliation, ReconciliationFinding, Seen
from chartbridge.store.moving import Change
from chartbridge.store.reconciliations import Found, Looked
from chartbridge.writeback.changes import change
from chartbridge.writeback.commands import command_of
from chartbridge.writeback.look import CANT_ASK, ask
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event, allows, state_of

log = structlog.get_logger("chartbridge.writeback")

WHO = "chartbridge"
AT_ONCE = 200
REST_S = 30.0
CLOCKS_AGREE = timedelta(hours=1)
"""So much earlier than ours the PMS's own clock may stamp a record."""
MINUTE = timedelta(minutes=1)
"""So far two times may be apart and be the same: some ways of asking a PMS give no seconds."""
NOT_NOW = "The PMS is stopped or being read anew."
OFF = "The connection was switched off or removed before this look was over. Look at that day anew once it is on."
FAULT = "Something went wrong in Chartbridge while it looked. It is in the log of the hub."
SEARCHABLE = frozenset({CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT})


Changed = tuple[str, str, str]
"""What is another (`text`, or a field of `Filed`), what it was and is; the two empty for the text."""


class CannotReconcile(Exception):
    """The PMS can't be asked now, or this look at it is over; a sentence for people."""

    def __init__(self, sentence: str, *, for_good: bool = False) -> None:
        super().__init__(sentence)
        self.for_good = for_good


def begin(practice_id: int, day: date, who: str, *, clock: Clock) -> Reconciliation:
    """Begin a look at a day, or return the one that is under way."""
    return reconciliations.begin(practice_id, day, who, clock.now())


def go_on(run: Reconciliation, live: LiveConnectors, clock: Clock) -> bool:
    """Do one piece. Returns whether there is more. Raises `CannotReconcile` where the PMS can't be asked."""
    if run.finished_at is not None:  # by another process; what was written since is for a look of its own
        return False
    looked = reconciliations.piece(run, AT_ONCE)
    if not looked:
        reconciliations.finish(run, clock.now())
        return False
    try:
        brought = [_piece(connection_id, mine, live, clock) for connection_id, mine in _by_connection(looked)]
    except PmsError as error:
        reconciliations.say_why(run, error.safe_message)
        raise CannotReconcile(error.safe_message) from None
    except CannotReconcile as error:
        reconciliations.say_why(run, str(error))
        if error.for_good:
            reconciliations.give_up(run, clock.now())
        raise
    found = [each for piece in brought for each in piece.found]
    there = {number for piece in brought for number in piece.there}
    wrong = {each.writeback_id for each in found if each.kind != FindingKind.MERGED}
    with ledger.turn(run.practice_id):
        if reconciliations.keep(
            run,
            looked,
            found,
            in_chart=len(there - wrong),
            everywhere=all(piece.everywhere for piece in brought),
        ):
            changes = [each for piece in brought for each in piece.changes]
            moving.apply(run.practice_id, changes, who=WHO, at=clock.now())
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Brought:
    """What asking one PMS about a piece brought. `there`: what stands where it was written."""

    there: set[int]
    found: list[Found]
    changes: list[Change]
    everywhere: bool


class Reconciler:
    """Goes on with what was begun, a piece a call.

    A practice whose PMS can't be asked, or at which something fails, rests for a while; others go on.
    """

    def __init__(self, live: LiveConnectors, clock: Clock) -> None:
        self._live, self._clock = live, clock
        self._rests: dict[int, float] = {}

    def __call__(self) -> bool:
        """Do one piece of one look. Returns whether there is more to do at once."""
        now = self._clock.monotonic()
        run = next(
            (each for each in reconciliations.unfinished() if self._rests.get(each.practice_id, now) <= now),
            None,
        )
        if run is None:
            return False
        try:
            go_on(run, self._live, self._clock)
        except CannotReconcile:
            self._rests[run.practice_id] = self._clock.monotonic() + REST_S
            return False
        except Exception as error:  # one practice's fault must stop neither the others nor what is done daily
            log.error("reconcile_failed", practice=run.practice_id, error=type(error).__name__)
            self._rests[run.practice_id] = self._clock.monotonic() + REST_S
            reconciliations.say_why(run, FAULT)
            return False
        self._rests.pop(run.practice_id, None)
        return True


def whole_day(
    practice_id: int, day: date, live: LiveConnectors, clock: Clock, *, who: str = WHO
) -> Reconciliation:
    """Look at a whole day at once. Raises `CannotReconcile`."""
    run = begin(practice_id, day, who, clock=clock)
    while go_on(run, live, clock):
        run.refresh_from_db()
    run.refresh_from_db()
    return run


def another_patient(found: ReconciliationFinding, who: str, clock: Clock) -> None:
    """A person says that a record stands under somebody else, and not under whom its patient was merged into: it is
    missing in its own chart, and so stands in the failure desk."""
    first = found.writeback
    if first.connection_id is None:
        return
    desk = read_desk(first.connection_id)
    with ledger.turn(first.practice_id):
        rows = deliveries.rows_of(first.practice_id, [first.pk])
        gone = [_gone(row, desk) for row in rows if allows(state_of(row), Event.VANISH)]
        moving.apply(first.practice_id, gone, who=who, at=clock.now())


def _by_connection(looked: Sequence[Looked]) -> list[tuple[int, list[Looked]]]:
    groups: dict[int, list[Looked]] = defaultdict(list)
    for each in looked:
        if each.row.connection_id:
            groups[each.row.connection_id].append(each)
    return list(groups.items())


def _piece(connection_id: int, looked: Sequence[Looked], live: LiveConnectors, clock: Clock) -> _Brought:
    link = Connection.objects.filter(pk=connection_id).first()
    if link is None or not link.on:  # else such looks pile up, night by night
        raise CannotReconcile(OFF, for_good=True)
    if link.hold or link.rereading:  # what another PMS shows says nothing about this one
        raise CannotReconcile(NOT_NOW)
    desk, connector = read_desk(connection_id), live.of(link)
    answers = _ask(connector, desk, looked)
    found: list[Found] = []
    changes: list[Change] = []
    there: set[int] = set()
    replaced = reconciliations.overwritten(connection_id, looked, CommandKind.MARK_INSURANCE_VERIFIED)
    for each in looked:
        if error := answers.unreadable.get(each.row.id):
            found.append(_unreadable(each, error))
            continue
        seen = _sorted(each, answers.receipts.get(each.row.id, ()), answers.merged)
        if each.row.id in replaced and not seen.mine:  # what we wrote after it has taken its place
            there.add(each.row.id)
            continue
        found += _found(each, seen)
        if seen.mine or seen.moved:
            there.add(each.row.id)
        elif seen.maybe:
            continue  # it may well stand where it should: a person says so
        changes += _moves(each, desk, there=each.row.id in there, clock=clock)
    return _Brought(there=there, found=_undecided(found), changes=changes, everywhere=answers.everywhere)


def _undecided(found: Sequence[Found]) -> list[Found]:
    """Without what people have dealt with, as long as the PMS still shows the same."""
    known = reconciliations.decided([each.writeback_id for each in found])
    return [each for each in found if (each.writeback_id, each.kind, each.shown) not in known]


@dataclass(kw_only=True, slots=True)
class _Answers:
    """Every record of each writeback, by its number; at which of them reading failed; whether all charts were searched;
    and who was merged into whom, None where the PMS does not say."""

    receipts: dict[int, list[Receipt]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[int, Exception] = field(default_factory=dict)
    everywhere: bool = True
    merged: Mapping[str, str] | None = None


def _ask(connector: Connector, desk: Desk, looked: Sequence[Looked]) -> _Answers:
    answers = _Answers()
    commands = connector.manifest.search.commands
    searched = [each for each in looked if each.row.command in commands]
    answers.everywhere = not any(each.row.command in SEARCHABLE - commands for each in looked)
    _search(connector, desk, searched, answers)
    # What a search has not shown is asked for by itself before it is called missing.
    left = [
        each
        for each in looked
        if each.row.id not in answers.receipts and each.row.id not in answers.unreadable
    ]
    asked = ask(connector, [command_of(each.row, desk, to_send=False) for each in left])
    for each, answer in zip(left, asked, strict=True):
        if isinstance(answer, Conflict):
            continue  # a later verification stands in its place
        if isinstance(answer, Exception):
            answers.unreadable[each.row.id] = answer
        elif answer is not None:
            answers.receipts[each.row.id].append(answer)
    return answers


def _search(connector: Connector, desk: Desk, searched: Sequence[Looked], answers: _Answers) -> None:
    """Search for all of them at once; where that fails for a reason of one of them, one by one."""
    if not searched:
        return
    since = min(each.row.taken_at or each.row.created_at for each in searched) - CLOCKS_AGREE
    try:
        finds = cast(Searches, connector).find([_sought(each, desk) for each in searched], since)
    except CANT_ASK:
        raise
    except Exception as error:
        if len(searched) == 1:
            answers.unreadable[searched[0].row.id] = error
        else:
            for each in searched:
                _search(connector, desk, [each], answers)
        return
    answers.everywhere = answers.everywhere and finds.everyone
    if finds.merged is not None:
        answers.merged = {**(answers.merged or {}), **finds.merged}
    of_marker = {each.row.marker: each.row.id for each in searched}
    for receipt in finds.records:
        for marker in set(markers_in(receipt.text)) & of_marker.keys():
            answers.receipts[of_marker[marker]].append(receipt)


def _sought(each: Looked, desk: Desk) -> Sought:
    command = command_of(each.row, desk, to_send=False)
    assert isinstance(command, AddNote | AddDocument)
    return Sought(command=command, record=each.record)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """The records of one writeback by where they stand: under its own patient, under the one into whom that one was
    merged, elsewhere. `maybe`: those elsewhere may be under the one into whom it was merged, and nobody can tell."""

    mine: list[Receipt]
    moved: list[Receipt]
    elsewhere: list[Receipt]
    maybe: bool


def _sorted(each: Looked, receipts: Sequence[Receipt], merged: Mapping[str, str] | None) -> _Seen:
    survivor = (merged or {}).get(each.row.patient_key)
    mine = [receipt for receipt in receipts if receipt.patient_key in ("", each.row.patient_key)]
    others = [receipt for receipt in receipts if receipt not in mine]
    elsewhere = [receipt for receipt in others if receipt.patient_key != survivor]
    return _Seen(
        mine=mine,
        moved=[receipt for receipt in others if receipt.patient_key == survivor],
        elsewhere=elsewhere,
        maybe=merged is None and bool(elsewhere) and not mine,  # a merge leaves nothing behind
    )


def _unreadable(each: Looked, error: Exception) -> Found:
    kind = type(error).__name__
    log.warning("reconcile_unreadable", writeback=each.row.id, error=kind)
    return Found(writeback_id=each.row.id, kind=FindingKind.UNREADABLE, records=(), shown=_hash(kind))


def _found(each: Looked, seen: _Seen) -> list[Found]:
    """What is not as it was written; nothing where all is well."""
    return [
        Found(
            writeback_id=each.row.id,
            kind=kind,
            records=tuple((receipt.record, receipt.patient_key) for receipt in records),
            shown=_hash(shown),
            changes=_changes(each, records[0]) if kind == FindingKind.CHANGED and records else (),
        )
        for kind, records, shown in _judged(each, seen)
    ]


def _judged(each: Looked, seen: _Seen) -> list[tuple[FindingKind, list[Receipt], str]]:
    """Each kind of difference, with the records it is about and what makes it this one and no other."""
    there = seen.mine + seen.moved
    kinds: list[tuple[FindingKind, list[Receipt], str]] = []
    if not there and not seen.maybe and _may_be_missing(each):
        kinds.append((_absent(each), seen.elsewhere, str(each.row.attempts)))
    if len({receipt.record for receipt in there}) > 1:
        kinds.append((FindingKind.TWICE, there, _named(there)))
    if seen.elsewhere:
        kind = FindingKind.MAYBE_MERGED if seen.maybe else FindingKind.WRONG_PATIENT
        kinds.append((kind, seen.elsewhere, _named(seen.elsewhere)))
    if seen.moved:
        kinds.append((FindingKind.MERGED, seen.moved, _named(seen.moved)))
    if there and all(_changes(each, receipt) for receipt in there):
        kinds.append((FindingKind.CHANGED, there, _shown(each, there[0])))
    return kinds


def _changes(each: Looked, receipt: Receipt) -> tuple[Changed, ...]:
    text = () if _as_written(each, receipt) else (("text", "", ""),)
    return (*text, *_filed_otherwise(each, receipt.filed))


def _filed_otherwise(each: Looked, now: Filed | None) -> Iterator[Changed]:
    """What the PMS showed when it was read back against what it shows now, not against what was sent or would be sent
    today: what the PMS did not keep, turned into its own words or dated by its own clock is nobody's change."""
    if each.filed is None or now is None or each.row.seen != Seen.SEEN:
        return  # what was missing may be written anew meanwhile, under another type
    for what, was in asdict(each.filed).items():
        shown = getattr(now, what)
        if was and shown and was != shown and not (what == "at" and _same_time(was, shown)):
            yield what, was, shown


def _same_time(was: str, now: str) -> bool:
    """Whether two wall times are one; a midnight may be of a day without a time."""
    one, other = datetime.fromisoformat(was), datetime.fromisoformat(now)
    if time.min in (one.time(), other.time()):
        return one.date() == other.date()
    return abs(one - other) < MINUTE


def _shown(each: Looked, receipt: Receipt) -> str:
    changes = _changes(each, receipt)
    text = receipt.text if any(what == "text" for what, *_ in changes) else ""
    return "|".join([text, *(f"{what} {now}" for what, _, now in changes if what != "text")])


def _may_be_missing(each: Looked) -> bool:
    """What was taken just now may still appear: reading it back says so if it does not."""
    return each.row.seen != Seen.OWED


def _absent(each: Looked) -> FindingKind:
    """A later verification takes the place of an earlier one: to write that again would be wrong."""
    verification = each.row.command == CommandKind.MARK_INSURANCE_VERIFIED
    return FindingKind.CHANGED if verification else FindingKind.MISSING


def _named(receipts: Sequence[Receipt]) -> str:
    return "|".join(sorted(f"{receipt.record} {receipt.patient_key}" for receipt in receipts))


def _as_written(each: Looked, receipt: Receipt) -> bool:
    if receipt.handed_over or not receipt.text or same_text(each.row.text, receipt.text):
        return True
    if each.row.command == CommandKind.MARK_INSURANCE_VERIFIED:
        return True  # the PMS moves such a note into its history
    return _hash(receipt.text) == each.text_hash


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _moves(each: Looked, desk: Desk, *, there: bool, clock: Clock) -> list[Change]:
    """What was in the chart and is not any more goes to the failure desk; what has come back leaves it."""
    row = each.row
    gone = not there and _absent(each) is FindingKind.MISSING
    if gone and allows(state_of(row), Event.VANISH):
        return [_gone(row, desk)]
    if there and row.seen == Seen.MISSING:
        return [change(row, Event.SEE, fields={"reason_code": "", "reason": "", "seen_at": clock.now()})]
    return []


def _gone(row: Row, desk: Desk) -> Change:
    fields = {"reason_code": "gone_since", "reason": sentence("gone_since", pms=desk.pms)}
    return change(row, Event.VANISH, fields=fields)
