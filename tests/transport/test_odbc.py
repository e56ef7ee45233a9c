"""ODBC for real: unixODBC, MariaDB's own driver, a real server, and a line that breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pymysql
import pyodbc
import pytest

from chartbridge.pms.errors import Misconfigured, PmsError, Refused, Unavailable, Uncertain, Unreadable
from chartbridge.transport.odbc import NotAllowedHere, Odbc, OdbcAddress, Transaction
from tests.servers.mariadb import MariaDb
from tests.servers.odbc import connection_string

NAME = "The practice's database"


@pytest.fixture
def database(mariadb: MariaDb) -> str:
    name = mariadb.create_database("PPM_odbc")
    with mariadb.connect(name) as link, link.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE note (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(200) UNIQUE) ENGINE=InnoDB"
        )
        cursor.execute("CREATE TABLE long_note (text VARCHAR(9000)) CHARACTER SET utf8mb4")
        cursor.execute(
            "CREATE TRIGGER guard BEFORE INSERT ON note FOR EACH ROW IF NEW.text = 'blank' THEN"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '-20148 Trigger Execution Failed. Zebediah'; END IF"
        )
    return name


@pytest.fixture
def odbc(mariadb: MariaDb, database: str) -> Iterator[Odbc]:
    line = Odbc(OdbcAddress(connection_string=connection_string(mariadb, database)), name=NAME, judge=judge)
    yield line
    line.close()


def judge(_state: str, text: str) -> PmsError | None:
    return Refused("The database refused this record.", reason="trigger") if "-20148" in text else None


def kill_all(mariadb: MariaDb, database: str) -> None:
    with mariadb.connect() as link, link.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (database,))
        for (number,) in cursor.fetchall():
            with suppress(
                pymysql.err.OperationalError
            ):  # one that was closed just before may have ended by itself
                cursor.execute(f"KILL {number}")


def write(odbc: Odbc, *texts: str, then: Callable[[Transaction], object] = lambda _step: None) -> None:
    with odbc.transaction() as step:
        for text in texts:
            step.run("INSERT INTO note (text) VALUES (?)", [text])
        then(step)


def texts(odbc: Odbc) -> list[object]:
    return [row[0] for row in odbc.rows("SELECT text FROM note ORDER BY id")]


def test_what_was_written_can_be_read(odbc: Odbc) -> None:
    with odbc.transaction() as step:
        assert step.run("INSERT INTO note (text) VALUES (?)", ["O'Brien 李 😀"]) == 1
        [(number,)] = step.rows("SELECT @@identity")
    assert odbc.rows("SELECT id, text FROM note") == [(number, "O'Brien 李 😀")]


def test_a_transaction_that_fails_leaves_nothing(odbc: Odbc) -> None:
    def fail(_step: Transaction) -> None:
        raise RuntimeError

    with pytest.raises(Refused, match="refused"):
        write(odbc, "first", "blank")
    with pytest.raises(RuntimeError):
        write(odbc, "second", then=fail)
    assert texts(odbc) == []


@pytest.mark.parametrize("letters", [254, 255, 1024, 4000, 8190])
def test_a_long_text_is_stored_whole(odbc: Odbc, letters: int) -> None:
    odbc.rows("SELECT 1")
    text = "".join(chr(97 + place % 26) for place in range(letters - 2)) + "é李"
    with odbc.transaction() as step:
        step.run("INSERT INTO long_note (text) VALUES (?)", [text])
    assert odbc.rows("SELECT text FROM long_note") == [(text,)]


def test_a_line_that_broke_while_idle_is_no_failure(odbc: Odbc, mariadb: MariaDb, database: str) -> None:
    write(odbc, "before")
    assert texts(odbc) == ["before"]
    kill_all(mariadb, database)
    assert texts(odbc) == ["before"]
    write(odbc, "after")
    assert texts(odbc) == ["before", "after"]


def test_a_line_that_a_driver_says_nothing_known_of_is_not_kept(
    odbc: Odbc, mariadb: MariaDb, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FairCom's driver tells a line that is gone by a state of its own."""
    monkeypatch.setattr("chartbridge.transport.odbc._lost", lambda _error: False)
    write(odbc, "one")
    assert texts(odbc) == ["one"]
    kill_all(mariadb, database)
    assert texts(odbc) == ["one"]


@pytest.mark.parametrize(
    ("state", "said", "means"),
    [("45000", "-20148 Trigger Execution Failed", Refused), ("08S01", "the line is gone", Uncertain)],
)
def test_a_no_at_commit_is_a_no_and_only_a_lost_answer_is_uncertain(
    odbc: Odbc, state: str, said: str, means: type[PmsError]
) -> None:
    def goes_wrong(step: Transaction) -> None:
        step.committing = True  # from here on whatever goes wrong went wrong at COMMIT
        raise pyodbc.Error(state, said)

    with pytest.raises(means):
        write(odbc, "two", then=goes_wrong)


def test_a_line_that_breaks_before_anything_was_sent_is_unavailable(
    odbc: Odbc, mariadb: MariaDb, database: str
) -> None:
    def read_on_a_dead_line(step: Transaction) -> None:
        kill_all(mariadb, database)
        step.rows("SELECT id FROM note")

    with pytest.raises(Unavailable):
        write(odbc, then=read_on_a_dead_line)
    assert texts(odbc) == []


def test_a_line_that_breaks_after_a_change_was_sent_is_uncertain(
    odbc: Odbc, mariadb: MariaDb, database: str
) -> None:
    with pytest.raises(Uncertain):
        write(odbc, "perhaps", then=lambda _step: kill_all(mariadb, database))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("Pwd=", "Pwd=not-"), Misconfigured),
        (("Server=127.0.0.1;Port=", "Server=127.0.0.1;Port=1;Was="), Unavailable),
        (("Driver=", "Driver=/nowhere"), Misconfigured),
    ],
)
def test_who_cannot_connect_is_told_why(
    mariadb: MariaDb, database: str, change: tuple[str, str], expected: type[PmsError]
) -> None:
    line = Odbc(
        OdbcAddress(connection_string=connection_string(mariadb, database).replace(*change)), name=NAME
    )
    with pytest.raises(expected) as caught:
        line.rows("SELECT id FROM note")
    assert mariadb.password not in str(caught.value)
    assert mariadb.password not in repr(line)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("SELECT id FROM nothing_there", Misconfigured), ("SELECT nothing FROM note", Unreadable)],
)
def test_tables_and_columns_that_are_missing_are_named_as_such(
    odbc: Odbc, statement: str, expected: type[PmsError]
) -> None:
    with pytest.raises(expected):
        odbc.rows(statement)
    assert texts(odbc) == []


def test_nothing_of_the_drivers_text_goes_further(odbc: Odbc) -> None:
    write(odbc, "Zebediah")
    for text in ("Zebediah", "blank"):
        with pytest.raises(Refused) as caught:
            write(odbc, text)
        assert "Zebediah" not in f"{caught.value!r}{caught.value.reason}"
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("statement", ["DELETE FROM note", "DROP TABLE note", "SELECT 1; DROP TABLE note"])
def test_statements_that_no_connector_needs_are_never_sent(odbc: Odbc, statement: str) -> None:
    with pytest.raises(NotAllowedHere):
        odbc.rows(statement)
    with pytest.raises(NotAllowedHere):
        write(odbc, then=lambda step: step.run(statement))


def test_several_threads_may_read_and_write(odbc: Odbc) -> None:
    def work(number: int) -> None:
        write(odbc, str(number))
        texts(odbc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, texts(odbc))) == sorted(map(str, range(8)))
