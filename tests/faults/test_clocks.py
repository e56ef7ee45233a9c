"""R11, R12, R20: clocks that jump, hours that repeat or never were, and requests that come fifty times at once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chartbridge.domain.schedule import Appointment
from chartbridge.pms.reading import Stream
from chartbridge.store import ledger
from chartbridge.store.models import Activity, Delivery, Seen, StreamState, Writeback
from chartbridge.testing.steps import read_on
from tests.api.conftest import Program, made
from tests.api.test_activities import TEXT
from tests.api.test_served import Line
from tests.conftest import LiveHub
from tests.connectors.open_dental.practices import mariadb_practice, myisam_rig
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.faults.conftest import Told
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


MESSAGES = 5
BETWEEN = st.lists(st.integers(0, MESSAGES - 1), max_size=6)
"""Which of the messages come again somewhere."""


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[int]]:
    """Five messages in any order, some of them several times, alone or several in one request."""
    numbers = draw(st.permutations([*range(MESSAGES), *draw(BETWEEN)]))
    requests: list[list[int]] = [[]]
    for number in numbers:
        if requests[-1] and draw(st.booleans()):
            requests.append([])
        requests[-1].append(number)
    return requests


@pytest.mark.fault("R20")
def test_messages_in_any_order_and_any_number_of_times_end_the_same(live_hub: LiveHub, told: Told) -> None:
    program: Program = made("Elm", "Zebediah")
    line = Line(live_hub, program)
    examples = 0

    @settings(max_examples=size(40, 400), deadline=None, database=None, phases=[Phase.generate])
    @given(requests=deliveries(), by_batch=st.booleans())
    def play(requests: list[list[int]], by_batch: bool) -> None:
        nonlocal examples
        examples += 1
        turn = str(examples)
        for numbers in requests:
            hand_in_messages(line, turn, numbers, by_batch=by_batch or len(numbers) > 1)
        hand_in_messages(line, turn, list(range(MESSAGES)), by_batch=True, again=True)
        refuse_other_content(line, turn)
        kept = Activity.objects.filter(idempotency_key__startswith=f"{turn}.")
        assert sorted(kept.values_list("idempotency_key", "body", "patient_key")) == [
            (f"{turn}.{number}", f"No {number} of {turn}.", "1042") for number in range(MESSAGES)
        ]
        assert Writeback.objects.filter(activity__in=kept).count() == MESSAGES
        assert {row.writebacks.count() for row in kept} == {1}

    play()
    (practice_id,) = set(Activity.objects.values_list("practice_id", flat=True))
    assert ledger.verify(practice_id).whole
    told(
        "five messages in any order, several times, alone and in batches",
        ops=MESSAGES * examples,
        orders=examples,
    )


def message(turn: str, number: int) -> dict[str, object]:
    return TEXT | {"body": f"No {number} of {turn}."}


def hand_in_messages(
    line: Line, turn: str, numbers: list[int], *, by_batch: bool, again: bool = False
) -> None:
    """Each is answered as new once, and from then on as the same again."""
    if by_batch:
        batch = [message(turn, number) | {"idempotency_key": f"{turn}.{number}"} for number in numbers]
        answer = patiently(line, "/activities/batch", {"activities": batch})
        statuses = {result["status"] for result in answer[1]["results"]}
    else:
        statuses = {patiently(line, "/activities", message(turn, n), key=f"{turn}.{n}")[0] for n in numbers}
    assert statuses <= ({200} if again else {200, 201})


def refuse_other_content(line: Line, turn: str) -> None:
    """A key that comes with something else is a mistake of the program, and says so."""
    assert patiently(line, "/activities", message(turn, 99), key=f"{turn}.0")[0] == 409


def patiently(line: Line, path: str, body: object, *, key: str = "") -> tuple[int, Any]:
    """One request, again where the hub asks to come later."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    while True:
        answer = line.call("POST", path, json.dumps(body).encode(), **headers)
        if answer[0] != 429:
            return answer
        time.sleep(0.5)


@pytest.mark.fault("R20")
@pytest.mark.parametrize("each", [1, 5], ids=["alone", "five in a batch"])
def test_fifty_copies_of_one_request_at_once_make_one_activity_of_each(live_hub: LiveHub, each: int) -> None:
    program: Program = made("Elm", "Zebediah")

    def hand_in(_number: int) -> list[int]:
        line = Line(live_hub, program)
        if each == 1:
            return [patiently(line, "/activities", message("one", 0), key="one.0")[0]]
        batch = [message("one", n) | {"idempotency_key": f"one.{n}"} for n in range(each)]
        answer = patiently(line, "/activities/batch", {"activities": batch})
        return [result["status"] for result in answer[1]["results"]]

    with ThreadPoolExecutor(50) as copies:
        answers = [status for answered in copies.map(hand_in, range(50)) for status in answered]
    assert set(answers) == {200, 201}, answers
    assert answers.count(201) == each
    assert Activity.objects.count() == each
    assert Writeback.objects.count() == each
