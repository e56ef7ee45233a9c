"""Reading Open Dental's database on a real MariaDB: what no front desk does, and what must not be lost then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chartbridge.connectors.open_dental.codec import BadValue
from chartbridge.connectors.open_dental.connector import OpenDental
from chartbridge.connectors.open_dental.cursors import parse
from chartbridge.connectors.open_dental.database import Database, as_text
from chartbridge.connectors.open_dental.statements import (
    FIELDS,
    FIRST_PAGE,
    PACKED,
    STATEMENTS,
    compiled,
    keys,
)
from chartbridge.domain.people import Patient
from chartbridge.domain.schedule import Appointment
from chartbridge.pms.commands import AddNote, CommandKind, Sought
from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.testing.claims import MARKER
from chartbridge.testing.steps import read_on
from chartbridge.transport.sql import Sql, SqlAddress
from tests.connectors.open_dental.rig import OpenDentalRig
from tests.servers.mariadb import MariaDb

SCHEDULE = (Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS)


def _quiet(rig: OpenDentalRig, stream: Stream) -> tuple[object, str]:
    connector = rig.connect()
    heard = read_on(connector, stream, None)
    heard = read_on(connector, stream, heard.cursor)
    return connector, read_on(connector, stream, heard.cursor).cursor


def test_a_quiet_check_gives_back_the_same_cursor_and_reads_no_row(myisam_rig: OpenDentalRig) -> None:
    for stream in (*SCHEDULE, Stream.PATIENTS, Stream.PHOTOS, Stream.DOCUMENTS):
        connector, cursor = _quiet(myisam_rig, stream)
        page = connector.read(stream, cursor)  # type: ignore[attr-defined]
        assert (page.records, page.gone, page.bad, page.rows_read, page.more) == ((), (), (), 0, False)
        assert page.cursor == cursor


@pytest.mark.parametrize("stream", SCHEDULE)
def test_ten_changes_cost_less_than_a_hundred_rows(myisam_rig: OpenDentalRig, stream: Stream) -> None:
    visits = [myisam_rig.book() for _ in range(30)]
    connector, cursor = _quiet(myisam_rig, stream)
    for visit in visits[:10]:
        myisam_rig.set_status(visit, "22")
    heard = read_on(connector, stream, cursor)  # type: ignore[arg-type]
    assert set(visits[:10]) == heard.keys
    assert sum(page.rows_read for page in heard.pages) < 100
    later = read_on(connector, stream, heard.cursor)  # type: ignore[arg-type]
    assert later.records == []


@pytest.mark.parametrize("stream", SCHEDULE)
def test_a_minute_later_the_rows_of_a_burst_are_not_listed_again(
    myisam_rig: OpenDentalRig, stream: Stream
) -> None:
    rig = myisam_rig
    visits = [rig.book() for _ in range(20)]
    connector, cursor = _quiet(rig, stream)
    for visit in visits[:10]:
        rig.set_status(visit, "22")
    held = parse(read_on(connector, stream, cursor).cursor)  # type: ignore[arg-type]
    assert held is not None
    assert len(held.feed.seen) >= 10
    rig.db.run("UPDATE histappointment SET HistDateTStamp = HistDateTStamp - INTERVAL 61 SECOND")
    since = as_text(datetime.fromisoformat(held.feed.since) - timedelta(seconds=61))
    aged = replace(held, feed=replace(held.feed, since=since)).text()
    page = connector.read(stream, aged)  # type: ignore[attr-defined]
    assert (page.records, page.rows_read) == ((), 0)
    after = parse(page.cursor)
    assert after is not None
    assert (after.feed.seen, after.feed.highest) == ((), held.feed.highest)
    rig.clock.passed += 3600
    rig.db.run("UPDATE appointment SET Confirmed=25 WHERE AptNum=?", int(visits[15]))
    hidden = connector.read(stream, aged)  # type: ignore[attr-defined]
    assert {each.key for each in hidden.records} == {visits[15]}, "found by the day's sums, in the same check"
    page = hidden
    assert connector.read(stream, page.cursor).cursor == page.cursor  # type: ignore[attr-defined]
    for visit in visits[10:]:
        rig.set_status(visit, "22")
    assert read_on(connector, stream, page.cursor).keys == set(visits[10:])  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", SCHEDULE)
def test_random_keys_lose_nothing(myisam_rig: OpenDentalRig, stream: Stream) -> None:
    rig = myisam_rig
    rig.knobs.random_keys()
    visits = [rig.book() for _ in range(5)]
    connector, cursor = _quiet(rig, stream)
    for turn in ("22", "25", "23"):
        for visit in visits:
            rig.set_status(visit, turn)
        heard = read_on(connector, stream, cursor)  # type: ignore[arg-type]
        assert {getattr(heard.latest()[visit], "status_key", "") for visit in visits} == {turn}
        cursor = heard.cursor
    rig.delete(visits[0])
    assert visits[0] in read_on(connector, stream, cursor).gone  # type: ignore[arg-type]
    if stream is Stream.APPOINTMENTS:
        patient = rig.add_patient()
        assert patient in read_on(connector, Stream.PATIENTS, None).keys  # type: ignore[arg-type]


def test_new_patients_and_documents_with_random_keys_are_found(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    rig.knobs.random_keys()
    connector, cursor = _quiet(rig, Stream.PATIENTS)
    _, papers = _quiet(rig, Stream.DOCUMENTS)
    patient = rig.add_patient()
    paper = rig.add_paper(rig.patient_of_today())
    assert int(patient) > 2**53 or int(patient) > 10_000
    assert patient in read_on(connector, Stream.PATIENTS, cursor).keys  # type: ignore[arg-type]
    assert paper in read_on(connector, Stream.DOCUMENTS, papers).keys  # type: ignore[arg-type]


@pytest.mark.fault("R14")
@pytest.mark.parametrize("stream", SCHEDULE)
@pytest.mark.parametrize("slow", [False, True])
def test_what_was_written_past_the_history_is_noticed_within_five_minutes(
    myisam_rig: OpenDentalRig, stream: Stream, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    rig = myisam_rig
    visit, lost = rig.book(), rig.book()
    if slow:
        timed = Database.timed
        monkeypatch.setattr(Database, "timed", lambda *asked: (timed(*asked)[0], 0.5))
    connector, cursor = _quiet(rig, stream)
    rig.clock.passed += 300 - 60  # and its check interval is at most a minute
    rig.db.run("UPDATE appointment SET Confirmed=25 WHERE AptNum=?", int(visit))
    rig.db.run("DELETE FROM appointment WHERE AptNum=?", int(lost))
    heard = read_on(connector, stream, cursor)  # type: ignore[arg-type]
    assert getattr(heard.latest()[visit], "status_key", "") == "25"
    assert heard.gone == {lost}
    assert heard.keys == {visit}


@pytest.mark.fault("R14")
def test_a_scan_finds_what_was_written_past_the_history_on_another_day(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    connector, cursor = _quiet(rig, Stream.APPOINTMENTS)
    other = str(
        rig.db.value("SELECT MIN(AptNum) FROM appointment WHERE AptDateTime > NOW() + INTERVAL 3 DAY")
    )
    rig.db.run("UPDATE appointment SET Confirmed=25 WHERE AptNum=?", int(other))
    assert other not in read_on(connector, Stream.APPOINTMENTS, cursor).keys  # type: ignore[arg-type]
    heard = read_on(connector, Stream.APPOINTMENTS, cursor, thorough=True)  # type: ignore[arg-type]
    found = heard.latest()[other]
    assert isinstance(found, Appointment)
    assert found.status_key == "25"


@pytest.mark.fault("R14")
def test_a_scan_finds_a_patient_whom_no_log_names(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    connector, cursor = _quiet(rig, Stream.PATIENTS)
    rig.db.run("UPDATE patient SET Email='quiet@example.org' WHERE PatNum=?", rig.neighbour)
    assert read_on(connector, Stream.PATIENTS, cursor).keys == set()  # type: ignore[arg-type]
    heard = read_on(connector, Stream.PATIENTS, cursor, thorough=True)  # type: ignore[arg-type]
    assert getattr(heard.latest()[str(rig.neighbour)], "email", "") == "quiet@example.org"


@pytest.fixture
def server_zone(mariadb: MariaDb) -> Iterator[MariaDb]:
    yield mariadb
    with mariadb.connect() as link, link.cursor() as cursor:
        cursor.execute("SET GLOBAL time_zone = 'SYSTEM'")


@pytest.mark.fault("R12")
@pytest.mark.parametrize("random", [False, True], ids=["keys in order", "random keys"])
@pytest.mark.parametrize("stream", SCHEDULE)
def test_the_repeated_hour_of_the_server_loses_nothing(
    myisam_rig: OpenDentalRig, server_zone: MariaDb, stream: Stream, random: bool
) -> None:
    """The server's wall clock goes from -04:00 to -05:00 while rows are written on both sides."""
    rig, name = myisam_rig, myisam_rig.sandbox.db_url.rsplit("/", 1)[-1]
    rig.knobs.random_keys(random)
    before, after = rig.book(), rig.book()

    def write(zone: str, visit: str, status: str) -> None:
        with server_zone.connect() as link, link.cursor() as cursor:
            cursor.execute("SET GLOBAL time_zone = %s", (zone,))
            cursor.execute("SET SESSION time_zone = %s", (zone,))
            rig.db.run("SET SESSION time_zone = ?", zone)
            rig.set_status(visit, status)
        assert name

    try:
        write("-04:00", before, "21")
        connector, cursor = _quiet(rig, stream)
        write("-04:00", before, "22")
        heard = read_on(connector, stream, cursor)  # type: ignore[arg-type]
        write("-04:00", before, "25")
        write("-05:00", after, "22")
        heard = read_on(connector, stream, heard.cursor)  # type: ignore[arg-type]
        assert getattr(heard.latest()[before], "status_key", "") == "25"
        assert getattr(heard.latest()[after], "status_key", "") == "22"
        write("-05:00", after, "23")
        heard = read_on(connector, stream, heard.cursor)  # type: ignore[arg-type]
        assert getattr(heard.latest()[after], "status_key", "") == "23"
    finally:
        rig.db.run("SET SESSION time_zone = SYSTEM")


def test_tables_without_an_index_on_the_history_s_time_are_read_by_key(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    rig.db.run("ALTER TABLE histappointment DROP INDEX HistDateTStamp")
    try:
        visit = rig.book()
        connector, cursor = _quiet(rig, Stream.APPOINTMENTS)
        rig.set_status(visit, "22")
        heard = read_on(connector, Stream.APPOINTMENTS, cursor)  # type: ignore[arg-type]
        assert getattr(heard.latest()[visit], "status_key", "") == "22"
        assert read_on(connector, Stream.APPOINTMENTS, heard.cursor).records == []  # type: ignore[arg-type]
    finally:
        rig.db.run("ALTER TABLE histappointment ADD INDEX HistDateTStamp (HistDateTStamp)")


def test_a_missing_optional_column_is_done_without(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    rig.db.run("ALTER TABLE patient RENAME COLUMN TxtMsgOk TO SomethingElse")
    try:
        assert read_on(rig.connect(), Stream.PATIENTS, None).bad == []
    finally:
        rig.db.run("ALTER TABLE patient RENAME COLUMN SomethingElse TO TxtMsgOk")


def test_a_missing_needed_column_is_named(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    rig.db.run("ALTER TABLE appointment RENAME COLUMN Confirmed TO SomethingElse")
    try:
        with pytest.raises(Unreadable) as error:
            rig.connect().read(Stream.APPOINTMENTS, None)
        assert "appointment.Confirmed" in error.value.safe_message
    finally:
        rig.db.run("ALTER TABLE appointment RENAME COLUMN SomethingElse TO Confirmed")


def test_a_column_that_vanishes_under_the_reader_is_told_before_anything_is_read_without_it(
    myisam_rig: OpenDentalRig,
) -> None:
    rig = myisam_rig
    connector = rig.connect()
    cursor = read_on(connector, Stream.PATIENTS, None).cursor
    rig.db.run("ALTER TABLE patient RENAME COLUMN TxtMsgOk TO SomethingElse")
    try:
        rig.edit_patient(rig.patient_of_today())
        for _ in range(2):
            with pytest.raises(Unreadable, match=r"patient\.TxtMsgOk"):
                connector.read(Stream.PATIENTS, cursor)
        assert connector.identify().reads["patients"]["patient.TxtMsgOk"] == ""
        assert rig.patient_of_today() in read_on(connector, Stream.PATIENTS, cursor).keys
    finally:
        rig.db.run("ALTER TABLE patient RENAME COLUMN SomethingElse TO TxtMsgOk")


def test_a_restored_backup_shows_in_the_highest_numbers(myisam_rig: OpenDentalRig) -> None:
    rig = myisam_rig
    rig.knobs.back_up()
    connector = rig.connect()
    rig.set_status(rig.book(), "22")
    before = connector.identify().highest
    rig.knobs.restore_backup()
    after = connector.identify().highest
    assert any(after.get(name, 0) < number for name, number in before.items())


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"db_password": "wrong"}, "db_password"),
        ({"db_user": "nobody"}, "db_password"),
        ({"db_name": "not_there"}, None),
        ({"db_host": ""}, "db_host"),
        ({"db_port": "many"}, "db_port"),
        ({"read_mode": "telepathy"}, "read_mode"),
    ],
)
def test_a_wrong_setting_is_named(
    myisam_rig: OpenDentalRig, change: dict[str, str], setting: str | None
) -> None:
    from chartbridge.connectors.open_dental.connector import connect

    connector = connect(myisam_rig.settings(**change), myisam_rig.clock)
    with pytest.raises((Misconfigured, Unauthorised)) as error:
        connector.identify()
    if setting is not None:
        assert isinstance(error.value, Misconfigured)
        assert error.value.setting == setting
    assert any(finding.ok is False and finding.sentence for finding in connector.examine())


def test_an_unknown_database_server_is_unavailable_in_words(myisam_rig: OpenDentalRig) -> None:
    from chartbridge.connectors.open_dental.connector import connect

    connector = connect(myisam_rig.settings(db_host="no-such-host.invalid"), myisam_rig.clock)
    with pytest.raises(Unavailable) as error:
        connector.read(Stream.PATIENTS, None)
    assert "can't be reached" in error.value.safe_message


def test_a_user_without_rights_is_told_which_right_to_give(
    myisam_rig: OpenDentalRig, mariadb: MariaDb
) -> None:
    from chartbridge.connectors.open_dental.connector import connect

    name = myisam_rig.sandbox.db_url.rsplit("/", 1)[-1]
    mariadb.create_user("no_rights", "pw", f"SELECT ON {name}.preference")
    settings = myisam_rig.settings(db_user="no_rights", db_password="pw")
    with pytest.raises((Misconfigured, Unauthorised)) as error:
        connect(settings, myisam_rig.clock).read(Stream.PATIENTS, None)
    assert "SELECT" in error.value.safe_message


def test_a_user_who_can_do_more_than_read_is_reported(myisam_rig: OpenDentalRig, mariadb: MariaDb) -> None:
    from chartbridge.connectors.open_dental.connector import connect

    name = myisam_rig.sandbox.db_url.rsplit("/", 1)[-1]
    mariadb.create_user("may_write", "pw", f"SELECT, UPDATE ON {name}.*")
    connector = connect(myisam_rig.settings(db_user="may_write", db_password="pw"), myisam_rig.clock)
    rights = next(finding for finding in connector.examine() if finding.ability == "rights")
    assert rights.ok is False
    assert "UPDATE" in rights.sentence
    honest = next(finding for finding in myisam_rig.connect().examine() if finding.ability == "rights")
    assert honest.ok is True


def test_without_keys_reading_goes_on_and_writing_names_the_setting(myisam_rig: OpenDentalRig) -> None:
    from chartbridge.connectors.open_dental.connector import connect

    connector = connect(myisam_rig.settings(developer_key=""), myisam_rig.clock)
    assert read_on(connector, Stream.PATIENTS, None).records
    with pytest.raises(Misconfigured) as error:
        connector.write(myisam_rig.command(CommandKind.ADD_NOTE, "CB-7K2QM9XD"))
    assert error.value.setting == "developer_key"


def test_the_session_may_not_write_even_as_a_user_who_could(
    myisam_rig: OpenDentalRig, mariadb: MariaDb
) -> None:
    name = myisam_rig.sandbox.db_url.rsplit("/", 1)[-1]
    sql = Sql(
        SqlAddress(
            host=mariadb.host, port=mariadb.port, database=name, user=mariadb.user, password=mariadb.password
        ),
        name="it",
    )
    assert sql.rows("SELECT @@session.tx_read_only, @@session.time_zone")[0] == ("1", "+00:00")
    sql.close()


# -- plans ------------------------------------------------------------------------------------------------------

_ARGUMENTS: dict[str, tuple[object, ...]] = {
    "check_schedule": ("2026-11-24 10:00:00",),
    "check_patients": ("2026-11-24 10:00:00",),
    "check_documents": ("2026-11-24 10:00:00",),
    "day_fingerprint": ("2026-11-24 00:00:00", "2026-11-25 00:00:00"),
    "history_after": ("900000",),
    "history_window": ("2999-11-24 10:00:00",),
    "history_by_key": (),
    "log_after": ("900000",),
    "log_window": ("2999-11-24 10:00:00",),
    "log_by_key": (),
    "day_rows": ("2026-11-24 00:00:00", "2026-11-25 00:00:00"),
    "appointments_by_key": (),
    "appointments_from": ("2026-11-24 00:00:00", "2027-11-25 00:00:00"),
    "appointments_at": ("2026-11-24 10:00:00",),
    "scan_appointments": ("2026-11-24 00:00:00", "2026-11-24 00:00:00", "2027-11-25 00:00:00"),
    "any_appointment": (),
    "patients_of_day": ("2026-11-24 00:00:00", "2026-11-25 00:00:00"),
    "patients_after": ("5000",),
    "patients_from": ("5000",),
    "patients_by_key": (),
    "patient_keys_after": ("5000",),
    "visitors_of_day": ("2026-11-24 00:00:00", "2026-11-25 00:00:00"),
    "scan_patients": ("2026-11-24 00:00:00", "5000"),
    "documents_after": ("5000",),
    "documents_by_key": (),
    "documents_of_patients": (),
    "pictures_of_patients": ("190",),
    "owners_of_documents": (),
    "scan_documents": ("2026-11-24 00:00:00", "5000"),
    "file": ("7",),
    "image_folder": ("7",),
    "notes_about": ("2026-11-22 00:00:00", "2026-11-26 00:00:00"),
    "notes_by_key": (),
    "notes_of_people": (),
    "notes_between": ("2026-11-25 09:00:00", "2026-11-25 12:00:00"),
    "papers_by_key": (),
    "papers_of_people": (),
    "papers_between": (1000, 1200),
    "last_paper": (),
    "merged": (),
    "papers_of": ("7", "%CB-7K2QM9XD%"),
    "status_of": (),
    "plans_of": ("7",),
    "verified": ("7",),
    "verified_before": ("7",),
}
# short lists of some tens of rows, and statements about the server itself
_LISTS = {
    "definitions",
    "providers",
    "operatories",
    "preferences",
    "server",
    "local_time",
    "grants",
    "columns",
    "indexes",
}
_BIG = {
    "appointment",
    "histappointment",
    "patient",
    "document",
    "securitylog",
    "commlog",
    "patplan",
    "insverify",
    "insverifyhist",
}


@pytest.fixture(scope="module")
def large(mariadb: MariaDb) -> Iterator[Database]:
    """Enough rows that a plan is chosen as in a real practice."""
    from chartbridge.sandbox.open_dental.database import connect
    from chartbridge.sandbox.open_dental.seed_large import seed_large

    name = mariadb.create_database("plans", "utf8mb3")
    link = connect(mariadb.url(name))
    seed_large(link, patients=5000, appointments=40_000, commlogs=20_000)
    with link.cursor() as cursor:
        for table in sorted(_BIG):
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
    link.close()
    sql = Sql(
        SqlAddress(
            host=mariadb.host, port=mariadb.port, database=name, user=mariadb.user, password=mariadb.password
        ),
        name="it",
    )
    yield Database(sql)
    sql.close()


def test_every_statement_has_a_plan_to_test() -> None:
    assert set(STATEMENTS) == set(_ARGUMENTS) | _LISTS


@pytest.mark.parametrize("name", sorted(_ARGUMENTS))
def test_no_statement_reads_a_whole_table(name: str, large: Database, mariadb: MariaDb) -> None:
    large.has("patient", "PatNum")
    text = compiled(large.columns, large.indexes)[name].replace("{keys}", keys(["11", "12", "13"]))
    with mariadb.connect("plans") as link, link.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"EXPLAIN {text}", _ARGUMENTS[name] or None)
        plan = cursor.fetchall()
    for row in plan:
        table, kind = str(row[2]), str(row[3])
        if table.lower() in _BIG:
            assert kind not in ("ALL",), f"{name} reads all of {table}"
            assert kind != "index" or "LIMIT" in text, f"{name} reads a whole index of {table}"


@pytest.mark.parametrize("name", sorted(PACKED))
def test_a_packed_page_reads_no_whole_table_and_is_the_page(
    name: str, large: Database, mariadb: MariaDb
) -> None:
    large.has("patient", "PatNum")
    text = compiled(large.columns, large.indexes)[f"{name}_packed"]
    with mariadb.connect("plans") as link, link.cursor() as cursor:
        cursor.execute(f"EXPLAIN {text}", _ARGUMENTS[name])
        kinds = {str(row[2]).lower(): str(row[3]) for row in cursor.fetchall()}
    assert kinds[PACKED[name][0]] == "range"
    begin = {"patients_from": ("0",), "appointments_from": ("2020-01-01 00:00:00", "2099-01-01 00:00:00")}
    rows = large.page(name, begin[name], lambda _args, _rows: None)
    assert len(rows) == FIRST_PAGE
    plain = large.rows(name, begin[name])
    order = FIELDS[PACKED[name][0]][1].index(PACKED[name][1])
    assert [row[order] for row in rows] == [row[order] for row in plain]
    last = plain[-1][order]  # of one moment, a page may hold other visits
    assert {row for row in rows if row[order] != last} == {row for row in plain if row[order] != last}


def test_a_name_with_control_characters_is_read_whole(myisam_rig: OpenDentalRig) -> None:
    key = str(myisam_rig.knobs.add_patient("Mil\x1fler\x1d", "\x1e"))
    heard = read_on(myisam_rig.connect(), Stream.PATIENTS, None)
    found = {each.key: each for each in heard.records if isinstance(each, Patient)}
    assert (found[key].last_name, found[key].first_name) == ("Mil\x1fler\x1d", "\x1e")


@pytest.mark.parametrize("name", ["check_schedule", "check_patients", "check_documents"])
def test_a_check_touches_a_handful_of_rows(name: str, large: Database, mariadb: MariaDb) -> None:
    large.has("patient", "PatNum")
    text = compiled(large.columns, large.indexes)[name]
    with mariadb.connect("plans") as link, link.cursor() as cursor:
        cursor.execute(text, ("2999-01-01 00:00:00",))
        cursor.fetchall()
        cursor.execute("FLUSH STATUS")
        cursor.execute(text, ("2999-01-01 00:00:00",))
        cursor.fetchall()
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        reads = sum(int(row[1]) for row in cursor.fetchall())
    assert reads <= 10


def test_an_update_is_seen_before_anything_is_read_and_by_idle_checks_within_half_a_minute(
    myisam_rig: OpenDentalRig,
) -> None:
    rig, moment = myisam_rig, [0.0]
    connector = rig.connect()
    assert isinstance(connector, OpenDental)
    database = connector._open().database
    assert database is not None
    database._monotonic = lambda: moment[0]
    database.check("check_schedule", ("2999-01-01",))
    rig.knobs.update_in_progress("SERVER1")
    moment[0] = 29.0
    database.check("check_schedule", ("2999-01-01",))
    with pytest.raises(Unavailable):
        database.before_reading()
    for _ in range(2):  # and once seen it is looked for at each check
        with pytest.raises(Unavailable):
            database.check("check_schedule", ("2999-01-01",))
    rig.knobs.update_in_progress("")
    moment[0] = 100.0
    database.check("check_schedule", ("2999-01-01",))
    rig.knobs.update_in_progress("SERVER1")
    moment[0] = 131.0
    with pytest.raises(Unavailable):
        database.check("check_schedule", ("2999-01-01",))


def test_a_key_that_is_no_number_never_reaches_a_statement() -> None:
    for bad in ("1 OR 1=1", "1;DROP", "", "１", "abc"):
        with pytest.raises(BadValue):
            keys([bad])
    assert keys([]) == "0"
    assert keys(["12", "-3"]) == "12,-3"


def test_who_was_merged_into_whom_is_told_with_a_search(myisam_rig: OpenDentalRig) -> None:
    """As the Merge Patients tool leaves it: the rows move, and a link of type 1 stays; a clone's link says nothing."""
    rig = myisam_rig
    connector = rig.connect()
    connector.write(rig.command(CommandKind.ADD_NOTE, MARKER))
    record = rig.truth(MARKER)[0]
    command = rig.command(CommandKind.ADD_NOTE, MARKER)
    assert isinstance(command, AddNote)
    sought = [Sought(command=command, record=record.record)]
    since = rig.clock.now() - timedelta(hours=1)
    assert connector.find(sought, since).merged == {}
    into = rig.misfile(record.record)
    rig.db.insert("patientlink", PatNumFrom=int(into), PatNumTo=into, LinkType=2)
    rig.db.insert("patientlink", PatNumFrom=int(record.patient_key), PatNumTo=900, LinkType=1)
    rig.db.insert("patientlink", PatNumFrom=900, PatNumTo=int(into), LinkType=1)
    finds = connector.find(sought, since)
    assert finds.merged == {record.patient_key: into, "900": into}
    assert [(each.record, each.patient_key) for each in finds.records] == [(record.record, into)]
    rig.db.rows("DROP TABLE patientlink")
    assert rig.connect().find(sought, since).merged is None, "who can't be asked says so"
