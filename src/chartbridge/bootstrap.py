"""Puts it together: the only place that names connectors.

Must not be in it: what a person types (cli), the web server (serve).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from chartbridge.domain.clock import Clock, SystemClock
from chartbridge.pms.connector import Connector, ConnectorFactory, Settings
from chartbridge.pms.manifest import load_manifest
from chartbridge.pms.registry import Registry, install

if TYPE_CHECKING:
    from chartbridge.engine.daily import Daily
    from chartbridge.engine.posting import Posting
    from chartbridge.engine.threads import Engine

RECONCILE_AT = 2
"""The hour of a practice's own clock from which on yesterday is looked at in its PMS."""

FULL_READ_AT = 3
"""From which on everything is read once more of which only that can tell that it is gone."""

CONNECTORS: dict[str, str] = {
    "open_dental": "chartbridge.connectors.open_dental",
    "eaglesoft": "chartbridge.connectors.eaglesoft",
    "dentrix": "chartbridge.connectors.dentrix",
    "ascend": "chartbridge.connectors.ascend",
    "csv_folder": "chartbridge.connectors.csv_folder",
}
"""Connector id → its package. A new vendor adds one line here."""


def make_registry() -> Registry:
    """Read every manifest; connectors themselves are imported when first used."""
    return Registry(
        manifests={
            name: load_manifest(files(package) / "manifest.toml") for name, package in CONNECTORS.items()
        },
        factories={name: _late(package) for name, package in CONNECTORS.items()},
    )


def prepare(*, clock: Clock | None = None) -> None:
    """Make this process ready for Django and the rooms: settings, logs, registry, open connectors.

    The data folder (CHARTBRIDGE_DATA) must be set in the environment before, if it is not the default.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chartbridge.project.settings")
    import django

    from chartbridge.project.logging import configure

    configure()
    install(make_registry())
    django.setup()
    from chartbridge.store.live_connectors import LiveConnectors, install_live

    install_live(LiveConnectors(clock or SystemClock()))


def make_data_folder() -> Path:
    """Make the data folder, for its owner only, and the installation's key in it. Returns the folder."""
    from django.conf import settings

    from chartbridge.store.secrets import ensure_key

    os.umask(0o077)
    folder = Path(settings.DATA_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    ensure_key()
    return folder


def migrate() -> None:
    """Bring the tables up to this version. Safe to repeat."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


@dataclass(frozen=True, kw_only=True)
class Hub:
    """The rooms of one office's process, put together but not running."""

    clock: Clock
    engine: Engine
    posting: Posting
    daily: Daily

    def start(self) -> None:
        """Take up what an earlier process left half-done, then give every connection its turns."""
        from chartbridge.writeback.recover import recover
        from chartbridge.writeback.whereabouts import settle_in

        settle_in(self.clock)
        recover(self.clock)
        self.engine.start()
        self.posting.start()
        self.daily.start()

    def stop(self, seconds: float) -> bool:
        """Finish what is in flight, then let go of the PMSs. Returns whether everything was finished."""
        from chartbridge.store import shares
        from chartbridge.store.live_connectors import live

        until = self.clock.monotonic() + seconds
        finished = self.engine.stop(seconds)
        finished = self.daily.stop(until - self.clock.monotonic()) and finished
        live().close()
        shares.leave()
        return self.posting.stop(until - self.clock.monotonic()) and finished


def make_hub(clock: Clock | None = None) -> Hub:
    """Put the rooms together. `prepare` has run and the tables are up to date."""
    from chartbridge.api.webhooks import Sender
    from chartbridge.engine.posting import Posting
    from chartbridge.engine.threads import Engine
    from chartbridge.store import shares
    from chartbridge.store.live_connectors import live
    from chartbridge.store.one_hub import OneHub
    from chartbridge.sync.checks import Checker
    from chartbridge.writeback import giving_back, unasked, vanished
    from chartbridge.writeback.deliver import Deliverer
    from chartbridge.writeback.whereabouts import keep_watch

    clock = clock or SystemClock()

    def keep() -> None:
        keep_watch(clock)
        unasked.give_up_where_off(clock)
        giving_back.try_what_was_refused(clock)

    def share(connection_ids: Sequence[int]) -> Sequence[int]:
        mine = shares.mine(connection_ids)
        checker.leave(set(connection_ids).difference(mine))
        return mine

    one_hub = OneHub(clock)
    checker = Checker(
        live(),
        clock,
        one_hub=one_hub,
        newest_gone=lambda link, connector: vanished.newest_gone(link, connector, clock.now()),
        at_restore=lambda link, connector: vanished.look(link, connector, clock),
    )
    engine = Engine(
        checker,
        Deliverer(live(), clock, one_hub=one_hub),
        clock,
        begin=begin_connection,
        share=share,
        keep=keep,
    )
    return Hub(clock=clock, engine=engine, posting=Posting(Sender(clock)), daily=_daily(clock))


def _daily(clock: Clock) -> Daily:
    """What is done once a day: last night's look at the day before, and the mail about what waits."""
    from chartbridge.engine.daily import Daily, DailyJob
    from chartbridge.store import mailing, tending
    from chartbridge.store.live_connectors import live
    from chartbridge.sync import buttons
    from chartbridge.web.reasons import title_of
    from chartbridge.writeback import digest, reconcile, undoing

    def look_at_the_day_before(practice_id: int, day: date) -> None:
        reconcile.begin(practice_id, day - timedelta(days=1), reconcile.WHO, clock=clock)

    def send_mail(practice_id: int, _day: date) -> None:
        digest.send_daily(practice_id, clock, title_of)

    reconciler, undoer = reconcile.Reconciler(live(), clock), undoing.Undoer(clock)

    def what_was_asked_for() -> bool:
        more = undoer()
        return reconciler() or more

    return Daily(
        {
            "reconcile": DailyJob(
                hours=lambda: dict.fromkeys(tending.connected_practices(), RECONCILE_AT),
                run=look_at_the_day_before,
            ),
            "full_read": DailyJob(
                hours=lambda: dict.fromkeys(tending.connected_practices(), FULL_READ_AT),
                run=lambda practice_id, day: buttons.nightly(practice_id, day, clock.now()),
            ),
            "digest": DailyJob(hours=mailing.hours, run=send_mail),
        },
        clock,
        asked=what_was_asked_for,
    )


def begin_connection(connection_id: int) -> None:
    """Get to know a practice's PMS: who it is, its lists, and which status means which column.

    Raises `PmsError`; may be repeated.
    """
    from chartbridge.flow.mapping import default_mappings
    from chartbridge.sync.connect import start_connection

    start_connection(connection_id)
    default_mappings(connection_id)


def _late(package: str) -> ConnectorFactory:
    def connect(settings: Settings, clock: Clock) -> Connector:
        made: Connector = import_module(f"{package}.connector").connect(settings, clock)
        return made

    return connect
