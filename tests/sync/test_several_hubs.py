"""Several hubs on one store: who takes a connection up again goes on from its rows, not from what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chartbridge.pms.reading import Stream
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import MirrorPatient, StreamState
from chartbridge.sync.buttons import full_sync
from chartbridge.sync.checks import Checker
from tests.sync.conftest import Office, patient

PATIENTS = Stream.PATIENTS


def run_full_sync(office: Office) -> None:
    full_sync(office.pk, PATIENTS)
    office.settle(PATIENTS)
    office.clock.advance(61)
    office.settle(PATIENTS)


@contextmanager
def another_hub(office: Office) -> Iterator[None]:
    """Our hub leaves the connection to another one, which reads for a while and ends; then ours takes it up again."""
    ours, theirs = office.checker, Checker(LiveConnectors(office.clock), office.clock)
    ours.flush()
    ours.leave([office.pk])
    office.checker = theirs
    yield
    theirs.flush()
    theirs.close()
    office.checker = ours


def started(office: Office, patients: int) -> None:
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(patients)))
    office.settle(PATIENTS)
    office.clock.advance(31)
    office.settle(PATIENTS)


def test_what_another_hub_has_read_is_not_read_again(office: Office) -> None:
    started(office, 5)
    with another_hub(office):
        for n in range(20):
            office.pms.put(PATIENTS, patient(str(n), "Smith"))
        office.clock.advance(31)
        office.settle(PATIENTS)
    office.clock.advance(31)
    office.pms.calls.clear()
    office.settle(PATIENTS)
    assert len([name for name, _ in office.pms.calls if name == "patients"]) == 1, (
        "one look, with nothing new"
    )
    office.pms.put(PATIENTS, patient("3", "Jones"))
    office.clock.advance(31)
    office.settle(PATIENTS)
    assert (office.patients()["3"], office.patients()["19"]) == ("Jones", "Smith")


def test_a_full_sync_after_one_of_another_hub_removes_what_vanished_between_them(office: Office) -> None:
    """Each numbers what it has seen, by the row: by what it remembers, both would give the same number."""
    started(office, 9)
    with another_hub(office):
        run_full_sync(office)
    office.pms.vanish(PATIENTS, "4")
    run_full_sync(office)
    assert "4" not in office.patients()
    assert len(office.patients()) == 8


def test_a_first_read_that_another_hub_has_ended_is_not_begun_again(office: Office) -> None:
    office.pms.page_takes_s = 0.4
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(30)))
    assert office.check(PATIENTS).again
    with another_hub(office):
        office.settle(PATIENTS)
        office.pms.vanish(PATIENTS, "29")
        run_full_sync(office)
        done = StreamState.objects.get(connection=office.connection, stream=PATIENTS).first_read_done_at
    office.clock.advance(31)
    office.pms.calls.clear()
    office.settle(PATIENTS)
    assert len([name for name, _ in office.pms.calls if name == "patients"]) == 1
    assert office.state(PATIENTS).first_read_done_at == done
    assert MirrorPatient.objects.get(key="29").gone_at is not None


def test_what_people_set_while_another_hub_read_holds(office: Office) -> None:
    started(office, 3)
    with another_hub(office):
        StreamState.objects.filter(connection=office.connection, stream=PATIENTS).update(interval_s=600)
        office.clock.advance(31)
        office.settle(PATIENTS)
    due = next(each for each in office.checker.due([office.pk]) if each.stream is PATIENTS)
    assert 500 < (due.at - office.clock.now()).total_seconds() <= 600
