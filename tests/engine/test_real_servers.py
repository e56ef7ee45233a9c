"""The servers that the tests stand on are real and do what the tests assume of them."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from playwright.sync_api import Page

from chartbridge.store.models import Practice
from tests.conftest import LiveHub
from tests.servers.mariadb import MariaDb
from tests.servers.postgres import Postgres


def test_mariadb_is_real_and_not_strict(mariadb: MariaDb) -> None:
    mariadb.create_database("opendental")
    with mariadb.connect("opendental") as session, session.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@sql_mode, @@port")
        version, mode, port = cursor.fetchone()
        assert ("MariaDB" in version, mode, port) == (True, "", mariadb.port)
        cursor.execute("CREATE TABLE visit (at datetime NOT NULL) ENGINE=MyISAM")
        cursor.execute("INSERT INTO visit VALUES ('0000-00-00 00:00:00')")


def test_a_mariadb_user_may_only_do_what_was_granted(mariadb: MariaDb) -> None:
    name = mariadb.create_database("reading")
    mariadb.create_user("reader", "of-the-reader")
    with (
        mariadb.connect(name, user="reader", password="of-the-reader") as session,
        session.cursor() as cursor,
        pytest.raises(Exception, match="denied"),
    ):
        cursor.execute("CREATE TABLE mine (n int)")


def test_postgres_is_real(postgres: Postgres) -> None:
    name = postgres.create_database("somewhere")
    with postgres.connect(name) as session:
        row = session.execute("SELECT current_database(), version()").fetchone()
    assert row is not None
    assert row[0] == "somewhere"
    assert row[1].startswith("PostgreSQL")


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_tests_database() -> None:
    Practice.objects.create(name="Shared")
    seen: list[str] = []

    def look() -> None:
        seen.extend(Practice.objects.values_list("name", flat=True))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["Shared"]


def test_the_pages_answer_in_a_real_browser(live_hub: LiveHub, page: Page) -> None:
    answer = page.goto(f"{live_hub.url}/accounts/login/")
    assert answer is not None
    assert answer.status == 200
    assert page.locator("input[name=login]").count() == 1
