"""Backing up while the hub works, putting back, and what is refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("CHARTBRIDGE_")}
    env |= {"CHARTBRIDGE_DATA": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-m", "chartbridge.cli", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )


def made(folder: Path) -> Path:
    done = run(folder, "create-practice", "Maple Street", "--email", "owner@example.com")
    assert done.returncode == 0, done.stderr
    return folder / "chartbridge.sqlite3"


def names(store: Path) -> list[str]:
    with sqlite3.connect(store) as link:
        return [name for (name,) in link.execute("SELECT name FROM store_practice ORDER BY id")]


def test_a_backup_is_put_back_and_what_was_there_is_kept(tmp_path: Path) -> None:
    store, file = made(tmp_path / "hub"), tmp_path / "kept.backup"
    with sqlite3.connect(store, isolation_level=None) as busy:  # a hub that writes meanwhile
        busy.execute("PRAGMA journal_mode = WAL")
        busy.execute("BEGIN IMMEDIATE")
        busy.execute("UPDATE store_practice SET name = 'Not committed'")
        done = run(tmp_path / "hub", "backup", str(file))
        busy.execute("ROLLBACK")
    assert done.returncode == 0, done.stderr
    assert "secret.key" in done.stdout
    assert file.stat().st_mode & 0o077 == 0
    assert names(file) == ["Maple Street"]
    again = run(tmp_path / "hub", "backup", str(file))
    assert again.returncode == 2
    assert "never replaces" in again.stderr

    with sqlite3.connect(store) as later:
        later.execute("UPDATE store_practice SET name = 'Later'")
    back = run(tmp_path / "hub", "restore", str(file))
    assert back.returncode == 0, back.stderr
    assert names(store) == ["Maple Street"]
    (aside,) = (tmp_path / "hub").glob("chartbridge.sqlite3.before-*")
    assert names(aside) == ["Later"]
    with sqlite3.connect(store) as link:
        assert link.execute("SELECT copied_from FROM store_storeplace").fetchone() == ("backup",)


def test_what_is_no_backup_or_too_new_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    store, file = made(tmp_path / "hub"), tmp_path / "kept.backup"
    (tmp_path / "text").write_text("no backup " * 1000)
    for wrong in (tmp_path / "text", tmp_path / "nothing"):
        done = run(tmp_path / "hub", "restore", str(wrong))
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
    assert run(tmp_path / "hub", "backup", str(file)).returncode == 0
    with sqlite3.connect(file) as newer:
        newer.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_tomorrow', '2030-01-01')"
        )
    done = run(tmp_path / "hub", "restore", str(file))
    assert done.returncode == 2
    assert "newer" in done.stderr
    assert names(store) == ["Maple Street"]
    assert not list((tmp_path / "hub").glob("*before*")) + list((tmp_path / "hub").glob("*incoming*"))
