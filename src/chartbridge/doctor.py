"""`chartbridge doctor`: what is right and wrong, in plain words. It changes nothing.

Must not be in it: repairing, anything about a single patient.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection as database
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from chartbridge.domain.clock import SystemClock
from chartbridge.pms.connector import Finding
from chartbridge.pms.errors import PmsError
from chartbridge.pms.registry import registry
from chartbridge.store import room, tending
from chartbridge.store.live_connectors import live
from chartbridge.store.models import Connection, Delivery, StreamState
from chartbridge.store.secrets import WrongKey, key_file, unseal
from chartbridge.sync.budget import Spending

LEAST_FREE = 500 * 1024 * 1024
CLOCKS_APART = timedelta(seconds=60)
MARKS = {True: "✓", False: "✗", None: "–"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and what was found under it."""

    heading: str
    findings: tuple[Finding, ...]


def examine(*, as_json: bool = False) -> int:
    """Look at everything and print it. Returns 1 if something is wrong, otherwise 0."""
    sections = list(_sections())
    wrong = sum(1 for section in sections for finding in section.findings if finding.ok is False)
    if as_json:
        print(json.dumps({"ok": not wrong, "sections": [asdict(section) for section in sections]}, indent=2))
        return int(bool(wrong))
    for section in sections:
        print(section.heading)
        for finding in section.findings:
            print(f"  {MARKS[finding.ok]} {finding.sentence}")
            if finding.fix and finding.ok is not True:
                print(f"      {finding.fix}")
        print()
    print(
        "Everything is right."
        if not wrong
        else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
    )
    return int(bool(wrong))


def _sections() -> Iterator[Section]:
    yield Section(heading="Installation", findings=(_python(), *_data_folder(), _key(), _space()))
    tables = tuple(_tables())
    yield Section(heading="Database", findings=tables)
    if any(finding.ok is False for finding in tables):
        return
    known = tending.connections()
    if not tending.practices():
        practice = _bad(
            "practice",
            "There is no practice yet.",
            "Make one with `chartbridge create-practice`. If there should be one, name its folder with --data.",
        )
        yield Section(heading="Practices", findings=(practice,))
    elif not known:
        yield Section(
            heading="Connections",
            findings=(
                _maybe(
                    "connection",
                    "No practice is connected to its PMS yet.",
                    "Sign in and open Settings > PMS Connection.",
                ),
            ),
        )
    for each in known:
        label = (
            registry().manifests[each.connector].label
            if each.connector in registry().manifests
            else each.connector
        )
        yield Section(heading=f"{each.practice.name}: {label}", findings=tuple(_connection(each)))


def _python() -> Finding:
    return _good("python", f"Python {sys.version.split()[0]}.")


def _data_folder() -> Iterator[Finding]:
    folder = Path(settings.DATA_DIR)
    if not folder.is_dir():
        yield _bad(
            "data",
            f"The data folder {folder} does not exist.",
            "Start `chartbridge serve` once: it makes it.",
        )
        return
    rights = stat.S_IMODE(folder.stat().st_mode)
    if folder.stat().st_uid != os.geteuid():
        yield _bad(
            "data", f"The data folder {folder} belongs to somebody else.", "Run as the user who owns it."
        )
    elif rights & 0o077:
        yield _bad("data", f"Others on this machine may look into {folder}.", f"Run: chmod 700 {folder}")
    elif not os.access(folder, os.W_OK):
        yield _bad("data", f"The data folder {folder} can't be written.", f"Run: chmod 700 {folder}")
    else:
        yield _good("data", f"The data folder is {folder}, for its owner only.")


def _key() -> Finding:
    if os.environ.get("CHARTBRIDGE_KEY"):
        return _good("key", "The key for stored secrets comes from CHARTBRIDGE_KEY.")
    file = key_file()
    if not file.exists():
        return _bad(
            "key", "There is no key for stored secrets.", "Start `chartbridge serve` once: it makes one."
        )
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        return _bad("key", f"Others on this machine may read {file}.", f"Run: chmod 600 {file}")
    return _good(
        "key", "The key for stored secrets is in the data folder. Keep a copy apart from the backups."
    )


def _space() -> Finding:
    free = room.free()
    if free < room.LEAST:
        full = f"The disk of the data folder is full ({free / 1024**2:.0f} MB are free): nothing new can be taken in."
        return _bad("disk", full, "Make room: half a GB at least. What was taken in is not lost.")
    words = f"{free / 1024**3:.1f} GB are free on the disk of the data folder."
    return (
        _good("disk", words) if free >= LEAST_FREE else _bad("disk", words, "Make room: half a GB at least.")
    )


def _tables() -> Iterator[Finding]:
    is_sqlite = database.vendor == "sqlite"
    if is_sqlite and not Path(str(connections.settings["default"]["NAME"])).exists():
        yield _bad(
            "database",
            f"There is no Chartbridge in {settings.DATA_DIR}.",
            "Name its folder with --data. If it is new: start `chartbridge serve` once, it makes everything.",
        )
        return
    try:
        executor = MigrationExecutor(database)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        names = set(executor.loader.applied_migrations) - set(executor.loader.graph.nodes)
    except DatabaseError:
        yield _bad(
            "database",
            "The database does not answer.",
            "Check CHARTBRIDGE_DATABASE_URL, or the rights of the data folder.",
        )
        return
    yield _good("database", "SQLite in the data folder." if is_sqlite else "PostgreSQL answers.")
    if missing:
        yield _bad(
            "tables", "The tables are of an older version.", "Run `chartbridge migrate`, or start `serve`."
        )
    elif any(app in ("store", "web") for app, _ in names):
        yield _bad(
            "tables", "The tables are of a newer version of Chartbridge.", "Install that version again."
        )
    else:
        yield _good("tables", "The tables are up to date.")
    if is_sqlite:
        yield _whole()


def _whole() -> Finding:
    try:
        with database.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            row = cursor.fetchone()
        if row == ("ok",):
            return _good("file", "The database file is whole.")
    except DatabaseError:
        pass
    return _bad("file", "The database file is damaged.", "Stop Chartbridge and restore the last backup.")


def _connection(each: Connection) -> Iterator[Finding]:
    if not each.on:
        yield _maybe("connection", "Switched off: nothing is read or written.", "Settings > PMS Connection.")
        return
    for sentence in (each.hold, each.write_hold):
        if sentence:
            yield _bad("connection", sentence, "Look at the Health page.")
    if each.standby_since:
        yield _maybe(
            "connection",
            "Another Chartbridge writes to this practice: this one stands by and writes nothing.",
            "If there should be only one, stop the one that is not needed.",
        )
    if each.connector not in registry().manifests:
        yield _bad("connection", f"This version has no connector named {each.connector}.", "")
        return
    try:
        unseal(each.secrets)
    except WrongKey:
        yield _bad(
            "secrets",
            "Its stored passwords and keys can't be opened with this installation's key.",
            "Put the old secret.key back, or enter them again under Settings > PMS Connection.",
        )
        return
    yield from _pms(each)
    for state in tending.stream_states(each.pk):
        yield _freshness(state)
    yield from _queue(each)


def _pms(each: Connection) -> Iterator[Finding]:
    told: list[Finding] = []
    spending = Spending(SystemClock())
    try:
        connector = live().of(each)
        told += connector.examine()
        spending.count(each, connector)
        yield from told
        apart = abs(connector.identify().server_now - datetime.now(UTC))
        spending.count(each, connector)
    except PmsError as error:
        if error.safe_message not in {finding.sentence for finding in told}:
            yield _bad("connection", error.safe_message, "")
        return
    if apart > CLOCKS_APART:
        yield _bad(
            "clock",
            f"This machine's clock and the PMS's are {apart.total_seconds():.0f} seconds apart.",
            "Set both by the network's time (NTP).",
        )
    else:
        yield _good("clock", "This machine's clock and the PMS's agree.")


def _freshness(state: StreamState) -> Finding:
    name = state.stream.replace("_", " ").capitalize()
    if not state.on:
        return _maybe(state.stream, f"{name}: switched off.", "")
    if state.error:
        return _bad(state.stream, f"{name}: {state.error}", "")
    if state.last_success_at is None:
        return _maybe(state.stream, f"{name}: not read yet.", "It is read once `chartbridge serve` runs.")
    age = datetime.now(UTC) - state.last_success_at
    words = f"{name}: last read {_ago(age)}, set to every {state.interval_s} s."
    if age > timedelta(seconds=3 * state.interval_s + 30):
        return _bad(state.stream, words, "Is `chartbridge serve` running?")
    return _good(state.stream, words)


def _queue(each: Connection) -> Iterator[Finding]:
    from chartbridge.store.accounts import attention_count
    from chartbridge.store.queue import counts

    told = counts(each.practice_id)
    waits = told.get(Delivery.QUEUED, 0) + told.get(Delivery.SENDING, 0) + told.get(Delivery.UNCERTAIN, 0)
    yield _good("queue", f"{waits} {_writebacks(waits)} waiting, {told.get(Delivery.TAKEN, 0)} in the PMS.")
    held = told.get(Delivery.HELD, 0)
    stuck = attention_count(each.practice_id) - held
    if stuck:
        need = "needs" if stuck == 1 else "need"
        yield _bad(
            "queue", f"{stuck} {_writebacks(stuck)} {need} attention.", "The Writebacks page says why."
        )
    if held:
        wait = "waits" if held == 1 else "wait"
        yield Finding(
            ability="queue",
            ok=None,
            sentence=f"{held} {_writebacks(held)} {wait} for a person.",
            fix="The Writebacks page says for what.",
        )


def _writebacks(count: int) -> str:
    return "writeback" if count == 1 else "writebacks"


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s ago"
    return f"{seconds} seconds ago"


def _good(ability: str, sentence: str) -> Finding:
    return Finding(ability=ability, ok=True, sentence=sentence)


def _bad(ability: str, sentence: str, fix: str) -> Finding:
    return Finding(ability=ability, ok=False, sentence=sentence, fix=fix)


def _maybe(ability: str, sentence: str, fix: str) -> Finding:
    return Finding(ability=ability, ok=None, sentence=sentence, fix=fix)
