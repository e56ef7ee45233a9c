"""A disk that does not take what it is given ends the process, by itself and before anything is acknowledged."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from django.db import IntegrityError, connection

from chartbridge.store.accounts import add_audit_entry
from chartbridge.store.database import take_in_log
from chartbridge.store.disk_error import EXIT_CODE, _Watched, says_not_kept
from chartbridge.store.models import Practice
from chartbridge.sync.faults import place_of

WRITER = """
import resource, signal, sys
from chartbridge import bootstrap
bootstrap.prepare()
from django.db import OperationalError, connection
from chartbridge.store import disk_error
from chartbridge.store.database import writing
if sys.argv[1] == "serves":
    disk_error.end_the_process()
with writing():
    connection.cursor().execute("CREATE TABLE kept (text)")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with writing():
        connection.cursor().execute("INSERT INTO kept VALUES (%s)", ["Smith, called at noon. " * 100_000])
    print("acknowledged", flush=True)
except OperationalError:
    print("refused", flush=True)
"""
"""To a process a limit of its files' size is a write that fails: no full disk (EFBIG), and no need of root."""


ANOTHER = """
import threading, time
small = threading.Event()

def keep_something_small():
    connection.cursor()
    small.wait()
    connection.cursor().execute("INSERT INTO kept VALUES ('small')")
    print("acknowledged", flush=True)

def say_slowly(*_, **__):
    small.set()
    time.sleep(1)

another = threading.Thread(target=keep_something_small)
with writing():
    connection.cursor().execute("CREATE TABLE kept (text)")
another.start()
disk_error.log.critical = say_slowly
"""


def write(folder: Path, how: str, program: str = WRITER) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CHARTBRIDGE_DATA": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    env.pop("CHARTBRIDGE_DATABASE_URL", None)
    command = [sys.executable, "-c", program, how]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_a_hub_ends_with_a_line_that_says_why_and_acknowledges_nothing(tmp_path: Path) -> None:
    done = write(tmp_path, "serves")
    assert done.returncode == EXIT_CODE
    assert not done.stdout, "nobody was answered"
    (said,) = done.stderr.splitlines()
    assert "The disk of the data folder did not keep what it was given" in said
    assert "exit code 74" in said
    assert "code=SQLITE_IOERR_WRITE" in said
    assert "Smith" not in said


def test_no_other_thread_acknowledges_anything_while_the_hub_says_why_it_ends(tmp_path: Path) -> None:
    made = """with writing():
    connection.cursor().execute("CREATE TABLE kept (text)")
"""
    assert made in WRITER
    done = write(tmp_path, "serves", WRITER.replace(made, ANOTHER))
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_CODE, "", "")


def test_a_command_is_told_the_error_and_goes_on_to_say_so(tmp_path: Path) -> None:
    done = write(tmp_path, "asks")
    assert (done.returncode, done.stdout) == (0, "refused\n")


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_IOERR_WRITE"])
def test_what_the_disk_did_not_take_or_keep_ends_the_process(name: str) -> None:
    assert says_not_kept(an_error(getattr(sqlite3, name)))


@pytest.mark.parametrize(
    "name",
    [
        "SQLITE_FULL",
        "SQLITE_BUSY",
        "SQLITE_CORRUPT",
        "SQLITE_READONLY",
        "SQLITE_CANTOPEN",
        "SQLITE_IOERR",
        "SQLITE_IOERR_READ",
        "SQLITE_IOERR_SHORT_READ",
        "SQLITE_IOERR_BLOCKED",
        "SQLITE_IOERR_LOCK",
        "SQLITE_IOERR_RDLOCK",
        "SQLITE_IOERR_UNLOCK",
        "SQLITE_IOERR_SHMSIZE",
        "SQLITE_IOERR_SHMOPEN",
        "SQLITE_IOERR_NOMEM",
        "SQLITE_IOERR_FSTAT",
        "SQLITE_IOERR_DELETE_NOENT",
    ],
)
def test_what_is_full_busy_or_momentary_does_not(name: str) -> None:
    assert not says_not_kept(an_error(getattr(sqlite3, name)))


def test_what_is_no_error_of_sqlite_does_not() -> None:
    assert not says_not_kept(OSError(5, "Input/output error"))
    assert not says_not_kept(sqlite3.OperationalError("disk I/O error"))
    assert not says_not_kept(None)


@pytest.mark.django_db(transaction=True)
def test_an_error_that_ends_nothing_is_told_by_the_place_where_it_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "wrap_database_errors", _Watched(connection))
    with pytest.raises(IntegrityError) as failed:
        add_audit_entry(practice_id=None, who=cast(str, None), what="", detail={})
    assert place_of(failed.value).startswith("store/accounts.py:")


@pytest.mark.django_db(transaction=True)
def test_what_an_earlier_process_left_in_the_log_is_in_the_database_before_anything_is_acknowledged() -> None:
    Practice.objects.create(name="Maple Street", time_zone="UTC")
    take_in_log()
    assert Practice.objects.count() == 1
    if connection.vendor == "sqlite":
        assert Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size == 0


def an_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error
