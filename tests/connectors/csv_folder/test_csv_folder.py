"""The CSV folder beyond the contract: sentences about files, versions of a file, the way of a note into the chart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from chartbridge.connectors.csv_folder.connector import connect
from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.clock import SetClock, SystemClock
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.reading import Page, Stream
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    Activity,
    Connection,
    MirrorAppointment,
    MirrorPatient,
    NoteSetting,
    Practice,
    Role,
    Writeback,
)
from chartbridge.sync import brake
from chartbridge.sync.checks import Checker
from chartbridge.testing.steps import read_on
from chartbridge.writeback.deliver import Deliverer
from chartbridge.writeback.enqueue import enqueue_activity
from tests.contract.test_csv_folder import CsvRig
from tests.web.desk import at_desk, person

HEAD = "patient_id,last_name,first_name,status"
VISITS = "appointment_id,patient_id,starts_at,minutes,state,status"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outbox").mkdir()
    for name, head in (("patients", HEAD), ("appointments", VISITS)):
        (tmp_path / f"{name}.csv").write_text(f"{head}\n", encoding="utf-8")
    return tmp_path


def at(folder: Path, **values: str) -> Connector:
    return connect(Settings(values={"folder": str(folder)} | values, secrets={}), SystemClock())


def patients(folder: Path, *rows: str, encoding: str = "utf-8", end: str = "\n") -> None:
    (folder / "patients.csv").write_bytes(("\n".join([HEAD, *rows]) + end).encode(encoding))


def read(folder: Path, stream: Stream = Stream.PATIENTS, **values: str) -> Page:
    return at(folder, **values).read(stream, None)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (f"{HEAD}\n1,Mar".encode(), Unavailable, "its last line has no end"),
        (b"", Unavailable, "was cut short"),
        (f"{HEAD}\n1,Muñoz,Ana,active\n".encode("latin1"), Misconfigured, "Let the program write UTF-8"),
        (b"patient_id,last_name,status\n1,Marsh,active\n", Unreadable, "no column “first_name”"),
        (HEAD.encode("utf-16") + b"\n", Misconfigured, "UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_a_sentence_without_what_stands_in_it(
    folder: Path, content: bytes, error: type[PmsError], says: str
) -> None:
    (folder / "patients.csv").write_bytes(content)
    with pytest.raises(error) as told:
        read(folder)
    assert "patients.csv" in told.value.safe_message
    assert says in told.value.safe_message
    assert "Mu" not in told.value.safe_message
    found = {each.ability: each for each in at(folder).examine() if each.ok is False}
    assert says in found.get("patients", found.get("encoding")).sentence  # type: ignore[union-attr]


def test_a_missing_file_is_waited_for_and_a_missing_list_is_empty(folder: Path) -> None:
    (folder / "patients.csv").unlink()
    with pytest.raises(Unavailable, match=r"patients\.csv is not in the folder"):
        read(folder)
    for kind in at(folder).manifest.lookups:
        assert at(folder).lookups(kind) == []


def test_no_folder_is_a_setting_to_be_entered() -> None:
    with pytest.raises(Misconfigured) as error:
        connect(Settings(values={}, secrets={}), SystemClock()).identify()
    assert error.value.setting == "folder"


def test_the_other_encoding_and_a_byte_order_mark_are_read(folder: Path) -> None:
    patients(folder, "1,Muñoz,Ana,active", encoding="cp1252")
    assert read(folder, encoding="cp1252").records[0].last_name == "Muñoz"  # type: ignore[union-attr]
    patients(folder, "1,Muñoz,Ana,active", encoding="utf-8-sig", end="\r\n")
    assert read(folder).records[0].last_name == "Muñoz"  # type: ignore[union-attr]


def test_rows_that_cannot_be_right_are_named_and_the_rest_is_read(folder: Path) -> None:
    patients(
        folder,
        '1,"O\'Brien, ""Bob""",Rob,active',
        "2,Short",
        "3,Long,Row,active,more",
        "4,Twice,A,active",
        "4,Twice,B,active",
        ",No,Key,active",
    )
    page = read(folder)
    assert [each.key for each in page.records] == ["1"]
    assert page.records[0].last_name == 'O\'Brien, "Bob"'  # type: ignore[union-attr]
    assert {each.key: each.why.split()[-1] for each in page.bad} == {
        "2": "columns",
        "3": "columns",
        "4": "file",
        "": "empty",
    }


def test_a_time_with_a_zone_is_no_time_of_the_clock_on_the_wall(folder: Path) -> None:
    (folder / "appointments.csv").write_text(f"{VISITS}\n7,1,2026-11-27T09:00:00+01:00,30,scheduled,x\n")
    assert "zone" in read(folder, Stream.APPOINTMENTS).bad[0].why


def test_of_a_large_file_only_the_rows_that_differ_are_told_again(folder: Path) -> None:
    rows = [f"{number},Miller,Ann,active" for number in range(1500)]
    patients(folder, *rows)
    connector = at(folder)
    first = read_on(connector, Stream.PATIENTS, None)
    assert len(first.pages) == 4
    patients(folder, *rows[:700], "700,Miller,Bea,active", *rows[701:])
    changed = read_on(connector, Stream.PATIENTS, first.cursor)
    assert [each.key for each in changed.records] == ["700"]
    patients(folder, *rows)
    back = read_on(connector, Stream.PATIENTS, changed.cursor)
    assert [(each.key, getattr(each, "first_name", "")) for each in back.records] == [("700", "Ann")]


def test_a_file_that_changes_while_it_is_told_is_told_to_its_end_and_then_what_differs(folder: Path) -> None:
    rows = [f"{number},Miller,Ann,active" for number in range(1000)]
    patients(folder, *rows)
    connector = at(folder)
    page = connector.read(Stream.PATIENTS, None)
    patients(folder, "0,Miller,Bea,active", *rows[1:])
    heard = read_on(connector, Stream.PATIENTS, page.cursor)
    assert heard.pages[-1].complete
    after = read_on(connector, Stream.PATIENTS, heard.cursor)
    assert [each.key for each in after.records] == ["0"]
    restarted = read_on(at(folder), Stream.PATIENTS, page.cursor)
    assert getattr(restarted.latest()["0"], "first_name", "") == "Bea"
    assert restarted.pages[-1].complete


def test_without_an_outbox_nothing_is_written_and_the_test_says_what_to_do(folder: Path) -> None:
    (folder / "outbox").rmdir()
    found = next(each for each in at(folder).examine() if each.ability == "add_note")
    assert found.ok is False
    assert "Make one" in found.sentence


def test_a_half_written_note_is_never_left_in_the_outbox(rig: CsvRig) -> None:
    from chartbridge.pms.commands import CommandKind

    rig.throttle()
    with pytest.raises(Unavailable):
        rig.connect().write(rig.command(CommandKind.ADD_NOTE, "CB-7K2QM9XD"))
    assert [each.name for each in (rig.folder / "outbox").iterdir()] == ["imported"]


def test_the_hub_s_clock_that_is_set_back_is_not_the_folder_s(folder: Path) -> None:
    noon = SystemClock().now()
    settings = Settings(values={"folder": str(folder)}, secrets={})
    known = brake.as_known(connect(settings, SetClock(noon)).identify())
    brake.look_at(known, {}, connect(settings, SetClock(noon - timedelta(hours=1))).identify())


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CsvRig:
    return CsvRig(tmp_path / "office", monkeypatch)


@pytest.mark.django_db
def test_the_pages_offer_it_by_its_manifest_and_a_note_goes_the_whole_way(folder: Path) -> None:
    practice = Practice.objects.create(name="Maple Street Dental", time_zone="UTC")
    desk = at_desk(person(practice, Role.MANAGER))
    patients(folder, "1,Marsh,Ann,active")
    now = SystemClock().now()
    (folder / "appointments.csv").write_text(f"{VISITS}\n7,1,{now:%Y-%m-%d} 09:00,30,scheduled,here\n")
    (folder / "providers.csv").write_text("key,name\nDR1,Dr One\n")
    (folder / "note_types.csv").write_text("key,name\nTEXT,Texts\n")
    (folder / "statuses.csv").write_text("key,name,meaning\nhere,Here,arrived\n")
    _connect_on_the_page(desk, folder)
    link = Connection.objects.get()
    clock = SetClock(now)
    live = LiveConnectors(clock)
    checker = Checker(live, clock)
    for stream in (Stream.LOOKUPS, Stream.PATIENTS, Stream.APPOINTMENTS):
        checker.check(link.pk, stream)
    assert MirrorPatient.objects.get().last_name == "Marsh"
    assert MirrorAppointment.objects.get().status_key == "here"
    assert "Marsh" in desk.get("/flow/").content.decode()

    Connection.objects.update(provider_key="DR1")
    NoteSetting.objects.update_or_create(
        connection=link, kind=ActivityKind.PATIENT_NOTE, defaults={"allow": True, "note_type_key": "TEXT"}
    )
    told = Activity.objects.create(
        practice=practice, kind=ActivityKind.PATIENT_NOTE, patient_key="1", body="Prefers mornings.",
        occurred_at=now, accepted_at=now, source="test",
    )  # fmt: skip
    with writing():
        enqueue_activity(told, "mary@example.com")
    deliverer = Deliverer(live, clock)
    _deliver(deliverer, link, clock)
    row = Writeback.objects.get()
    note = folder / "outbox" / f"{row.marker}.csv"
    assert "Prefers mornings." in note.read_text("utf-8")
    assert (row.delivery, row.seen, row.reason_code) == ("taken", "owed", "waiting_for_import")

    (folder / "outbox" / "imported").mkdir()
    note.rename(folder / "outbox" / "imported" / note.name)  # as the program does once it is in the chart
    for _ in range(20):
        clock.advance(3600)
        _deliver(deliverer, link, clock)
    row.refresh_from_db()
    assert (row.delivery, row.seen, row.record) == ("taken", "seen", f"note {row.marker}")
    live.close()
    checker.close()


def _connect_on_the_page(desk: Client, folder: Path) -> None:
    page = desk.get("/settings/connection/?connector=csv_folder").content.decode()
    assert "CSV folder" in page
    assert "Windows-1252" in page
    form = {"connector": "csv_folder", "folder": str(folder), "encoding": "utf-8"}
    assert "Works:" in desk.post("/settings/connection/test/", form).content.decode()
    saved = desk.post("/settings/connection/save/", form).content.decode()
    assert "Saved. CSV folder answers and is being read." in saved


def _deliver(deliverer: Deliverer, link: Connection, clock: SetClock) -> None:
    for _ in range(10):
        if not deliverer.deliver(link.pk).again:
            return
        clock.advance(timedelta(seconds=1).total_seconds())


def test_writing_without_the_right_to_is_unauthorised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from chartbridge.transport.folder import Folder

    def may_not(*_: object) -> None:
        raise OSError(errno.EROFS, "")

    monkeypatch.setattr(Folder, "_rename", may_not)
    with pytest.raises(Unauthorised) as error:
        Folder(str(folder)).put("outbox/x.csv", b"x", ability="add_note")
    assert error.value.ability == "add_note"
