"""Whoever tampers with the ledger is found, and what was done is named; a long one is read in pieces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chartbridge.store import ledger
from chartbridge.store.ledger import Break, Entry, Wrong
from chartbridge.store.models import Delivery, Practice, Seen, Writeback, WritebackEvent

AT = datetime(2026, 11, 3, 12, 0, 0, 5, tzinfo=UTC)
CONTENT = ("writeback_id", "at", "who", "move", "delivery", "seen", "attempt", "detail", "prev_hash", "hash")


@pytest.fixture
def practice(db: None) -> Practice:
    """A practice with ten writebacks whose ledger has twenty entries; another one's stand in between."""
    practice, other = (Practice.objects.create(name=name) for name in ("Smile", "Other"))
    for n in range(10):
        for each in (practice, other):
            row = Writeback.objects.create(
                practice=each, kind="patient_note", command="add_note", patient_key="1", created_at=AT, due_at=AT,
                delivery=Delivery.TAKEN,
            )  # fmt: skip
            detail = {"record": f"Ü {n}", "code": "a"} if n % 3 else {}
            entries = [
                Entry(writeback_id=row.pk, move="queue", delivery=Delivery.QUEUED, seen=Seen.OWED),
                Entry(
                    writeback_id=row.pk,
                    move="take",
                    delivery=Delivery.TAKEN,
                    seen=Seen.OWED,
                    attempt=n,
                    detail=detail,
                ),
            ]
            with ledger.turn(each.pk):
                ledger.append(each.pk, entries, who="chartbridge", at=AT + timedelta(seconds=n))
    return practice


def entries_of(practice: Practice) -> list[WritebackEvent]:
    return list(WritebackEvent.objects.filter(practice=practice).order_by("id"))


def swap(one: WritebackEvent, other: WritebackEvent) -> None:
    for name in CONTENT:
        mine, theirs = getattr(one, name), getattr(other, name)
        setattr(one, name, theirs)
        setattr(other, name, mine)
    one.save()
    other.save()


def test_an_untouched_ledger_is_whole_however_it_is_cut_into_pieces(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (1, 7, 20, 21, 2000):
        monkeypatch.setattr(ledger, "_AT_ONCE", size)
        report = ledger.verify(practice.pk, kept_hash=entries_of(practice)[4].hash)
        assert report.whole, report
        assert (report.entries, report.last_hash) == (20, ledger.last_hash(practice.pk))


@pytest.mark.parametrize(
    "told",
    [
        {"who": "eve"},
        {"at": AT},
        {"move": "see"},
        {"attempt": 77},
        {"detail": {"record": "commlog 1"}},
        {"delivery": "parked"},
        {"seen": "seen"},
        {"hash": "0" * 64},
    ],
    ids=lambda told: next(iter(told)),
)
def test_a_changed_entry_is_named(practice: Practice, told: dict[str, object]) -> None:
    changed = entries_of(practice)[11]
    WritebackEvent.objects.filter(pk=changed.pk).update(**told)
    report = ledger.verify(practice.pk)
    assert report.breaks[0] == Break(entry=changed.pk, wrong=Wrong.CHANGED)
    assert str(changed.pk) in report.breaks[0].sentence


def test_an_entry_that_was_changed_and_hashed_anew_is_noticed_at_the_next(practice: Practice) -> None:
    changed, after = entries_of(practice)[11:13]
    entry = Entry(
        writeback_id=changed.writeback_id,
        move=changed.move,
        delivery=changed.delivery,
        seen=changed.seen,
        attempt=changed.attempt,
        detail=changed.detail,
    )
    made = ledger._hash(
        changed.prev_hash,
        practice.pk,
        ledger._moment(changed.at),
        "eve",
        entry,
        ledger._canonical(entry.detail),
    )
    WritebackEvent.objects.filter(pk=changed.pk).update(who="eve", hash=made)
    assert ledger.verify(practice.pk).breaks == (Break(entry=after.pk, wrong=Wrong.MISSING),)


@pytest.mark.parametrize("at", [0, 8])
def test_a_removed_entry_is_named_by_what_stood_after_it(practice: Practice, at: int) -> None:
    rows = entries_of(practice)
    rows[at].delete()
    assert ledger.verify(practice.pk).breaks == (Break(entry=rows[at + 1].pk, wrong=Wrong.MISSING),)


def test_an_inserted_entry_is_named(practice: Practice) -> None:
    rows = entries_of(practice)
    # All after it move on by one number, as if there had always been room.
    for row in reversed(WritebackEvent.objects.filter(pk__gt=rows[8].pk).order_by("id")):
        WritebackEvent.objects.filter(pk=row.pk).update(id=row.pk + 1000)
    before, number = rows[8], rows[8].pk + 1
    entry = Entry(
        writeback_id=before.writeback_id, move="see", delivery=before.delivery, seen="seen", attempt=1
    )
    told = ledger._moment(AT)
    made = ledger._hash(before.hash, practice.pk, told, "eve", entry, "{}")
    WritebackEvent.objects.create(
        pk=number, practice=practice, writeback_id=before.writeback_id, at=AT, who="eve", move="see",
        delivery=before.delivery, seen="seen", attempt=1, prev_hash=before.hash, hash=made,
    )  # fmt: skip
    assert ledger.verify(practice.pk).breaks == (Break(entry=number, wrong=Wrong.INSERTED),)


def test_entries_that_changed_places_are_named(practice: Practice) -> None:
    rows = entries_of(practice)
    first = rows[6].pk
    swap(rows[6], rows[7])
    report = ledger.verify(practice.pk)
    assert report.breaks[0] == Break(entry=first, wrong=Wrong.MOVED)


def test_a_cut_tail_shows_against_a_kept_hash_and_in_the_rows(practice: Practice) -> None:
    kept = ledger.last_hash(practice.pk)
    rows = entries_of(practice)
    WritebackEvent.objects.filter(pk__in=[rows[18].pk, rows[19].pk]).delete()
    report = ledger.verify(practice.pk, kept_hash=kept)
    assert report.breaks == (Break(entry=rows[17].pk, wrong=Wrong.CUT),)
    assert report.astray == (rows[19].writeback_id,)
    assert not ledger.verify(practice.pk).breaks, "without a kept hash a shorter chain is a chain"


def test_a_ledger_that_was_emptied_is_not_whole(practice: Practice) -> None:
    kept = ledger.last_hash(practice.pk)
    WritebackEvent.objects.filter(practice=practice).delete()
    report = ledger.verify(practice.pk, kept_hash=kept)
    assert report.breaks == (Break(entry=0, wrong=Wrong.CUT),)
    assert len(report.astray) == 10


def test_a_ledger_that_is_broken_everywhere_is_told_of_in_bounds(practice: Practice) -> None:
    WritebackEvent.objects.filter(practice=practice).update(who="eve")
    assert len(ledger.verify(practice.pk).breaks) == 20
