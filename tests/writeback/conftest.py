"""A practice on a scripted PMS, with everything allowed, and ways to make things happen there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import Clock, SetClock
from chartbridge.pms import registry as registry_module
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.registry import install
from chartbridge.store import ledger
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    Connection,
    Delivery,
    DocumentSetting,
    LookupEntry,
    MirrorAppointment,
    MirrorPatient,
    NoteSetting,
    Practice,
    Seen,
    Undoing,
    Writeback,
)
from chartbridge.writeback import undoing
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.writeback.scripted_pms import ScriptedPms, scripted_manifest, scripted_registry

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@dataclass
class Office:
    """The practice, its PMS, and the front desk's hands."""

    clock: SetClock
    pms: ScriptedPms
    manifest: Manifest
    practice: Practice
    connection: Connection
    live: LiveConnectors
    deliverers: list[Deliverer] = field(default_factory=list)

    def told(
        self, kind: ActivityKind = ActivityKind.PATIENT_NOTE, patient: str = "1", **given: object
    ) -> Activity:
        now = self.clock.now()
        told = {
            "body": "Prefers mornings.",
            "occurred_at": now,
            "accepted_at": now,
            "source": "test",
            **given,
        }
        return Activity.objects.create(practice=self.practice, kind=kind, patient_key=patient, **told)

    def enqueue(
        self, kind: ActivityKind = ActivityKind.PATIENT_NOTE, patient: str = "1", **given: object
    ) -> list[Writeback]:
        with writing():
            return enqueue_activity(self.told(kind, patient, **given), "mary@example.com")

    def patient(self, key: str, **given: object) -> MirrorPatient:
        names = {
            "last_name": "L",
            "first_name": "F",
            "status": "active",
            "search": "l f",
            "content_hash": b"1" * 8,
        }
        return MirrorPatient.objects.create(connection=self.connection, key=key, **{**names, **given})

    def appointment(self, key: str, patient: str = "1", status: str = "21") -> None:
        self.pms.statuses[key] = status
        MirrorAppointment.objects.create(
            connection=self.connection, key=key, patient_key=patient, starts_local=NOON, minutes=30,
            state="scheduled", status_key=status, content_hash=b"1" * 8,
        )  # fmt: skip

    def deliverer(self, at_step: Callable[[str], None] = lambda _name: None) -> Deliverer:
        return Deliverer(self.live, self.clock, at_step=at_step)

    def deliver(self, deliverer: Deliverer | None = None, times: int = 50) -> None:
        """Deliver until there is nothing to do at this moment."""
        deliverer = deliverer or self.deliverer()
        for _ in range(times):
            if not deliverer.deliver(self.connection.pk).again:
                return
        raise AssertionError("it never comes to rest")

    def settle(self, minutes: int = 30, deliverer: Deliverer | None = None) -> None:
        """Let time pass and deliver whenever something is due, until all is quiet."""
        deliverer = deliverer or self.deliverer()
        end = self.clock.monotonic() + minutes * 60
        self.deliver(deliverer)
        while self.clock.monotonic() < end:
            at = deliverer.due([self.connection.pk]).get(self.connection.pk)
            if at is None:
                return
            self.clock.advance(max(0.5, (at - self.clock.now()).total_seconds()))
            self.pms.land_late()
            self.deliver(deliverer)

    def change(self, **given: object) -> None:
        Connection.objects.filter(pk=self.connection.pk).update(**given)

    def only(self) -> Writeback:
        return Writeback.objects.get()

    def check(self) -> None:
        """Each writeback is in its patient's chart exactly once with a receipt, or stands with a reason."""
        in_pms = self.pms.markers()
        assert len(in_pms) == len(set(in_pms)), "written twice"
        for row in Writeback.objects.all():
            times = sum(
                1 for r in self.pms.records if r.marker == row.marker and r.patient_key == row.patient_key
            )
            if row.delivery == Delivery.TAKEN and row.seen == Seen.SEEN:
                assert row.text_hash
                assert row.seen_at
                assert times == 1 or row.kind == "appointment_status"
            else:
                assert row.reason_code, f"{row.delivery}/{row.seen} without a reason"
                assert row.reason
        report = ledger.verify(self.practice.pk)
        assert report.whole, report


def open_office(**claim: object) -> Office:
    """Make a practice on a scripted PMS; what is given goes into the claim of notes."""
    clock = SetClock(NOON)
    pms = ScriptedPms(clock)
    manifest = scripted_manifest(**claim)
    install(scripted_registry(pms, manifest))
    practice = Practice.objects.create(name="Maple Street Dental")
    link = Connection.objects.create(practice=practice, connector="scripted", provider_key="9")
    _lists(link)
    office = Office(clock, pms, manifest, practice, link, LiveConnectors(clock))
    for key in ("1", "2", "3"):
        office.patient(key)
    return office


@pytest.fixture
def registered() -> Iterator[None]:
    """Put the installed registry back afterwards."""
    before = registry_module._installed
    yield
    if before:
        install(before)


@pytest.fixture
def make_office(db: None, registered: None) -> Callable[..., Office]:
    """Make an office; what is given goes into the claim of notes."""
    return open_office


def undo_whole(run: Undoing, clock: Clock) -> Undoing:
    """Go on until it is over or must wait for the PMS."""
    while run.finished_at is None and undoing.go_on(run, clock):
        run.refresh_from_db()
    run.refresh_from_db()
    return run


def _lists(link: Connection) -> None:
    entries = [
        (LookupKind.PROVIDERS, "9", "Ng, Albert", "DOC9"),
        (LookupKind.PROVIDERS, "8", "Ito, Rei", "DOC8"),
        (LookupKind.NOTE_TYPES, "235", "Misc", ""),
        (LookupKind.NOTE_TYPES, "236", "Insurance", ""),
        (LookupKind.DOCUMENT_TYPES, "5", "Statements", ""),
        (LookupKind.APPOINTMENT_STATUSES, "21", "Not called", ""),
        (LookupKind.APPOINTMENT_STATUSES, "22", "Arrived", ""),
        (LookupKind.APPOINTMENT_STATUSES, "25", "Seated", ""),
    ]
    for kind, key, name, short in entries:
        LookupEntry.objects.create(connection=link, kind=kind, key=key, name=name, short=short)
    for kind in NOTE_KINDS:
        NoteSetting.objects.create(connection=link, kind=kind, allow=True, note_type_key="235")
    for kind in DOCUMENT_KINDS:
        DocumentSetting.objects.create(connection=link, kind=kind, write=True, document_type_key="5")


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    """The office as it mostly is."""
    return make_office()
