"""A look that itself goes wrong says nothing about the write: nothing is sent again for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.looking import ApiLooker
from chartbridge.domain.activities import ActivityKind, Direction, Medium
from chartbridge.pms.commands import AddNote, Command, CommandKind, MarkInsuranceVerified, Receipt
from chartbridge.pms.errors import Conflict, PmsError, Refused, Unavailable, Unreadable
from chartbridge.store.bad_days import Wanted
from chartbridge.store.database import writing
from chartbridge.store.models import ActivityFile, Delivery, FindingKind, Seen, Writeback
from chartbridge.transport.http import Answer
from chartbridge.web.reasons import title_of
from chartbridge.web.reconciliation import _lines
from chartbridge.writeback import mend, reconcile, undoing
from chartbridge.writeback.enqueue import enqueue_activity
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import ScriptedConnector, lose_answer


def _refused() -> None:
    raise Refused("Open Dental's API refused this.", reason="Limit is invalid")


def _away() -> None:
    raise Unavailable("The PMS is away.")


def _fine(*_: object) -> None:
    return None


def _retry(office: Office) -> None:
    mend.retry(office.practice.pk, [office.only().pk], "mary@example.com", clock=office.clock)


def test_a_lost_answer_whose_look_was_refused_is_looked_for_again_and_not_sent(office: Office) -> None:
    office.enqueue()
    deliverer = office.deliverer()
    office.pms.after = lose_answer
    office.deliver(deliverer)
    office.pms.after, office.pms.looking = _fine, _refused
    office.clock.advance(70)
    office.deliver(deliverer)
    assert (office.only().delivery, office.only().reason_code) == (Delivery.PARKED, "unreadable")
    office.pms.looking = _fine
    _retry(office)
    assert office.only().delivery == Delivery.UNCERTAIN
    office.settle(deliverer=deliverer)
    assert (office.only().delivery, office.only().seen) == (Delivery.TAKEN, Seen.SEEN)
    assert len(office.pms.markers()) == 1


def test_a_taken_note_whose_read_back_was_refused_is_not_sent_again(office: Office) -> None:
    office.pms.shows = False
    office.enqueue()
    deliverer = office.deliverer()
    office.pms.looking = _refused
    office.deliver(deliverer)
    office.pms.looking, office.pms.shows = _fine, True
    _retry(office)
    office.settle(deliverer=deliverer)
    assert office.only().seen == Seen.SEEN
    assert len(office.pms.markers()) == 1


def test_what_may_still_land_is_not_looked_for_at_once_when_a_person_says_look(office: Office) -> None:
    deliverer = office.deliverer()
    office.clock.advance(3600)  # a hub that has been up for long
    office.enqueue()

    def late(command: Command) -> None:
        office.pms.late.append(lambda: office.pms.store(command))
        raise Unreadable("An answer that is not known.", evidence="status 408")

    office.pms.before = late
    office.deliver(deliverer)
    office.pms.before = _fine
    office.clock.advance(5)
    _retry(office)
    office.deliver(deliverer)
    assert office.only().delivery == Delivery.UNCERTAIN
    office.pms.land_late()
    office.settle(deliverer=deliverer)
    assert len(office.pms.markers()) == 1
    assert office.only().seen == Seen.SEEN


def _handed_over(command: Command) -> Receipt:
    return Receipt(record="folder 1", patient_key=command.patient_key, handed_over=True)


def test_what_waits_to_be_imported_still_does_after_the_pms_was_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedConnector, "write", lambda _self, command: _handed_over(command))
    activity = office.told(ActivityKind.ACCOUNT_STATEMENT)
    ActivityFile.objects.create(
        activity=activity, name="s.pdf", media_type="application/pdf", content=b"%PDF"
    )
    with writing():
        enqueue_activity(activity, "mary@example.com")
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.pms.looking = _away
    office.clock.advance(130)
    office.deliver(deliverer)
    assert office.only().reason_code == "waiting_for_import"
    monkeypatch.setattr(
        ScriptedConnector, "landed_all", lambda _self, commands: [_handed_over(each) for each in commands]
    )
    office.settle(minutes=10, deliverer=deliverer)
    assert (office.only().delivery, office.only().seen) == (Delivery.TAKEN, Seen.OWED)
    assert office.only().reason_code == "waiting_for_import"


def test_what_a_person_let_go_while_it_was_looked_for_keeps_its_reason(office: Office) -> None:
    office.enqueue()
    deliverer = office.deliverer()
    office.pms.after = lose_answer
    office.deliver(deliverer)

    def away() -> None:
        mend.dismiss(office.practice.pk, [office.only().pk], "mary@example.com", clock=office.clock)
        _away()

    office.pms.looking = away
    office.clock.advance(70)
    office.deliver(deliverer)
    assert office.only().delivery == Delivery.RETRACTED
    assert office.only().reason_code != "cannot_look"


def test_undoing_writes_no_correction_of_what_is_not_in_the_chart(office: Office) -> None:
    office.enqueue()
    office.settle()
    office.pms.records = []
    reconcile.whole_day(office.practice.pk, office.clock.now().date(), office.live, office.clock)
    assert office.only().seen == Seen.MISSING
    day = timedelta(days=1)
    wanted = Wanted(since=office.clock.now() - day, until=office.clock.now() + day)
    found = undoing.dry_run(office.practice.pk, wanted)
    assert [step.way for step in found.steps] == [undoing.Way.UNSURE]


class _Api:
    """An API whose every list ends in one answer."""

    def __init__(self, status: int, said: bytes) -> None:
        self._answer = Answer(status=status, content=said, headers={})

    def offset(self) -> timedelta:
        return timedelta()

    def version(self) -> tuple[int, ...]:
        return 24, 3, 10

    def pages(self, _path: str, *, ability: str, **_params: str) -> list[object]:
        raise OpenDentalApi._no(self, self._answer, ability, writes=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "said", "follows"),
    [
        (404, b"<html>404 Site not found</html>", Unavailable),
        (410, b"", Unavailable),
        (400, b"Limit is invalid.", Refused),
        (404, b"PatNum not found.", None),
        (404, b"Patient not found.", None),
    ],
)
def test_not_there_is_only_what_the_api_itself_says_of_the_patient(
    status: int, said: bytes, follows: type[PmsError] | None
) -> None:
    note = AddNote(
        patient_key="7",
        text="x CB-7K2QM9XD",
        marker="CB-7K2QM9XD",
        note_type_key="1",
        provider_key="1",
        medium=Medium.TEXT,
        direction=Direction.OUTGOING,
        occurred_at=datetime.now(UTC),
    )
    looker = ApiLooker(_Api(status, said), None)  # type: ignore[arg-type]
    if follows is None:
        assert looker.landed_all([note]) == [None]
    else:
        with pytest.raises(follows):
            looker.landed_all([note])


def _verified_again(self: ScriptedConnector, command: Command, found: object) -> Receipt | None:
    if isinstance(command, MarkInsuranceVerified):
        raise Conflict("Verified again on a later day.", current="2026-11-04")
    return _honest(self, command, found)  # type: ignore[arg-type]


_honest = ScriptedConnector._landed


def _mark(office: Office) -> Writeback:
    return Writeback.objects.get(command=CommandKind.MARK_INSURANCE_VERIFIED)


@pytest.mark.parametrize("lost", [True, False], ids=["its answer was lost", "taken"])
def test_a_verification_behind_a_later_one_stands_at_the_desk_as_that_and_is_not_sent_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    monkeypatch.setattr(ScriptedConnector, "_landed", _verified_again)
    deliverer = office.deliverer()
    office.pms.after = lose_answer if lost else _fine
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=office.clock.now().date())
    office.deliver(deliverer)
    office.pms.after = _fine
    office.settle(deliverer=deliverer)
    mark, sent = _mark(office), office.pms.writes
    assert (mark.delivery, mark.reason_code) == (Delivery.PARKED, "later_verification")
    assert mark.reason == "Verified again on a later day."
    assert title_of(mark.reason_code) == "Verified again on a later day"
    mend.retry(office.practice.pk, [mark.pk], "mary@example.com", clock=office.clock)
    office.settle(deliverer=deliverer)
    assert (_mark(office).reason_code, office.pms.writes) == ("later_verification", sent)
    assert mend.dismiss(office.practice.pk, [mark.pk], "mary@example.com", clock=office.clock) == 1
    office.check()


def test_a_verification_that_would_go_over_a_later_one_waits_for_a_person(office: Office) -> None:
    def stands(command: Command) -> None:
        if isinstance(command, MarkInsuranceVerified):
            raise Conflict("A later one stands there.", current="2026-11-04")

    office.pms.before = stands
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=office.clock.now().date())
    office.enqueue(patient="2")
    office.settle()
    mark = _mark(office)
    assert (mark.delivery, mark.reason_code) == (Delivery.PARKED, "later_verification")
    assert mark.reason == "A later one stands there."
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 2
    office.pms.before = _fine
    mend.retry(office.practice.pk, [mark.pk], "mary@example.com", clock=office.clock)
    office.settle()
    assert _mark(office).seen == Seen.SEEN, "what was mended there goes on"
    office.check()


def test_reconciliation_says_of_such_a_verification_that_it_was_changed_and_offers_no_writing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=office.clock.now().date())
    office.settle()
    monkeypatch.setattr(ScriptedConnector, "_landed", _verified_again)
    run = reconcile.whole_day(office.practice.pk, office.clock.now().date(), office.live, office.clock)
    (line,) = _lines(run)
    assert (line.finding.writeback_id, line.finding.kind) == (_mark(office).pk, FindingKind.CHANGED)
    assert "verified again since" in str(line.sentence)
    assert not line.fix
    assert _mark(office).seen == Seen.SEEN
