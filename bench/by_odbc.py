"""What reading and writing by ODBC costs: Eaglesoft's and Dentrix's connectors, each on a practice on its own MariaDB.

The connector is asked directly, back to back, in this process: what the hub stores of it is not in these figures.
Must not be in it: what the figures must reach (promises).
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as daytime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bench.figures import Part
from bench.measure import cpu_seconds
from bench.practice import FOLDER, Size
from bench.sizes import Sizes
from chartbridge.connectors.dentrix.connector import connect as connect_dentrix
from chartbridge.connectors.eaglesoft.connector import connect as connect_eaglesoft
from chartbridge.domain.activities import Direction, Medium
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.clock import SystemClock
from chartbridge.pms.commands import AddNote
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.reading import Page, Stream
from chartbridge.sandbox.by_odbc.knobs import Knobs, Visit
from chartbridge.sandbox.by_odbc.office import Office
from chartbridge.sandbox.by_odbc.seed import ACTIVE, AT_ONCE, Booking, Person

PMSS = {"Eaglesoft": connect_eaglesoft, "Dentrix": connect_dentrix}
STREAMS = {
    Stream.APPOINTMENT_STATUS: "status",
    Stream.APPOINTMENTS: "appointments",
    Stream.PATIENTS: "patients",
    Stream.DOCUMENTS: "documents",
}
NOTE_TYPES = {"Eaglesoft": ("G:7", "AB"), "Dentrix": ("5", "DDS1")}
OPERATORIES = {"Eaglesoft": ("chairs", "chair_num", "chair_name"), "Dentrix": ("operatory", "opid", "title")}
"""Where each keeps them: table, key, name."""
STAMPED = ("appt", "patient")
BACK, AHEAD = 80, 500
OVERLAP_S = 61
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def run(part: Part, sizes: Sizes) -> None:
    """Both PMSs, one after the other; Dentrix also with an index on its times of change."""
    for label, connect in PMSS.items():
        with _office(label.lower(), sizes.odbc) as (office, entered):
            connector = connect(Settings(values=entered.values, secrets=entered.secrets), SystemClock())
            try:
                _measure(part, label, office, connector, sizes)
            finally:
                connector.close()
                part.save(FOLDER)


def _measure(part: Part, label: str, office: Office, connector: Connector, sizes: Sizes) -> None:
    begun, rows = time.perf_counter(), 0
    cursors: dict[Stream, str] = {}
    for stream in (each for each in STREAMS if each is not Stream.DOCUMENTS):
        cursors[stream], read = _until_quiet(connector, stream, None)
        rows += read
    took = time.perf_counter() - begun
    cursors[Stream.DOCUMENTS], _ = _until_quiet(connector, Stream.DOCUMENTS, None)
    part.add("odbc.first_read", rows / took, label, note=f"{rows:,} rows in {took:.0f} s")
    _idle(part, label, office, connector, cursors, sizes, list(STREAMS))
    _idle_lists(part, label, office, connector, sizes)
    _ten_changes(part, label, office, connector, cursors, sizes)
    _notes(part, label, connector, office, sizes)
    if label == "Dentrix":
        for table in STAMPED:
            office.practice.run(f"ALTER TABLE {table} ADD KEY by_stamp (automodifiedtimestamp)")
        _let_pass(connector, cursors)
        indexed = [Stream.APPOINTMENTS, Stream.PATIENTS]
        _idle(part, label, office, connector, cursors, sizes, indexed, "_indexed")


def _let_pass(connector: Connector, cursors: dict[Stream, str]) -> None:
    """Wait until no look overlaps with what was done before."""
    time.sleep(OVERLAP_S)
    for stream in STREAMS:
        cursors[stream], _ = _until_quiet(connector, stream, cursors[stream])


def _idle(
    part: Part,
    label: str,
    office: Office,
    connector: Connector,
    cursors: dict[Stream, str],
    sizes: Sizes,
    streams: list[Stream],
    word: str = "",
) -> None:
    """Checks with nothing new. The check of statuses is the hash re-read of a day's schedule: its time is kept too."""
    for stream in streams:
        client: list[float] = []
        server: list[float] = []
        wall: list[float] = []
        for _ in range(sizes.odbc_runs):
            cost = _cost(office, partial(_checks, connector, stream, cursors, sizes.odbc_checks))
            for kept, value in zip((client, server, wall), cost, strict=True):
                kept.append(value / sizes.odbc_checks)
        part.add(f"odbc.{STREAMS[stream]}{word}_client", client, label)
        part.add(f"odbc.{STREAMS[stream]}{word}_server", server, label)
        if stream is Stream.APPOINTMENT_STATUS:
            visits = len(office.knobs.visits_today())
            part.add("odbc.day", wall, label, note=f"{visits} visits")


def _idle_lists(part: Part, label: str, office: Office, connector: Connector, sizes: Sizes) -> None:
    """The check of the lists as the hub makes it: who answers and with which columns, then every list."""
    client, server = [], []
    for _ in range(sizes.odbc_runs):
        cost = _cost(office, lambda: [_read_lists(connector) for _ in range(sizes.odbc_checks)])
        client.append(cost[0] / sizes.odbc_checks)
        server.append(cost[1] / sizes.odbc_checks)
    part.add("odbc.lists_client", client, label)
    part.add("odbc.lists_server", server, label)


def _read_lists(connector: Connector) -> list[LookupItem]:
    """One check of the lists: every entry of every list."""
    assert connector.identify().reads
    found = {kind: connector.lookups(kind) for kind in connector.manifest.lookups}
    assert all(found.values())
    return [item for items in found.values() for item in items]


def _checks(connector: Connector, stream: Stream, cursors: dict[Stream, str], count: int) -> None:
    for _ in range(count):
        page = connector.read(stream, cursors[stream])
        assert not page.records, "nothing was changed"
        assert not page.more
        cursors[stream] = page.cursor


def _check(connector: Connector, stream: Stream, cursors: dict[Stream, str], pages: list[Page]) -> None:
    pages.append(connector.read(stream, cursors[stream]))
    cursors[stream] = pages[-1].cursor


def _ten_changes(
    part: Part, label: str, office: Office, connector: Connector, cursors: dict[Stream, str], sizes: Sizes
) -> None:
    """Ten changes of a kind as the PMS's own program writes them, then one check of that stream; so for each kind."""
    visits = office.knobs.visits_today()
    kept: dict[str, list[tuple[float, float, float]]] = {}
    for turn in range(sizes.tens):
        _let_pass(connector, cursors)
        for stream, change in TENS.items():
            if stream is Stream.APPOINTMENT_STATUS:  # the visits that were moved are told before
                cursors[stream], _ = _until_quiet(connector, stream, cursors[stream])
            change(office.knobs, visits, turn)
            pages: list[Page] = []
            client, server, _ = _cost(office, partial(_check, connector, stream, cursors, pages))
            assert len(pages[0].records) == 10, f"{stream} told {len(pages[0].records)} of 10 changes"
            kept.setdefault(STREAMS[stream], []).append((client, server, float(pages[0].rows_read)))
        kept.setdefault("lists", []).append(_lists_changed(label, office, connector, turn))
    for word, costs in kept.items():
        note = f"{len(visits)} visits today" if word in ("status", "appointments") else ""
        for side, values in zip(("client", "server", "rows"), zip(*costs, strict=True), strict=True):
            part.add(f"odbc.{word}_ten_{side}", values, label, note=note if side == "rows" else "")


def _moved(knobs: Knobs, visits: list[Visit], turn: int) -> None:
    for visit in visits[turn * 10 :][:10]:
        knobs.move(visit.key, visit.at + timedelta(minutes=5))


def _come(knobs: Knobs, visits: list[Visit], turn: int) -> None:
    status = next(iter(knobs.stages.values()))
    for visit in visits[-turn * 10 - 10 :][:10]:
        knobs.set_status(visit.key, status)


def _phones(knobs: Knobs, visits: list[Visit], turn: int) -> None:
    for patient in list(dict.fromkeys(visit.patient for visit in visits))[:10]:
        knobs.give_phone(patient, f"(971)555-{turn:04}")


def _papers(knobs: Knobs, visits: list[Visit], turn: int) -> None:
    for visit in visits[turn * 10 :][:10]:
        knobs.add_document(visit.patient, "Consent")


TENS: dict[Stream, Callable[[Knobs, list[Visit], int], None]] = {
    Stream.APPOINTMENTS: _moved,
    Stream.APPOINTMENT_STATUS: _come,
    Stream.PATIENTS: _phones,
    Stream.DOCUMENTS: _papers,
}
"""Stream → what is done ten times, given today's visits and which turn it is."""


def _lists_changed(label: str, office: Office, connector: Connector, turn: int) -> tuple[float, float, float]:
    """All operatories named anew, then one check of the lists: what it cost, and how many entries it gave."""
    table, key, name = OPERATORIES[label]
    for room in connector.lookups(LookupKind.OPERATORIES):
        office.knobs.set_row(table, key, room.key, {name: f"Room {turn} {room.order}"})
    found: list[LookupItem] = []
    client, server, _ = _cost(office, lambda: found.extend(_read_lists(connector)))
    rooms = [item for item in found if item.kind is LookupKind.OPERATORIES]
    assert rooms
    assert all(room.name == f"Room {turn} {room.order}" for room in rooms)
    return client, server, float(len(found))


def _notes(part: Part, label: str, connector: Connector, office: Office, sizes: Sizes) -> None:
    """Notes, each written in a transaction of its own and read back before the next."""
    kind, provider = NOTE_TYPES[label]
    patients = [visit.patient for visit in office.knobs.visits_today()]
    rates = []
    for turn in range(sizes.odbc_runs):
        begun = time.perf_counter()
        for place in range(sizes.odbc_notes):
            marker = _marker(turn * sizes.odbc_notes + place)
            note = AddNote(
                patient_key=patients[place % len(patients)],
                text=f"Text message sent: see you tomorrow at nine. {marker}",
                marker=marker,
                note_type_key=kind,
                provider_key=provider,
                occurred_at=datetime.now(UTC),
                medium=Medium.TEXT,
                direction=Direction.OUTGOING,
            )
            connector.write(note)
            assert connector.landed(note) is not None
        rates.append(sizes.odbc_notes / (time.perf_counter() - begun))
    part.add("odbc.notes", rates, label)


def _marker(number: int) -> str:
    """A marker of its own for each number."""
    letters = "".join(LETTERS[number // 32**place % 32] for place in range(8))
    return f"CB-{letters}"


def _cost(office: Office, act: Callable[[], object]) -> tuple[float, float, float]:
    """Milliseconds of this process's processor time, of the server's, and of the clock."""
    theirs, mine, begun = cpu_seconds(office.pid), time.process_time(), time.perf_counter()
    act()
    wall, mine = time.perf_counter() - begun, time.process_time() - mine
    return mine * 1000, (cpu_seconds(office.pid) - theirs) * 1000, wall * 1000


def _until_quiet(connector: Connector, stream: Stream, cursor: str | None) -> tuple[str, int]:
    """Read until there is nothing more to say; returns the cursor and how many rows were read."""
    rows, quiet = 0, False
    while not quiet:
        page = connector.read(stream, cursor)
        rows += page.rows_read
        quiet = not page.more and not page.records
        cursor = page.cursor
    assert cursor is not None
    return cursor, rows


@contextmanager
def _office(pms: str, size: Size) -> Iterator[tuple[Office, Any]]:
    """An office on a MariaDB of its own, filled; thrown away afterwards, since today's visits are today's."""
    folder = FOLDER / f"odbc-{pms}"
    shutil.rmtree(folder, ignore_errors=True)
    office = Office(pms, Path(folder), patients=0, buffer_mb=512)
    try:
        entered = office.start()
        begun = time.perf_counter()
        _fill(office.knobs, size)
        took = time.perf_counter() - begun
        print(
            f"made {pms}: {size.patients:,} patients, {size.appointments:,} appointments in {took:.0f} s",
            flush=True,
        )
        time.sleep(OVERLAP_S)  # so that no look overlaps with the filling
        yield office, entered
    finally:
        office.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(knobs: Knobs, size: Size) -> None:
    chance = random.Random(7)
    keys = knobs.add_people([_person(number) for number in range(size.patients)])
    midnight = datetime.combine(knobs.at.now().date(), daytime())

    def bookings() -> Iterator[Booking]:
        for number in range(size.appointments):
            day = 0 if number < size.today else chance.choice((*range(-BACK, 0), *range(1, AHEAD)))
            at = midnight + timedelta(days=day, hours=8, minutes=10 * (number % 54))
            yield Booking(
                patient=chance.choice(keys), at=at, minutes=30, room=1 + number % 4, reason="Prophy, Per Ex"
            )

    coming = bookings()
    while some := list(islice(coming, AT_ONCE)):
        knobs.add_visits(some)
    knobs.add_documents(keys)


def _person(number: int) -> Person:
    return Person(
        last=f"Last{number}",
        first=f"First{number % 997}",
        preferred="",
        birth=None,
        state=ACTIVE,
        mobile=f"(503)555-{number % 10000:04}",
        home="",
        work="",
        email=f"patient{number}@example.com",
        head=number,
        wants_texts=True,
    )
