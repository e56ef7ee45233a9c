"""Removing: only what a completed full pass did not see, and never more at once than is plausible.

Must not be in it: reading.
"""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from chartbridge.pms.manifest import Deletions
from chartbridge.pms.reading import Page, Stream
from chartbridge.store import mirror_pages, outbox
from chartbridge.store.database import writing
from chartbridge.store.notices import notice
from chartbridge.sync import brake
from chartbridge.sync.desks import NO_PASS
from chartbridge.sync.turns import WORDS, Turn

_AT_ONCE = 2000
_AHEAD = timedelta(days=366)
"""Every PMS's full read goes farther. Of visits beyond it only changes tell."""


def sweep(turn: Turn) -> None:
    """Mark as gone what the completed pass has not seen, if that is plausible."""
    tended, state = turn.tended, turn.tended.state
    pk, now = turn.desk.connection.pk, turn.clock.now()
    going: list[str] = []
    if not state.pass_bad and tended.claim.deletions is not Deletions.NEVER:
        living = mirror_pages.live_rows(pk, tended.stream)
        going = mirror_pages.unseen(
            pk, tended.stream, state.pass_generation, (state.pass_from, state.pass_until)
        )
        if not state.sweep_agreed:
            if brake.too_many(len(going), living):
                raise brake.mass_removal(WORDS[tended.stream], len(going), living)
            if missing := _suddenly_missing(turn, len(going), living):
                raise brake.mass_removal(WORDS[tended.stream], missing, living)
        elif tended.stream is Stream.APPOINTMENTS:
            with writing():
                since = _today(turn) if state.pass_records else date.min
                mirror_pages.excuse_visits(pk, state.pass_generation, since=since)
        if state.pass_started_at and not state.pass_from:
            with writing():
                mirror_pages.forget_bad_rows(pk, tended.stream, state.pass_started_at)
    for start in range(0, len(going), _AT_ONCE):
        with writing():
            piece = going[start : start + _AT_ONCE]
            gone = mirror_pages.mark_gone(pk, tended.stream, piece, now)
            topic = "patients" if tended.stream is Stream.PHOTOS else tended.stream.value
            notice(turn.desk.connection.practice_id, topic, gone, now)
            if topic == "patients":
                outbox.put_patients(turn.desk.connection.practice_id, gone, now)
    turn.changes += len(going)
    turn.save({"pass_state": NO_PASS, "pass_started_at": None, "pass_cursor": "", "sweep_agreed": False})


def _suddenly_missing(turn: Turn, going: int, living: int) -> int:
    """How many records a pass did not come upon where that is not plausible, else 0.

    No practice has lost all its patients, or all its visits from today on, however few: a deletion that the PMS
    tells of was told by an ordinary check before this. Nor has it lost most of those visits since a few were booked
    anew, though these few prove nothing of the days on which the others stand.
    """
    state = turn.tended.state
    if turn.tended.stream is Stream.PATIENTS:
        return living if going and not state.pass_records else 0
    if turn.tended.stream is not Stream.APPOINTMENTS:
        return 0
    ahead = (today := _today(turn), today + _AHEAD)
    visits = mirror_pages.expected_visits(turn.desk.connection.pk, ahead, state.pass_generation)
    if not state.pass_records and (visits.ahead or brake.too_many(visits.shown, 0)):
        return living
    return visits.unseen_ahead if brake.too_many(visits.unseen_ahead, visits.ahead) else 0


def _today(turn: Turn) -> date:
    return turn.clock.now().astimezone(ZoneInfo(turn.desk.connection.practice.time_zone)).date()


def refuse_mass_removal(turn: Turn, page: Page) -> None:
    """Stop before a page removes more than is plausible. Raises `Braked`."""
    if not brake.too_many(len(page.gone), 0) or turn.tended.state.sweep_agreed:
        return
    pk, stream = turn.desk.connection.pk, turn.tended.stream
    going = len(mirror_pages.living_of(pk, stream, [g.key for g in page.gone]))
    living = mirror_pages.live_rows(pk, stream)
    if brake.too_many(going, living):
        raise brake.mass_removal(WORDS[stream], going, living)
