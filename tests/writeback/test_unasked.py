"""A lost answer in a connection that is not asked any more stands at the failure desk, with a way out."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.commands import Command
from chartbridge.pms.connector import Settings
from chartbridge.pms.errors import Misconfigured, Unavailable, Uncertain
from chartbridge.pms.registry import Registry, install
from chartbridge.store import ledger
from chartbridge.store.connections import save_connection, set_on
from chartbridge.store.models import Connection, Delivery, NoteSetting, Seen, Writeback
from chartbridge.store.secrets import ensure_key
from chartbridge.store.writebacks import Filter, groups
from chartbridge.writeback import deliver, mend, unasked
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.recover import recover
from tests.writeback.conftest import NOON, Office
from tests.writeback.scripted_pms import ScriptedConnector, ScriptedPms, lose_answer
from tests.writeback.test_crashes import Died

WHO = "mary@example.com"


def lose(office: Office, *, lands: bool) -> None:
    if lands:
        office.pms.after = lose_answer
    else:
        office.pms.before = lose_answer
    office.enqueue()
    office.deliver()
    office.pms.before = office.pms.after = lambda _command: None
    assert office.only().delivery == Delivery.UNCERTAIN


def test_switched_off_while_looking_a_person_is_told_and_switching_on_looks(office: Office) -> None:
    lose(office, lands=True)
    set_on(office.connection, False)
    assert unasked.give_up_where_off(office.clock) == 1
    (group,) = groups(office.practice.pk, Filter())
    assert group.reason == unasked.OFF
    assert "Switch the connection on" in office.only().reason
    office.settle()
    assert office.pms.looks == 0
    set_on(office.connection, True)
    assert mend.free_after_setting(office.connection.pk, WHO, clock=office.clock) == 1
    office.settle()
    assert (office.only().seen, office.pms.writes) == (Seen.SEEN, 1)
    office.check()


def test_what_was_not_there_is_sent_once_it_could_be_looked_up(office: Office) -> None:
    lose(office, lands=False)
    set_on(office.connection, False)
    assert recover(office.clock) == 0
    assert office.only().reason_code == unasked.OFF, "also after a start"
    set_on(office.connection, True)
    mend.free_after_setting(office.connection.pk, WHO, clock=office.clock)
    office.deliver()
    assert office.pms.writes == 1, "its answer was lost a moment ago: it may still land"
    office.settle()
    assert (office.only().seen, office.pms.writes) == (Seen.SEEN, 2)
    office.check()


def test_what_another_pms_can_not_be_asked_for_is_dismissed_by_a_person(office: Office) -> None:
    lose(office, lands=True)
    assert unasked.give_up(office.connection.pk, unasked.REPLACED, office.clock) == 1
    assert "Scripted Dental" in office.only().reason
    office.settle()
    assert (office.pms.looks, office.pms.writes) == (0, 1)
    assert mend.free_after_setting(office.connection.pk, WHO, clock=office.clock) == 0
    assert mend.retry(office.practice.pk, [office.only().pk], WHO, clock=office.clock) == 0
    assert mend.dismiss(office.practice.pk, [office.only().pk], WHO, clock=office.clock) == 1


# --- another PMS is connected in its place


def connect_another(office: Office) -> ScriptedPms:
    """From here on `other` may be chosen; `replace_pms` chooses it. Returns that PMS."""
    other = ScriptedPms(office.clock)
    manifest = replace(office.manifest, id="other", label="Other Dental")
    install(
        Registry(
            manifests={"scripted": office.manifest, "other": manifest},
            factories={
                "scripted": lambda _settings, _clock: ScriptedConnector(office.pms, office.manifest),
                "other": lambda _settings, _clock: ScriptedConnector(other, manifest),
            },
        )
    )
    ensure_key()
    return other


def replace_pms(office: Office) -> None:
    with ledger.turn(office.practice.pk):
        unasked.part_with(office.connection.pk, office.clock)
        save_connection(office.practice.pk, "other", Settings(values={}, secrets={}))
    mend.free_after_setting(office.connection.pk, WHO, clock=office.clock)


def stand(office: Office) -> list[tuple[str, str, str]]:
    rows = Writeback.objects.order_by("id")
    return list(rows.values_list("delivery", "seen", "reason_code"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Uncertain("Lost."), unasked.REPLACED),
        (Unavailable("Away."), unasked.FOR_ANOTHER),
        (Misconfigured("Wrong.", setting="host"), unasked.FOR_ANOTHER),
        (None, unasked.REPLACED),
    ],
)
def test_what_flies_while_another_pms_is_connected_is_neither_looked_for_nor_sent_there(
    office: Office, monkeypatch: pytest.MonkeyPatch, answer: Exception | None, reason: str
) -> None:
    monkeypatch.setattr(deliver, "KEEP_EVERY", 0.01)
    other = connect_another(office)
    for n in range(1, 4):
        office.enqueue(patient=str(n))
    flies, replaced = threading.Event(), threading.Event()

    def answers(_command: Command) -> None:
        flies.set()
        assert replaced.wait(10)
        if answer:
            raise answer

    def at_step(name: str) -> None:
        if name == "kept" and flies.is_set():
            if Connection.objects.get(pk=office.connection.pk).connector == "scripted":
                replace_pms(office)
            else:  # by now the turn has noticed
                replaced.set()

    office.pms.after = answers
    office.deliverer(at_step).deliver(office.connection.pk)
    assert office.pms.writes == 1
    first, *others = stand(office)
    assert first[2] == reason
    assert others == [("parked", "owed", unasked.FOR_ANOTHER)] * 2
    assert "Scripted Dental" in Writeback.objects.earliest("id").reason
    link = Connection.objects.get(pk=office.connection.pk)
    assert (link.write_hold, link.write_failures) == ("", 0), (
        "what the one says, holds up nothing at the other"
    )
    office.settle()
    assert (other.writes, other.looks) == (0, 0)
    office.check()


def test_what_was_being_sent_when_the_process_ended_is_not_looked_for_in_another_pms(office: Office) -> None:
    other = connect_another(office)
    office.enqueue()
    with pytest.raises(Died):
        office.deliver(office.deliverer(_dies))
    assert office.only().delivery == Delivery.SENDING
    replace_pms(office)
    recover(office.clock)
    assert stand(office) == [("parked", "owed", unasked.REPLACED)]
    office.settle()
    assert (other.writes, other.looks) == (0, 0)
    office.check()


def test_what_an_old_turn_finds_says_nothing_of_another_pms(office: Office) -> None:
    """It looked in the PMS that was connected before, and its answer comes when that has been replaced."""
    lose(office, lands=False)
    connect_another(office)
    stood: list[list[tuple[str, str, str]]] = []

    def at_step(name: str) -> None:
        if name == "looked" and not stood:
            save_connection(office.practice.pk, "other", Settings(values={}, secrets={}))
            stood.append(stand(office))
        elif name == "looks_kept" and len(stood) == 1:
            stood.append(stand(office))

    deliverer = office.deliverer(at_step)
    office.clock.advance(200)
    deliverer.deliver(office.connection.pk)
    office.clock.advance(200)
    deliverer.deliver(office.connection.pk)
    assert stood == [[("uncertain", "owed", "looking")]] * 2


def test_what_waits_is_sent_to_another_pms_only_once_a_person_says_that_it_is_the_same_patient(
    office: Office,
) -> None:
    other = connect_another(office)
    office.enqueue()
    office.enqueue(patient="77")
    office.change(writing_on=False)
    office.enqueue(patient="2")
    NoteSetting.objects.update(allow=False)
    office.enqueue(patient="3")
    NoteSetting.objects.update(allow=True)
    assert [delivery for delivery, _, _ in stand(office)] == ["queued", "held", "held", "skipped"]
    replace_pms(office)
    office.change(writing_on=True)
    office.patient("77")
    mend.free_after_setting(office.connection.pk, WHO, clock=office.clock)
    mend.patients_changed(office.connection.pk, ["77"], clock=office.clock)
    office.settle()
    mend.back_fill(office.connection.pk, ActivityKind.PATIENT_NOTE, NOON, WHO, clock=office.clock)
    office.settle()
    assert (other.writes, office.pms.writes) == (0, 0)
    assert stand(office) == [("parked", "owed", unasked.FOR_ANOTHER)] * 4
    assert "made for Scripted Dental" in Writeback.objects.latest("id").reason
    office.check()
    (group,) = groups(office.practice.pk, Filter())
    assert (group.reason, group.count) == (unasked.FOR_ANOTHER, 4)
    assert mend.retry_alike(office.practice.pk, unasked.FOR_ANOTHER, WHO, clock=office.clock) == 4
    office.settle()
    assert len(other.records) == 4
    assert {row[:2] for row in stand(office)} == {("taken", "seen")}


def test_what_may_be_in_the_old_chart_is_not_looked_for_in_another_pms_later_either(office: Office) -> None:
    """Taken and not read back yet; not to be found; given to a person when the connection was switched off."""
    other = connect_another(office)
    for n in range(1, 4):
        office.enqueue(patient=str(n))
    owed, missing, off = Writeback.objects.order_by("id")
    Writeback.objects.update(attempts=1)
    Writeback.objects.filter(pk=owed.pk).update(delivery=Delivery.TAKEN, taken_at=office.clock.now())
    Writeback.objects.filter(pk=missing.pk).update(
        delivery=Delivery.TAKEN, seen=Seen.MISSING, reason_code="missing"
    )
    Writeback.objects.filter(pk=off.pk).update(delivery=Delivery.PARKED, reason_code=unasked.OFF)
    replace_pms(office)
    assert stand(office) == [
        ("taken", "missing", unasked.REPLACED),
        ("parked", "owed", unasked.REPLACED),
        ("parked", "owed", unasked.REPLACED),
    ]
    everything = [owed.pk, missing.pk, off.pk]
    assert mend.retry(office.practice.pk, everything, WHO, clock=office.clock) == 0
    office.settle()
    assert (other.writes, other.looks) == (0, 0)
    assert mend.dismiss(office.practice.pk, everything, WHO, clock=office.clock) == 3


def test_a_move_of_a_visit_of_one_pms_is_never_made_in_another(office: Office) -> None:
    connect_another(office)
    office.change(writing_on=False)
    office.appointment("5")
    enqueue_status_move(office.connection.pk, "5", "22", expected_key="21", who=WHO, clock=office.clock)
    replace_pms(office)
    assert stand(office) == [("parked", "owed", unasked.REPLACED)]


def _dies(name: str) -> None:
    if name == "before_sending":
        raise Died
