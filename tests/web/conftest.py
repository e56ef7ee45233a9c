"""What the tests of the pages share: a practice with a day in it and people who may see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from chartbridge.store.models import Membership, Practice, Role, User
from tests.web.day import Day, a_day

SignIn = Callable[[Role], Client]


@pytest.fixture
def day(db: None) -> Day:
    """A practice whose day is around noon."""
    return a_day(Practice.objects.create(name="Maple Street Dental"))


@pytest.fixture
def sign_in(day: Day) -> SignIn:
    """Sign somebody with that role in and return their browser."""

    def as_role(role: Role) -> Client:
        user = User.objects.create_user(username=role, email=f"{role}@example.com", password="x")
        Membership.objects.create(user=user, practice=day.practice, role=role)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return as_role


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    """The front desk's browser."""
    return sign_in(Role.FRONT_DESK)
