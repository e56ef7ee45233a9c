from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import markers_in
from chartbridge.pms.commands import AddNote, Command
from chartbridge.pms.errors import Misconfigured, Refused, Unauthorised, Unavailable, Uncertain, Unreadable
from chartbridge.pms.manifest import Repeat
from chartbridge.store.models import Connection, Delivery, LookupEntry, NoteSetting, Notice, Seen, Writeback
from chartbridge.store.one_hub import OneHub
from chartbridge.writeback.mend import free_after_setting, retry, retry_alike
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import lose_answer


def raising(error: Exception, only: Callable[[Command], bool] = lambda _: True) -> Callable[[Command], None]:
    def fault(command: Command) -> None:
        if only(command):
            raise error

    return fault


def test_a_note_is_written_read_back_and_has_a_receipt(office: Office) -> None:
    office.enqueue(ActivityKind.OUTGOING_TEXT, phone="+15365550101", body="See you at 9")
    office.deliver()
    row = office.only()
    assert (row.delivery, row.seen, row.record, row.attempts) == (Delivery.TAKEN, Seen.SEEN, "note 1", 1)
    assert row.reason_code == ""
    assert row.text == f"Text message sent to (536) 555-0101\nSee you at 9\n{row.marker}"
    assert markers_in(office.pms.records[0].text) == [row.marker]
    office.check()


def test_each_batch_leaves_notices_and_no_patients_text_in_them(office: Office) -> None:
    office.enqueue(patient="2")
    office.deliver()
    assert {tuple(n.keys) for n in Notice.objects.filter(topic="writebacks")} == {("2",)}


def test_a_patients_writes_keep_their_order(office: Office) -> None:
    made = [office.enqueue(patient=str(1 + n % 3))[0].marker for n in range(60)]
    office.deliver()
    for patient in "123":
        sent = [r.marker for r in office.pms.records if r.patient_key == patient]
        assert sent == [m for n, m in enumerate(made) if str(1 + n % 3) == patient]
    office.check()


def test_order_is_kept_when_several_are_in_flight(make_office: Callable[..., Office]) -> None:
    office = make_office(parallel=4)
    made = [office.enqueue(patient=str(1 + n % 3))[0].marker for n in range(90)]
    office.deliver()
    for patient in "123":
        sent = [r.marker for r in office.pms.records if r.patient_key == patient]
        assert sent == [m for n, m in enumerate(made) if str(1 + n % 3) == patient]
    office.check()


def test_never_more_in_flight_than_declared(make_office: Callable[..., Office]) -> None:
    office = make_office(parallel=2)
    for n in range(30):
        office.patient(f"p{n}")
        office.enqueue(patient=f"p{n}")
    office.deliver()
    assert office.pms.most_in_flight <= 2


def test_as_many_are_in_flight_as_declared_each_for_another_patient(
    make_office: Callable[..., Office],
) -> None:
    office = make_office(parallel=2)
    for n in range(8):
        office.enqueue(patient=str(1 + n // 2 % 2), body=f"Note {n}.")
    both = threading.Barrier(2, timeout=20)
    office.pms.before = lambda _: both.wait(10) and None if 1 < office.pms.writes < 8 else None
    office.deliver()
    assert not both.broken
    assert office.pms.most_in_flight == 2
    office.check()


@pytest.mark.parametrize("parallel", [1, 4])
def test_an_outage_leaves_everything_waiting_and_costs_one_try(
    make_office: Callable[..., Office], parallel: int
) -> None:
    office = make_office(parallel=parallel)
    for n in range(40):
        office.enqueue(patient=str(1 + n % 3))
    office.pms.before = raising(Unavailable("Scripted Dental can't be reached."))
    office.deliver()
    assert office.pms.writes == 1
    assert Writeback.objects.filter(delivery=Delivery.QUEUED).count() == 40
    link = Connection.objects.get()
    assert link.write_failures == 1
    assert link.write_not_before is not None
    office.clock.advance(8 * 3600)
    office.pms.before = lambda _: None
    office.settle()
    assert Connection.objects.get().write_failures == 0
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 40
    office.check()


def test_a_long_outage_is_tried_ever_more_rarely_but_at_least_each_minute(office: Office) -> None:
    office.enqueue()
    office.pms.before = raising(Unavailable("Scripted Dental can't be reached."))
    office.settle(minutes=60)
    assert 60 <= office.pms.writes <= 140
    assert office.only().delivery == Delivery.QUEUED


def test_a_retry_after_is_kept(office: Office) -> None:
    office.enqueue()
    office.pms.before = raising(Unavailable("Too many requests.", retry_after=120))
    office.deliver()
    office.clock.advance(119)
    office.deliver()
    assert office.pms.writes == 1


def test_a_lost_answer_is_looked_up_after_the_servers_limit_and_adopted(office: Office) -> None:
    office.enqueue()
    office.pms.after = lose_answer
    deliverer = office.deliverer()
    office.deliver(deliverer)
    assert office.only().delivery == Delivery.UNCERTAIN
    office.clock.advance(64)
    office.deliver(deliverer)
    assert office.pms.looks == 0
    office.clock.advance(2)
    office.deliver(deliverer)
    assert (office.only().delivery, office.only().seen, office.pms.writes) == (Delivery.TAKEN, Seen.SEEN, 1)
    office.check()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_jumps_ahead_cuts_no_wait_short(office: Office, restarted: bool) -> None:
    """The lost request may land for 65 s that are really lived through, whatever the wall clock is set to."""
    office.enqueue()

    def slow(command: Command) -> None:
        office.pms.late.append(lambda: office.pms.store(command) and None)
        lose_answer(command)

    office.pms.before = slow
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.pms.before = lambda _: None
    if restarted:
        office.clock.advance(30)
        deliverer = office.deliverer()
    office.clock.jump(office.clock.now() + timedelta(hours=1))
    office.clock.advance(60)
    office.deliver(deliverer)
    assert (office.pms.looks, office.pms.writes) == (0, 1)
    office.pms.land_late()
    office.settle(deliverer=deliverer)
    assert office.pms.markers() == [office.only().marker]
    office.check()


def test_a_clock_that_jumps_ahead_calls_nothing_missing_that_may_still_appear(office: Office) -> None:
    office.enqueue()
    office.pms.shows = False
    deliverer = office.deliverer()
    office.deliver(deliverer)
    office.clock.jump(office.clock.now() + timedelta(hours=1))
    office.clock.advance(60)
    office.deliver(deliverer)
    assert (office.only().delivery, office.only().seen) == (Delivery.TAKEN, Seen.OWED)
    office.pms.shows = True
    office.settle(deliverer=deliverer)
    assert office.only().seen == Seen.SEEN


def test_a_lost_request_is_sent_again_only_after_a_look(office: Office) -> None:
    office.enqueue()
    office.pms.before = lose_answer
    office.deliver()
    office.pms.before = lambda _: None
    office.settle()
    assert (office.pms.looks >= 1, office.pms.writes) == (True, 2)
    office.check()


def test_a_write_that_lands_late_is_not_doubled(office: Office) -> None:
    office.enqueue()

    def slow(command: Command) -> None:
        office.pms.late.append(lambda: office.pms.store(command) and None)
        lose_answer(command)

    office.pms.before = slow
    office.deliver()
    office.pms.before = lambda _: None
    office.settle()
    office.check()
    assert office.pms.writes == 1


def test_an_uncertain_write_holds_up_its_patient_and_nobody_else(office: Office) -> None:
    first = office.enqueue(patient="1")[0]
    office.enqueue(patient="1")
    office.enqueue(patient="2")
    office.pms.after = raising(
        Uncertain("The answer was lost."),
        lambda c: isinstance(c, AddNote) and c.marker == first.marker,
    )
    office.deliver()
    assert [r.patient_key for r in office.pms.records] == ["1", "2"]
    office.settle()
    assert [r.patient_key for r in office.pms.records] == ["1", "2", "1"]
    office.check()


@pytest.mark.parametrize("answered", [False, True])
def test_what_is_on_its_way_is_left_alone_by_send_again_on_a_page_from_before(
    office: Office, answered: bool
) -> None:
    office.enqueue()

    def pressed(*_: object) -> None:
        LookupEntry.objects.filter(key="9").update(active=False)
        stood = office.only().delivery
        assert retry(office.practice.pk, [office.only().pk], "mary@example.com", clock=office.clock) == 0
        assert office.only().delivery == stood

    office.pms.after = pressed if answered else lose_answer
    office.deliver()
    if not answered:
        pressed()
    office.pms.after = lambda _: None
    office.settle()
    LookupEntry.objects.filter(key="9").update(active=True)
    retry_alike(office.practice.pk, "provider_inactive", "mary@example.com", clock=office.clock)
    office.settle()
    office.check()
    assert (office.only().delivery, office.only().seen) == (Delivery.TAKEN, Seen.SEEN)


def test_what_may_never_be_repeated_waits_for_a_person(make_office: Callable[..., Office]) -> None:
    office = make_office(repeat=Repeat.NEVER)
    office.enqueue()
    office.pms.before = lose_answer
    office.settle()
    row = office.only()
    assert (row.delivery, row.reason_code) == (Delivery.PARKED, "uncertain")
    office.pms.before = lambda _: None
    assert retry(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 1
    office.settle()
    office.check()
    assert office.only().seen == Seen.SEEN


def test_a_refusal_shows_the_pmss_reason_and_stops_nobody(office: Office) -> None:
    office.enqueue(patient="1")
    office.enqueue(patient="2")
    office.pms.before = raising(
        Refused("Scripted Dental refused this.", reason="Note is too old"), lambda c: c.patient_key == "1"
    )
    office.deliver()
    refused = Writeback.objects.get(patient_key="1")
    assert (refused.delivery, refused.pms_reason) == (Delivery.REFUSED, "Note is too old")
    assert Writeback.objects.get(patient_key="2").seen == Seen.SEEN
    office.check()


def test_a_missing_right_parks_one_pauses_the_rest_and_is_freed_by_a_retry(office: Office) -> None:
    for _ in range(20):
        office.enqueue()
    office.pms.before = raising(
        Unauthorised("The key may not write notes.", ability="add_note"), lambda c: isinstance(c, AddNote)
    )
    office.settle()
    assert office.pms.writes == 1
    assert Writeback.objects.filter(delivery=Delivery.QUEUED).count() == 19
    assert Connection.objects.get().write_hold == "The key may not write notes."
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=office.clock.now().date())
    office.deliver()
    assert [r.text[:8] for r in office.pms.records] == ["Verified"], "another ability goes on"
    office.pms.before = lambda _: None
    assert retry_alike(office.practice.pk, "unauthorised", "mary@example.com", clock=office.clock) == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 22
    assert Connection.objects.get().write_hold == ""
    office.check()


def test_a_wrong_setting_stops_writing_until_it_is_saved_anew(office: Office) -> None:
    for _ in range(5):
        office.enqueue()
    office.pms.before = raising(Misconfigured("The address is wrong.", setting="address"))
    office.settle()
    assert office.pms.writes == 1
    office.pms.before = lambda _: None
    assert free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock) == 1
    office.settle()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 5


def test_a_fault_of_ours_parks_one_row_and_is_looked_for_before_it_goes_again(office: Office) -> None:
    office.enqueue(patient="1")
    office.enqueue(patient="2")

    def burst(command: Command) -> None:
        if command.patient_key == "1":
            raise ZeroDivisionError("Jane Doe, 555-0101")

    office.pms.after = burst
    office.deliver()
    row = Writeback.objects.get(patient_key="1")
    assert (row.delivery, row.reason_code) == (Delivery.PARKED, "internal")
    assert "Jane" not in row.reason
    assert Writeback.objects.get(patient_key="2").seen == Seen.SEEN
    office.pms.after = lambda _: None
    retry(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    office.settle()
    office.check()
    assert Writeback.objects.get(patient_key="1").seen == Seen.SEEN


def test_an_answer_that_is_not_understood_is_looked_for_before_it_goes_again(office: Office) -> None:
    office.enqueue()
    office.pms.after = raising(Unreadable("The answer was not understood.", evidence="POST /notes"))
    office.deliver()
    assert office.only().reason_code == "unreadable"
    office.pms.after = lambda _: None
    retry_alike(office.practice.pk, "unreadable", "mary@example.com", clock=office.clock)
    office.settle()
    office.check()


def test_taken_but_never_shown_is_missing_after_several_looks(office: Office) -> None:
    office.enqueue()
    office.pms.shows = False
    office.settle()
    row = office.only()
    assert (row.delivery, row.seen, row.reason_code) == (Delivery.TAKEN, Seen.MISSING, "missing")
    assert 4 <= office.pms.looks <= 12
    office.pms.shows = True
    retry(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock)
    office.settle()
    office.check()
    assert office.only().seen == Seen.SEEN
    assert office.pms.writes == 1


def test_text_that_the_pms_altered_is_in_the_chart_and_flagged(office: Office) -> None:
    office.enqueue()
    office.pms.as_stored = lambda text: text.replace("mornings", "???")
    office.deliver()
    row = office.only()
    assert (row.seen, row.reason_code) == (Seen.SEEN, "text_changed")


def test_a_record_under_another_patient_is_said(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.enqueue()
    store = office.pms.store
    monkeypatch.setattr(office.pms, "store", lambda command: store(replace(command, patient_key="2")))
    office.deliver()
    assert office.only().reason_code == "wrong_patient"


def test_a_pms_that_cant_be_read_delays_receipts_and_nothing_else(office: Office) -> None:
    office.enqueue()

    def away() -> None:
        raise Unavailable("The database can't be reached.")

    office.pms.looking = away
    office.settle(minutes=5)
    row = office.only()
    assert (row.delivery, row.seen, row.reason_code) == (Delivery.TAKEN, Seen.OWED, "cannot_look")
    office.enqueue(patient="2")
    office.deliver()
    assert office.pms.writes == 2
    office.pms.looking = lambda: None
    office.settle()
    office.check()
    assert Writeback.objects.filter(seen=Seen.SEEN, reason_code="").count() == 2


def test_many_taken_at_once_are_read_back_in_one_call(office: Office) -> None:
    for _ in range(300):
        office.enqueue()
    office.deliver()
    assert office.pms.looks == 1
    office.check()


def test_a_provider_hidden_after_it_was_chosen_parks_what_waits(office: Office) -> None:
    office.enqueue()
    LookupEntry.objects.filter(key="9").update(active=False)
    office.deliver()
    row = office.only()
    assert (row.delivery, row.reason_code) == (Delivery.PARKED, "provider_inactive")
    assert row.reason.startswith("DOC9 is no longer active in Scripted Dental. Pick another provider")
    office.change(provider_key="8")
    assert free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock) == 1
    office.deliver()
    assert office.only().seen == Seen.SEEN
    office.check()


def test_the_note_type_set_at_sending_time_is_used(office: Office) -> None:
    sent: list[Command] = []
    office.pms.before = sent.append
    office.enqueue()
    NoteSetting.objects.update(note_type_key="236")
    office.deliver()
    assert isinstance(sent[0], AddNote)
    assert (sent[0].note_type_key, sent[0].provider_key) == ("236", "9")


@pytest.mark.parametrize("change", [{"on": False}, {"writing_on": False}, {"hold": "brake"}])
def test_nothing_is_sent_while_a_connection_is_closed(office: Office, change: dict[str, object]) -> None:
    office.enqueue()
    office.change(**change)
    office.settle()
    assert office.pms.writes == 0


def test_a_clock_that_was_set_back_does_not_stop_writing(office: Office) -> None:
    office.enqueue()
    office.pms.before = raising(Unavailable("away"))
    office.deliver()
    office.pms.before = lambda _: None
    office.clock.jump(office.clock.now().replace(year=2024))
    office.deliver()
    assert office.only().seen == Seen.SEEN


def test_where_the_pms_cant_say_whose_the_practice_is_the_turn_says_that_it_is_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise Unavailable("The PMS is away.")

    office.enqueue()
    monkeypatch.setattr(OneHub, "ours", away)
    assert office.deliverer().deliver(office.connection.pk).answered is False
    assert office.only().delivery == Delivery.QUEUED
