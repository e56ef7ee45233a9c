"""A bad day, played whole: a wrong note type for 200 texts is found, shown, undone, and each record is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from chartbridge.demo.practice import Ready
from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.clock import SystemClock
from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.store import ledger, settings
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import live
from chartbridge.store.models import Activity, MirrorPatient, Undoing, User, Writeback
from chartbridge.store.settings import NoteChoice
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_many
from chartbridge.writeback.undoing import Undoer
from tests.cli.places import set_up_on

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS, RIGHT = 200, 5


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(patients=20, zone="America/New_York") as practice:
        yield practice


@pytest.fixture
def ready(sandbox: Sandbox) -> Ready:
    return set_up_on(sandbox)


def write_texts(ready: Ready, people: list[str], count: int) -> None:
    now = datetime.now(UTC)
    with writing():
        activities = [
            Activity.objects.create(
                practice_id=ready.practice_id, kind=ActivityKind.OUTGOING_TEXT,
                patient_key=people[number % len(people)], source="api:texts", phone="+12025550123",
                body=f"See you at {number}.", occurred_at=now - timedelta(seconds=5), accepted_at=now,
            )
            for number in range(count)
        ]  # fmt: skip
        enqueue_many(activities, "api:texts")


def deliver(ready: Ready) -> None:
    deliverer = Deliverer(live(), SystemClock())
    while deliverer.deliver(ready.connection_id).again:
        pass


def notes(sandbox: Sandbox) -> dict[int, str]:
    return {int(row["CommlogNum"]): str(row["Note"]) for row in sandbox.db.rows("SELECT * FROM commlog")}


def test_a_wrong_note_type_for_200_texts_is_undone_and_each_is_named_in_the_chart(
    sandbox: Sandbox, ready: Ready
) -> None:
    people = [
        str(row["PatNum"]) for row in sandbox.db.rows("SELECT PatNum FROM patient WHERE PatStatus=0 LIMIT 7")
    ]
    for person in people:
        MirrorPatient.objects.update_or_create(
            connection_id=ready.connection_id, key=person,
            defaults={"last_name": "L", "first_name": "F", "status": "active", "content_hash": b"1" * 8},
        )  # fmt: skip
    kind = ActivityKind.OUTGOING_TEXT
    right = settings.note_choices(ready.connection_id)[kind].note_type_key
    wrong = next(
        each.key
        for each in settings.options(ready.connection_id, settings.LookupKind.NOTE_TYPES)
        if each.usable and each.key != right
    )
    write_texts(ready, people, RIGHT)
    deliver(ready)
    settings.save_note_choice(ready.connection_id, NoteChoice(kind=kind, allow=True, note_type_key=wrong))
    write_texts(ready, people, TEXTS)
    deliver(ready)
    before = notes(sandbox)
    bad = dict(Writeback.objects.filter(sent_type=wrong).values_list("record", "patient_key"))
    assert len(bad) == TEXTS

    settings.save_note_choice(ready.connection_id, NoteChoice(kind=kind, allow=True, note_type_key=right))
    manager = Client()
    manager.force_login(
        User.objects.get(email=ready.email), backend="django.contrib.auth.backends.ModelBackend"
    )
    day = datetime.now(UTC).date()
    asked = {
        "from": f"{day - timedelta(days=2)}T00:00", "to": f"{day + timedelta(days=2)}T00:00", "type": wrong,
    }  # fmt: skip
    html = manager.post("/writebacks/undo/dry-run/", asked).content.decode()
    assert f"{TEXTS} would be undone" in html
    assert notes(sandbox) == before, "a dry run changes nothing"
    up_to = re.search(r'"up_to": "(\d+)"', html)
    assert up_to
    manager.post("/writebacks/undo/do/", asked | {"up_to": up_to[1]})
    undoer = Undoer(SystemClock())
    while undoer():
        pass
    html = manager.get("/writebacks/undo/state/").content.decode()
    assert f"{TEXTS} corrections are on their way" in html
    deliver(ready)
    html = manager.get("/writebacks/undo/state/").content.decode()
    assert f"{TEXTS} are undone" in html
    assert Undoing.objects.get().stage == "done"

    after = notes(sandbox)
    made = {number: text for number, text in after.items() if number not in before}
    assert {number: after[number] for number in before} == before, "the first ones stay as they are"
    named = {re.search(r"\((commlog \d+)\)", text)[1]: number for number, text in made.items()}  # type: ignore[index]
    assert named.keys() == bad.keys()
    for record, number in named.items():
        row = sandbox.db.rows(f"SELECT PatNum, CommType FROM commlog WHERE CommlogNum={number}")[0]
        assert (str(row["PatNum"]), str(row["CommType"])) == (bad[record], right)
    assert ledger.verify(ready.practice_id).whole
