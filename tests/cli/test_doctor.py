"""What the doctor says of a connection, with a real sandbox practice at the other end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartbridge.demo.practice import Ready
from chartbridge.doctor import examine
from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.store import room
from chartbridge.store.models import Connection, Delivery, Seen, StreamState, Writeback

pytestmark = pytest.mark.django_db(transaction=True)


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = examine(as_json=True)
    return code, [f for s in json.loads(capsys.readouterr().out)["sections"] for f in s["findings"]]


def wrong(found: list[dict[str, Any]]) -> str:
    return "\n".join(f["sentence"] for f in found if f["ok"] is False)


def test_a_connection_that_works_and_was_just_read_is_right(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    StreamState.objects.update(last_success_at=datetime.now(UTC))
    code, found = findings(capsys)
    assert wrong(found) == ""
    assert code == 0
    assert any("clock and the PMS's agree" in f["sentence"] for f in found)


def test_a_stream_that_nobody_reads_any_more_is_wrong(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    StreamState.objects.update(last_success_at=datetime.now(UTC) - timedelta(hours=3))
    code, found = findings(capsys)
    assert code == 1
    assert "last read 3 hours ago" in wrong(found)


def test_a_pms_that_does_not_answer_is_said_in_words(
    ready: Ready, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.knobs.go_offline()
    code, found = findings(capsys)
    assert code == 1
    assert wrong(found)
    assert "Error" not in wrong(found)


def test_a_wrong_key_of_the_practice_is_said_in_words(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    from chartbridge.store.secrets import seal

    Connection.objects.update(
        secrets=seal({"developer_key": "SandboxDeveloperKey", "customer_key": "not-this"}),
        settings_version=99,
    )
    code, found = findings(capsys)
    assert code == 1
    assert "not-this" not in json.dumps(found)


def test_secrets_of_another_installation_are_said_in_words(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    Connection.objects.update(secrets=b"sealed elsewhere", settings_version=99)
    code, found = findings(capsys)
    assert code == 1
    assert "can't be opened with this installation's key" in wrong(found)


def test_a_full_disk_is_said_in_words(
    ready: Ready, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", lambda: 3 * 1024 * 1024)
    code, found = findings(capsys)
    assert code == 1
    assert "is full (3 MB are free): nothing new can be taken in" in wrong(found)


def test_a_held_connection_shows_its_hold(ready: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    Connection.objects.update(hold="Open Dental looks like a restored backup.", hold_code="brake")
    code, found = findings(capsys)
    assert code == 1
    assert "restored backup" in wrong(found)


def test_what_needs_a_person_is_counted_as_on_the_pages(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    StreamState.objects.update(last_success_at=datetime.now(UTC))
    connection = Connection.objects.get()
    rows = [
        (Delivery.HELD, Seen.OWED),
        (Delivery.HELD, Seen.OWED),
        (Delivery.TAKEN, Seen.MISSING),
        (Delivery.TAKEN, Seen.SEEN),
    ]
    for n, (delivery, seen) in enumerate(rows):
        Writeback.objects.create(
            practice_id=connection.practice_id,
            connection=connection,
            kind="patient_note",
            command="add_note",
            delivery=delivery,
            seen=seen,
            marker=f"CB-0000000{n}",
            created_at=datetime.now(UTC),
            due_at=datetime.now(UTC),
        )
    code, found = findings(capsys)
    assert code == 1
    assert wrong(found) == "1 writeback needs attention."
    assert "2 writebacks wait for a person." in [f["sentence"] for f in found if f["ok"] is None]
