"""PMS Sync Settings: toggles, intervals, buttons and what they say."""

from __future__ import annotations

import pytest
from django.test import Client

from chartbridge.store.models import AuditEntry, Connection, Practice, Role, StreamState
from tests.web.desk import at_desk, connect, person

pytestmark = pytest.mark.django_db
PAGE = "/settings/sync/"


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def connection(practice: Practice) -> Connection:
    return connect(practice)


@pytest.fixture
def desk(practice: Practice, connection: Connection) -> Client:
    return at_desk(person(practice, Role.MANAGER))


def intervals() -> dict[str, tuple[bool, int]]:
    return {s.stream: (s.on, s.interval_s) for s in StreamState.objects.all()}


def test_the_usual_intervals_are_those_of_the_manifest(desk: Client) -> None:
    page = desk.get(PAGE).content.decode()
    assert intervals()["appointment_status"] == (True, 15)
    assert intervals()["appointments"] == (True, 60)
    assert intervals()["patients"] == (True, 30)
    assert (
        'id="interval-appointment_status" inputmode="numeric" min="1" max="86400" step="1" value="15"' in page
    )


def test_an_interval_is_applied_at_once_and_can_be_undone(desk: Client) -> None:
    answer = desk.post(f"{PAGE}stream/patients/", {"on": "on", "interval": "45"}).content.decode()
    assert intervals()["patients"] == (True, 45)
    assert "data-undo" in answer
    desk.post(f"{PAGE}stream/patients/", {"interval": "45"})
    assert intervals()["patients"] == (False, 45)
    assert AuditEntry.objects.filter(what="sync.stream").count() == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("0", "1 or more"),
        ("-5", "as a number"),
        ("soon", "as a number"),
        ("", "as a number"),
        ("9999999", "at most one day"),
    ],
)
def test_an_interval_that_can_t_be_is_refused_with_a_sentence_and_kept_in_the_field(
    desk: Client, given: str, sentence: str
) -> None:
    answer = desk.post(f"{PAGE}stream/patients/", {"on": "on", "interval": given})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert intervals()["patients"] == (True, 30)


def test_sync_now_and_full_sync_ask_for_one_stream_or_all(desk: Client) -> None:
    desk.post(f"{PAGE}now/", {"stream": "patients"})
    assert list(StreamState.objects.exclude(wanted="").values_list("stream", "wanted")) == [
        ("patients", "now")
    ]
    answer = desk.post(f"{PAGE}full/")
    assert set(StreamState.objects.values_list("wanted", flat=True)) == {"full"}
    assert "You can leave this page" in answer.content.decode()


def test_a_held_connection_says_why_instead_of_pretending_to_sync(desk: Client) -> None:
    Connection.objects.update(hold="The backup looks older.", hold_code="brake")
    answer = desk.post(f"{PAGE}now/")
    assert answer.status_code == 409
    assert "The backup looks older." in answer.content.decode()
    assert not StreamState.objects.exclude(wanted="").exists()


def test_the_poll_brings_the_progress_and_leaves_the_fields_alone(desk: Client) -> None:
    StreamState.objects.filter(stream="patients").update(pass_state="reading", pass_records=18250)
    answer = desk.get(f"{PAGE}state/").content.decode()
    assert "Full sync: 18,250 read so far" in answer
    assert "<input" not in answer


def test_a_stream_that_fails_shows_its_sentence(desk: Client) -> None:
    StreamState.objects.filter(stream="patients").update(error="The key was refused.", failures=2)
    assert "The key was refused." in desk.get(PAGE).content.decode()


def test_the_photo_box_is_kept(desk: Client, connection: Connection) -> None:
    desk.post(f"{PAGE}photos/", {})
    connection.refresh_from_db()
    assert connection.show_photos is False


def test_the_front_desk_may_sync_now_but_changes_nothing(practice: Practice, connection: Connection) -> None:
    desk = at_desk(person(practice, Role.FRONT_DESK))
    assert desk.post(f"{PAGE}now/").status_code == 200
    assert desk.post(f"{PAGE}full/").status_code == 403
    assert desk.post(f"{PAGE}stream/patients/", {"interval": "5"}).status_code == 403
    assert intervals()["patients"] == (True, 30)
