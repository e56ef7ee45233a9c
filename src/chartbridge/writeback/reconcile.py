"""Looks for every activity of a day in the PMS: in the chart, missing, twice, under another patient, changed since.

A piece at a time, each kept with what it brought, so that it goes on after a crash and shows how far it is. What is
missing moves through the table of states and so to the failure desk. Must not be in it: when it is done, SQL.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

from chartbridge.domain.clock import Clock
from chartbridge.domain.marker import markers_in
from chartbridge.domain.text import same_text
from chartbridge.pms.commands import AddDocument, AddNote, Receipt, Sought
from chartbridge.pms.connector import Connector, Searches
from chartbridge.pms.errors import PmsError
from chartbridge.store import deliveries, ledger, reconciliations
from chartbridge.store.deliveries import Change
from chartbridge.store.desk import Desk, read_desk
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import Connection, FindingKind, Reconciliation, Seen
from chartbridge.store.reconciliations import Found, Looked
from chartbridge.writeback.changes import change
from chartbridge.writeback.commands import command_of
from chartbridge.writeback.sentences import sentence
from chartbridge.writeback.states import Event, allows, state_of

WHO = "chartbridge"
AT_ONCE = 200
REST_S = 30.0


class CannotReconcile(Exception):
    """The PMS can't be asked now; a sentence for people."""


def begin(practice_id: int, day: date, who: str, *, clock: Clock) -> Reconciliation:
    """Begin a look at a day, or return the one that is under way."""
    return reconciliations.begin(practice_id, day, who, clock.now())


def go_on(run: Reconciliation, live: LiveConnectors, clock: Clock) -> bool:
    """Do one piece. Returns whether there is more. Raises `CannotReconcile` where the PMS can't be asked."""
    looked = reconciliations.piece(run, AT_ONCE)
    if not looked:
        reconciliations.finish(run, clock.now())
        return False
    of_connection: dict[int, list[Looked]] = defaultdict(list)
    for each in looked:
        if each.row.connection_id:
            of_connection[each.row.connection_id].append(each)
    for connection_id, mine in of_connection.items():
        try:
            _piece(run, connection_id, mine, live, clock)
        except PmsError as error:
            reconciliations.say_why(run, error.safe_message)
            raise CannotReconcile(error.safe_message) from None
    return True


class Reconciler:
    """Goes on with what was begun, a piece a call. A PMS that can't be asked rests for a while; others go on."""

    def __init__(self, live: LiveConnectors, clock: Clock) -> None:
        self._live, self._clock = live, clock
        self._rests: dict[int, float] = {}

    def __call__(self) -> bool:
        """Do one piece of one look. Returns whether there is more to do at once."""
        now = self._clock.monotonic()
        run = next(
            (each for each in reconciliations.unfinished() if self._rests.get(each.pk, now) <= now), None
        )
        if run is None:
            return False
        try:
            go_on(run, self._live, self._clock)
        except CannotReconcile:
            self._rests[run.pk] = now + REST_S
        else:
            self._rests.pop(run.pk, None)
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


def _piece(
    run: Reconciliation, connection_id: int, looked: Sequence[Looked], live: LiveConnectors, clock: Clock
) -> None:
    link = Connection.objects.get(pk=connection_id)
    desk, connector = read_desk(connection_id), live.of(link)
    receipts, everywhere = _ask(connector, desk, looked)
    found: list[Found] = []
    changes: list[Change] = []
    in_chart = 0
    for each in looked:
        mine = receipts.get(each.row.id, ())
        kinds = _judged(each, mine)
        in_chart += not kinds
        records = tuple((receipt.record, receipt.patient_key) for receipt in mine)
        found += [Found(writeback_id=each.row.id, kind=kind, records=records) for kind in kinds]
        changes += _moves(each, desk, missing=FindingKind.MISSING in kinds, clock=clock)
    with ledger.turn(run.practice_id):
        deliveries.apply(run.practice_id, changes, who=WHO, at=clock.now())
        reconciliations.keep(run, looked, found, in_chart=in_chart, everywhere=everywhere)


def _ask(
    connector: Connector, desk: Desk, looked: Sequence[Looked]
) -> tuple[Mapping[int, Sequence[Receipt]], bool]:
    """Every record of each writeback, by its number; and whether all charts were searched."""
    receipts: dict[int, list[Receipt]] = defaultdict(list)
    everywhere = True
    left = list(looked)
    commands = connector.manifest.search.commands
    searched = [each for each in looked if each.row.command in commands]
    if searched:
        since = min(each.row.taken_at or each.row.created_at for each in searched)
        finds = cast(Searches, connector).find([_sought(each, desk) for each in searched], since)
        everywhere = finds.everyone
        of_marker = {each.row.marker: each.row.id for each in searched}
        for receipt in finds.records:
            for marker in set(markers_in(receipt.text)) & of_marker.keys():
                receipts[of_marker[marker]].append(receipt)
        left = [each for each in looked if each.row.id not in receipts]
    # What a search has not shown is asked for by itself before it is called missing.
    answers = connector.landed_all([command_of(each.row, desk, to_send=False) for each in left])
    for each, answer in zip(left, answers, strict=True):
        if answer is not None:
            receipts[each.row.id].append(answer)
    return receipts, everywhere


def _sought(each: Looked, desk: Desk) -> Sought:
    command = command_of(each.row, desk, to_send=False)
    assert isinstance(command, AddNote | AddDocument)
    return Sought(command=command, record=each.record)


def _judged(each: Looked, receipts: Sequence[Receipt]) -> list[FindingKind]:
    """What is not as it was written; nothing where all is well."""
    row = each.row
    if not receipts:
        return [FindingKind.MISSING]
    kinds = [FindingKind.TWICE] if len({receipt.record for receipt in receipts}) > 1 else []
    if any(receipt.patient_key and receipt.patient_key != row.patient_key for receipt in receipts):
        kinds.append(FindingKind.WRONG_PATIENT)
    if not kinds and not any(_as_written(each, receipt) for receipt in receipts):
        kinds.append(FindingKind.CHANGED)
    return kinds


def _as_written(each: Looked, receipt: Receipt) -> bool:
    if receipt.handed_over or not receipt.text or same_text(each.row.text, receipt.text):
        return True
    return hashlib.sha256(receipt.text.encode("utf-8", "replace")).hexdigest() == each.text_hash


def _moves(each: Looked, desk: Desk, *, missing: bool, clock: Clock) -> list[Change]:
    """What was in the chart and is not any more goes to the failure desk; what has come back leaves it."""
    row = each.row
    if missing and allows(state_of(row), Event.VANISH):
        fields = {"reason_code": "gone_since", "reason": sentence("gone_since", pms=desk.pms)}
        return [change(row, Event.VANISH, fields=fields)]
    if not missing and row.seen == Seen.MISSING:
        return [change(row, Event.SEE, fields={"reason_code": "", "reason": "", "seen_at": clock.now()})]
    return []
