from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.models import JSONField, Value
from django.test.utils import CaptureQueriesContext

from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.errors import Refused
from chartbridge.store import deliveries, ledger, moving, queue
from chartbridge.store.models import Delivery, Writeback, WritebackEvent
from chartbridge.store.writebacks import Filter, groups
from chartbridge.writeback.changes import change
from chartbridge.writeback.enqueue import enqueue_status_move
from chartbridge.writeback.preview import preview_note
from chartbridge.writeback.states import Event
from tests.writeback.conftest import Office
from tests.writeback.scripted_pms import lose_answer


def test_every_move_of_a_writeback_is_in_the_ledger(office: Office) -> None:
    row = office.enqueue()[0]
    office.deliver()
    moves = queue.moves_of(office.practice.pk, row.pk)
    assert [(m.move, m.delivery, m.seen, m.attempt) for m in moves] == [
        ("queue", "queued", "owed", 0),
        ("claim", "sending", "owed", 1),
        ("take", "taken", "owed", 1),
        ("see", "taken", "seen", 1),
    ]
    assert moves[0].who == "mary@example.com"
    row.refresh_from_db()
    wrote = ledger.written(
        command="add_note", patient_key="1", text=row.text, marker=row.marker, status_key="", record="note 1"
    )
    assert moves[2].detail == {"record": "note 1", "wrote": wrote}
    report = ledger.verify(office.practice.pk)
    assert (report.whole, report.entries, report.last_hash) == (True, 4, moves[-1].hash)


@pytest.mark.parametrize(
    "change",
    [{"who": "eve"}, {"move": "dismiss"}, {"attempt": 7}, {"detail": {"record": "x"}}, {"hash": "0" * 64}],
)
def test_an_altered_entry_is_noticed(office: Office, change: dict[str, object]) -> None:
    office.enqueue()
    office.deliver()
    second = WritebackEvent.objects.order_by("id")[1]
    WritebackEvent.objects.filter(pk=second.pk).update(**change)
    broken_at = ledger.verify(office.practice.pk).broken_at
    assert broken_at in (second.pk, second.pk + 1)


def test_a_removed_entry_is_noticed(office: Office) -> None:
    office.enqueue()
    office.deliver()
    WritebackEvent.objects.filter(pk=WritebackEvent.objects.order_by("id")[1].pk).delete()
    assert not ledger.verify(office.practice.pk).whole


def test_a_row_that_was_altered_beside_the_ledger_is_noticed(office: Office) -> None:
    row = office.enqueue()[0]
    Writeback.objects.update(delivery=Delivery.TAKEN)
    assert ledger.verify(office.practice.pk).astray == (row.pk,)


@pytest.mark.parametrize("change", [{"text": "Owes nothing."}, {"patient_key": "2"}, {"record": "note 9"}])
@pytest.mark.parametrize("lost", [False, True])
def test_what_was_written_and_altered_in_the_store_since_is_named(
    office: Office, change: dict[str, str], *, lost: bool
) -> None:
    if lost:
        office.pms.after = lose_answer
    row, other = office.enqueue()[0], office.enqueue(patient="3")[0]
    office.settle()
    assert ledger.verify(office.practice.pk).whole
    Writeback.objects.filter(pk=row.pk).update(**change)
    report = ledger.verify(office.practice.pk)
    assert (report.rewritten, report.whole) == ((row.pk,), False)
    Writeback.objects.filter(pk=other.pk).update(**change)
    assert ledger.verify(office.practice.pk).rewritten == (row.pk, other.pk)


def test_a_status_move_that_was_altered_in_the_store_since_is_named(office: Office) -> None:
    office.appointment("700", status="21")
    row = enqueue_status_move(office.connection.pk, "700", "22", "21", "mary@example.com", clock=office.clock)
    office.settle()
    assert ledger.verify(office.practice.pk).whole
    Writeback.objects.update(payload={**row.payload, "status_key": "25"})
    assert ledger.verify(office.practice.pk).rewritten == (row.pk,)


def test_a_writeback_that_was_taken_out_of_the_store_is_named(office: Office) -> None:
    row = office.enqueue()[0]
    office.enqueue(patient="3")
    office.settle()
    with transaction.atomic():
        with connection.cursor() as cursor:  # past the ORM, which would not
            cursor.execute("DELETE FROM store_writeback WHERE id = %s", [row.pk])
        report = ledger.verify(office.practice.pk)
        transaction.set_rollback(True)
    assert (report.gone, report.whole) == ((row.pk,), False)
    assert (report.breaks, report.astray, report.rewritten) == ((), (), ())
    assert ledger.verify(office.practice.pk).whole


@pytest.mark.parametrize("payload", [[], "status_key", None, 7])
def test_a_payload_that_is_no_payload_any_more_is_named(office: Office, payload: object) -> None:
    row = office.enqueue()[0]
    office.settle()
    Writeback.objects.update(payload=Value(payload, JSONField()))
    assert ledger.verify(office.practice.pk).rewritten == (row.pk,)


def test_entries_from_before_digests_were_kept_still_verify(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_told", lambda change: change.detail)
    office.enqueue()
    office.settle()
    Writeback.objects.update(text="Owes nothing.")
    assert ledger.verify(office.practice.pk).whole


def test_pages_get_their_lists_in_a_fixed_number_of_queries(office: Office) -> None:
    def fault(command: object) -> None:
        if getattr(command, "patient_key", "") == "2":
            raise Refused("Refused.", reason="No")

    office.pms.before = fault
    for n in range(30):
        office.enqueue(patient=str(1 + n % 2))
    office.enqueue(patient="77")
    office.deliver()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page = queue.listing(office.practice.pk, word="attention", size=10, page=2)
        assert [row.activity.body for row in page.rows if row.activity] == ["Prefers mornings."] * 5
    assert len(seen) == 2
    assert (page.total, page.pages, page.page) == (15, 2, 2)
    assert queue.counts(office.practice.pk)[Delivery.REFUSED] == 15
    words = queue.counts_by_word(office.practice.pk)
    assert (words["done"], words["attention"], words["held"]) == (15, 15, 1)
    assert sum(words.values()) == Writeback.objects.count()
    assert [(g.code, g.count) for g in queue.reasons(office.practice.pk)] == [
        ("refused", 15),
        ("unknown_patient", 1),
    ]
    assert len(queue.timeline_writebacks(office.practice.pk, "2")) == 15
    assert queue.recent_by_kind(office.practice.pk, office.clock.now()) == {
        "patient_note": {"done": 15, "attention": 15, "held": 1}
    }


def test_reasons_of_one_moment_keep_their_places(office: Office) -> None:
    codes = ["too_old", "conflict", "refused", "internal", "note_type_gone", "patient_deleted", "crashed"]
    for code in codes:
        Writeback.objects.filter(pk=office.enqueue()[0].pk).update(delivery=Delivery.PARKED, reason_code=code)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")  # it groups by hash then, as it does with many rows
    assert [group.reason for group in groups(office.practice.pk, Filter())] == sorted(codes)


@pytest.mark.parametrize("kind", ActivityKind)
def test_each_kind_has_a_preview_that_ends_in_a_marker(kind: ActivityKind) -> None:
    assert preview_note(kind).endswith("CB-7K2QM9XD")
    assert ("Written by AI" in preview_note(kind)) == kind.traits.written_by_ai


def test_the_preview_is_what_is_written(office: Office) -> None:
    office.enqueue(
        ActivityKind.OUTGOING_TEXT,
        phone="+15365550101",
        author="Mary at the front desk",
        body="Hi Ann, this is a reminder of your cleaning tomorrow at 9:15. Reply C to confirm.",
    )
    text = office.only().text
    assert text.replace(office.only().marker, "CB-7K2QM9XD") == preview_note(ActivityKind.OUTGOING_TEXT)


def test_rows_are_read_as_the_database_has_them(office: Office) -> None:
    text = 'He said "a\\b",\r\n\ttab \x1f, 😀, ü, \u2028, {"x": [1, null]} %s %%'
    row = office.enqueue()[0]
    Writeback.objects.filter(pk=row.pk).update(
        text=text, payload={"a": text, "b": ""}, record="note 9007199254740993"
    )
    office.deliver()
    kept = Writeback.objects.select_related("activity").get(pk=row.pk)
    assert kept.activity is not None
    assert None not in (kept.taken_at, kept.sending_at)
    (found,) = deliveries.read_rows(office.practice.pk, [row.pk])
    activity = {"occurred_at": kept.activity.occurred_at, "verified_on": kept.activity.verified_on}
    assert (
        found._asdict()
        == {name: getattr(kept, name) for name in found._fields if name not in activity} | activity
    )


def test_of_many_rows_that_move_at_once_those_that_have_moved_meanwhile_stay(office: Office) -> None:
    ids = [office.enqueue(body=f"Note {n}.")[0].pk for n in range(moving.AT_ONCE + 20)]
    rows = deliveries.read_rows(office.practice.pk, ids)
    moved = {ids[0], ids[moving.AT_ONCE + 5]}
    Writeback.objects.filter(pk__in=moved).update(attempts=3)
    with moving.turn(office.practice.pk, who="mary@example.com", at=office.clock.now()) as moves:
        fields = {"sending_at": office.clock.now(), "payload": {"n": 1}, "recorded_at": None}
        done = moves.apply(
            [change(row, Event.CLAIM, fields={**fields, "record": f"note {row.id}"}) for row in rows]
        )
    assert [each.row.id for each in done] == [pk for pk in ids if pk not in moved]
    for row in Writeback.objects.filter(pk__in=ids):
        wanted = (
            ("queued", "", None, {})
            if row.pk in moved
            else ("sending", f"note {row.pk}", office.clock.now(), {"n": 1})
        )
        assert (row.delivery, row.record, row.sending_at, row.payload) == wanted
    assert WritebackEvent.objects.filter(move="claim").count() == len(done)
    assert not ledger.verify(office.practice.pk).breaks
