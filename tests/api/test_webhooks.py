"""Webhooks out: signed, tried again under the same id, given up in sight of people, sent again by a button."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic, sleep
from typing import Any

import pytest
import standardwebhooks.webhooks as library
from django.db import connection, transaction

from chartbridge.api.webhooks import Sender
from chartbridge.domain.clock import SetClock
from chartbridge.domain.webhooks import Reach, WebhookEvent
from chartbridge.engine.posting import Posting
from chartbridge.store import outbox, webhooks
from chartbridge.store.models import MessageState, Practice, WebhookEndpoint, WebhookMessage
from chartbridge.transport.outward import post
from tests.servers.process import nobody_listens
from tests.servers.receiver import Receiver, abort, running_receiver, with_status

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
EVENT = WebhookEvent.PATIENT_CHANGED
SVIX = [0, 5, 300, 1800, 7200, 18000, 36000, 36000]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def refusing() -> Iterator[int]:
    with nobody_listens() as port:
        yield port


@dataclass
class Office:
    """A practice with one endpoint, its clock, and what sends."""

    practice: Practice
    clock: SetClock
    endpoint: WebhookEndpoint

    def sender(self, **more: Any) -> Sender:
        return Sender(self.clock, **({"chance": lambda: 0.0} | more))

    def happens(self, *keys: str) -> None:
        outbox.put_patients(self.practice.pk, keys or ("1042",), self.clock.now())

    def message(self) -> WebhookMessage:
        return WebhookMessage.objects.get()

    def now(self) -> WebhookEndpoint:
        return WebhookEndpoint.objects.get(pk=self.endpoint.pk)


@pytest.fixture
def office(transactional_db: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Office:
    clock = SetClock(NOON)

    class At(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return clock.now()

    monkeypatch.setattr(library, "datetime", At)  # the receiver's clock goes with ours
    practice = Practice.objects.create(name="Maple")
    made = webhooks.add_endpoint(
        practice.pk, url=receiver.url, description="", events=[EVENT], reach=Reach.MACHINE, at=NOON
    )
    receiver.secrets.append(made.plain)
    return Office(practice=practice, clock=clock, endpoint=made.endpoint)


def test_a_message_is_signed_as_the_library_wants_it(office: Office, receiver: Receiver) -> None:
    office.happens("1042")
    office.sender().send(office.endpoint.pk)
    assert receiver.received[0].verified == {
        "type": "patient.changed",
        "timestamp": "2026-11-03T12:00:00.000Z",
        "data": {"practice_id": office.practice.pk, "patient_key": "1042"},
    }
    assert (office.message().state, office.message().status) == (MessageState.DELIVERED, 204)
    assert receiver.forged == 0


def test_another_secret_does_not_verify(office: Office, receiver: Receiver) -> None:
    receiver.secrets[:] = ["whsec_" + "A" * 44]
    office.happens()
    office.sender().send(office.endpoint.pk)
    assert (receiver.forged, receiver.received, office.message().status) == (1, [], 401)


@pytest.mark.fault("R26")
@pytest.mark.parametrize("way", ["500", "timeout", "302", "abort", "refused line"])
def test_a_receiver_that_fails_for_28_hours_is_tried_as_promised_and_given_up_in_sight(
    office: Office, receiver: Receiver, refusing: int, way: str
) -> None:
    answers = {
        "500": with_status(500),
        "302": with_status(302, Location=receiver.url),
        "abort": abort,
        "timeout": receiver.never,
    }
    receiver.answering = answers.get(way, with_status(204))
    right = receiver.url
    if way == "refused line":
        WebhookEndpoint.objects.update(url=f"http://127.0.0.1:{refusing}/")
    office.happens()
    impatient = {"post": partial(post, within_s=0.5)} if way == "timeout" else {}
    sender, tried = office.sender(**impatient), list[float]()
    while office.message().state == MessageState.WAITING:
        office.clock.jump(office.message().due_at)
        assert list(sender.due()) == [office.endpoint.pk]
        tried.append((office.clock.now() - NOON).total_seconds())
        sender.send(office.endpoint.pk)
        assert sender.due() == [], "nothing more before its time"
    assert tried == [sum(SVIX[: n + 1]) for n in range(8)]
    if way != "refused line":
        assert len(receiver.received) == 8 or way == "timeout", "there, it may be over before it was read"
        assert len(set(receiver.ids())) == 1
        assert len({each.body for each in receiver.received}) == 1
    assert office.message().state == MessageState.FAILED
    assert office.message().attempts == 8
    assert webhooks.trouble(office.practice.pk) == webhooks.Trouble(failed=1, failing=1, off=0)

    receiver.answering = with_status(200)
    WebhookEndpoint.objects.update(url=right)
    sender = office.sender()
    assert outbox.send_again(office.endpoint, office.clock.now()) == 1
    sender.send(office.endpoint.pk)
    assert receiver.ids()[-1] == office.message().message_id
    assert (office.message().state, office.message().attempts) == (MessageState.DELIVERED, 9)
    assert not webhooks.trouble(office.practice.pk)


@pytest.mark.parametrize("step", ["claimed", "sent"])
def test_a_process_killed_around_sending_sends_again_under_the_same_id(
    office: Office, receiver: Receiver, step: str
) -> None:
    class Died(BaseException):
        pass

    def die(name: str) -> None:
        if name == step:
            raise Died

    office.happens()
    with pytest.raises(Died):
        office.sender(at_step=die).send(office.endpoint.pk)
    after = office.sender()
    assert after.due() == [], "the one that ended may still be sending"
    office.clock.advance(outbox.TAKEN_OVER_AFTER.total_seconds())
    after.send(office.endpoint.pk)
    assert len(receiver.received) == (2 if step == "sent" else 1)
    assert set(receiver.ids()) == {office.message().message_id}
    assert office.message().state == MessageState.DELIVERED


def test_a_late_failure_does_not_undo_what_another_process_has_delivered(
    office: Office, receiver: Receiver
) -> None:
    office.happens()
    slow = outbox.claim(office.endpoint.pk, office.clock.now())
    assert slow
    office.clock.advance(60)
    office.sender().send(office.endpoint.pk)
    again = office.clock.now()
    assert not outbox.not_delivered(slow, again, status=None, code="timeout", again=again)
    assert office.message().state == MessageState.DELIVERED
    assert office.now().failing_since is None


def test_what_is_rolled_back_is_never_sent(office: Office, receiver: Receiver) -> None:
    with transaction.atomic():
        office.happens()
        transaction.set_rollback(True)
    office.sender().send(office.endpoint.pk)
    assert receiver.received == []


def test_retry_after_is_honoured_within_reason(office: Office, receiver: Receiver) -> None:
    for asked, wait in (("120", 120), ("1", 300), ("9999999", 12 * 3600)):
        receiver.answering = with_status(429, Retry_After=asked)
        WebhookMessage.objects.all().delete()
        office.happens()
        WebhookMessage.objects.update(tries=1 if asked == "1" else 0)
        office.sender().send(office.endpoint.pk)
        assert office.message().due_at - office.clock.now() == timedelta(seconds=wait)


def test_tries_are_spread(office: Office, receiver: Receiver) -> None:
    receiver.answering = with_status(500)
    office.happens()
    office.sender(chance=lambda: 1.0).send(office.endpoint.pk)
    assert office.message().due_at - office.clock.now() == timedelta(seconds=5.5)


def test_410_switches_the_endpoint_off_and_says_so(office: Office, receiver: Receiver) -> None:
    receiver.answering = with_status(410)
    office.happens("1", "2")
    office.sender().send(office.endpoint.pk)
    assert (office.now().on, office.now().off_code) == (False, "gone")
    assert len(receiver.received) == 1
    assert webhooks.trouble(office.practice.pk).off == 1
    receiver.answering = with_status(204)
    webhooks.switch(office.now(), office.clock.now(), on=True)
    office.sender().send(office.endpoint.pk)
    assert len(receiver.received) == 2, "what was waiting goes on"


def test_after_days_without_a_success_the_endpoint_is_switched_off(
    office: Office, receiver: Receiver
) -> None:
    receiver.answering = with_status(503)
    for day in range(6):
        office.happens(str(day))
        office.sender().send(office.endpoint.pk)
        office.clock.advance(86_400)
    assert (office.now().on, office.now().off_code) == (False, "failing")
    before = WebhookMessage.objects.count()
    office.happens("later")
    assert WebhookMessage.objects.count() == before, "nothing is kept for an endpoint that is off"


def test_both_secrets_sign_for_a_day_after_a_new_one(office: Office, receiver: Receiver) -> None:
    old = receiver.secrets[0]
    new = webhooks.new_secret(office.endpoint, office.clock.now()).plain
    receiver.secrets[:] = [old, new]  # the receiver checks with each in turn: both must be right
    office.happens()
    office.sender().send(office.endpoint.pk)
    assert (receiver.forged, len(receiver.received)) == (0, 1)
    office.clock.advance(24 * 3600)
    receiver.secrets[:] = [new]
    office.happens()
    office.sender().send(office.endpoint.pk)
    assert (receiver.forged, len(receiver.received)) == (0, 2)
    receiver.secrets[:] = [old]
    office.happens()
    office.sender().send(office.endpoint.pk)
    assert receiver.forged == 1


def test_a_secret_is_sealed_in_the_store(office: Office, receiver: Receiver) -> None:
    assert receiver.secrets[0].encode() not in bytes(office.now().secrets)
    assert receiver.secrets[0] not in repr(webhooks.new_secret(office.endpoint, NOON))


def test_without_endpoints_nothing_is_put_down(db: None) -> None:
    practice = Practice.objects.create(name="Oak")
    outbox.put_patients(practice.pk, ["1"], NOON)
    assert not WebhookMessage.objects.exists()


def test_another_practice_s_events_are_not_told(office: Office) -> None:
    outbox.put_patients(Practice.objects.create(name="Oak").pk, ["1"], NOON)
    assert not WebhookMessage.objects.exists()


def test_what_is_long_over_is_forgotten_and_what_waits_is_not(office: Office) -> None:
    office.happens("1", "2", "3")
    for row, state in zip(WebhookMessage.objects.order_by("pk"), MessageState, strict=True):
        WebhookMessage.objects.filter(pk=row.pk).update(state=state)
    outbox.forget_old(NOON + timedelta(days=13))
    assert WebhookMessage.objects.count() == 3
    outbox.forget_old(NOON + timedelta(days=60))
    assert set(WebhookMessage.objects.values_list("state", flat=True)) == {"waiting", "failed"}
    outbox.forget_old(NOON + timedelta(days=400))
    assert set(WebhookMessage.objects.values_list("state", flat=True)) == {"waiting"}


def test_two_senders_at_once_send_each_message_once(office: Office, receiver: Receiver) -> None:
    office.happens(*map(str, range(30)))

    def send() -> None:
        office.sender().send(office.endpoint.pk)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(receiver.received) == len(set(receiver.ids())) == 30


def test_a_silent_receiver_does_not_delay_another(office: Office, receiver: Receiver) -> None:
    receiver.answering = receiver.never
    with running_receiver() as other:
        made = webhooks.add_endpoint(
            office.practice.pk, url=other.url, description="", events=[EVENT], reach=Reach.MACHINE, at=NOON
        )
        other.secrets.append(made.plain)
        office.happens("1", "2", "3")
        posting = Posting(office.sender())  # fifteen seconds for each answer
        posting.start()
        try:
            until = monotonic() + 60
            while (len(other.received) < 3 or not receiver.received) and monotonic() < until:
                sleep(0.02)
            assert len(other.received) == 3
            assert len(receiver.received) == 1, "one at a time"
        finally:
            receiver.released.set()
            assert posting.stop(30)
    assert {json.loads(each.body)["data"]["patient_key"] for each in other.received} == {"1", "2", "3"}
