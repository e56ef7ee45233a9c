"""A practice of the hub on a PMS behind ODBC: its notes and documents go over a line that a test strikes.

The hub's own checks and deliverer, on the real clock; the wait before it looks is as short as a test says.
Must not be in it: which fault is played.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.content import Content
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store import streams
from chartbridge.store.activities import KeptFile, keep
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    Connection,
    Delivery,
    DocumentSetting,
    NoteSetting,
    Practice,
    Seen,
    Writeback,
)
from chartbridge.store.secrets import seal
from chartbridge.sync.checks import Checker
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.connectors.odbc_rig import OdbcRig
from tests.faults.checker import Verdict, judge
from tests.intake.papers import PDF
from tests.servers.proxy import FaultProxy

_MOVES = (Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN)


@dataclass
class OdbcHub:
    """One practice, connected; `line` is the one to its database."""

    rig: OdbcRig
    line: FaultProxy
    connection: Connection
    live: LiveConnectors
    deliverer: Deliverer
    people: list[str]
    acknowledged: list[dict[str, str]] = field(default_factory=list)

    def hand_in_notes(self, count: int) -> None:
        """For each of the people in turn."""
        for number in range(count):
            self._keep(ActivityKind.PATIENT_NOTE, self.people[number % len(self.people)], None)

    def hand_in_paper(self, content: bytes = PDF) -> Writeback:
        """A document; returns its writeback."""
        file = KeptFile(name="statement.pdf", media_type="application/pdf", content=Content.of(content))
        return self._keep(ActivityKind.ACCOUNT_STATEMENT, self.rig.patient, file)

    def _keep(self, kind: ActivityKind, patient: str, file: KeptFile | None) -> Writeback:
        now = self.rig.clock.now()
        with writing():
            activity = Activity(
                practice=self.connection.practice,
                kind=kind,
                patient_key=patient,
                body="" if file else "Prefers mornings.",
                occurred_at=now,
                accepted_at=now,
                source="test",
            )
            keep(activity, file)
            (made,) = enqueue_activity(activity, "mary@example.com")
        self.acknowledged.append({"activity": str(activity.pk), "patient": patient})
        return made

    def deliver(self, seconds: float, *, skip: bool = False) -> None:
        """Deliver whenever something is due, until nothing moves any more by itself, or for so long.

        `skip`: set the clocks ahead to when something is due; not for what lands late by the real clock.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.moving():
            if not self.deliverer.deliver(self.connection.pk).again:
                due = self.deliverer.due([self.connection.pk]).get(self.connection.pk)
                if skip and due:
                    self.rig.clock.ahead += max(timedelta(), due - self.rig.clock.now())
                time.sleep(0.02)

    def moving(self) -> int:
        rows = Writeback.objects.filter(connection=self.connection)
        return (
            rows.filter(delivery__in=_MOVES).count()
            + rows.filter(delivery=Delivery.TAKEN, seen=Seen.OWED, reason_code="").count()
        )

    def judged(self) -> Verdict:
        """By the one checker, from the practice's own tables."""
        return judge(self.connection.practice_id, self.acknowledged, self.rig.knobs.markers())


@contextmanager
def odbc_hub(rig: OdbcRig, *, settle_s: float, people: int = 20, **settings: str) -> Iterator[OdbcHub]:
    """Connect a practice on a rig; `settle_s` is how long a lost write may still land, as the manifest would say it."""
    server = rig.practice.server
    line = FaultProxy(server.host, server.port, in_turns=False)
    entered = rig.settings(connection_string=rig.practice.connection_string_over(line.port), **settings)
    name = type(rig).connect_to(entered, rig.clock).manifest.id
    held = registry().manifests[name]
    commands = {kind: replace(claim, settle_after=settle_s) for kind, claim in held.commands.items()}
    registry().manifests[name] = replace(held, commands=commands)
    live = LiveConnectors(rig.clock)
    try:
        more = [rig.add_patient() for _ in range(people - 1)]
        connection = _connected(rig, name, dict(entered.values), dict(entered.secrets))
        streams.ensure_states(connection, live.of(connection).manifest)
        checker = Checker(live, rig.clock)
        for stream in (Stream.LOOKUPS, Stream.PATIENTS):
            while checker.check(connection.pk, stream).again:
                pass
        checker.close()
        deliverer = Deliverer(live, rig.clock)
        yield OdbcHub(rig, line, connection, live, deliverer, [rig.patient, *more])
    finally:
        registry().manifests[name] = held
        live.close()
        line.close()


def _connected(rig: OdbcRig, name: str, values: dict[str, str], secrets: dict[str, str]) -> Connection:
    connection = Connection.objects.create(
        practice=Practice.objects.create(name="Maple Street Dental"),
        connector=name,
        values=values,
        secrets=seal(secrets),
        provider_key=rig.provider,
    )
    NoteSetting.objects.create(
        connection=connection, kind=ActivityKind.PATIENT_NOTE, allow=True, note_type_key=rig.note_type
    )
    DocumentSetting.objects.create(
        connection=connection, kind=ActivityKind.ACCOUNT_STATEMENT, write=True, document_type_key="2"
    )
    return connection
