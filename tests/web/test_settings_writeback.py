"""PMS Write Back Settings: every box does what it says, at once, and says what is in the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from chartbridge.domain.activities import NOTE_KINDS, ActivityKind
from chartbridge.domain.clock import SystemClock
from chartbridge.intake.accept import accept
from chartbridge.intake.new import NewActivity
from chartbridge.store.models import (
    AuditEntry,
    Connection,
    Delivery,
    DocumentSetting,
    LookupEntry,
    MirrorPatient,
    NoteSetting,
    Practice,
    Role,
    Writeback,
)
from chartbridge.writeback.enqueue import enqueue_many
from tests.web.desk import at_desk, connect, person

pytestmark = pytest.mark.django_db
PAGE = "/settings/writeback/"


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def connection(practice: Practice) -> Connection:
    return connect(practice)


@pytest.fixture
def desk(practice: Practice) -> Client:
    return at_desk(person(practice, Role.MANAGER))


def text_to_a_patient(practice: Practice, connection: Connection, kind: str = "outgoing_text") -> Writeback:
    MirrorPatient.objects.get_or_create(
        connection=connection,
        key="11",
        defaults={"last_name": "Garcia", "first_name": "Ann", "status": "active", "content_hash": b"x"},
    )
    new = NewActivity(
        kind=ActivityKind(kind), patient_key="11", occurred_at=datetime.now(UTC), body="See you tomorrow."
    )
    return accept(
        practice.pk, new, source="test", who="test", clock=SystemClock(), enqueue=enqueue_many
    ).writebacks[0]


def test_without_a_connection_the_page_says_what_to_do_first(desk: Client) -> None:
    page = desk.get(PAGE).content.decode()
    assert "Nothing is connected yet" in page
    assert "/settings/connection/" in page


def test_the_page_has_every_type_with_its_exact_text(desk: Client, connection: Connection) -> None:
    page = desk.get(PAGE).content.decode()
    for kind in NOTE_KINDS:
        assert f'id="allow-{kind}"' in page
    assert page.count('class="preview"') == len(NOTE_KINDS)
    assert "CB-" in page


def test_only_active_providers_can_be_picked(desk: Client, connection: Connection) -> None:
    page = desk.get(PAGE).content.decode()
    assert "DOC1" in page
    assert "Gone Doc" not in page
    assert "Nothing is written until you choose a provider" in page
    assert "documents are written under this provider. A note is written under no provider" in page
    assert "belongs to a provider" not in page
    answer = desk.post(f"{PAGE}provider/", {"provider": "7"})
    assert "This provider is not active" in answer.content.decode()
    connection.refresh_from_db()
    assert connection.provider_key == ""


def test_picking_a_provider_lets_what_waited_for_it_go(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    NoteSetting.objects.create(connection=connection, kind="outgoing_text", allow=True, note_type_key="300")
    waiting = text_to_a_patient(practice, connection)
    assert waiting.delivery in (Delivery.PARKED, Delivery.HELD)
    answer = desk.post(f"{PAGE}provider/", {"provider": "1"}).content.decode()
    waiting.refresh_from_db()
    assert waiting.delivery == Delivery.QUEUED
    assert "1 that had been waiting for this is on its way" in answer
    assert AuditEntry.objects.filter(what="writeback.provider", detail__now="1").exists()


def test_a_provider_hidden_after_it_was_chosen_stays_visible_with_a_warning(
    desk: Client, connection: Connection
) -> None:
    Connection.objects.update(provider_key="9")
    LookupEntry.objects.filter(kind="providers", key="9").update(active=False)
    page = desk.get(PAGE).content.decode()
    assert "Nothing is written: DOC9 is no longer active in Open Dental" in page
    assert "Dr. Paul Nguyen (not active)" in page


def test_a_note_type_deleted_after_it_was_chosen_stays_visible_with_a_warning(
    desk: Client, connection: Connection
) -> None:
    NoteSetting.objects.create(connection=connection, kind="outgoing_text", allow=True, note_type_key="300")
    LookupEntry.objects.filter(key="300").update(active=False, gone_at=datetime.now(UTC))
    page = desk.get(PAGE).content.decode()
    assert "Text message (no longer there)" in page
    assert "Deleted in Open Dental. Pick another one." in page


def test_a_box_is_applied_at_once_and_can_be_undone(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    Connection.objects.update(provider_key="1")
    answer = desk.post(f"{PAGE}note/outgoing_text/", {"allow": "on", "note_type": "300"}).content.decode()
    assert answer.startswith('<tbody id="note-outgoing_text"')
    assert "data-undo" in answer
    assert text_to_a_patient(practice, connection).delivery == Delivery.QUEUED
    desk.post(f"{PAGE}note/outgoing_text/", {"allow": "", "note_type": "", "undo": "on"})
    row = NoteSetting.objects.get(kind="outgoing_text")
    assert (row.allow, row.note_type_key) == (False, "")
    assert text_to_a_patient(practice, connection).delivery == Delivery.SKIPPED
    assert AuditEntry.objects.filter(what="writeback.note").count() == 2


def test_an_allowed_type_without_a_note_type_says_that_its_notes_wait(
    desk: Client, connection: Connection
) -> None:
    answer = desk.post(f"{PAGE}note/missed_call/", {"allow": "on", "note_type": ""}).content.decode()
    assert "These wait until you choose one." in answer


def test_a_note_type_that_the_pms_does_not_have_is_not_stored(desk: Client, connection: Connection) -> None:
    answer = desk.post(f"{PAGE}note/missed_call/", {"allow": "on", "note_type": "999"}).content.decode()
    assert "can&#x27;t be chosen any more" in answer
    assert not NoteSetting.objects.exists()


def test_the_master_switch_makes_everything_wait_and_loses_nothing(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    Connection.objects.update(provider_key="1")
    NoteSetting.objects.create(connection=connection, kind="outgoing_text", allow=True, note_type_key="300")
    page = desk.post(f"{PAGE}switch/", {}).content.decode()
    assert "Nothing is written: writing is switched off" in page
    waiting = text_to_a_patient(practice, connection)
    assert waiting.delivery != Delivery.SKIPPED
    desk.post(f"{PAGE}switch/", {"writing_on": "on"})
    waiting.refresh_from_db()
    assert waiting.delivery == Delivery.QUEUED


def test_both_boxes_and_the_type_of_a_document_are_kept(desk: Client, connection: Connection) -> None:
    desk.post(f"{PAGE}document/account_statement/", {"write": "on", "read": "on", "document_type": "135"})
    row = DocumentSetting.objects.get()
    assert (row.kind, row.write, row.read, row.document_type_key) == ("account_statement", True, True, "135")


def test_a_rehearsal_shows_the_exact_text_and_what_would_fail_and_sends_nothing(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    text_to_a_patient(practice, connection)
    answer = desk.post(f"{PAGE}rehearse/outgoing_text/").content.decode()
    assert "See you tomorrow." in answer
    assert "1 would not" in answer
    assert set(Writeback.objects.values_list("delivery", flat=True)) == {Delivery.SKIPPED}


def test_back_filling_writes_what_was_skipped(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    Connection.objects.update(provider_key="1")
    skipped = text_to_a_patient(practice, connection)
    assert skipped.delivery == Delivery.SKIPPED
    desk.post(f"{PAGE}note/outgoing_text/", {"allow": "on", "note_type": "300"})
    answer = desk.post(f"{PAGE}back-fill/outgoing_text/").content.decode()
    assert "1 is on its way into the chart." in answer
    skipped.refresh_from_db()
    assert skipped.delivery == Delivery.QUEUED


def test_the_last_seven_days_are_counted_by_what_became_of_them(
    desk: Client, practice: Practice, connection: Connection
) -> None:
    Connection.objects.update(provider_key="1")
    text_to_a_patient(practice, connection)
    assert "1 not written" in desk.get(PAGE).content.decode()


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.READ_ONLY])
def test_others_see_the_settings_and_change_nothing(
    practice: Practice, connection: Connection, role: Role
) -> None:
    desk = at_desk(person(practice, role))
    page = desk.get(PAGE).content.decode()
    assert "You can look at these settings" in page
    assert 'id="allow-outgoing_text" disabled' in page
    for path, sent in [
        ("note/outgoing_text/", {"allow": "on", "note_type": "300"}),
        ("provider/", {"provider": "1"}),
        ("switch/", {}),
        ("document/account_statement/", {"write": "on"}),
        ("back-fill/outgoing_text/", {}),
    ]:
        answer = desk.post(PAGE + path, sent)
        assert answer.status_code == 403
        assert "Your role" in answer.content.decode()
    assert not NoteSetting.objects.exists()
    connection.refresh_from_db()
    assert (connection.provider_key, connection.writing_on) == ("", True)


def test_another_practice_s_settings_are_out_of_reach(desk: Client, connection: Connection) -> None:
    other = Practice.objects.create(name="Another")
    theirs = connect(other)
    desk.post(f"{PAGE}provider/", {"provider": "1"})
    theirs.refresh_from_db()
    assert theirs.provider_key == ""
