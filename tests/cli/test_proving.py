"""`chartbridge ledger` and `chartbridge reconcile`, with a real sandbox practice at the other end."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from chartbridge import cli, proving
from chartbridge.demo.practice import Ready
from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.clock import SystemClock
from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.store import ledger
from chartbridge.store.database import writing
from chartbridge.store.ledger_export import harmless
from chartbridge.store.live_connectors import live
from chartbridge.store.models import (
    Activity,
    LedgerCheck,
    MirrorPatient,
    Practice,
    Writeback,
    WritebackEvent,
)
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.cli.places import set_up_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(patients=20, zone="America/New_York") as practice:
        yield practice


@pytest.fixture
def ready(sandbox: Sandbox) -> Ready:
    made = set_up_on(sandbox)
    now = datetime.now(UTC)
    people = [
        str(row["PatNum"]) for row in sandbox.db.rows("SELECT PatNum FROM patient WHERE PatStatus=0 LIMIT 3")
    ]
    for person in people:
        MirrorPatient.objects.update_or_create(
            connection_id=made.connection_id, key=person,
            defaults={"last_name": "L", "first_name": "F", "status": "active", "content_hash": b"1" * 8},
        )  # fmt: skip
        with writing():
            activity = Activity.objects.create(
                practice_id=made.practice_id, kind=ActivityKind.PATIENT_NOTE, patient_key=person, source="=test",
                body="Prefers mornings.", occurred_at=now - timedelta(seconds=5), accepted_at=now,
            )  # fmt: skip
            enqueue_activity(activity, "=cmd|' /C calc'!A0")
    deliverer = Deliverer(live(), SystemClock())
    for _ in range(20):
        if not deliverer.deliver(made.connection_id).again:
            break
    assert Writeback.objects.filter(delivery="taken", seen="seen").count() == 3
    return made


def test_a_whole_ledger_is_said_to_be_whole_and_a_changed_one_is_not(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proving.verify([ready.practice_id]) == 0
    assert "Nothing was changed" in capsys.readouterr().out
    kept = ledger.last_hash(ready.practice_id)
    assert proving.verify([ready.practice_id], kept_hash=kept) == 0
    second = WritebackEvent.objects.order_by("id")[1]
    WritebackEvent.objects.filter(pk=second.pk).update(who="somebody else")
    assert proving.verify([ready.practice_id]) == 1
    assert f"Entry {second.pk} was changed" in capsys.readouterr().out


def test_what_is_cut_off_after_a_good_look_shows_in_the_next_one(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proving.verify([ready.practice_id]) == 0
    assert LedgerCheck.objects.get().who == "command line"
    last = Writeback.objects.latest("pk")
    WritebackEvent.objects.filter(writeback=last).delete()
    last.delete()
    for _ in range(2):  # a look that found it broken is not what the next one compares with
        assert proving.verify([ready.practice_id]) == 1
        assert "the ledger ends at entry" in capsys.readouterr().out


def test_a_hash_that_was_mistyped_is_told_and_says_nothing_of_the_ledger(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proving.verify([ready.practice_id], kept_hash="1" * 64) == 1
    assert "the ledger ends at entry" in capsys.readouterr().out
    assert not LedgerCheck.objects.exists()
    WritebackEvent.objects.filter(pk=WritebackEvent.objects.order_by("id")[1].pk).update(who="somebody else")
    assert proving.verify([ready.practice_id], kept_hash="1" * 64) == 1
    assert not LedgerCheck.objects.get().whole


def test_whoever_reads_only_the_beginning_of_an_export_gets_no_fault_of_ours() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "from chartbridge.bootstrap import prepare; prepare()\n"
        "from chartbridge import cli, proving\n"
        "cli._ready_here, cli._practice = lambda: None, lambda asked: 1\n"
        "proving.export = lambda *given, **more: print('x' * 100_000, flush=True)\n"
        "cli.main(['ledger', 'export'])\n"
    )
    command = [sys.executable, "-c", code]
    try:
        ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=240)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_a_hash_that_was_kept_is_asked_whose_it_is_where_there_are_several(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_ready_here", lambda: None)
    Practice.objects.create(name="Other")
    words = ["ledger", "verify", "--last-hash", ledger.last_hash(ready.practice_id)]
    for more, code in (([], 2), (["--practice", str(ready.practice_id)], 0)):
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, *more])
        assert ended.value.code == code
    assert "--practice" in capsys.readouterr().err


def test_an_export_holds_every_entry_and_no_formula(
    ready: Ready, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    total = WritebackEvent.objects.count()
    proving.export(ready.practice_id, form="csv", since=None, until=None, out=None)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == total
    assert rows[0]["who"] == "'=cmd|' /C calc'!A0"
    assert "mornings" not in json.dumps(rows)
    out = tmp_path / "ledger.jsonl"
    proving.export(ready.practice_id, form="json", since=None, until=None, out=out)
    read = [json.loads(line) for line in out.read_text().splitlines()]
    assert [entry["hash"] for entry in read] == [row["hash"] for row in rows]
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    proving.export(ready.practice_id, form="json", since=tomorrow, until=None, out=out)
    assert out.read_text() == ""


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1"])
def test_no_cell_is_a_formula(value: str) -> None:
    assert str(harmless(value)).startswith("'")
    assert harmless(4711) == 4711
    assert harmless("text") == "text"


def test_a_day_is_looked_for_in_the_practices_own_tables(
    ready: Ready, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    came_in = Activity.objects.latest("pk").accepted_at  # whatever the time is, no midnight lies between
    monkeypatch.setattr(proving, "datetime", SimpleNamespace(now=came_in.astimezone))
    assert proving.reconcile_day([ready.practice_id], None) == 0
    assert "3 of 3 in the chart as written" in capsys.readouterr().out
    gone, copied, edited = Writeback.objects.order_by("pk")
    sandbox.db.run("DELETE FROM commlog WHERE Note LIKE ?", f"%{gone.marker}%")
    [row] = sandbox.db.rows("SELECT * FROM commlog WHERE Note LIKE ?", f"%{copied.marker}%")
    sandbox.db.insert("commlog", **{n: row[n] for n in ("PatNum", "CommDateTime", "CommType", "Note")})
    sandbox.db.run("UPDATE commlog SET Note='By the desk. ' || Note WHERE Note LIKE ?", f"%{edited.marker}%")
    assert proving.reconcile_day([ready.practice_id], None) == 1
    told = capsys.readouterr().out
    assert f"Writeback {gone.pk} is missing in the PMS" in told
    assert f"Writeback {copied.pk} is there more than once" in told
    assert f"Writeback {edited.pk} is changed since (its text): commlog" in told
    assert "mornings" not in told
    sandbox.db.run("UPDATE commlog SET CommType=304, Mode_=1 WHERE Note LIKE ?", f"%{edited.marker}%")
    assert proving.reconcile_day([ready.practice_id], None) == 1
    told = capsys.readouterr().out
    assert f"Writeback {edited.pk} is changed since (its text, its type, its mode): commlog" in told


def test_a_pms_that_is_away_is_said(
    ready: Ready, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.knobs.go_offline()
    assert proving.reconcile_day([ready.practice_id], None) == 1
    assert "can't be reached" in capsys.readouterr().out
