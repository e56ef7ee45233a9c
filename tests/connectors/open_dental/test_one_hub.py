"""The practice is held by one hub at a time, by a lock on a reading user's session: on a real MariaDB."""

from __future__ import annotations

import time

import pytest

from chartbridge.pms.connector import Holding, HoldsPractice
from chartbridge.pms.errors import Unavailable
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.servers.mariadb import MariaDb


def _held_in_the_end(connector: HoldsPractice) -> Holding:
    """A server takes a moment to notice that the session which held it has ended."""
    until = time.monotonic() + 60
    while True:
        holding = connector.hold_practice("1")
        if holding.ours or time.monotonic() > until:
            return holding
        time.sleep(0.02)


def test_a_second_hub_does_not_get_the_practice_until_the_first_lets_go(myisam_rig: OpenDentalRig) -> None:
    first, second = myisam_rig.connect(), myisam_rig.connect()
    assert first.hold_practice("1").ours  # type: ignore[attr-defined]
    assert not first.hold_practice("1").taken_anew  # type: ignore[attr-defined]
    assert not second.hold_practice("1").ours  # type: ignore[attr-defined]
    assert second.hold_practice("2").ours, "another practice's"  # type: ignore[attr-defined]
    second.close()
    first.close()
    assert _held_in_the_end(second).ours
    second.close()


def test_whoever_loses_the_line_says_that_the_practice_was_taken_anew(myisam_rig: OpenDentalRig) -> None:
    connector = myisam_rig.connect()
    assert connector.hold_practice("1").ours  # type: ignore[attr-defined]
    myisam_rig.go_offline()
    with pytest.raises(Unavailable):
        connector.hold_practice("1")  # type: ignore[attr-defined]
    myisam_rig.come_back()
    holding = _held_in_the_end(connector)
    assert holding.ours
    assert holding.taken_anew
    connector.close()


def test_a_session_that_holds_the_practice_and_falls_silent_is_ended_by_the_server(
    myisam_rig: OpenDentalRig, mariadb: MariaDb
) -> None:
    connector = myisam_rig.connect()
    connector.hold_practice("1")  # type: ignore[attr-defined]
    database = myisam_rig._database
    assert database
    with mariadb.connect() as link, link.cursor() as cursor:
        cursor.execute(
            "SELECT v.VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES v WHERE v.VARIABLE_NAME = 'wait_timeout'"
        )
        assert int(cursor.fetchone()[0]) > 600, "the server's own is no help"
    sql = connector._open().database._sql  # type: ignore[attr-defined]
    assert sql.rows("SELECT @@session.wait_timeout") == (("90",),)
    connector.close()
