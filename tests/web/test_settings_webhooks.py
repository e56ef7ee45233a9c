"""Webhooks on the settings pages: added, tested, sent again, switched, given a new secret, removed and put back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from chartbridge.domain.webhooks import CHOOSABLE, Reach
from chartbridge.store.models import AuditEntry, Practice, Role, User, WebhookEndpoint, WebhookMessage
from chartbridge.store.webhooks import secrets_of
from tests.web.desk import at_desk, connect, person
from tests.web.webhooks import a_webhook_with_deliveries

pytestmark = pytest.mark.django_db
HERE = {
    "url": "http://127.0.0.1:9000/hooks?key=very-secret",
    "description": "Phones",
    "reach": "machine",
    "events": ["writeback.done", "patient.changed"],
}


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


@pytest.fixture
def owner(practice: Practice) -> User:
    return person(practice, Role.OWNER)


def secret_on(page: str) -> str:
    found = re.search(r'<code id="once-secret">(.*?)</code>', page)
    assert found
    return found[1]


def test_a_webhook_added_shows_its_secret_once_and_is_told_from_then_on(owner: User) -> None:
    desk = at_desk(owner)
    assert "No webhooks yet" in desk.get("/settings/tokens/").content.decode()
    secret = secret_on(desk.post("/settings/webhooks/add/", HERE).content.decode())
    made = WebhookEndpoint.objects.get()
    assert secrets_of(made, timezone.now()) == [secret]
    assert (made.events, made.reach, made.on) == (["patient.changed", "writeback.done"], "machine", True)
    for page in ("/settings/tokens/", f"/settings/webhooks/{made.pk}/"):
        assert secret not in desk.get(page).content.decode()
    trail = str(list(AuditEntry.objects.values_list("what", "detail")))
    assert "webhook.added" in trail
    assert "127.0.0.1" in trail
    assert "very-secret" not in trail
    assert secret not in trail


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "http://a.example/", "reach": "internet"}, "begins with https://"),
        ({"url": "file:///etc/passwd"}, "Give a whole address"),
        ({"url": "https://127.0.0.1/", "reach": "internet"}, "lies elsewhere"),
        ({"url": "https://169.254.169.254/", "reach": "office"}, "lies elsewhere"),
        ({"events": []}, "Tick at least one"),
    ],
)
def test_what_is_wrong_is_said_by_its_field_and_what_was_typed_stays(
    owner: User, wrong: dict[str, object], why: str
) -> None:
    answer = at_desk(owner).post("/settings/webhooks/add/", HERE | wrong)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert 'value="Phones"' in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_only_an_owner_opens_this_machine_or_the_office_to_messages(practice: Practice) -> None:
    manager = at_desk(person(practice, Role.MANAGER, "ruth"))
    assert manager.post("/settings/webhooks/add/", HERE).status_code == 422
    assert 'value="machine"' not in manager.get("/settings/tokens/").content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_the_front_desk_and_other_practices_are_kept_out(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    stranger = at_desk(person(Practice.objects.create(name="Oak"), Role.OWNER, "oak"))
    front = at_desk(person(practice, Role.FRONT_DESK, "front"))
    assert stranger.get(f"/settings/webhooks/{made.pk}/").status_code == 404
    assert front.get(f"/settings/webhooks/{made.pk}/").status_code == 403
    for what in ("save", "switch", "secret", "test", "again", "remove"):
        assert stranger.post(f"/settings/webhooks/{made.pk}/{what}/", HERE).status_code == 404
        assert front.post(f"/settings/webhooks/{made.pk}/{what}/", HERE).status_code == 403
    assert WebhookMessage.objects.filter(state="failed").count() == 1


def test_the_log_shows_what_became_of_each_and_failed_ones_alone(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    desk = at_desk(owner)
    everything = desk.get(f"/settings/webhooks/{made.pk}/").content.decode()
    for words in (
        "answered 204",
        "answered 500",
        "did not answer in time",
        "Given up",
        "next try",
        "Not answering",
    ):
        assert words in everything
    assert "WebhookMessage object" not in everything
    failed = desk.get(f"/settings/webhooks/{made.pk}/log/?show=failed").content.decode()
    assert "answered 500" in failed
    assert "answered 204" not in failed


def test_the_log_goes_on_to_older_ones(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    old = WebhookMessage.objects.order_by("pk")[0]
    now = timezone.now()
    WebhookMessage.objects.bulk_create(
        WebhookMessage(
            endpoint=made,
            message_id=f"msg_{n}",
            event="patient.changed",
            body="{}",
            created_at=now,
            due_at=now,
        )
        for n in range(60)
    )
    page = at_desk(owner).get(f"/settings/webhooks/{made.pk}/")
    assert old.message_id not in page.content.decode()
    older = (
        at_desk(owner).get(f"/settings/webhooks/{made.pk}/?before={page.context['older']}").content.decode()
    )
    assert old.message_id in older


def test_one_or_all_that_failed_are_sent_again_under_their_ids(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    failed, delivered = (
        WebhookMessage.objects.get(state="failed"),
        WebhookMessage.objects.get(state="delivered"),
    )
    desk = at_desk(owner)
    assert "1 on their way again" in desk.post(f"/settings/webhooks/{made.pk}/again/").content.decode()
    desk.post(f"/settings/webhooks/{made.pk}/again/", {"message": str(delivered.pk)})
    for before in (failed, delivered):
        after = WebhookMessage.objects.get(pk=before.pk)
        assert (after.state, after.tries, after.message_id) == ("waiting", 0, before.message_id)
        assert after.due_at <= timezone.now()


def test_a_test_is_put_on_its_way(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    answer = at_desk(owner).post(f"/settings/webhooks/{made.pk}/test/").content.decode()
    assert "A test is on its way" in answer
    assert WebhookMessage.objects.filter(event="webhook.test", state="waiting").count() == 1


def test_a_new_secret_is_shown_once_and_the_old_one_signs_for_a_day(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    old = secrets_of(made, timezone.now())[0]
    new = secret_on(at_desk(owner).post(f"/settings/webhooks/{made.pk}/secret/").content.decode())
    made.refresh_from_db()
    assert secrets_of(made, timezone.now()) == [new, old]
    assert secrets_of(made, timezone.now() + timedelta(hours=25)) == [new]


def test_one_that_we_switched_off_says_why_and_starts_anew(owner: User, practice: Practice) -> None:
    a_webhook_with_deliveries(practice)
    gone = WebhookEndpoint.objects.get(off_code="gone")
    desk = at_desk(owner)
    assert "gone for good (410)" in desk.get(f"/settings/webhooks/{gone.pk}/").content.decode()
    desk.post(f"/settings/webhooks/{gone.pk}/switch/", {"on": "on"})
    gone.refresh_from_db()
    assert (gone.on, gone.off_code) == (True, "")
    assert "Undo" in desk.post(f"/settings/webhooks/{gone.pk}/switch/", {"on": ""}).content.decode()
    gone.refresh_from_db()
    assert gone.on is False


def test_one_removed_is_told_nothing_more_and_can_be_put_back(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    desk = at_desk(owner)
    assert "Undo" in desk.post(f"/settings/webhooks/{made.pk}/remove/").content.decode()
    assert desk.get(f"/settings/webhooks/{made.pk}/").status_code == 404
    desk.post(f"/settings/webhooks/{made.pk}/back/")
    assert desk.get(f"/settings/webhooks/{made.pk}/").status_code == 200


def test_changes_are_kept(owner: User, practice: Practice) -> None:
    made = a_webhook_with_deliveries(practice)
    at_desk(owner).post(f"/settings/webhooks/{made.pk}/save/", HERE)
    made.refresh_from_db()
    assert (made.url, made.description, made.reach) == (HERE["url"], "Phones", Reach.MACHINE)
    assert len(made.events) < len(CHOOSABLE)


def test_health_says_when_programs_miss_something(owner: User, practice: Practice) -> None:
    connect(practice)
    desk = at_desk(owner)
    assert "Programs miss" not in desk.get("/health/").content.decode()
    a_webhook_with_deliveries(practice)
    page = desk.get("/health/").content.decode()
    assert "1 webhook was switched off" in page
    assert "1 message was given up" in page
