"""The mapping is filled in from what the PMS says of its statuses, and from nothing else."""

from __future__ import annotations

import pytest

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.flow.mapping import Status, default_mappings, planned
from chartbridge.store.board import MappingRow, mappings, save_mappings
from chartbridge.store.models import Connection, LookupEntry, Practice

F = FlowStatus
LIST = [
    Status(key="19", meaning=["unconfirmed"]),
    Status(key="21", meaning=["confirmed"]),
    Status(key="22", meaning=["arrived"]),
    Status(key="23", meaning=[]),
    Status(key="25", meaning=["seated"]),
    Status(key="246", meaning=["dismissed"]),
]


def row(key: str, column: FlowStatus | None, *, writes: bool = False, origin: str = "pms") -> MappingRow:
    return MappingRow(
        status_key=key, flow_status=column, writes=writes, means_confirmed=key == "21", origin=origin
    )


def test_the_first_time_every_status_gets_a_row() -> None:
    assert planned(LIST, {}) == [
        row("19", F.EXPECTED, writes=True),
        row("21", F.EXPECTED),
        row("22", F.CHECKED_IN, writes=True),
        row("23", None),
        row("25", F.IN_OPERATORY, writes=True),
        row("246", F.READY_FOR_CHECKOUT, writes=True),
    ]


def test_what_a_person_chose_stays() -> None:
    mine = row("23", F.CHECKED_IN, writes=True, origin="practice")
    made = {each.status_key: each for each in planned(LIST, {"23": mine})}
    assert "23" not in made
    assert made["22"].flow_status is F.CHECKED_IN
    assert not made["22"].writes


def test_a_status_that_appears_later_is_left_unknown_unless_the_pms_says_what_it_means() -> None:
    present = {each.status_key: each for each in planned(LIST, {})}
    more = [*LIST, Status(key="300", meaning=[]), Status(key="301", meaning=["confirmed"])]
    assert [each.status_key for each in planned(more, present)] == ["301"]


def test_nothing_changed_is_nothing_to_store() -> None:
    present = {each.status_key: each for each in planned(LIST, {})}
    assert planned(LIST, present) == []


def test_a_preference_that_moved_in_the_pms_moves_the_column_with_it() -> None:
    present = {each.status_key: each for each in planned(LIST, {})}
    moved = [
        Status(key="22", meaning=[]),
        Status(key="23", meaning=["arrived"]),
    ]
    assert planned(moved, present) == [row("22", None), row("23", F.CHECKED_IN, writes=True)]


@pytest.mark.django_db
def test_the_lookups_of_a_connection_fill_its_mapping_once() -> None:
    practice = Practice.objects.create(name="Maple Street Dental")
    connection = Connection.objects.create(practice=practice, connector="open_dental")
    for order, status in enumerate(LIST):
        LookupEntry.objects.create(
            connection=connection,
            kind=LookupKind.APPOINTMENT_STATUSES,
            key=status.key,
            name=f"Status {status.key}",
            meaning=list(status.meaning),
            order=order,
        )
    assert default_mappings(connection.pk) == 6
    assert default_mappings(connection.pk) == 0
    save_mappings(connection.pk, [row("23", F.CHECKED_IN, origin="practice")])
    assert default_mappings(connection.pk) == 0
    assert {each.status_key: each.flow_status for each in mappings(connection.pk)}["23"] is F.CHECKED_IN
