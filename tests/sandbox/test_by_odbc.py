"""The sandboxes behind ODBC: a day moves people on, the proof sees what is wrong, an office is taken up again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chartbridge.sandbox.by_odbc.day import Day
from chartbridge.sandbox.by_odbc.knobs import Knobs, Stage
from chartbridge.sandbox.by_odbc.office import Office, entered_in, knobs_of
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite
from chartbridge.sandbox.server import Server
from tests.servers.mariadb import MariaDb

ONE, TWO, THREE = "CB-7K2QM9XD", "CB-0000000Z", "CB-00000001"


@pytest.fixture(params=["eaglesoft", "dentrix"])
def knobs(request: pytest.FixtureRequest, mariadb: MariaDb) -> Iterator[Knobs]:
    server = Server(host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password)
    made = knobs_of(request.param, server, owner=f"sandbox_{request.param}")
    made.at.create()
    made.fill(60, 7)
    yield made
    made.at.close()


def test_the_day_is_full_and_goes_on(knobs: Knobs) -> None:
    before = knobs.visits_today()
    assert len(before) > 15
    assert {visit.stage for visit in before} == {Stage.BOOKED}
    day = Day(knobs, seed=1)
    stages: Counter[Stage] = Counter()
    for _ in range(60):
        assert day.step()
        stages.update(visit.stage for visit in knobs.visits_today())
    assert stages[Stage.DONE] > 0
    assert len([stage for stage in stages if stage is not Stage.BOOKED]) >= 2, "also at night"
    assert len(knobs.visits_today()) > len(before), "somebody walked in"


def test_the_proof_sees_what_is_missing_twice_and_at_a_wrong_patient(knobs: Knobs) -> None:
    first, second = (visit.patient for visit in knobs.visits_today()[:2])
    if first == second:
        second = knobs.add_patient("Other", "Anna")
    for marker, patient in ((ONE, first), (TWO, first), (TWO, first), (THREE, second)):
        knobs.add_document(patient, f"Statement {marker}")
    expected = [
        ExpectedWrite(marker=marker, patient_key=first) for marker in (ONE, TWO, THREE, "CB-NEVER000")
    ]
    visit = knobs.visits_today()[0]
    knobs.set_status(visit.key, knobs.stages[Stage.HERE])
    knobs.set_status(visit.key, knobs.stages[Stage.ROOM])
    moves = [
        ExpectedMove(appointment_key=visit.key, status_key=knobs.stages[stage], patient_key=visit.patient)
        for stage in (Stage.HERE, Stage.DONE)
    ]
    writes, moved = knobs.prove(expected, moves)
    assert (writes.in_pms, writes.missing, writes.twice, writes.wrong_patient) == (
        2, ("CB-NEVER000",), (TWO,), (THREE,),
    )  # fmt: skip
    assert (moved.in_pms, moved.missing) == (1, (visit.key,)), "a status that it had once counts"


def test_a_move_keeps_its_length_and_a_deletion_is_one(knobs: Knobs) -> None:
    visit = knobs.visits_today()[-1]
    knobs.move(visit.key, visit.at - timedelta(minutes=10))
    assert next(each for each in knobs.visits_today() if each.key == visit.key).at == visit.at - timedelta(
        minutes=10
    )
    knobs.delete_visit(visit.key)
    assert visit.key not in {each.key for each in knobs.visits_today()}


@pytest.mark.slow
@pytest.mark.parametrize("pms", ["eaglesoft", "dentrix"])
def test_an_office_is_taken_up_again_where_it_was(tmp_path: Path, pms: str) -> None:
    office = Office(pms, tmp_path / "office", patients=40)
    entered = office.start()
    try:
        document = office.knobs.add_document(office.knobs.visits_today()[0].patient, f"Statement {ONE}")
    finally:
        office.stop()
    assert entered_in(tmp_path / "office") == entered
    again = Office(pms, tmp_path / "office", patients=40)
    later = again.start()
    try:
        assert [each.key for each in again.knobs.truth(ONE)] == [document]
        for secret in set(entered.secrets) - {"connection_string"}:
            assert later.secrets[secret] == entered.secrets[secret]
    finally:
        again.stop()
