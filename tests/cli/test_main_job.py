"""The main job, end to end: a box on the settings page, an activity by REST, a row in the practice's own tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chartbridge import bootstrap
from chartbridge.demo.day import paper
from chartbridge.demo.practice import Ready
from chartbridge.domain.activities import NOTE_KINDS, ActivityKind
from chartbridge.sandbox.open_dental import Sandbox
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.store.models import StreamState, User, Writeback
from tests.cli.places import set_up_on

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(500)]
SETTINGS = "/settings/writeback/"


def await_(happened: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + 200  # a lost answer takes a minute to settle
    while time.monotonic() < until:
        if found := happened():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(patients=20, zone="America/New_York") as practice:
        yield practice


@pytest.fixture
def ready(sandbox: Sandbox) -> Iterator[Ready]:
    made = set_up_on(sandbox)
    hub = bootstrap.make_hub()
    hub.start()
    read = StreamState.objects.filter(stream="patients", first_read_done_at__isnull=False)
    await_(read.exists, "the first read of the patients")
    yield made
    assert hub.stop(120)


@pytest.fixture
def owner(ready: Ready) -> Client:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(User.objects.get(email=ready.email))
    return client


@pytest.fixture
def patient(sandbox: Sandbox) -> str:
    return str(sandbox.db.value("SELECT MIN(PatNum) FROM patient WHERE PatStatus=0"))


def hand_in(ready: Ready, patient: str, kind: str, body: str) -> dict[str, Any]:
    answer = Client().post(
        "/api/v1/activities",
        {"kind": kind, "patient_key": patient, "body": body},
        content_type="application/json",
        headers={"Authorization": f"Bearer {ready.token}", "Idempotency-Key": body},
    )
    assert answer.status_code == 201
    made: dict[str, Any] = json.loads(answer.content)
    return made


def written(sandbox: Sandbox, body: str) -> list[Row]:
    return sandbox.db.rows("SELECT * FROM commlog WHERE Note LIKE ?", f"%{body}%")


def test_a_box_and_a_note_type_change_what_the_next_text_does_in_the_pms(
    ready: Ready, sandbox: Sandbox, owner: Client, patient: str
) -> None:
    types = {r["ItemName"]: str(r["DefNum"]) for r in sandbox.db.rows("SELECT * FROM definition")}
    box = f"{SETTINGS}note/outgoing_text/"

    hand_in(ready, patient, "outgoing_text", "the first text")
    (first,) = await_(lambda: written(sandbox, "the first text"), "the first text")
    assert (str(first["CommType"]), str(first["PatNum"])) == (types["Text message"], patient)

    owner.post(box, {"allow": "on", "note_type": types["Misc"]})
    hand_in(ready, patient, "outgoing_text", "the second text")
    (second,) = await_(lambda: written(sandbox, "the second text"), "the second text")
    assert str(second["CommType"]) == types["Misc"]

    owner.post(box, {"allow": "", "note_type": types["Misc"]})
    assert hand_in(ready, patient, "outgoing_text", "the third text")["state"] == "skipped"
    hand_in(ready, patient, "patient_note", "a note behind it")
    await_(lambda: written(sandbox, "a note behind it"), "the note behind it")
    assert written(sandbox, "the third text") == []

    owner.post(box, {"allow": "on", "note_type": types["Misc"]})
    owner.post(f"{SETTINGS}back-fill/outgoing_text/")
    await_(lambda: written(sandbox, "the third text"), "the back-fill")


def test_every_kind_reaches_the_chart_and_is_read_back(
    ready: Ready, sandbox: Sandbox, owner: Client, patient: str
) -> None:
    for kind in NOTE_KINDS:
        hand_in(ready, patient, kind, f"about {kind}.")
    for kind in (ActivityKind.INSURANCE_VERIFICATION, ActivityKind.ACCOUNT_STATEMENT):
        file = SimpleUploadedFile("made.pdf", paper(kind), content_type="application/pdf")
        answer = owner.post(f"/patients/{patient}/write/", {"kind": kind, "file": file})
        assert answer.status_code == 200
    open_ones = Writeback.objects.exclude(delivery="taken", seen="seen")
    await_(lambda: not open_ones.exists(), "reading everything back")
    assert all(len(written(sandbox, f"about {kind}.")) == 1 for kind in NOTE_KINDS)
    names = [r["Description"] for r in sandbox.db.rows("SELECT * FROM document WHERE PatNum=?", patient)]
    assert sum("CB-" in name for name in names) == 2
