"""PMS Connection, against the sandbox's real API service: what works, and a sentence by the field for what doesn't."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.test import Client

from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.store.models import (
    AuditEntry,
    Connection,
    Delivery,
    LookupEntry,
    Practice,
    Role,
    StatusMapping,
    Writeback,
)
from chartbridge.store.secrets import seal, unseal
from tests.web.desk import at_desk, connect, person

pytestmark = pytest.mark.django_db
PAGE = "/settings/connection/"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    sandbox = Sandbox(patients=5).start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.knobs.heal()
    running.knobs.expire_sign_in(False)
    running.knobs.set_version("24.3.10")


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def desk(practice: Practice) -> Client:
    return at_desk(person(practice, Role.MANAGER))


def form(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    return {
        "connector": "open_dental",
        "read_mode": "api",
        "api_mode": "service",
        "api_address": sandbox.base_url + "/",
        "developer_key": sandbox.developer_key,
        "customer_key": sandbox.customer_key,
    } | changed


def sentence_by(field: str, page: str) -> str:
    found = re.search(rf'id="s-{field}-error"( hidden)?>.*?<span>(.*?)</span>', page, re.S)
    assert found, f"no field {field}"
    return "" if found[1] else found[2]


def test_the_test_says_in_words_what_works_and_saves_nothing(desk: Client, sandbox: Sandbox) -> None:
    page = desk.post(f"{PAGE}test/", form(sandbox)).content.decode()
    assert "What the test found" in page
    assert "Works:" in page
    assert not Connection.objects.exists()


def test_saving_connects_and_brings_lists_streams_and_statuses(desk: Client, sandbox: Sandbox) -> None:
    page = desk.post(f"{PAGE}save/", form(sandbox)).content.decode()
    assert "Saved. Open Dental answers and is being read." in page
    assert LookupEntry.objects.filter(kind="providers").exists()
    assert StatusMapping.objects.filter(flow_status="checked_in", writes=True).exists()
    assert "24.3.10" in page
    assert (
        AuditEntry.objects.get(what="connection.saved").detail["new_secrets"] == "developer_key, customer_key"
    )


def test_when_it_was_connected_is_told_in_the_practice_s_own_time(
    desk: Client, practice: Practice, sandbox: Sandbox
) -> None:
    Practice.objects.filter(pk=practice.pk).update(time_zone="America/New_York")
    desk.post(PAGE + "save/", form(sandbox))
    Connection.objects.update(connected_at=datetime(2026, 3, 11, 1, 30, tzinfo=UTC))
    assert "Mar 10, 2026, 9:30 PM" in desk.get(PAGE).content.decode()
    assert "Mar 10, 2026" in desk.get("/health/").content.decode()


def test_secrets_are_sealed_never_shown_again_and_kept_when_left_empty(
    desk: Client, sandbox: Sandbox
) -> None:
    desk.post(f"{PAGE}save/", form(sandbox))
    page = desk.get(PAGE).content.decode()
    assert sandbox.developer_key not in page
    assert sandbox.customer_key not in page
    assert "stored; leave empty to keep" in page
    desk.post(f"{PAGE}save/", form(sandbox, developer_key="", customer_key=""))
    held = unseal(Connection.objects.get().secrets)
    assert held["customer_key"] == sandbox.customer_key
    assert sandbox.customer_key.encode() not in bytes(Connection.objects.get().secrets)
    assert sandbox.customer_key not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_an_unknown_address_is_told_in_a_sentence(desk: Client, sandbox: Sandbox) -> None:
    page = desk.post(f"{PAGE}test/", form(sandbox, api_address="http://127.0.0.1:9/api/v1/")).content.decode()
    assert "Does not work:" in page
    assert "Traceback" not in page
    page = desk.post(f"{PAGE}save/", form(sandbox, api_address="http://127.0.0.1:9/api/v1/")).content.decode()
    assert "Saved, but it does not work yet" in page


def test_a_wrong_key_is_told_in_a_sentence(desk: Client, sandbox: Sandbox) -> None:
    page = desk.post(f"{PAGE}test/", form(sandbox, customer_key="WrongKey")).content.decode()
    assert "Does not work:" in page
    assert "key" in page.lower()
    assert "WrongKey" not in page


def test_what_can_only_be_tried_by_writing_is_said_to_be_untried_with_its_permission(
    desk: Client, sandbox: Sandbox
) -> None:
    page = desk.post(f"{PAGE}test/", form(sandbox)).content.decode()
    assert "Not tried:" in page
    assert "permission Comm" in page


def test_too_old_a_version_is_told_in_a_sentence(desk: Client, sandbox: Sandbox) -> None:
    sandbox.knobs.set_version("20.5.1")
    page = desk.post(f"{PAGE}test/", form(sandbox)).content.decode()
    assert "Does not work:" in page
    assert "needs a newer Open Dental" in page


def test_the_database_s_fields_are_not_asked_for_when_the_api_is_read(desk: Client, sandbox: Sandbox) -> None:
    desk.post(f"{PAGE}save/", form(sandbox, db_host="left-over"))
    assert Connection.objects.get().values["db_host"] == ""


def test_a_port_that_is_no_number_is_told_by_its_field(desk: Client, sandbox: Sandbox) -> None:
    answer = desk.post(f"{PAGE}save/", form(sandbox, read_mode="database", db_host="od", db_port="three"))
    assert answer.status_code == 422
    assert "must be a number" in sentence_by("db_port", answer.content.decode())
    assert not Connection.objects.exists()


API_TYPOS = ["http://192.168.1..5:30223/api/v1/", "http://[server:30223/api/v1/", "http://server:²/api/v1/"]
TYPOS = [
    *(("api_address", {"api_address": address}) for address in API_TYPOS),
    *(("db_host", {"db_host": host}) for host in ("192.168.1..5", "a" * 64, "192.168.1.5/x")),
    *(("db_port", {"db_port": port}) for port in ("²", "99999", "9" * 900)),
]


@pytest.mark.parametrize(("field", "typo"), TYPOS)
def test_a_typo_is_told_by_its_field_and_never_saved(
    desk: Client, sandbox: Sandbox, field: str, typo: dict[str, str]
) -> None:
    database = {"read_mode": "database", "db_host": "127.0.0.1", "db_port": "9", "db_user": "x"}
    sent = form(sandbox, **(typo if field == "api_address" else database | typo))
    saved = desk.post(f"{PAGE}save/", sent)
    assert saved.status_code == 422
    assert sentence_by(field, saved.content.decode())
    assert sentence_by(field, desk.post(f"{PAGE}test/", sent).content.decode())
    assert not Connection.objects.exists()


def test_a_password_with_a_euro_sign_is_tried(desk: Client, sandbox: Sandbox) -> None:
    database = {"read_mode": "database", "db_host": "127.0.0.1", "db_port": "9", "db_user": "x"}
    page = desk.post(f"{PAGE}test/", form(sandbox, **database, db_password="5 €")).content.decode()
    assert "Does not work:" in page


def test_an_unknown_database_server_is_told_by_a_sentence(desk: Client, sandbox: Sandbox) -> None:
    page = desk.post(
        f"{PAGE}test/",
        form(
            sandbox, read_mode="database", db_host="127.0.0.1", db_port="9", db_name="opendental", db_user="x"
        ),
    ).content.decode()
    assert "Does not work:" in page
    assert "Traceback" not in page


def test_secrets_of_another_installation_are_told_and_can_be_entered_again(
    desk: Client, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.fernet import Fernet

    monkeypatch.setenv("CHARTBRIDGE_KEY", Fernet.generate_key().decode())
    foreign = seal({"developer_key": "x"})
    monkeypatch.delenv("CHARTBRIDGE_KEY")
    connect(practice)
    Connection.objects.update(secrets=foreign)
    assert (
        "can&#x27;t be opened" in desk.get(PAGE).content.decode()
        or "can't be opened" in desk.get(PAGE).content.decode()
    )


def test_the_whole_connection_can_be_paused(desk: Client, practice: Practice) -> None:
    connection = connect(practice)
    desk.post(f"{PAGE}switch/", {})
    connection.refresh_from_db()
    assert connection.on is False
    assert "The connection is switched off" in desk.get(PAGE).content.decode()


def looked_for(connection: Connection, delivery: str = "uncertain", reason: str = "looking") -> Writeback:
    now = datetime.now(UTC)
    return Writeback.objects.create(
        practice=connection.practice, connection=connection, kind="patient_note", command="add_note",
        patient_key="1", text="A note", marker="CB-AAAAAAAA", delivery=delivery, reason_code=reason,
        reason="…", attempts=1, created_at=now, due_at=now,
    )  # fmt: skip


def test_what_is_looked_for_when_the_connection_is_switched_off_stands_at_the_failure_desk(
    desk: Client, practice: Practice
) -> None:
    row = looked_for(connect(practice))
    desk.post(f"{PAGE}switch/", {})
    page = desk.get("/writebacks/").content.decode()
    assert "Can&#x27;t be looked up: the connection is switched off" in page
    assert "Switch the connection on and look for it" in page
    desk.post(f"{PAGE}switch/", {"on": "on"})
    row.refresh_from_db()
    assert row.delivery == Delivery.UNCERTAIN


def test_what_is_looked_for_in_one_pms_is_not_looked_for_in_another(
    desk: Client, practice: Practice, sandbox: Sandbox
) -> None:
    connection = connect(practice)
    Connection.objects.update(connector="csv_folder", secrets=seal({}))
    row = looked_for(connection)
    Writeback.objects.update(marker="CB-BBBBBBBB")
    waits = looked_for(connection, Delivery.QUEUED, "")
    desk.post(f"{PAGE}save/", form(sandbox))
    row.refresh_from_db()
    assert (row.delivery, row.reason_code) == (Delivery.PARKED, "pms_replaced")
    page = desk.get("/writebacks/").content.decode()
    assert "another PMS is connected" in page
    waits.refresh_from_db()
    assert (waits.delivery, waits.reason_code) == (Delivery.PARKED, "made_for_other_pms")
    assert "It is the same patient: send it" in page


def test_a_test_that_succeeds_sends_what_was_refused_for_want_of_a_right(
    desk: Client, practice: Practice, sandbox: Sandbox
) -> None:
    connection = connect(practice)
    row = looked_for(connection, Delivery.PARKED, "unauthorised")
    Connection.objects.update(write_hold_code="unauthorised:add_note", write_hold="The key may not.")
    desk.post(f"{PAGE}test/", form(sandbox, customer_key="wrong"))
    row.refresh_from_db()
    assert row.delivery == Delivery.PARKED
    desk.post(f"{PAGE}test/", form(sandbox))
    row.refresh_from_db()
    connection.refresh_from_db()
    assert (row.delivery == Delivery.PARKED, connection.write_hold) == (False, "")


def test_the_page_says_what_it_was_run_against_and_what_the_pms_does_not_allow(desk: Client) -> None:
    page = desk.get(PAGE).content.decode()
    assert "What it has been run against" in page
    assert "Not yet:" in page
    assert "What Open Dental does not allow" in page


def test_the_front_desk_sees_the_connection_and_can_t_test_or_save(
    practice: Practice, sandbox: Sandbox
) -> None:
    desk = at_desk(person(practice, Role.FRONT_DESK))
    assert desk.get(PAGE).status_code == 200
    assert desk.post(f"{PAGE}test/", form(sandbox)).status_code == 403
    assert desk.post(f"{PAGE}save/", form(sandbox)).status_code == 403
    assert not Connection.objects.exists()
