"""Dentrix Ascend beyond the contract: settings, words, pages, the sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chartbridge.connectors.ascend import codec
from chartbridge.connectors.ascend.client import PAGE
from chartbridge.connectors.ascend.connector import AscendConnector, connect
from chartbridge.connectors.ascend.words import STATUSES, status_key
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import BookingState
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.testing.steps import read_on
from tests.contract.test_ascend import AscendRig

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def rig() -> Iterator[AscendRig]:
    rig = AscendRig()
    yield rig
    rig.close()


def visit(**changes: object) -> codec.Item:
    return {
        "id": 12000000047601, "start": "2026-11-27T14:30:00Z", "duration": 45, "status": "CONFIRMED",
        "patient": {"id": "7", "type": "PatientV1", "url": "https://x/7"}, "operatory": {"id": 3},
    } | changes  # fmt: skip


def test_a_visit_is_told_in_the_practices_own_time() -> None:
    told = codec.appointment(visit(), NEW_YORK)
    assert told.starts_local.isoformat() == "2026-11-27T09:30:00"
    assert (told.key, told.patient_key, told.operatory_key, told.minutes) == ("12000000047601", "7", "3", 45)
    later = codec.appointment(visit(duration=None, end="2026-11-27T15:00:00Z"), NEW_YORK)
    assert later.minutes == 30


def test_both_one_thirties_of_the_night_when_the_clocks_go_back_are_one_thirty() -> None:
    starts = ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")
    told = [codec.appointment(visit(start=start), NEW_YORK).starts_local.isoformat() for start in starts]
    assert told == ["2026-11-01T01:30:00"] * 2


@pytest.mark.parametrize(
    "wrong", [{"start": "soon"}, {"start": "2026-11-27T09:00:00"}, {"patient": None}, {"duration": -5}]
)
def test_a_visit_that_cannot_be_is_named_by_its_field(wrong: dict[str, object]) -> None:
    good, bad = codec.decode([visit(**wrong)], lambda item: codec.appointment(item, NEW_YORK))
    assert good == []
    assert bad[0].why.split()[0] == next(iter(wrong))
    assert "soon" not in bad[0].why


@pytest.mark.parametrize("word", ["NO_SHOW", "No Show", "noShow", "NOSHOW"])
def test_the_products_own_statuses_are_known_however_they_are_spelt(word: str) -> None:
    assert status_key(word) == "NO_SHOW"
    assert codec.appointment(visit(status=word), NEW_YORK).state is BookingState.BROKEN


def test_another_status_is_kept_as_it_stands() -> None:
    told = codec.appointment(visit(status="Abducted"), NEW_YORK)
    assert (told.state, told.state_raw, told.status_key) == (BookingState.UNKNOWN, "Abducted", "Abducted")
    assert "Abducted" not in STATUSES


@pytest.mark.parametrize("kind", [int, str])
def test_the_first_phone_of_a_kind_is_the_first_by_number(kind: type) -> None:
    phones = [{"phoneType": "HOME", "number": f"no. {n}", "sequence": kind(n)} for n in (10, 9, 11)]
    assert codec.patient({"id": 5, "lastName": "Ng", "phones": phones}).home_phone == "no. 9"
    phones.append({"phoneType": "HOME", "number": "unnumbered", "sequence": "soon"})
    assert codec.patient({"id": 5, "lastName": "Ng", "phones": phones}).home_phone == "unnumbered"


def test_a_patient_keeps_what_is_not_understood() -> None:
    phones = [
        {"phoneType": "HOME", "number": "2", "sequence": 2},
        {"phoneType": "HOME", "number": "1", "sequence": 1},
        {"phoneType": "PAGER", "number": "9", "sequence": 3},
    ]
    told = codec.patient({"id": 5, "lastName": "Ng", "patientStatus": "NEW", "phones": phones})
    assert isinstance(told, Patient)
    assert (told.status, told.status_raw, told.home_phone) == (PatientStatus.UNKNOWN, "NEW", "1")
    assert told.text_ok is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("time_zone", "Mars"),
        ("address", "http://prod.hs1api.com"),
        ("location_id", "1,start>=0"),
        ("organization_id", ""),
    ],
)
def test_a_wrong_setting_is_named(rig: AscendRig, setting: str, value: str) -> None:
    with pytest.raises(Misconfigured) as error:
        connect(rig.settings(**{setting: value}), rig.clock).identify()
    assert error.value.setting == setting
    assert rig.practice.calls == []


def test_many_patients_come_in_pages_and_a_lower_limit_of_the_servers_loses_none(rig: AscendRig) -> None:
    for number in range(250):
        rig.practice.put("patients", str(9000 + number), {"lastName": "Ng", "patientStatus": "ACTIVE"})
    heard = read_on(rig.connect(), Stream.PATIENTS, None)
    assert len(heard.keys) == 252
    assert max(len(page.records) for page in heard.pages) == PAGE
    rig.practice.page_limit = 40
    assert len(read_on(rig.connect(), Stream.PATIENTS, None).keys) == 252


def test_a_server_that_ignores_where_to_go_on_is_not_asked_for_ever(rig: AscendRig) -> None:
    for number in range(120):
        rig.practice.put("patients", str(9000 + number), {"lastName": "Ng", "patientStatus": "ACTIVE"})
    listed = rig.practice.listed
    rig.practice.listed = lambda resource, query: listed(resource, query | {"lastId": ["0"]})  # type: ignore[method-assign]
    with pytest.raises(Unreadable, match="same page"):
        read_on(rig.connect(), Stream.PATIENTS, None)


def test_a_quiet_check_is_one_call_and_the_sign_in_is_kept(rig: AscendRig) -> None:
    connector = rig.connect()
    assert isinstance(connector, AscendConnector)
    cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
    before = connector.calls_made()
    cursor = read_on(connector, Stream.APPOINTMENTS, cursor).cursor
    assert connector.calls_made() - before == 1
    rig.clock.ahead += timedelta(hours=2)
    read_on(connector, Stream.APPOINTMENTS, cursor)
    assert connector.calls_made() - before == 3
    connector.close()
    assert connector.calls_made() - before == 3
    assert connector.calls_made() == len(rig.practice.calls)


def test_a_token_that_ends_before_its_time_is_fetched_anew(rig: AscendRig) -> None:
    connector = rig.connect()
    connector.identify()
    rig.practice.tokens.clear()
    connector.identify()
    rig.expire_sign_in()
    with pytest.raises(Unauthorised, match="client ID and secret"):
        connector.identify()
    assert connector.examine()[0].ok is False


def test_an_organization_that_has_not_switched_it_on_is_told_so(rig: AscendRig) -> None:
    rig.practice.switched_off = True
    with pytest.raises(Unauthorised, match="switch its access on"):
        rig.connect().read(Stream.PATIENTS, None)


def test_asked_to_wait_it_waits_as_long_as_it_is_told(rig: AscendRig) -> None:
    rig.throttle()
    with pytest.raises(Unavailable) as error:
        rig.connect().read(Stream.PATIENTS, None)
    assert error.value.retry_after == 30


def test_visits_of_other_locations_are_left_out(rig: AscendRig) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rig.practice.put("appointments", "8000", visit(start=at) | {"location": {"id": "elsewhere"}})
    assert "8000" not in read_on(rig.connect(), Stream.APPOINTMENTS, None).keys
