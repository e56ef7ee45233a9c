"""Who delivers for a connection: a lease is freed early only where its process is known to be gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings

from chartbridge.store import leases, place
from chartbridge.store.models import Connection, Practice, WriteLease

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


@pytest.fixture
def link() -> Connection:
    return Connection.objects.create(practice=Practice.objects.create(name="Maple"), connector="scripted")


def ended() -> int:
    """The number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def held_by(link: Connection, holder: str) -> None:
    WriteLease.objects.update_or_create(
        connection=link, defaults={"holder": holder, "until": NOON.replace(year=2100)}
    )


def test_what_a_process_of_this_folder_left_is_free_at_once(link: Connection) -> None:
    for pid in (os.getpid(), ended()):
        held_by(link, f"{place.here()}:{pid}:1")
        leases.free_dead()
        assert leases.take(link.pk, leases.new_holder(), NOON)


def test_what_a_living_process_of_this_folder_holds_stays(link: Connection) -> None:
    held_by(link, f"{place.here()}:{os.getppid()}:1")
    leases.free_dead()
    assert WriteLease.objects.exists()


def test_what_another_machine_of_the_same_name_holds_stays_where_the_store_is_shared(
    link: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = place._read
    monkeypatch.setattr(place, "_read", lambda path: "another start" if path == place._BOOT else read(path))
    theirs = place.here()
    monkeypatch.setattr(place, "_read", read)
    assert theirs != place.here(), "a clone has started by itself"
    held_by(link, f"{theirs}:{ended()}:1")
    monkeypatch.setattr(leases, "connection", SimpleNamespace(vendor="postgresql"))
    leases.free_dead()
    assert WriteLease.objects.exists()
    monkeypatch.setattr(leases, "connection", SimpleNamespace(vendor="sqlite"))
    leases.free_dead()
    assert not WriteLease.objects.exists(), "nobody else has a store that lies in this folder"


def test_which_connections_another_one_delivers_for_and_until_when(
    link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "connection", SimpleNamespace(vendor="postgresql"))
    ids, soon = [link.pk], NOON + timedelta(seconds=30)
    held_by(link, "another:1:1")
    assert leases.others_hold(ids, "ours:1:1", NOON) == {}, "absurdly far ahead: a clock that was set back"
    WriteLease.objects.update(until=soon)
    assert leases.others_hold(ids, "ours:1:1", NOON) == {link.pk: soon}
    assert leases.others_hold([link.pk + 1], "ours:1:1", NOON) == {}
    assert leases.others_hold(ids, "another:1:1", NOON) == {}, "its own"
    assert leases.others_hold(ids, "ours:1:1", soon) == {}, "run out"


def test_a_copied_folder_is_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place.here()
    assert place.here() == here
    shutil.copytree(tmp_path, tmp_path / "copy")
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path / "copy")
    assert place.here() != here
