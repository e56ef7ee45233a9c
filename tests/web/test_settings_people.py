"""People and roles, tokens, audit trail, statuses, profile and the first run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from chartbridge.store.models import (
    ApiToken,
    AuditEntry,
    Connection,
    Membership,
    Practice,
    Role,
    StatusMapping,
    User,
)
from chartbridge.store.tokens import authenticate
from tests.web.desk import PASSWORD, at_desk, connect, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def owner(practice: Practice) -> User:
    return person(practice, Role.OWNER)


def shown_once(page: str) -> str:
    found = re.search(r'<code id="once">(.*?)</code>', page)
    assert found
    return found[1]


def test_somebody_added_gets_a_password_once_and_must_choose_their_own(owner: User) -> None:
    desk = at_desk(owner)
    sent = {"name": "Sam Okafor", "email": "Sam@Example.com", "role": "front_desk"}
    once = shown_once(desk.post("/settings/people/add/", sent).content.decode())
    assert once not in desk.get("/settings/people/").content.decode()
    newcomer = Client()
    newcomer.post("/accounts/login/", {"login": "sam@example.com", "password": once})
    assert newcomer.get("/settings/writeback/")["Location"] == "/accounts/password/change/"
    newcomer.post(
        "/accounts/password/change/",
        {"oldpassword": once, "password1": "sam's own words", "password2": "sam's own words"},
    )
    assert newcomer.get("/settings/writeback/").status_code == 200
    assert once not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_the_same_person_twice_is_told_by_the_field(owner: User) -> None:
    sent = {"name": "O", "email": owner.email, "role": "manager"}
    answer = at_desk(owner).post("/settings/people/add/", sent)
    assert answer.status_code == 422
    assert "already works for the practice" in answer.content.decode()


def test_somebody_removed_is_out_at_once_and_can_be_put_back(owner: User, practice: Practice) -> None:
    sam = person(practice, Role.FRONT_DESK, "sam")
    sam_s = Client()
    sam_s.force_login(sam)
    desk = at_desk(owner)
    answer = desk.post(f"/settings/people/{sam.memberships.get().pk}/remove/").content.decode()
    assert "Undo" in answer
    assert sam_s.get("/settings/writeback/").status_code == 403
    desk.post("/settings/people/back/", {"user": str(sam.pk)})
    assert Membership.objects.get(user=sam).role == Role.FRONT_DESK


def test_the_last_owner_stays_owner(owner: User) -> None:
    desk = at_desk(owner)
    pk = owner.memberships.get().pk
    assert (
        "at least one owner"
        in desk.post(f"/settings/people/{pk}/role/", {"role": "manager"}).content.decode()
    )
    assert "at least one owner" in desk.post(f"/settings/people/{pk}/remove/").content.decode()
    assert Membership.objects.get(pk=pk).role == Role.OWNER


def test_a_manager_neither_becomes_nor_touches_an_owner(owner: User, practice: Practice) -> None:
    ruth = person(practice, Role.MANAGER, "ruth")
    desk = at_desk(ruth)
    desk.post(f"/settings/people/{ruth.memberships.get().pk}/role/", {"role": "owner"})
    desk.post(f"/settings/people/{owner.memberships.get().pk}/role/", {"role": "read_only"})
    desk.post(f"/settings/people/{owner.memberships.get().pk}/remove/")
    desk.post(f"/settings/people/{owner.memberships.get().pk}/password/")
    desk.post("/settings/people/add/", {"name": "x", "email": "x@example.com", "role": "owner"})
    assert Membership.objects.get(user=ruth).role == Role.MANAGER
    assert Membership.objects.get(user=owner).role == Role.OWNER
    assert not User.objects.filter(email="x@example.com").exists()
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_nobody_takes_over_the_account_of_somebody_who_works_elsewhere_too(
    owner: User, practice: Practice
) -> None:
    sam = person(practice, Role.FRONT_DESK, "sam")
    Membership.objects.create(user=sam, practice=Practice.objects.create(name="Another"), role=Role.OWNER)
    at_desk(owner).post(f"/settings/people/{sam.memberships.get(practice=practice).pk}/password/")
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)


def test_people_of_another_practice_are_out_of_reach(owner: User) -> None:
    other = person(Practice.objects.create(name="Another"), Role.FRONT_DESK, "other")
    at_desk(owner).post(f"/settings/people/{other.memberships.get().pk}/remove/")
    at_desk(owner).post("/settings/people/back/", {"user": str(other.pk)})
    assert Membership.objects.filter(user=other).count() == 1


@pytest.mark.parametrize("page", ["/settings/people/", "/settings/tokens/", "/settings/audit/"])
def test_the_front_desk_does_not_see_people_tokens_or_the_trail(practice: Practice, page: str) -> None:
    assert at_desk(person(practice, Role.FRONT_DESK)).get(page).status_code == 403


def test_a_token_is_shown_once_works_and_can_be_revoked(owner: User) -> None:
    desk = at_desk(owner)
    sent = {"name": "Phone system", "can_write": "on"}
    plain = shown_once(desk.post("/settings/tokens/create/", sent).content.decode())
    assert plain not in desk.get("/settings/tokens/").content.decode()
    assert authenticate(plain) is not None
    desk.post(f"/settings/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert authenticate(plain) is None


def test_a_token_needs_a_name(owner: User) -> None:
    answer = at_desk(owner).post("/settings/tokens/create/", {"name": " "})
    assert answer.status_code == 422
    assert "Give it a name" in answer.content.decode()


def test_the_trail_is_filtered_by_post_and_shows_only_this_practice(owner: User, practice: Practice) -> None:
    AuditEntry.objects.create(practice=practice, who="a@example.com", what="people.added", detail={})
    AuditEntry.objects.create(
        practice=practice, who="b@example.com", what="sync.now", patient_key="1042", detail={}
    )
    other = Practice.objects.create(name="Another")
    AuditEntry.objects.create(practice=other, who="c@example.com", what="sync.now", detail={})
    desk = at_desk(owner)
    everything = desk.get("/settings/audit/").content.decode()
    assert "a@example.com" in everything
    assert "b@example.com" in everything
    assert "c@example.com" not in everything
    some = desk.post("/settings/audit/", {"what": "sync", "patient": "1042"}).content.decode()
    assert "b@example.com" in some
    assert "a@example.com" not in some


def test_the_trail_s_times_and_days_are_the_practice_s_own(owner: User, practice: Practice) -> None:
    Practice.objects.filter(pk=practice.pk).update(time_zone="America/New_York")
    entry = AuditEntry.objects.create(practice=practice, who="late@example.com", what="sync.now", detail={})
    AuditEntry.objects.filter(pk=entry.pk).update(at=datetime(2026, 3, 11, 1, 30, 5, tzinfo=UTC))
    desk = at_desk(owner)
    assert "Mar 10, 21:30:05" in desk.get("/settings/audit/").content.decode()
    assert "late@example.com" in desk.post("/settings/audit/", {"day": "2026-03-10"}).content.decode()
    assert "late@example.com" not in desk.post("/settings/audit/", {"day": "2026-03-11"}).content.decode()


def test_the_trail_goes_on_to_older_entries(owner: User, practice: Practice) -> None:
    for n in range(60):
        AuditEntry.objects.create(practice=practice, who=f"n{n}@example.com", what="sync.now", detail={})
    desk = at_desk(owner)
    first = desk.get("/settings/audit/")
    assert "n59@" in first.content.decode()
    assert "n9@" not in first.content.decode()
    for no_number in ("²", "9" * 25, "9" * 5_000):
        assert desk.post("/settings/audit/", {"before": no_number}).status_code == 200
    older = desk.post("/settings/audit/", {"before": str(first.context["older"])}).content.decode()
    assert "n9@" in older
    assert "n10@" not in older


def test_statuses_come_filled_in_from_the_pms_and_marked_so(owner: User, practice: Practice) -> None:
    connect(practice)
    page = at_desk(owner).get("/settings/statuses/").content.decode()
    assert page.count("Open Dental&#x27;s own setting:") + page.count("Open Dental's own setting:") == 5
    assert StatusMapping.objects.get(status_key="22").flow_status == "checked_in"


def test_a_status_moved_to_another_column_is_kept_undone_and_reset(owner: User, practice: Practice) -> None:
    connect(practice)
    desk = at_desk(owner)
    answer = desk.post("/settings/statuses/save/", {"status": "20", "column": "expected", "confirmed": "on"})
    assert "chosen here" in answer.content.decode()
    row = StatusMapping.objects.get(status_key="20")
    assert (row.flow_status, row.means_confirmed, row.origin) == ("expected", True, "practice")
    desk.post("/settings/statuses/reset/")
    assert StatusMapping.objects.get(status_key="20").flow_status == ""


def test_one_status_a_column_is_the_one_that_a_move_sets(owner: User, practice: Practice) -> None:
    connect(practice)
    desk = at_desk(owner)
    desk.post("/settings/statuses/save/", {"status": "21", "column": "expected", "writes-expected": "on"})
    writes = StatusMapping.objects.filter(flow_status="expected", writes=True)
    assert list(writes.values_list("status_key", flat=True)) == ["21"]


@pytest.mark.parametrize("column", ["late", "nonsense"])
def test_a_column_that_no_status_can_mean_is_refused(owner: User, practice: Practice, column: str) -> None:
    connect(practice)
    answer = at_desk(owner).post("/settings/statuses/save/", {"status": "20", "column": column})
    assert answer.status_code == 409
    assert StatusMapping.objects.get(status_key="20").flow_status == ""


def test_one_changes_one_s_own_name(owner: User) -> None:
    at_desk(owner).post("/profile/", {"first_name": "Dana", "last_name": "Whitfield"})
    owner.refresh_from_db()
    assert owner.get_full_name() == "Dana Whitfield"


WELCOME = {
    "practice": "Maple Street Dental",
    "time_zone": "America/Chicago",
    "name": "Dana Whitfield",
    "email": "dana@example.com",
    "password": "maple and oak and elm",
}


@pytest.fixture
def token() -> str:
    (Path(settings.DATA_DIR) / "welcome.token").write_text("printed-at-the-start\n")
    return "printed-at-the-start"


def test_the_first_run_makes_the_practice_and_its_owner_and_burns_the_token(token: str) -> None:
    browser = Client()
    assert token in browser.get(f"/welcome/?token={token}").content.decode()
    answer = browser.post("/welcome/", WELCOME | {"token": token})
    assert answer["Location"] == "/settings/connection/"
    assert browser.get("/settings/connection/").status_code == 200
    assert Practice.objects.get().time_zone == "America/Chicago"
    assert Membership.objects.get().role == Role.OWNER
    assert not (Path(settings.DATA_DIR) / "welcome.token").exists()


def test_a_wrong_token_makes_nothing(token: str) -> None:
    answer = Client().post("/welcome/", WELCOME | {"token": "guessed"})
    assert "not the token" in answer.content.decode()
    assert not User.objects.exists()


def test_a_short_password_is_told_by_its_field(token: str) -> None:
    answer = Client().post("/welcome/", WELCOME | {"token": token, "password": "short"})
    assert "too short" in answer.content.decode()
    assert not User.objects.exists()


def test_there_is_no_first_run_once_somebody_has_an_account(owner: User, token: str) -> None:
    assert Client().get("/welcome/")["Location"] == "/accounts/login/"
    Client().post("/welcome/", WELCOME | {"token": token})
    assert User.objects.count() == 1


def test_every_change_to_a_setting_is_in_the_trail(owner: User, practice: Practice) -> None:
    connect(practice)
    desk = at_desk(owner)
    desk.post("/settings/writeback/switch/", {})
    desk.post("/settings/writeback/provider/", {"provider": "1"})
    desk.post("/settings/sync/photos/", {})
    desk.post("/settings/statuses/save/", {"status": "20", "column": "expected"})
    desk.post("/settings/connection/switch/", {})
    written = list(AuditEntry.objects.order_by("pk").values_list("what", flat=True))
    assert written == [
        "writeback.switched",
        "writeback.provider",
        "sync.photos",
        "statuses.changed",
        "connection.switched",
    ]
    assert set(AuditEntry.objects.values_list("who", flat=True)) == {owner.email}
    assert Connection.objects.get().on is False
