"""What every test may ask for: a database, real servers, a browser, the running product.

The database is a SQLite *file* (threads must share it), or PostgreSQL with CHARTBRIDGE_TEST_DATABASE=postgres.
A part that is missing is a failure with the command that installs it, never a skip.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from chartbridge.store.models import Practice, User
    from tests.servers.mariadb import MariaDb
    from tests.servers.postgres import Postgres

# Playwright's sync API runs an event loop in the main thread; Django would refuse its ORM there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

_stack = ExitStack()
_MARKS = {
    "mariadb": "mariadb",
    "postgres": "postgres",
    "browser": "browser",
    "page": "browser",
    "phone_page": "browser",
}


def pytest_configure(config: pytest.Config) -> None:
    """Give this process (each xdist worker is one) its own data folder and choose the database."""
    import hypothesis
    from django.conf import settings

    from chartbridge.bootstrap import make_registry
    from chartbridge.domain.clock import SystemClock
    from chartbridge.pms.registry import install
    from chartbridge.store import one_hub
    from chartbridge.store.live_connectors import LiveConnectors, install_live
    from chartbridge.store.secrets import ensure_key

    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(prefix="chartbridge-tests-")))
    os.environ["CHARTBRIDGE_DATA"] = str(folder)
    settings.DATA_DIR = folder
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    ensure_key()
    one_hub.LOCKS = folder  # processes that run tests side by side are no second hub to each other
    install(make_registry())
    install_live(LiveConnectors(SystemClock()))
    _choose_database(folder, is_worker=hasattr(config, "workerinput"))
    # Each worker has a part of a machine only: how long an example took says nothing of what is tested.
    hypothesis.settings.register_profile(
        "shared-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("shared-machine")


def _choose_database(folder: Path, *, is_worker: bool) -> None:
    from django.conf import settings
    from django.db import connections

    ours = settings.DATABASES["default"]
    if os.environ.get("CHARTBRIDGE_TEST_DATABASE", "sqlite") == "postgres":
        from chartbridge.project.settings import _database
        from tests.servers.postgres import running_postgres

        if not is_worker:  # the workers inherit the address from the process that starts them
            server = _stack.enter_context(running_postgres())
            os.environ["CHARTBRIDGE_DATABASE_URL"] = server.url("chartbridge")
        ours.clear()
        ours.update(_database(), CONN_MAX_AGE=0)
        connections.configure_settings(settings.DATABASES)
        if hasattr(connections._connections, "default"):
            del connections["default"]
    else:
        ours["NAME"] = str(folder / "chartbridge.sqlite3")
        ours["TEST"]["NAME"] = str(folder / "test.sqlite3")


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    _stack.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the real parts that they use, so that `-m 'not browser'` works."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in _MARKS:
                item.add_marker(_MARKS[fixture])


@pytest.fixture(autouse=True)
def _no_connector_outlives_its_test() -> Iterator[None]:
    """An emptied database numbers its connections from 1 again: the next test's would find this one's line."""
    from chartbridge.store.live_connectors import live

    yield
    live().close()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A real MariaDB: host, port, user, password, `.connect(database)`, `.create_database(name)`."""
    from tests.servers.mariadb import running_mariadb

    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL with the same attributes, apart from the hub's own test database."""
    from tests.servers.postgres import running_postgres

    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real headless Chromium. It ends with its module: while it lives, an event loop runs in the main thread."""
    from tests.servers.chromium import running_browser

    with running_browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page at desktop width. A script error on it fails the test."""
    from tests.servers.chromium import DESKTOP

    yield from _page(browser, DESKTOP, is_phone=False)


@pytest.fixture
def phone_page(browser: Browser) -> Iterator[Page]:
    """A page at the width of a phone. A script error on it fails the test."""
    from tests.servers.chromium import PHONE

    yield from _page(browser, PHONE, is_phone=True)


PATIENCE_MS = 15_000
"""Longer than anything takes: a machine that is busy with other tests stands still now and then."""


def _page(browser: Browser, size: dict[str, int], *, is_phone: bool) -> Iterator[Page]:
    from playwright.sync_api import expect

    context = browser.new_context(viewport=size, has_touch=is_phone, is_mobile=is_phone, locale="en-US")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors, f"scripts on the page failed: {errors}"


@dataclass(frozen=True, kw_only=True)
class LiveHub:
    """The running product: its address, a practice and an owner who can sign in."""

    url: str
    practice: Practice
    owner: User
    password: str

    def sign_in(self, page: Page, email: str = "", password: str = "") -> None:
        """Sign in through the sign-in page, as a person does."""
        page.goto(f"{self.url}/accounts/login/")
        page.fill("input[name=login]", email or self.owner.email)
        page.fill("input[name=password]", password or self.password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/accounts/login" not in url)


@pytest.fixture(scope="session")
def _pages_address(django_db_setup: None) -> Iterator[str]:
    from tests.servers.hub import running_pages

    with running_pages() as address:
        yield address


@pytest.fixture
def live_hub(transactional_db: None, _pages_address: str) -> LiveHub:
    """The pages and the API on the tests' database, with a practice and its owner."""
    from django.core.cache import cache

    from chartbridge.store.models import Membership, Practice, Role, User

    cache.clear()  # where the sign-ins of earlier tests are counted: thirty a minute are let in
    password = "a long enough pass phrase"
    practice = Practice.objects.create(name="Maple Street Dental")
    owner = User.objects.create_user(username="owner", email="owner@example.com", password=password)
    Membership.objects.create(user=owner, practice=practice, role=Role.OWNER)
    return LiveHub(url=_pages_address, practice=practice, owner=owner, password=password)
