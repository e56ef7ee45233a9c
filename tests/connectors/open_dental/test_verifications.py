"""Verifications of insurance whose place a later one has taken, as people at the practice make them meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from chartbridge.pms.commands import CommandKind, MarkInsuranceVerified
from chartbridge.pms.errors import Conflict
from chartbridge.testing.asked import CANARIES
from chartbridge.testing.claims import MARKER
from tests.connectors.open_dental.rig import OpenDentalRig

EARLIER, LATER = timedelta(days=3), timedelta(days=1)


@pytest.fixture(params=["sqlite_rig", "myisam_rig"], ids=["api", "database"])
def rig(request: pytest.FixtureRequest) -> OpenDentalRig:
    found = request.getfixturevalue(str(request.param))
    assert isinstance(found, OpenDentalRig)
    return found


def _asked(rig: OpenDentalRig) -> tuple[MarkInsuranceVerified, date]:
    """A verification of three days ago, and the practice's day."""
    command = rig.command(CommandKind.MARK_INSURANCE_VERIFIED, MARKER)
    assert isinstance(command, MarkInsuranceVerified)
    today = command.verified_on
    return replace(command, verified_on=today - EARLIER), today


def _verified(rig: OpenDentalRig, on: date) -> None:
    rig.knobs.verify_insurance(int(rig.patient_of_today()), on.isoformat())


def _stands(rig: OpenDentalRig) -> str:
    return str(rig.db.value("SELECT MAX(DateLastVerified) FROM insverify"))[:10]


@pytest.mark.parametrize(
    "later", [[LATER], [EARLIER], [LATER, timedelta()]], ids=["later", "same day", "twice"]
)
def test_in_the_database_a_verification_is_found_in_the_history_too(
    myisam_rig: OpenDentalRig, later: list[timedelta]
) -> None:
    rig, connector = myisam_rig, myisam_rig.connect()
    command, today = _asked(rig)
    written = connector.write(command)
    for ago in later:
        _verified(rig, today - ago)
    seen = connector.landed(command)
    assert seen is not None
    assert (seen.record, seen.text) == (written.record, command.note)


def test_in_the_database_another_s_verification_is_not_taken_for_ours(myisam_rig: OpenDentalRig) -> None:
    command, today = _asked(myisam_rig)
    _verified(myisam_rig, command.verified_on)
    _verified(myisam_rig, today - LATER)
    assert myisam_rig.connect().landed(command) is None
    silent = replace(command, note="")
    assert myisam_rig.connect().landed(silent) is not None, "one without a note is the same, whoever made it"


@pytest.mark.parametrize("arrived", [True, False])
def test_through_the_api_alone_it_is_not_called_missing_where_a_later_one_stands(
    sqlite_rig: OpenDentalRig, arrived: bool
) -> None:
    rig, connector = sqlite_rig, sqlite_rig.connect()
    command, today = _asked(rig)
    if arrived:
        connector.write(command)
    assert (connector.landed(command) is not None) == arrived
    _verified(rig, today - LATER)
    with pytest.raises(Conflict, match="can't be seen through the API") as error:
        connector.landed(command)
    assert error.value.current == (today - LATER).isoformat()
    assert not any(canary in str(error.value) for canary in CANARIES)


def test_a_database_that_does_not_show_its_history_is_no_better(myisam_rig: OpenDentalRig) -> None:
    rig, (command, today) = myisam_rig, _asked(myisam_rig)
    connector = rig.connect()
    connector.write(command)
    rig.db.run("ALTER TABLE insverifyhist RENAME TO insverifyhist_away")
    try:
        assert rig.connect().landed(command) is not None
        rig.db.run("UPDATE insverify SET DateLastVerified=?, Note=''", str(today - LATER))
        with pytest.raises(Conflict):
            rig.connect().landed(command)
    finally:
        rig.db.run("ALTER TABLE insverifyhist_away RENAME TO insverifyhist")


def test_an_older_verification_is_never_written_over_a_later_one(rig: OpenDentalRig) -> None:
    connector, (command, today) = rig.connect(), _asked(rig)
    _verified(rig, today - LATER)
    before = rig.writes_received()
    with pytest.raises(Conflict, match="not written over it"):
        connector.write(command)
    assert rig.writes_received() == before
    assert _stands(rig) == (today - LATER).isoformat()


@pytest.mark.parametrize("ago", [timedelta(days=30), EARLIER], ids=["an earlier day", "the same day"])
def test_what_stands_of_the_same_or_an_earlier_day_stops_nothing(rig: OpenDentalRig, ago: timedelta) -> None:
    connector, (command, today) = rig.connect(), _asked(rig)
    _verified(rig, today - ago)
    connector.write(command)
    assert connector.landed(command) is not None


def test_what_is_dated_ahead_to_a_visit_to_come_is_no_later_verification(rig: OpenDentalRig) -> None:
    connector, (command, today) = rig.connect(), _asked(rig)
    _verified(rig, today + timedelta(days=10))
    connector.write(command)
    assert _stands(rig) == command.verified_on.isoformat()
