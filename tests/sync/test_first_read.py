"""The first read of very many rows: indexes that are made afterwards, and what waits until the people are there."""

from __future__ import annotations

import pytest
from django.db import connection as database

from chartbridge.pms.errors import Unavailable
from chartbridge.pms.reading import Stream
from chartbridge.store import mirror_indexes
from chartbridge.store.models import MirrorPatient
from tests.sync.conftest import Office, appointment, patient

PATIENTS, APPOINTMENTS, DOCUMENTS = Stream.PATIENTS, Stream.APPOINTMENTS, Stream.DOCUMENTS


def _indexes() -> set[str]:
    with database.cursor() as cursor:
        found = database.introspection.get_constraints(cursor, MirrorPatient._meta.db_table)
    return {name for name, each in found.items() if each["index"]} & {
        index.name for index in MirrorPatient._meta.indexes
    }


def test_a_first_read_of_many_rows_leaves_indexes_out_and_makes_them_at_its_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_indexes, "MANY", 20)
    every = _indexes()
    office.pms.page_size = 25
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(1, 101)))
    seen: list[int] = []
    leave_out = mirror_indexes.leave_out

    def noted(stream: Stream, coming: int) -> None:
        leave_out(stream, coming)
        seen.append(len(_indexes()))

    monkeypatch.setattr(mirror_indexes, "leave_out", noted)
    office.settle(PATIENTS)
    assert seen
    assert min(seen) == (0 if database.vendor == "sqlite" else len(every))
    assert _indexes() == every
    assert len(office.patients()) == 100


def test_a_first_read_that_was_broken_off_gets_its_indexes_while_the_pms_is_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_indexes, "MANY", 20)
    every = _indexes()
    office.pms.page_size = 25
    office.pms.put(PATIENTS, *(patient(str(n)) for n in range(1, 101)))
    office.pms.page_takes_s = 2.0  # so that a turn is over after one page
    office.check(PATIENTS)
    assert len(office.patients()) == 25
    mirror_indexes.restore()
    assert (_indexes() == every) is (database.vendor != "sqlite"), "not while it goes on"
    office.pms.failing[PATIENTS] = Unavailable("away")
    office.check(PATIENTS)
    assert office.state(PATIENTS).first_read_done_at is None
    mirror_indexes.restore()
    assert _indexes() == every


def test_papers_wait_until_people_and_the_book_have_been_read(office: Office) -> None:
    office.pms.put(PATIENTS, patient("1"))
    office.pms.put(APPOINTMENTS, appointment("7"))
    office.check(DOCUMENTS)
    assert not [call for call in office.pms.calls if call[0] == "documents"]
    office.settle(PATIENTS)
    office.settle(APPOINTMENTS)
    office.settle(DOCUMENTS)
    assert [call for call in office.pms.calls if call[0] == "documents"]
    assert office.state(DOCUMENTS).first_read_done_at is not None


def test_papers_do_not_wait_for_people_who_cannot_be_read(office: Office) -> None:
    office.pms.failing[PATIENTS] = Unavailable("away")
    office.settle(APPOINTMENTS)
    office.check(PATIENTS)
    office.clock.advance(60)
    office.check(DOCUMENTS)
    assert [call for call in office.pms.calls if call[0] == "documents"]
