"""What a person types, in processes of their own, as a person would."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chartbridge.serve import CannotServe, only_one
from tests.servers.process import free_port, stop, tied_to_this_process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def chartbridge(*words: str, folder: Path, say: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chartbridge.cli", *words, "--data", str(folder)],
        input=say,
        capture_output=True,
        text=True,
        timeout=240,
        env=clean_environment(),
    )


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("CHARTBRIDGE_", "DJANGO_"))}


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "serve.out").open("wb") as out:
        process = subprocess.Popen(
            tied_to_this_process(
                [sys.executable, "-m", "chartbridge.cli", "serve", "--port", str(port), "--data", str(folder)]
            ),
            stdout=out,
            stderr=out,
            env=clean_environment(),
        )
    try:
        until = time.monotonic() + 200
        while True:
            try:
                status_of(f"http://127.0.0.1:{port}/accounts/login/")
                break
            except OSError:
                assert process.poll() is None, (folder.parent / "serve.out").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
        yield process
    finally:
        stop(process)


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_practice_its_people_and_a_program_are_made_from_the_command_line(folder: Path) -> None:
    made = chartbridge("create-practice", "Maple Street", "--email", "Owner@example.com", folder=folder)
    assert made.returncode == 0, made.stderr
    assert "owner@example.com" in made.stdout
    assert "Password:" in made.stdout
    person = chartbridge("create-user", "desk@example.com", "--role", "front_desk", folder=folder)
    assert "One-time password:" in person.stdout
    token = chartbridge("token", "phone system", folder=folder)
    assert token.stdout.splitlines()[-1].startswith("cb_")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["create-practice", "Two", "--email", "owner@example.com"], "already has an account"),
        (
            ["create-practice", "Mars", "--email", "m@example.com", "--time-zone", "Mars/Olympus"],
            "no time zone",
        ),
        (["create-practice", "Weak", "--email", "w@example.com", "--password-stdin"], "too short"),
        (["token", "x", "--practice", "99"], "--practice"),
        (["create-user", "owner@example.com"], "already works for practice"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], sentence: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "mistakes"
    if not folder.exists():
        chartbridge("create-practice", "One", "--email", "owner@example.com", folder=folder)
    answer = chartbridge(*words, folder=folder, say="123\n")
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_data_folder_that_cannot_be_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = chartbridge("serve", folder=tmp_path / "file" / "data")
    assert done.returncode == 2
    assert "Use another data folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["ledger", "verify"], ["ledger", "export"], ["reconcile"], ["backup", "copy"],
        ["token", "phone system"], ["create-user", "desk@example.com"],
    ],
)  # fmt: skip
def test_where_there_is_no_hub_none_is_made_and_nothing_is_said_to_be_right(
    folder: Path, words: list[str]
) -> None:
    answer = chartbridge(*words, folder=folder)
    assert answer.returncode == 1
    assert answer.stderr == f"There is no Chartbridge in {folder}; name its folder with --data.\n"
    assert not answer.stdout
    assert not folder.exists()


def test_a_hub_without_a_practice_is_not_right(folder: Path) -> None:
    chartbridge("migrate", folder=folder)
    for words in (["ledger", "verify"], ["reconcile"]):
        answer = chartbridge(*words, folder=folder)
        assert answer.returncode == 1
        assert "There is no practice yet" in answer.stderr
    told = chartbridge("doctor", folder=folder)
    assert told.returncode == 1
    assert "✗ There is no practice yet." in told.stdout


def test_the_doctor_of_an_empty_machine_says_what_to_do(folder: Path) -> None:
    answer = chartbridge("doctor", folder=folder)
    assert answer.returncode == 1
    assert f"There is no Chartbridge in {folder}." in answer.stdout
    assert "start `chartbridge serve` once" in answer.stdout
    assert not folder.exists(), "the doctor changes nothing"


def test_the_doctor_finds_open_rights_a_missing_key_and_a_damaged_file(folder: Path) -> None:
    chartbridge("create-practice", "Maple Street", "--email", "owner@example.com", folder=folder)
    assert chartbridge("doctor", folder=folder).returncode == 0
    folder.chmod(0o755)
    (folder / "secret.key").chmod(0o644)
    told = chartbridge("doctor", "--json", folder=folder)
    assert told.returncode == 1
    fixes = [f["fix"] for s in json.loads(told.stdout)["sections"] for f in s["findings"] if f["ok"] is False]
    assert any("chmod 700" in fix for fix in fixes)
    assert any("chmod 600" in fix for fix in fixes)
    database = folder / "chartbridge.sqlite3"
    database.write_bytes(database.read_bytes()[:8192] + b"\x00" * 4096 + database.read_bytes()[12288:])
    assert "damaged" in chartbridge("doctor", folder=folder).stdout


def test_the_doctor_notices_tables_of_another_version(folder: Path) -> None:
    import sqlite3

    chartbridge("migrate", folder=folder)
    with sqlite3.connect(folder / "chartbridge.sqlite3") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_x', '2030-01-01')"
        )
    assert "newer version" in chartbridge("doctor", folder=folder).stdout


@pytest.mark.slow
def test_serve_answers_keeps_its_folder_to_itself_and_ends_cleanly(folder: Path) -> None:
    port = free_port()
    with serving(folder, port) as process:
        assert status_of(f"http://127.0.0.1:{port}/accounts/login/") == 200
        assert status_of(f"http://127.0.0.1:{port}/static/web/chartbridge.css") == 200
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("secret.key", "chartbridge.sqlite3", "welcome.token"):
            assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0, name
        told = (folder.parent / "serve.out").read_text()
        assert (folder / "welcome.token").read_text() in told

        began = time.monotonic()
        second = chartbridge("serve", "--port", str(free_port()), folder=folder)
        to_be_refused = time.monotonic() - began
        assert second.returncode == 2
        assert "already running" in second.stderr
        assert str(process.pid) in second.stderr

        other = chartbridge("serve", "--port", str(port), folder=folder.parent / "other")
        assert other.returncode == 2
        assert "can't be used" in other.stderr

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(200) == 0
        # It takes less than the other took to load and be refused; six seconds are the most at which it cuts off.
        assert time.monotonic() - began < max(6, 4 * to_be_refused)
    told = (folder.parent / "serve.out").read_text()
    assert "stopped" in told
    assert "Traceback" not in told
    assert "Warning" not in told


@pytest.mark.slow
def test_serve_starts_again_after_a_kill(folder: Path) -> None:
    port = free_port()
    with serving(folder, port) as process:
        process.kill()
        process.wait()
    with serving(folder, port):
        assert status_of(f"http://127.0.0.1:{port}/accounts/login/") == 200


def test_a_data_folder_that_another_user_ran_on_is_said_in_a_sentence() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        lock = Path(folder, "serve.lock")
        lock.touch()
        lock.chmod(0)
        before = os.geteuid()
        if before == 0:  # who may do everything can't be refused
            os.seteuid(65534)
        try:
            with (
                pytest.raises(CannotServe, match=f"{lock} belongs to the user") as told,
                only_one(Path(folder)),
            ):
                pass
        finally:
            os.seteuid(before)
    assert "Start it as that user" in str(told.value)
