"""What somebody gave another type, mode or time in the PMS is found, on the practices themselves; nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from chartbridge.connectors.open_dental.connector import connect as open_dental
from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import SetClock
from chartbridge.pms import registry as registry_module
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind
from chartbridge.pms.connector import Connector
from chartbridge.pms.registry import Registry, install
from chartbridge.store import reconciliations
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    ActivityFile,
    Connection,
    DocumentSetting,
    FindingKind,
    LookupEntry,
    MirrorPatient,
    NoteSetting,
    Practice,
    Reconciliation,
    Seen,
    Writeback,
)
from chartbridge.testing.claims import MARKER
from chartbridge.testing.rig import Rig
from chartbridge.writeback import reconcile
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.connectors.odbc_rig import OdbcRig
from tests.connectors.open_dental.rig import OpenDentalRig

KINDS = (*NOTE_KINDS, *DOCUMENT_KINDS)
OPEN_DENTAL = ["sqlite_rig", "api_on_mariadb_rig", "myisam_rig"]
BY_ODBC = ["eaglesoft_rig", "dentrix_rig"]
HANDED_IN = b"%PDF-1.4\n%%EOF\n"


@dataclass
class Hub:
    """A hub on a practice: hands in, delivers, looks."""

    rig: Rig
    clock: SetClock
    link: Connection
    live: LiveConnectors

    def hand_in(self, kind: ActivityKind, **given: object) -> list[Writeback]:
        now = self.clock.now()
        told = {
            "body": "Prefers mornings.",
            "occurred_at": now,
            "accepted_at": now,
            "source": "test",
            **given,
        }
        if kind is ActivityKind.VERIFICATION_NOTE:
            told.setdefault("verified_on", now.date())
        activity = Activity.objects.create(
            practice=self.link.practice, kind=kind, patient_key=self.rig.patient_of_today(), **told
        )
        if kind.is_document:
            ActivityFile.objects.create(
                activity=activity,
                name="x.pdf",
                media_type="application/pdf",
                content=HANDED_IN,
                sha256=hashlib.sha256(HANDED_IN).hexdigest(),
            )
        with writing():
            return enqueue_activity(activity, "mary@example.com")

    def settle(self) -> None:
        deliverer = Deliverer(self.live, self.clock, at_step=lambda _name: None)
        for _ in range(300):
            deliverer.deliver(self.link.pk)
            if (
                not Writeback.objects.exclude(seen=Seen.SEEN)
                .filter(delivery__in=("queued", "taken"))
                .exists()
            ):
                return
            self.clock.advance(1)
        standing = Writeback.objects.values_list("kind", "delivery", "seen", "reason")
        raise AssertionError(f"it never comes to rest: {list(standing)}")

    def look(self) -> Reconciliation:
        day = self.clock.now().astimezone(ZoneInfo(self.link.practice.time_zone)).date()
        return reconcile.whole_day(self.link.practice_id, day, self.live, self.clock)

    def found(self) -> list[tuple[int, str, list[list[str]]]]:
        return [(f.writeback_id, f.kind, f.changes) for f in reconciliations.findings(self.look().pk)]

    def is_green(self) -> bool:
        run = self.look()
        assert reconciliations.findings(run.pk) == []
        return run.in_chart == run.looked == Writeback.objects.filter(delivery="taken").count() > 0


def open_hub(rig: Rig, connect: Callable[[], Connector]) -> Hub:
    manifest = connect().manifest
    install(Registry(manifests={manifest.id: manifest}, factories={manifest.id: lambda *_: connect()}))
    clock = SetClock(rig.clock.now())
    practice = Practice.objects.create(name="Maple Street Dental", time_zone="America/New_York")
    note, paper = (rig.command(kind, MARKER) for kind in (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT))
    assert isinstance(note, AddNote)
    assert isinstance(paper, AddDocument)
    link = Connection.objects.create(practice=practice, connector=manifest.id, provider_key=note.provider_key)
    for kind in (LookupKind.PROVIDERS, LookupKind.NOTE_TYPES, LookupKind.DOCUMENT_TYPES):
        for each in connect().lookups(kind):
            LookupEntry.objects.create(connection=link, kind=kind, key=each.key, name=each.name)
    for each in NOTE_KINDS:
        NoteSetting.objects.create(connection=link, kind=each, allow=True, note_type_key=note.note_type_key)
    for each in DOCUMENT_KINDS:
        DocumentSetting.objects.create(
            connection=link, kind=each, write=True, document_type_key=paper.document_type_key
        )
    MirrorPatient.objects.create(
        connection=link, key=rig.patient_of_today(), last_name="L", first_name="F", status="active",
        search="l f", content_hash=b"1" * 8,
    )  # fmt: skip
    return Hub(rig, clock, link, LiveConnectors(clock))


@pytest.fixture
def make_hub(transactional_db: None) -> Iterator[Callable[..., Hub]]:
    before = registry_module._installed
    hubs: list[Hub] = []

    def make(rig: Rig, connect: Callable[[], Connector] | None = None) -> Hub:
        hubs.append(open_hub(rig, connect or rig.connect))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.live.close()
    if before:
        install(before)


@pytest.fixture
def hub(request: pytest.FixtureRequest, make_hub: Callable[..., Hub]) -> Hub:
    return make_hub(request.getfixturevalue(request.param))


def refile(hub: Hub, record: str, **values: object) -> None:
    """As somebody does in Open Dental."""
    cast("OpenDentalRig", hub.rig)._change(record, **values)


def filed_at(row: Writeback) -> str:
    row.refresh_from_db()
    assert row.filed
    return str(row.filed["at"])


@pytest.mark.parametrize("hub", [*OPEN_DENTAL, *BY_ODBC], indirect=True)
def test_a_day_of_every_kind_is_green_whatever_the_settings_say_since(hub: Hub) -> None:
    for kind in KINDS:
        hub.hand_in(kind)
    hub.settle()
    assert hub.is_green()
    notes = Writeback.objects.filter(command=CommandKind.ADD_NOTE, delivery="taken")
    assert notes
    assert all(row.filed and row.filed["type_key"] and row.filed["at"] for row in notes)
    keys = [each.key for each in LookupEntry.objects.filter(kind=LookupKind.NOTE_TYPES)]
    NoteSetting.objects.update(note_type_key=next(key for key in keys if key != notes[0].sent_type))
    papers = LookupEntry.objects.filter(kind=LookupKind.DOCUMENT_TYPES).values_list("key", flat=True)
    DocumentSetting.objects.update(document_type_key=papers.last())
    assert hub.is_green()


CHANGES: list[tuple[ActivityKind, dict[str, object], list[str]]] = [
    (ActivityKind.OUTGOING_TEXT, {"CommType": 304}, ["type_key", "239", "304"]),
    (ActivityKind.OUTGOING_TEXT, {"Mode_": 1}, ["medium", "Text", "Email"]),
    (ActivityKind.OUTGOING_TEXT, {"SentOrReceived": 2}, ["direction", "Sent", "Received"]),
    (ActivityKind.OUTGOING_TEXT, {"CommDateTime": "2020-02-29 10:15:00"}, ["at", "", "2020-02-29T10:15:00"]),
    (ActivityKind.ACCOUNT_STATEMENT, {"DocCategory": 138}, ["type_key", "240", "138"]),
    (
        ActivityKind.ACCOUNT_STATEMENT,
        {"DateCreated": "2020-02-29 10:15:00"},
        ["at", "", "2020-02-29T10:15:00"],
    ),
]


@pytest.mark.parametrize("hub", OPEN_DENTAL, indirect=True)
@pytest.mark.parametrize(("kind", "values", "expected"), CHANGES)
def test_what_somebody_filed_otherwise_in_open_dental_is_changed_since(
    hub: Hub, kind: ActivityKind, values: dict[str, object], expected: list[str]
) -> None:
    [row], [_other] = hub.hand_in(kind), hub.hand_in(kind)
    hub.settle()
    row.refresh_from_db()
    refile(hub, row.record, **values)
    [(found, was_kind, [change])] = hub.found()
    assert (found, was_kind) == (row.pk, FindingKind.CHANGED)
    assert change[0] == expected[0]
    assert change[2] == expected[2]
    assert change[1] == (expected[1] or filed_at(row))


@pytest.mark.parametrize("hub", BY_ODBC, indirect=True)
def test_a_note_that_somebody_filed_otherwise_by_odbc_is_changed_since(hub: Hub) -> None:
    [typed], [dated], _ = (hub.hand_in(ActivityKind.PATIENT_NOTE) for _ in range(3))
    hub.settle()
    practice = cast("OdbcRig", hub.rig).practice
    for row, statement in zip((typed, dated), REFILE[hub.link.connector], strict=True):
        row.refresh_from_db()
        practice.run(statement, (row.record.partition(" ")[2],))
    found = hub.found()
    assert [(pk, kind, [change[0] for change in changes]) for pk, kind, changes in found] == [
        (typed.pk, FindingKind.CHANGED, ["type_key"]),
        (dated.pk, FindingKind.CHANGED, ["at"]),
    ]


REFILE = {
    "eaglesoft": (
        "UPDATE operatory_notes SET note_type_id = note_type_id + 1 WHERE note_id = %s",
        "UPDATE operatory_notes SET date_entered = '2020-02-29 10:15:00' WHERE note_id = %s",
    ),
    "dentrix": (
        "UPDATE contact SET contacttype = contacttype + 1 WHERE contactid = %s",
        "UPDATE contact SET contactdate = '2020-02-29' WHERE contactid = %s",
    ),
}


@pytest.mark.parametrize("hub", OPEN_DENTAL, indirect=True)
def test_cut_seconds_and_a_day_without_its_time_are_no_change(hub: Hub) -> None:
    [note], [paper] = hub.hand_in(ActivityKind.OUTGOING_TEXT), hub.hand_in(ActivityKind.ACCOUNT_STATEMENT)
    hub.settle()
    at, day = filed_at(note), filed_at(paper)
    refile(hub, note.record, CommDateTime=f"{at[:10]} {at[11:16]}:00")
    refile(hub, paper.record, DateCreated=f"{day[:10]} 00:00:00")
    assert hub.is_green()


@pytest.mark.parametrize("rig", OPEN_DENTAL)
@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # New York's repeated hour, the first time
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # and the second
        datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),  # the last second before the hour that is left out
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
        datetime(2026, 7, 15, 3, 59, 59, tzinfo=UTC),  # of the other half of the year, an hour off by the API
    ],
)
def test_the_nights_when_the_clock_is_set_and_the_other_half_of_the_year_are_no_change(
    request: pytest.FixtureRequest, make_hub: Callable[..., Hub], rig: str, at: datetime
) -> None:
    practice: OpenDentalRig = request.getfixturevalue(rig)
    hub = make_hub(practice)
    hub.hand_in(ActivityKind.OUTGOING_TEXT, occurred_at=at)
    hub.hand_in(ActivityKind.ACCOUNT_STATEMENT, occurred_at=at)
    hub.settle()
    assert hub.is_green()
    practice.knobs.jump_clock(3 * 3600)  # by SQLite's practice, over the end of daylight saving time
    hub.live.close()
    hub.live = LiveConnectors(hub.clock)
    assert hub.is_green()


def test_what_was_written_while_the_database_was_read_is_the_same_by_the_api_alone_and_the_other_way(
    database_rig: OpenDentalRig, make_hub: Callable[..., Hub]
) -> None:
    way = {"read_mode": "database"}

    def connect() -> Connector:
        return open_dental(database_rig.settings(**way), database_rig.clock)

    hub = make_hub(database_rig, connect)
    for read_mode in ("database", "api"):
        way["read_mode"] = read_mode
        hub.live.close()
        for kind in KINDS:
            hub.hand_in(kind)
        hub.settle()
    for read_mode in ("database", "api"):
        way["read_mode"] = read_mode
        hub.live.close()
        assert hub.is_green()


@pytest.mark.parametrize("hub", OPEN_DENTAL, indirect=True)
def test_what_was_written_before_that_was_kept_is_not_compared(hub: Hub) -> None:
    [row] = hub.hand_in(ActivityKind.OUTGOING_TEXT)
    hub.settle()
    Writeback.objects.update(filed=None)
    row.refresh_from_db()
    refile(
        hub, row.record, CommType=304, Mode_=1, CommDateTime=str(datetime.now(UTC).date() - timedelta(days=9))
    )
    assert hub.is_green()
