"""R13, R15, R19: rows and tables that move under the reader, on a real MariaDB, read by the hub's own checks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chartbridge.connectors.open_dental import feed
from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.reading import Stream
from chartbridge.sandbox.open_dental.database import open_database
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.store import observations, streams
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    Connection,
    LookupEntry,
    MirrorAppointment,
    MirrorPatient,
    NoteSetting,
    Practice,
    StreamState,
    Writeback,
)
from chartbridge.store.secrets import seal
from chartbridge.sync.checks import Checker
from chartbridge.testing.steps import read_on
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.connectors.open_dental.practices import (
    READER,
    database_rig,
    mariadb_practice,
    mariadb_sandbox,
    myisam_rig,
    practice_on,
)
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.faults.conftest import Told, told
from tests.faults.sizes import FULL, size
from tests.servers.mariadb import MariaDb

__all__ = ["database_rig", "mariadb_practice", "mariadb_sandbox", "myisam_rig", "told"]
pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(900)]
READ = (Stream.LOOKUPS, Stream.PATIENTS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS)


@dataclass
class Hub:
    """A practice of the hub on a rig."""

    rig: OpenDentalRig
    connection: Connection
    live: LiveConnectors
    checker: Checker

    def look(self, *which: Stream) -> dict[Stream, str]:
        """Check until there is nothing more; returns each stream's error."""
        errors: dict[Stream, str] = {}
        for stream in which or READ:
            for _ in range(200):
                done = self.checker.check(self.connection.pk, stream)
                if not done.again:
                    break
            errors[stream] = done.error_code
        self.checker.flush()
        return errors

    def visit(self, key: str) -> MirrorAppointment:
        return MirrorAppointment.objects.get(connection=self.connection, key=key)

    def enqueue(self, patient: str) -> Writeback:
        now = self.rig.clock.now()
        with writing():
            activity = Activity.objects.create(
                practice=self.connection.practice,
                kind=ActivityKind.PATIENT_NOTE,
                patient_key=patient,
                body="Prefers mornings.",
                occurred_at=now,
                accepted_at=now,
                source="test",
            )
            return enqueue_activity(activity, "mary@example.com")[0]

    def deliver(self) -> None:
        deliverer = Deliverer(self.live, self.rig.clock)
        for _ in range(50):
            if not deliverer.deliver(self.connection.pk).again:
                return


@contextmanager
def opened(rig: OpenDentalRig, budget_s: float = 1.0) -> Iterator[Hub]:
    """A practice that has not been read yet."""
    live = LiveConnectors(rig.clock)
    made = Hub(rig, connected(rig, live), live, Checker(live, rig.clock, budget_s=budget_s))
    yield made
    made.checker.close()
    live.close()


def connected(rig: OpenDentalRig, live: LiveConnectors) -> Connection:
    """Make a practice on a rig, and allow notes."""
    entered = rig.settings()
    connection = Connection.objects.create(
        practice=Practice.objects.create(name="Maple Street Dental"),
        connector="open_dental",
        values=dict(entered.values),
        secrets=seal(entered.secrets),
        provider_key="1",
    )
    connector = live.of(connection)
    streams.ensure_states(connection, connector.manifest)
    NoteSetting.objects.create(
        connection=connection, kind=ActivityKind.PATIENT_NOTE, allow=True, note_type_key="239"
    )
    return connection


@pytest.fixture
def hub(transactional_db: None, myisam_rig: OpenDentalRig) -> Iterator[Hub]:
    with opened(myisam_rig) as made:
        made.look()
        assert LookupEntry.objects.filter(connection=made.connection, kind="note_types", key="239").exists()
        yield made


@pytest.fixture
def beside(hub: Hub, mariadb: MariaDb, mariadb_practice: str, tmp_path: Path) -> Iterator[Hub]:
    """Another practice of the same hub, with an Open Dental of its own."""
    with practice_on(mariadb, mariadb_practice, "InnoDB", tmp_path / "beside") as sandbox:
        name = sandbox.db_url.rsplit("/", 1)[-1]
        rig = OpenDentalRig(sandbox, database=(mariadb.host, mariadb.port, name, *READER))
        made = Hub(rig, connected(rig, hub.live), hub.live, hub.checker)
        made.look()
        yield made
        rig.close()


@pytest.mark.fault("R15")
def test_a_deleted_visit_goes_and_comes_back_and_one_of_another_patient_is_theirs(hub: Hub) -> None:
    rig = hub.rig
    visit = rig.book()
    hub.look(Stream.APPOINTMENTS)
    (row,) = rig.db.rows("SELECT * FROM appointment WHERE AptNum=?", int(visit))
    rig.delete(visit)
    hub.look(Stream.APPOINTMENT_STATUS, Stream.APPOINTMENTS)
    assert hub.visit(visit).gone_at
    rig.db.insert_many("appointment", [row])  # past the program, as after a repair
    hub.look(Stream.APPOINTMENTS)
    assert hub.visit(visit).gone_at is None

    rig.knobs.edit_appointment(int(visit), PatNum=rig.neighbour)
    hub.look(Stream.APPOINTMENTS)
    assert hub.visit(visit).patient_key == str(rig.neighbour)


@pytest.mark.fault("R15")
def test_a_note_for_a_patient_who_was_merged_into_another_goes_to_the_desk_and_to_nobody_else(
    hub: Hub,
) -> None:
    rig = hub.rig
    old, kept = rig.knobs.add_patient("Old", "Twice"), rig.knobs.add_patient("Kept", "Once")
    visit = rig.knobs.book(old, rig._day()[0].replace("00:00:00", "16:00:00"), Confirmed=19)
    hub.look()
    row = hub.enqueue(str(old))
    assert row.delivery == "queued"
    # what the program does when it merges: the rows move, and the old number is marked as deleted
    rig.knobs.edit_appointment(visit, PatNum=kept)
    rig.knobs.delete_patient(old)
    hub.look()
    hub.deliver()
    row.refresh_from_db()
    assert (row.delivery, row.reason_code) == ("parked", "patient_deleted")
    assert rig.knobs.truth(row.marker) == []
    assert hub.visit(str(visit)).patient_key == str(kept)
    assert MirrorPatient.objects.get(connection=hub.connection, key=str(old)).status == "deleted"


CHANGES = {
    "a column more": ("ADD COLUMN Fresh varchar(20) NOT NULL DEFAULT ''", "DROP COLUMN Fresh"),
    "a wider type": ("MODIFY Email text", "MODIFY Email varchar(100)"),
    "another collation": (
        "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "CONVERT TO CHARACTER SET utf8mb3",
    ),
    "another engine": ("ENGINE=InnoDB", "ENGINE=MyISAM"),
}


@pytest.mark.fault("R19")
@pytest.mark.parametrize("change", CHANGES)
def test_tables_that_change_so_that_everything_is_still_there_interrupt_nothing(
    hub: Hub, change: str
) -> None:
    rig = hub.rig
    there, back = CHANGES[change]
    rig.db.run(f"ALTER TABLE patient {there}")
    try:
        email = rig.edit_patient(rig.patient_of_today())
        assert set(hub.look().values()) == {""}
        row = MirrorPatient.objects.get(connection=hub.connection, key=rig.patient_of_today())
        assert row.email == email
        assert observations.standing(hub.connection.pk) == []
    finally:
        rig.db.run(f"ALTER TABLE patient {back}")


@pytest.mark.fault("R16")
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("table", ["patient", "appointment", "definition", "provider", "securitylog"])
def test_a_table_that_is_emptied_pulls_the_brake_also_where_it_held_a_handful(
    hub: Hub, table: str, restarted: bool
) -> None:
    rig = hub.rig
    rig.book()
    hub.look()
    hub.look()
    before = [set(each.objects.filter(gone_at=None).values_list("pk")) for each in MIRRORED]
    assert all(0 < len(rows) <= 50 for rows in before[:2])
    rig.knobs.empty_table(table)
    if restarted:
        hub.live.close()
        hub.live = LiveConnectors(rig.clock)
        hub.checker = Checker(hub.live, rig.clock)
    rig.clock.passed += 300
    hub.look()
    hub.connection.refresh_from_db()
    assert hub.connection.hold_code == "brake"
    assert [set(each.objects.filter(gone_at=None).values_list("pk")) for each in MIRRORED] == before


MIRRORED = (MirrorPatient, MirrorAppointment, LookupEntry)
MANY, FIRST_COPY = 5000, 100_000


@pytest.fixture
def reading(transactional_db: None, myisam_rig: OpenDentalRig) -> Iterator[Hub]:
    """A practice of many patients whose first read is under way, a page a check."""
    rig = myisam_rig
    (row,) = rig.db.rows("SELECT * FROM patient WHERE PatNum=?", int(rig.patient_of_today()))
    rig.db.insert_many(
        "patient", [row | {"PatNum": FIRST_COPY + n, "Guarantor": FIRST_COPY + n} for n in range(MANY)]
    )
    with opened(rig, budget_s=0.0) as made:
        made.look(Stream.LOOKUPS)
        for _ in range(2):
            assert made.checker.check(made.connection.pk, Stream.PATIENTS).again
        assert 0 < MirrorPatient.objects.count() < MANY
        yield made


def copies() -> list[int]:
    """The patients of whom the practice has so many; each has an e-mail address."""
    return [pk for pk, key in MirrorPatient.objects.values_list("pk", "key") if int(key) >= FIRST_COPY]


def whole(hub: Hub) -> bool:
    """Whether every patient is there, and the first read known to be over."""
    there = hub.rig.db.rows("SELECT PatNum FROM patient WHERE PatStatus<>4")
    held = MirrorPatient.objects.filter(gone_at=None).values_list("key", flat=True)
    state = StreamState.objects.get(stream=Stream.PATIENTS)
    return {str(row["PatNum"]) for row in there} <= set(held) and state.first_read_done_at is not None


@pytest.mark.fault("R19")
@pytest.mark.parametrize("change", CHANGES)
def test_tables_that_change_in_the_first_read_do_not_interrupt_it(reading: Hub, change: str) -> None:
    there, back = CHANGES[change]
    reading.rig.db.run(f"ALTER TABLE patient {there}")
    reading.rig.clock.passed += 3  # what was read ahead is of no use any more
    try:
        assert set(reading.look().values()) == {""}
        assert whole(reading)
    finally:
        reading.rig.db.run(f"ALTER TABLE patient {back}")


@pytest.mark.fault("R19")
def test_a_column_that_is_renamed_in_the_first_read_stops_it_and_it_goes_on_where_it_was(
    reading: Hub,
) -> None:
    rig, before = reading.rig, MirrorPatient.objects.count()
    rig.db.run("ALTER TABLE patient RENAME COLUMN Email TO EmailAddress")
    try:
        rig.clock.passed += 3
        assert reading.look(Stream.PATIENTS)[Stream.PATIENTS] == "unreadable"
        errors = reading.look(Stream.LOOKUPS, Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS)
        assert set(errors.values()) == {""}, "everything else goes on"
        assert before <= MirrorPatient.objects.count() < MANY
        assert not MirrorPatient.objects.filter(pk__in=copies(), email="").exists()
        (told,) = observations.standing(reading.connection.pk)
        assert (told.before, told.paused) == ("patient.Email", ["patients"])
    finally:
        rig.db.run("ALTER TABLE patient RENAME COLUMN EmailAddress TO Email")
    rig.clock.passed += 3600
    reading.look()
    reading.look()
    assert whole(reading)
    assert not MirrorPatient.objects.filter(pk__in=copies(), email="").exists()
    assert observations.standing(reading.connection.pk) == []


@pytest.mark.fault("R19")
def test_an_index_that_is_dropped_interrupts_nothing(hub: Hub) -> None:
    rig = hub.rig
    rig.db.run("ALTER TABLE appointment DROP INDEX indexAptDateTime")
    try:
        StreamState.objects.filter(stream=Stream.APPOINTMENTS).update(
            wanted="full", wanted_at=rig.clock.now()
        )
        visit = rig.book()
        assert set(hub.look().values()) == {""}
        assert hub.visit(visit).gone_at is None
    finally:
        rig.db.run("ALTER TABLE appointment ADD INDEX indexAptDateTime (AptDateTime)")


@pytest.mark.fault("R19")
def test_a_column_that_is_renamed_stops_what_reads_it_and_empties_nothing(hub: Hub, beside: Hub) -> None:
    rig = hub.rig
    email = rig.edit_patient(rig.patient_of_today())
    hub.look()
    rig.db.run("ALTER TABLE patient RENAME COLUMN Email TO EmailAddress")
    try:
        rig.db.run("UPDATE patient SET FName='Changed' WHERE PatNum=?", int(rig.patient_of_today()))
        rig.knobs.edit_patient(int(rig.patient_of_today()), Preferred="Changed")
        assert hub.look(Stream.PATIENTS)[Stream.PATIENTS] == "unreadable"
        visit = rig.book()
        errors = hub.look(Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS, Stream.LOOKUPS)
        assert set(errors.values()) == {""}, "everything else goes on"
        assert hub.visit(visit).gone_at is None
        (told,) = observations.standing(hub.connection.pk)
        assert (told.before, told.paused) == ("patient.Email", ["patients"])
        row = MirrorPatient.objects.get(connection=hub.connection, key=rig.patient_of_today())
        assert row.email == email, "nothing is overwritten with nothing"
        goes_on(beside)
        assert hub.look(Stream.PATIENTS)[Stream.PATIENTS] == "unreadable"
        goes_on(beside)
    finally:
        rig.db.run("ALTER TABLE patient RENAME COLUMN EmailAddress TO Email")


def goes_on(other: Hub) -> None:
    """A practice is read and written, and nothing is told of it."""
    rig = other.rig
    patient = rig.patient_of_today()
    visit = rig.book()
    email = rig.edit_patient(patient)
    assert set(other.look().values()) == {""}
    assert other.visit(visit).gone_at is None
    assert MirrorPatient.objects.get(connection=other.connection, key=patient).email == email
    note = other.enqueue(patient)
    other.deliver()
    note.refresh_from_db()
    assert note.delivery == "taken"
    assert [each.patient_key for each in rig.truth(note.marker)] == [patient]
    assert observations.standing(other.connection.pk) == []
    other.connection.refresh_from_db()
    assert other.connection.hold_code == ""


@pytest.mark.fault("R13")
def test_changes_that_are_committed_late_and_in_one_second_are_all_found(
    database_rig: OpenDentalRig, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    """Eight writers, each in a transaction that stays open for up to two seconds, and a ninth in one of two minutes.

    Read all the time. In the short form the reader's window is as much shorter as the transactions are.
    """
    rig, changes = database_rig, size(25, 150)
    hold, long_hold = (2.0, 120.0) if FULL else (0.6, 5.0)
    if not FULL:
        monkeypatch.setattr(feed, "OVERLAP", feed.OVERLAP / 20)
    book = [rig.book() for _ in range(8)]
    in_three_days = datetime.fromisoformat(rig.db.now()) + timedelta(
        days=3
    )  # no day's fingerprint tells of it
    late = rig.knobs.book(rig.patient, f"{in_three_days:%Y-%m-%d} 09:00:00", Confirmed=19)
    wanted = {visit: [20_000 + n for n in range(changes)] for visit in book} | {str(late): [30_000]}
    holds = dict.fromkeys(book, hold) | {str(late): long_hold}
    connector = rig.connect()
    cursor = read_on(connector, Stream.APPOINTMENT_STATUS, None).cursor
    failures: list[BaseException] = []

    def write(visit: str) -> None:
        chance = random.Random(int(visit))
        db = open_database(rig.sandbox.db_url, rig.db.schema, engine=rig.db.engine)  # type: ignore[attr-defined]
        try:
            for status in wanted[visit]:
                db._link.begin()  # type: ignore[attr-defined]
                FrontDesk(db).set_status(int(visit), status)
                time.sleep(holds[visit] if len(wanted[visit]) == 1 else chance.uniform(0, hold))
                db._link.commit()  # type: ignore[attr-defined]
        except BaseException as error:
            failures.append(error)
        finally:
            db.close()

    writers = [threading.Thread(target=write, args=(visit,)) for visit in wanted]
    for each in writers:
        each.start()
    seen: dict[str, set[int]] = {visit: set() for visit in wanted}
    rows = 0

    def read() -> str:
        nonlocal rows
        heard = read_on(connector, Stream.APPOINTMENT_STATUS, cursor)
        rows += sum(page.rows_read for page in heard.pages)
        for record in heard.records:
            if record.key in seen:
                seen[record.key].add(int(getattr(record, "status_key", 0)))
        return heard.cursor

    while any(each.is_alive() for each in writers):
        cursor = read()
        time.sleep(0.02)
    cursor = read()
    connector.close()
    assert failures == []
    lost = {visit: set(numbers) - seen[visit] for visit, numbers in wanted.items()}
    assert not any(lost.values()), {visit: len(each) for visit, each in lost.items()}
    total = sum(len(each) for each in wanted.values())
    told(
        f"changes in transactions of up to {hold} s, and one of {long_hold:.0f} s",
        ops=total,
        lost=0,
        rows_a_change=round(rows / total, 1),
    )
    assert rows <= 12 * total
