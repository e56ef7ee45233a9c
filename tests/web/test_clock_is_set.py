"""R11: who is signed in, who was turned away and what a program may do, when somebody sets the machine's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from chartbridge.api import access
from chartbridge.domain.clock import SetClock
from chartbridge.store import tokens
from chartbridge.store.accounts import create_practice
from chartbridge.store.models import ApiToken, Practice

pytestmark = [pytest.mark.django_db, pytest.mark.fault("R11")]
WHO, PASSWORD = "ann@example.com", "Only 8741 for these tests"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PAGE = "/settings/writeback/"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetClock]:
    """The clock of the machine, as Django, allauth and the cache read it."""
    made = SetClock(timezone.now())
    steady = time.monotonic()
    monkeypatch.setattr(timezone, "now", made.now)
    monkeypatch.setattr(time, "time", lambda: made.now().timestamp())
    monkeypatch.setattr(time, "monotonic", lambda: steady + made.monotonic())
    monkeypatch.setattr(access, "_limit", access.RateLimit())
    monkeypatch.setattr(tokens, "_remembered", tokens._Remembered())
    cache.clear()
    yield made
    cache.clear()


@pytest.fixture
def practice(clock: SetClock) -> Practice:
    create_practice(name="Maple", time_zone="UTC", owner_name="Ann Owner", email=WHO, password=PASSWORD)
    return Practice.objects.get()


def sign_in(password: str = PASSWORD, *, stays: bool = True) -> Client:
    client = Client()
    told = {"login": WHO, "password": password} | ({"remember": "on"} if stays else {})
    client.post("/accounts/login/", told)
    return client


def is_in(client: Client) -> bool:
    answer = client.get(PAGE)
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


def set_clock(clock: SetClock, by: timedelta) -> datetime:
    clock.jump(clock.now() + by)
    return clock.now()


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "until the browser is closed"])
def test_a_session_lasts_half_a_day_of_a_clock_that_nobody_sets(
    practice: Practice, clock: SetClock, stays: bool
) -> None:
    client = sign_in(stays=stays)
    clock.advance(11.9 * 3600)
    assert is_in(client)
    clock.advance(0.2 * 3600)
    assert not is_in(client)
    assert is_in(sign_in(stays=stays))


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "until the browser is closed"])
@pytest.mark.parametrize(("by", "still"), [(HOUR, True), (-HOUR, True), (DAY, False), (-DAY, False)], ids=str)
def test_an_hour_ends_no_session_and_a_day_ends_it_and_everybody_gets_in_again_at_once(
    practice: Practice, clock: SetClock, by: timedelta, still: bool, stays: bool
) -> None:
    client = sign_in(stays=stays)
    set_clock(clock, by)
    assert is_in(client) is still
    assert is_in(sign_in(stays=stays))


@pytest.mark.parametrize("ahead", [DAY, 365 * DAY], ids=str)
def test_a_session_of_a_clock_that_was_ahead_does_not_outlive_its_being_set_right(
    practice: Practice, clock: SetClock, ahead: timedelta
) -> None:
    set_clock(clock, ahead)
    client = sign_in()
    assert is_in(client)
    set_clock(clock, -ahead)
    assert not is_in(client)
    again = sign_in()
    assert is_in(again)
    clock.advance(13 * 3600)
    assert not is_in(again)
    longest = Session.objects.latest("expire_date").expire_date
    assert longest <= clock.now() + ahead + HOUR * 13


def test_who_was_turned_away_for_wrong_passwords_gets_in_after_five_minutes_whatever_the_clock_says(
    practice: Practice, clock: SetClock
) -> None:
    set_clock(clock, DAY)
    for _ in range(6):
        assert not is_in(sign_in("not it"))
    assert not is_in(sign_in()), "now not even the right one is let in"
    set_clock(clock, -DAY)
    assert not is_in(sign_in()), "nor does it help to set the clock"
    clock.advance(301)
    assert is_in(sign_in())


def asks(plain: str) -> HttpResponse:
    return Client().get("/api/v1/health", headers={"Authorization": f"Bearer {plain}"})


@pytest.mark.parametrize("by", [HOUR, -HOUR, DAY, -DAY], ids=str)
def test_a_token_opens_until_it_is_revoked_and_never_after_that(
    practice: Practice, clock: SetClock, by: timedelta
) -> None:
    kept, ended = (tokens.create_token(practice.pk, name) for name in ("kept", "ended"))
    assert (asks(kept.plain).status_code, asks(ended.plain).status_code) == (200, 200)
    assert tokens.revoke_token(practice.pk, ended.token.pk, clock)
    for step in (by, -by):
        set_clock(clock, step)
        clock.advance(2)
        assert (asks(kept.plain).status_code, asks(ended.plain).status_code) == (200, 401)


def test_when_a_token_was_used_last_is_told_by_the_clock_that_was_set_right(
    practice: Practice, clock: SetClock
) -> None:
    made = tokens.create_token(practice.pk, "a program")
    set_clock(clock, DAY)
    assert tokens.authenticate(made.plain, clock)
    set_clock(clock, -DAY)
    assert tokens.authenticate(made.plain, clock)
    assert ApiToken.objects.get(pk=made.token.pk).last_used_at == clock.now()
