"""The frame around every page, and who gets in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from chartbridge import web
from chartbridge.store.models import Membership, Practice, Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(name="Maple Street Dental")


def signed_in(practice: Practice, role: Role) -> Client:
    user = User.objects.create_user(username=role, email=f"{role}@example.com", password="x" * 12)
    Membership.objects.create(user=user, practice=practice, role=role)
    client = Client()
    client.force_login(user)
    return client


def somebody() -> User:
    return User.objects.create_user(username="first", email="first@example.com", password="x" * 12)


def test_while_there_is_no_account_everybody_is_sent_to_the_first_run() -> None:
    assert Client().get("/settings/writeback/")["Location"] == "/welcome/"


def test_a_stranger_is_sent_to_the_sign_in_and_back() -> None:
    somebody()
    answer = Client().get("/settings/writeback/")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/settings/writeback/"


def test_a_part_of_a_page_asked_for_by_a_stranger_takes_the_whole_page_to_the_sign_in() -> None:
    somebody()
    answer = Client().get("/settings/writeback/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/accounts/login/"


def test_somebody_without_a_practice_is_told_whom_to_ask() -> None:
    user = User.objects.create_user(username="lost", email="lost@example.com", password="x" * 12)
    client = Client()
    client.force_login(user)
    answer = client.get("/settings/writeback/")
    assert answer.status_code == 403
    assert "Ask the owner or a manager" in answer.content.decode()


def test_signed_in_pages_are_kept_by_nobody_and_take_nothing_from_elsewhere(practice: Practice) -> None:
    answer = signed_in(practice, Role.READ_ONLY).get("/settings/writeback/")
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert " style=" not in page
    assert "<script>" not in page


def test_the_colours_are_kept_in_a_cookie_and_shown_at_once(practice: Practice) -> None:
    client = signed_in(practice, Role.READ_ONLY)
    client.post("/theme/", {"theme": "dark", "next": "/settings/writeback/"})
    assert 'data-theme="dark"' in client.get("/settings/writeback/").content.decode()


def test_the_way_back_after_choosing_colours_leads_nowhere_else(practice: Practice) -> None:
    answer = signed_in(practice, Role.READ_ONLY).post(
        "/theme/", {"theme": "dark", "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


def test_one_works_for_the_practice_one_chose_and_for_no_other(practice: Practice) -> None:
    client = signed_in(practice, Role.READ_ONLY)
    other = Practice.objects.create(name="Another")
    client.post("/practice/", {"practice": str(other.pk)})
    assert "Another" not in client.get("/settings/writeback/").content.decode()
    Membership.objects.create(user=User.objects.get(), practice=other, role=Role.OWNER)
    client.post("/practice/", {"practice": str(other.pk)})
    assert client.get("/settings/writeback/").context["practice"] == other


def test_the_sign_in_speaks_as_the_other_pages_do() -> None:
    somebody()
    page = Client().get("/accounts/login/").content.decode()
    assert "E-mail address" in page
    assert "Stay signed in on this computer" in page
    refused = Client().post("/accounts/login/", {"login": "first@example.com", "password": "wrong"})
    assert "This e-mail address and password don&#x27;t fit together" in refused.content.decode()


def test_no_form_can_put_what_it_holds_into_an_address() -> None:
    pages = Path(web.__file__).parent.joinpath("templates").rglob("*.html")
    forms = [form for page in pages for form in re.findall(r"<form[^>]*hx-post=[^>]*>", page.read_text())]
    assert len(forms) > 10
    assert [form for form in forms if 'method="post"' not in form] == []
