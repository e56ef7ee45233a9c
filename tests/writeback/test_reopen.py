"""Taking up again what was let go: only what never was sent, and it stands where the settings put it now."""

from __future__ import annotations

from chartbridge.domain.activities import ActivityKind
from chartbridge.store import ledger
from chartbridge.store.models import Delivery, Seen, Writeback
from chartbridge.writeback import mend
from tests.writeback.conftest import Office


def test_it_is_written_once_when_nothing_stands_in_its_way_any_more(office: Office) -> None:
    office.change(provider_key="")
    (row,) = office.enqueue()
    mend.dismiss(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    office.change(provider_key="9")
    assert mend.reopen(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 1
    office.settle()
    row.refresh_from_db()
    assert (row.delivery, row.seen) == (Delivery.TAKEN, Seen.SEEN)
    assert mend.reopen(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 0
    office.check()


def test_a_text_that_could_not_be_made_before_is_made(office: Office) -> None:
    long = "word " * 20_000
    (row,) = office.enqueue(body=long)
    assert (row.reason_code, row.text) == ("text_too_long", "")
    mend.dismiss(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    mend.reopen(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    row.refresh_from_db()
    assert (row.delivery, row.reason_code) == (Delivery.PARKED, "text_too_long")
    office.settle()
    assert office.pms.records == [], "never an empty note"


def test_a_patient_who_comes_later_frees_it_as_before(office: Office) -> None:
    (row,) = office.enqueue(patient="77")
    mend.dismiss(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    mend.reopen(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    row.refresh_from_db()
    assert (row.delivery, row.reason_code) == (Delivery.HELD, "unknown_patient")
    office.patient("77")
    office.settle()
    row.refresh_from_db()
    assert (row.delivery, row.seen) == (Delivery.TAKEN, Seen.SEEN)


def test_what_was_sent_even_once_stays_let_go(office: Office) -> None:
    (row,) = office.enqueue()
    Writeback.objects.update(delivery=Delivery.REFUSED, attempts=1, reason_code="refused", reason="No.")
    mend.dismiss(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    assert mend.reopen(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 0
    office.settle()
    assert office.pms.records == []


def test_a_verification_is_not_written_a_second_time(office: Office) -> None:
    rows = office.enqueue(ActivityKind.VERIFICATION_NOTE, patient="88", verified_on=office.clock.now().date())
    ids = [row.pk for row in rows]
    mend.dismiss(office.practice.pk, ids, "mary@example.com", clock=office.clock)
    office.patient("88")
    mend.reopen(office.practice.pk, ids, "mary@example.com", clock=office.clock)
    office.settle()
    assert Writeback.objects.count() == len(ids)
    assert ledger.verify(office.practice.pk).whole
    office.check()
