"""A PMS that was restored from a backup: what vanished is listed, and written again only by a person's wish."""

from __future__ import annotations

import pytest

from chartbridge.store.models import Connection, MirrorPatient, Seen, Writeback
from chartbridge.writeback import vanished
from chartbridge.writeback.mend import retry_alike
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import Written


def delivered(office: Office, count: int) -> list[Writeback]:
    rows = [office.enqueue(patient=str(1 + n % 3))[0] for n in range(count)]
    office.settle()
    assert set(Writeback.objects.values_list("seen", flat=True)) == {Seen.SEEN}
    return rows


def look(office: Office) -> int:
    return vanished.look(office.connection, office.live.of(office.connection), office.clock)


def newest_gone(office: Office) -> int:
    return vanished.newest_gone(office.connection, office.live.of(office.connection), office.clock.now())


def test_only_what_vanished_is_listed_and_only_a_person_writes_it_again(office: Office) -> None:
    rows = delivered(office, 12)
    kept, office.pms.records = office.pms.records[:7], office.pms.records[:7]
    gone = {row.marker for row in rows} - {each.marker for each in kept}
    # ids that are given again, to foreign records of the same patients
    office.pms.records += [
        Written(8 + n, str(1 + n % 3), f"OTHER-{n}", "Somebody else's note.") for n in range(5)
    ]
    assert look(office) == 5
    listed = Writeback.objects.filter(seen=Seen.MISSING, reason_code="vanished")
    assert {row.marker for row in listed} == gone
    office.settle()
    assert office.pms.writes == 12, "nothing is written again by itself"
    assert look(office) == 0, "what is listed is not listed again"

    assert retry_alike(office.practice.pk, "vanished", "mary@example.com") == 5
    office.settle()
    assert sorted(m for m in office.pms.markers() if m.startswith("CB-")) == sorted(
        row.marker for row in rows
    )
    office.check()


def test_what_was_put_back_meanwhile_is_found_and_not_written_twice(office: Office) -> None:
    delivered(office, 6)
    records, office.pms.records = office.pms.records, office.pms.records[:3]
    assert look(office) == 3
    office.pms.records = records  # the right database was restored after all
    retry_alike(office.practice.pk, "vanished", "mary@example.com")
    office.settle()
    assert office.pms.writes == 6
    office.check()


def test_looking_stops_at_a_whole_piece_that_is_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vanished, "PIECE", 4)
    delivered(office, 20)
    office.clock.advance(vanished.LATELY.total_seconds() + 1)
    office.pms.records = office.pms.records[:14]
    before = office.pms.looks
    assert look(office) == 6
    assert office.pms.looks - before == 3


def test_a_few_deleted_notes_are_no_restored_backup(office: Office) -> None:
    delivered(office, 4)
    office.pms.records.clear()
    assert newest_gone(office) == 0, "too few to say so"
    for _ in range(6):
        office.enqueue()
    office.settle()
    del office.pms.records[-4:]
    assert newest_gone(office) == 0
    office.pms.records.clear()
    assert newest_gone(office) == vanished.WITNESSES


def test_what_was_written_since_a_restore_does_not_hide_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vanished, "PIECE", 4)
    delivered(office, 9)
    office.clock.advance(vanished.LATELY.total_seconds() + 1)
    del office.pms.records[-6:]
    delivered(office, 8)  # while nobody had looked yet: they are there, and are the newest
    assert newest_gone(office) == vanished.WITNESSES
    assert look(office) == 6
    assert newest_gone(office) == 0


def test_nothing_goes_to_another_person_who_got_the_number(office: Office) -> None:
    office.enqueue(patient="1")
    row = office.enqueue(patient="2")[0]
    MirrorPatient.objects.filter(key="1").update(other_since=office.clock.now())
    office.settle()
    assert office.pms.markers() == [row.marker]
    waiting = Writeback.objects.get(patient_key="1")
    assert (waiting.delivery, waiting.reason_code) == ("parked", "patient_changed")
    retry_alike(office.practice.pk, "patient_changed", "mary@example.com")
    office.settle()
    assert office.pms.writes == 1
    office.clock.advance(60)
    office.enqueue(patient="1")  # from now on it is this person's number
    office.settle()
    assert office.pms.writes == 2


def test_while_everything_is_read_anew_nothing_is_written(office: Office) -> None:
    office.change(rereading=True)
    office.enqueue()
    office.settle()
    assert office.pms.writes == 0
    assert Connection.objects.get().rereading
    office.change(rereading=False)
    office.settle()
    assert office.pms.writes == 1
