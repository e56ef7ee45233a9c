"""R11, R12, R20: clocks that jump, hours that repeat or never were, and requests that come fifty times at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from chartbridge.domain.schedule import Appointment
from chartbridge.pms.reading import Stream
from chartbridge.store.models import Activity, Delivery, Seen, StreamState, Writeback
from chartbridge.testing.steps import read_on
from tests.api.conftest import Program, made
from tests.api.test_activities import TEXT
from tests.api.test_served import Line
from tests.conftest import LiveHub
from tests.connectors.open_dental.practices import mariadb_practice, myisam_rig
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.faults.sizes import size
from tests.servers.mariadb import MariaDb
from tests.sync.conftest import Office as ReadingOffice
from tests.sync.conftest import office, patient
from tests.writeback.conftest import Office, make_office, registered

__all__ = ["make_office", "mariadb_practice", "myisam_rig", "office", "registered"]
pytestmark = [pytest.mark.timeout(900)]
JUMPS = [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)]


@pytest.mark.fault("R11")
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_hub_whose_clock_jumps_reads_on_at_once(office: ReadingOffice, jump: timedelta) -> None:
    """The hub's own clock; the PMS's stays right."""
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.settle(Stream.PATIENTS)
    office.clock.jump(office.clock.now() + jump)
    office.pms.clock_is_off = -jump
    for number in range(2, 6):
        office.pms.put(Stream.PATIENTS, patient(str(number)))
        office.clock.advance(31)
        (due,) = [each for each in office.checker.due([office.pk]) if each.stream is Stream.PATIENTS]
        assert due.at <= office.clock.now(), "no check waits for the clock"
        office.settle(Stream.PATIENTS)
        assert str(number) in office.patients()
    assert StreamState.objects.get(stream="patients").error_code == ""


@pytest.mark.fault("R11")
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_hub_whose_clock_jumps_in_the_middle_of_writing_loses_and_doubles_nothing(
    make_office: object, jump: timedelta
) -> None:
    office: Office = make_office()  # type: ignore[operator]
    for number in range(12):
        office.enqueue(patient=str(1 + number % 3))

    def at(_command: object) -> None:
        if office.pms.writes == 6:
            office.clock.jump(office.clock.now() + jump)

    office.pms.after = at
    deliverer = office.deliverer()
    office.settle(minutes=60 * 3, deliverer=deliverer)
    office.clock.advance(
        3600 * 3
    )  # whatever waits for a moment of the old clock does so for three hours at most
    office.settle(deliverer=deliverer)
    assert set(Writeback.objects.values_list("delivery", "seen")) == {(Delivery.TAKEN, Seen.SEEN)}
    assert office.pms.writes == 12
    office.check()


@pytest.mark.fault("R12")
@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("night", "before", "after"),
    [("2026-11-01", "-05:00", "-06:00"), ("2027-03-14", "-06:00", "-05:00")],
    ids=["the hour that comes twice", "the hour that never was"],
)
def test_both_nights_of_the_clock_change_lose_nothing_and_show_times_as_the_pms_does(
    mariadb: MariaDb, myisam_rig: OpenDentalRig, night: str, before: str, after: str
) -> None:
    """The server's wall clock changes while statuses are set all through: Chicago's two nights."""
    rig, changes = myisam_rig, size(30, 105)
    shown = {
        rig.knobs.book(rig.patient, f"{night} 01:30:00", Confirmed=19): datetime.fromisoformat(
            f"{night} 01:30"
        ),
        rig.knobs.book(rig.patient, f"{night} 02:30:00", Confirmed=19): datetime.fromisoformat(
            f"{night} 02:30"
        ),
    }
    visit = rig.book()
    connector = rig.connect()

    def zone(offset: str) -> None:
        with mariadb.connect() as link, link.cursor() as cursor:
            cursor.execute("SET GLOBAL time_zone = %s", (offset,))
        rig.db.run("SET SESSION time_zone = ?", offset)

    seen: set[str] = set()
    try:
        zone(before)
        cursor = read_on(connector, Stream.APPOINTMENT_STATUS, None).cursor
        for number in range(2 * changes):
            if number == changes:
                zone(after)
            rig.knobs.set_status(int(visit), 30_000 + number)
            if number % 7 == 0 or number == 2 * changes - 1:
                heard = read_on(connector, Stream.APPOINTMENT_STATUS, cursor)
                seen |= {getattr(r, "status_key", "") for r in heard.records if r.key == visit}
                cursor = heard.cursor
        lost = {str(30_000 + number) for number in range(2 * changes)} - seen
        assert not lost, f"{len(lost)} of {2 * changes} lost"
        rows = rig.db.rows(
            "SELECT AptNum AS k, AptDateTime AS at FROM appointment WHERE AptNum IN (?, ?)", *shown
        )
        assert {row["k"]: datetime.fromisoformat(str(row["at"])) for row in rows} == shown
        heard = read_on(connector, Stream.APPOINTMENTS, None)
        found = {
            int(r.key): r.starts_local
            for r in heard.records
            if isinstance(r, Appointment) and int(r.key) in shown
        }
        assert found == shown
    finally:
        zone("SYSTEM")
        connector.close()


@pytest.mark.fault("R20")
def test_fifty_copies_of_one_request_at_once_make_one_activity(live_hub: LiveHub) -> None:
    program: Program = made("Elm", "Zebediah")

    def hand_in(_number: int) -> int:
        return Line(live_hub, program).hand_in("the one key")

    with ThreadPoolExecutor(50) as copies:
        answers = list(copies.map(hand_in, range(50)))
    assert sorted(set(answers)) in ([200, 201], [201]), answers
    assert answers.count(201) == 1
    assert Activity.objects.count() == 1
    assert Writeback.objects.count() == 1


@pytest.mark.fault("R20")
def test_requests_out_of_order_and_replayed_end_the_same(live_hub: LiveHub) -> None:
    program: Program = made("Elm", "Zebediah")
    line = Line(live_hub, program)
    for order in ([1, 2, 3], [3, 1, 2], [2, 2, 3, 1, 1]):
        for number in order:
            body = json.dumps(TEXT | {"body": f"No {number}."}).encode()
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"k{number}"}
            assert line.call("POST", "/activities", body, **headers)[0] in (200, 201)
    assert sorted(Activity.objects.values_list("body", flat=True)) == ["No 1.", "No 2.", "No 3."]
    assert Writeback.objects.count() == 3
