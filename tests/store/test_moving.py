"""Moving many writebacks at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chartbridge.store import deliveries, moving
from chartbridge.store.models import Connection, Delivery, Practice, Seen, Writeback
from chartbridge.store.moving import Change

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def put(link: Connection, many: int, delivery: Delivery, seen: Seen) -> None:
    row = {"practice": link.practice, "connection": link, "kind": "patient_note", "command": "add_note"}
    Writeback.objects.bulk_create(
        Writeback(**row, patient_key="1", delivery=delivery, seen=seen, created_at=NOON, due_at=NOON)
        for _ in range(many)
    )


@pytest.mark.django_db
@pytest.mark.parametrize("own", [False, True])
def test_a_batch_is_not_looked_for_in_the_queue_though_the_statistics_know_none(own: bool) -> None:
    link = Connection.objects.create(practice=Practice.objects.create(name="Maple"), connector="scripted")
    put(link, 3000, Delivery.TAKEN, Seen.SEEN)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE store_writeback")
    put(link, 3000, Delivery.QUEUED, Seen.OWED)
    rows = deliveries.claimable(link.pk, 96, paused=frozenset())
    changes = [
        Change(row, "claim", "sending", "owed", fields={"attempts": 1, "text": str(row.id) if own else ""})
        for row in rows
    ]
    with CaptureQueriesContext(connection) as asked:
        assert moving._update(changes) == 96
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        cursor.execute(explain + asked.captured_queries[-1]["sql"])
        plan = str(cursor.fetchall())
    assert "writeback_owed" not in plan, "it goes through the queue"
    assert "Join Filter" not in plan, "it compares each row with each of the batch"
    assert moving._update(changes) == 0, "none stands where it was read any more"
