"""The settings pages of the PMSs behind ODBC, against their sandboxes: made from the manifest alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from chartbridge.sandbox.by_odbc.office import knobs_of
from chartbridge.sandbox.server import Server
from chartbridge.store.models import AuditEntry, Connection, LookupEntry, Practice, Role, StatusMapping
from chartbridge.store.secrets import unseal
from tests.servers.mariadb import MariaDb
from tests.web.desk import at_desk, person

pytestmark = pytest.mark.django_db
PAGE = "/settings/connection/"
OFF = {
    "dentrix": "the Write licence has not been said",
    "eaglesoft": "authorisation for this practice is not entered",
}


@pytest.fixture(params=["dentrix", "eaglesoft"])
def entered(request: pytest.FixtureRequest, mariadb: MariaDb) -> dict[str, str]:
    """What is to be entered for one of them, with the right to write."""
    server = Server(host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password)
    practice = knobs_of(request.param, server, owner=f"pages_{request.param}").at
    practice.create()
    practice.close()
    values, secrets = practice.permission()
    string = practice.connection_string
    return {
        "connector": request.param,
        "owner": practice.owner,
        "connection_string": string,
        **values,
        **secrets,
    }


@pytest.fixture
def desk() -> Client:
    return at_desk(person(Practice.objects.create(name="Maple Street Dental"), Role.MANAGER))


def test_the_form_is_the_manifests_and_writing_is_off_until_it_is_allowed(
    desk: Client, entered: dict[str, str]
) -> None:
    pms = entered["connector"]
    page = desk.get(PAGE, {"connector": pms}).content.decode()
    assert 'name="connection_string"' in page
    assert ('type="checkbox" name="write_licence" id="s-write_licence" aria' in page) is (pms == "dentrix")
    reading_only = {k: v for k, v in entered.items() if k not in ("write_licence", "authorisation")}
    assert OFF[pms] in desk.post(f"{PAGE}test/", reading_only).content.decode()
    allowed = desk.post(f"{PAGE}test/", {**entered, "write_licence": "on"}).content.decode()
    assert "lets this connection write" in allowed
    assert OFF[pms] not in allowed


def test_saving_brings_the_lists_and_shows_no_secret_again(desk: Client, entered: dict[str, str]) -> None:
    page = desk.post(f"{PAGE}save/", {**entered, "write_licence": "on"}).content.decode()
    assert "answers and is being read." in page
    held = Connection.objects.get()
    assert unseal(held.secrets)["connection_string"] == entered["connection_string"]
    assert entered["connection_string"] not in desk.get(PAGE).content.decode()
    kinds = set(LookupEntry.objects.values_list("kind", flat=True))
    assert kinds == {"providers", "note_types", "document_types", "appointment_statuses", "operatories"}
    if entered["connector"] == "dentrix":
        assert held.values["write_licence"] == "true"
        assert not StatusMapping.objects.exclude(flow_status="").exists(), (
            "nothing is guessed of a practice's words"
        )
    writeback = desk.get("/settings/writeback/").content.decode()
    assert LookupEntry.objects.filter(kind="note_types").first().name in writeback  # type: ignore[union-attr]


def test_a_program_that_prints_the_string_is_kept_like_a_password(
    desk: Client, entered: dict[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "string"
    kept.write_text(entered.pop("connection_string"))
    program = f"cat {kept}"
    page = desk.post(f"{PAGE}save/", {**entered, "connection_program": program, "write_licence": "on"})
    assert "answers and is being read." in page.content.decode()
    held = Connection.objects.get()
    assert program not in str(held.values)
    assert unseal(held.secrets)["connection_program"] == program
    assert program not in desk.get(PAGE).content.decode()


def test_a_stored_secret_can_be_forgotten_and_writing_is_off_again(
    desk: Client, entered: dict[str, str]
) -> None:
    stored = {**entered, "connection_program": "cat /nowhere", "write_licence": "on"}
    desk.post(f"{PAGE}save/", stored)
    secrets = set(unseal(Connection.objects.get().secrets))
    assert secrets >= {"connection_string", "connection_program"}
    page = desk.get(PAGE).content.decode()
    assert all(f'name="forget-{name}"' in page for name in secrets)
    empty = {name: value for name, value in entered.items() if name not in {*secrets, "write_licence"}}
    kept = desk.post(f"{PAGE}test/", {**empty, "write_licence": "on"}).content.decode()
    assert "lets this connection write" in kept, "what is left empty is kept"
    forgotten = {f"forget-{name}": "on" for name in secrets - {"connection_string"}}
    desk.post(f"{PAGE}save/", {**empty, **forgotten})
    assert set(unseal(Connection.objects.get().secrets)) == {"connection_string"}
    told = AuditEntry.objects.filter(what="connection.saved").latest("id").detail["forgotten_secrets"]
    assert set(told.split(", ")) == secrets - {"connection_string"}
    assert OFF[entered["connector"]] in desk.post(f"{PAGE}test/", empty).content.decode()
    page = desk.get(PAGE).content.decode()
    assert 'name="forget-connection_program"' not in page
    assert 'name="forget-connection_string"' in page
