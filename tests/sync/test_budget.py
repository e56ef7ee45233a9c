"""A month's calls: counted durably, eased when they run short, stopped with a sentence, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from typing import Self

import pytest
from django.test import Client

from chartbridge import doctor
from chartbridge.domain.clock import SetClock
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import call_uses
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import CallUse, Connection, MirrorPatient, Practice, Role, StreamState
from chartbridge.store.secrets import seal
from chartbridge.store.streams import ensure_states, save_stream_setting, states
from chartbridge.sync import buttons
from chartbridge.sync.budget import Budget, budget_of
from chartbridge.sync.checks import Checker
from tests.contract.test_ascend import AscendRig
from tests.web.desk import at_desk, person

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TURN = datetime(2026, 12, 1, tzinfo=UTC)


class Noon(datetime):
    """The time of day that the pages go by."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(NOON.timestamp(), tz)


class Office:
    """A practice on the sandbox of Dentrix Ascend."""

    def __init__(self) -> None:
        self.clock = SetClock(NOON)
        self.rig = AscendRig()
        self.rig.practice.now = self.clock.now
        settings = self.rig.settings()
        self.practice = Practice.objects.create(name="Maple Street Dental", time_zone="UTC")
        self.link = Connection.objects.create(
            practice=self.practice, connector="ascend", values=settings.values, secrets=seal(settings.secrets)
        )
        ensure_states(self.link, registry().manifests["ascend"])
        self.restart()

    def restart(self) -> None:
        """What was only in memory is lost."""
        self.live = LiveConnectors(self.clock)
        self.checker = Checker(self.live, self.clock)

    def check(self, stream: Stream = Stream.PATIENTS) -> float:
        for _ in range(20):
            outcome = self.checker.check(self.link.pk, stream)
            if not outcome.again:
                break
        self.checker.flush()
        return outcome.next_in

    def state(self) -> StreamState:
        return StreamState.objects.get(connection=self.link, stream=Stream.PATIENTS)

    def budget(self) -> Budget:
        found = budget_of(self.link, registry().manifests["ascend"], states(self.link.pk), self.clock.now())
        assert found is not None
        return found

    def use(self, calls: int) -> None:
        CallUse.objects.update_or_create(
            connection=self.link, month=call_uses.month_of(self.clock.now()), defaults={"calls": calls}
        )


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.checker.close()
    made.live.close()
    made.rig.close()


def test_every_call_that_the_server_got_is_counted_also_over_a_restart(office: Office) -> None:
    office.check()
    assert MirrorPatient.objects.count() == 2
    assert office.budget().used == len(office.rig.practice.calls) > 0
    office.checker.close()
    office.live.close()
    office.restart()
    office.clock.advance(901)
    office.check()
    assert office.budget().used == len(office.rig.practice.calls)


def test_below_four_fifths_checks_come_at_their_intervals(office: Office) -> None:
    office.use(23_999)
    assert office.check() == pytest.approx(900, abs=2)
    assert office.budget().stretch == 1.0 or office.budget().used >= 24_000


def test_above_four_fifths_they_come_so_rarely_that_the_rest_lasts(office: Office) -> None:
    office.check()
    office.use(28_000)
    office.clock.advance(901)
    wait = office.check()
    budget = office.budget()
    assert budget.stretch == pytest.approx(budget.per_second * budget.left_s / (30_000 - budget.used))
    assert wait == pytest.approx(min(3600, 900 * budget.stretch), rel=0.01)
    assert budget.per_second / budget.stretch * budget.left_s <= budget.most - budget.used + 1
    office.use(29_990)
    office.clock.advance(3601)
    assert office.check() == pytest.approx(3600, rel=0.01)


def test_used_up_nothing_is_asked_and_a_sentence_says_until_when(office: Office) -> None:
    office.check()
    office.use(30_000)
    asked = len(office.rig.practice.calls)
    office.clock.advance(901)
    office.check()
    assert len(office.rig.practice.calls) == asked
    assert office.state().error_code == "unavailable"
    assert "30,000 calls to Dentrix Ascend are used up" in office.state().error
    assert "December 1" in office.state().error


def test_a_long_list_stops_before_the_page_that_would_pass_the_number_and_goes_on_after_it(
    office: Office,
) -> None:
    for number in range(450):
        office.rig.practice.put("patients", str(9000 + number), {"lastName": "Ng", "patientStatus": "ACTIVE"})
    office.use(29_996)
    office.check()
    assert len(office.rig.practice.calls) == 4
    assert office.budget().used == 30_000
    assert 100 <= MirrorPatient.objects.count() < 450
    assert office.state().error_code == "unavailable"
    assert "used up" in office.state().error
    office.clock.advance(3601)
    office.check()
    assert len(office.rig.practice.calls) == 4
    office.clock.advance((TURN - office.clock.now()).total_seconds() + 1)
    office.check()
    assert MirrorPatient.objects.count() == 452


def test_no_stream_may_be_asked_more_often_than_every_two_minutes_or_more_rarely_than_hourly() -> None:
    for claim in registry().manifests["ascend"].streams.values():
        assert claim.least_interval == 120
        assert claim.most_interval == 3600
        assert 120 <= claim.default_interval <= 3600


def test_when_the_month_turns_reading_goes_on_by_itself(office: Office) -> None:
    office.check()
    office.use(30_000)
    office.clock.advance(901)
    office.check()
    office.clock.advance((TURN - office.clock.now()).total_seconds() + 1)
    office.check()
    assert office.state().error_code == ""
    assert 0 < office.budget().used < 10


def test_a_raised_budget_lets_reading_go_on_at_once(office: Office) -> None:
    office.check()
    office.use(30_000)
    office.clock.advance(901)
    office.check()
    Connection.objects.update(values=office.link.values | {"monthly_calls": "50000"}, settings_version=2)
    office.clock.advance(4)
    office.check()
    assert office.state().error_code == ""
    assert office.budget().used > 30_000


def test_intervals_go_from_two_minutes_to_an_hour(office: Office) -> None:
    for seconds in (119, 3601):
        with pytest.raises(ValueError, match="Choose"):
            save_stream_setting(office.link.pk, Stream.PATIENTS, True, seconds)
    for seconds in (120, 3600):
        save_stream_setting(office.link.pk, Stream.PATIENTS, True, seconds)


def test_the_pages_show_what_is_used_and_what_it_comes_to(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chartbridge.web.health.timezone", office.clock
    )  # else it depends on the day of the month
    monkeypatch.setattr("chartbridge.web.settings.connection.datetime", Noon)
    desk = at_desk(person(office.practice, Role.MANAGER))
    office.check()
    office.use(1234)
    for address in ("/health/", "/settings/connection/"):
        page = desk.get(address).content.decode()
        assert "1,234 of 30,000 (4 %)" in page
        assert "by its end at these intervals" in page
    CallUse.objects.update(calls=29_999)
    assert "Checks come more rarely" in _health(desk)
    CallUse.objects.update(calls=30_000)
    assert "are used up. Reading goes on by itself on" in _health(desk)


def test_the_connection_test_is_counted_too(office: Office) -> None:
    desk = at_desk(person(office.practice, Role.MANAGER))
    page = desk.post(
        "/settings/connection/test/", {"connector": "ascend", **office.link.values}
    ).content.decode()
    assert "Works:" in page
    assert call_uses.used(office.link.pk, datetime.now(UTC)) == len(office.rig.practice.calls) >= 3


def test_what_the_doctor_asks_is_counted_too(office: Office) -> None:
    told = [each.sentence for each in doctor._pms(office.link)]
    assert "Dentrix Ascend answers." in told
    assert call_uses.used(office.link.pk, datetime.now(UTC)) == len(office.rig.practice.calls) >= 4


def test_what_only_a_full_read_proves_gone_is_read_in_full_on_sundays_where_calls_are_counted(
    office: Office,
) -> None:
    office.check()
    for day, wanted in ((date(2026, 11, 21), ""), (date(2026, 11, 22), "full")):
        buttons.nightly(office.practice.pk, day, NOON)
        assert office.state().wanted == wanted
    del office.rig.practice.lists["patients"][office.rig.neighbour]
    office.clock.advance(4)
    office.check()
    office.clock.advance(901)
    office.check()
    assert list(MirrorPatient.objects.filter(gone_at=None).values_list("key", flat=True)) == [
        office.rig.patient
    ]


def test_elsewhere_that_is_done_every_night_and_only_where_it_is_needed(office: Office) -> None:
    Connection.objects.update(connector="open_dental")
    StreamState.objects.create(connection=office.link, stream=Stream.DOCUMENTS, interval_s=300)
    buttons.nightly(office.practice.pk, date(2026, 11, 21), NOON)
    wanted = set(StreamState.objects.filter(wanted="full").values_list("stream", flat=True))
    assert wanted == {"documents", "lookups"}


def _health(desk: Client) -> str:
    return desk.get("/health/").content.decode()
