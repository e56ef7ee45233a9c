"""The SQL line, against a real MariaDB: reads, refuses, reconnects, names what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chartbridge.pms.errors import Misconfigured, Unauthorised, Unavailable, Unreadable
from chartbridge.testing.line import Line
from chartbridge.transport.sql import NotARead, Sql, SqlAddress, check
from tests.servers.mariadb import MariaDb


def _sql(server: MariaDb, **change: object) -> Sql:
    place = {
        "host": server.host,
        "port": server.port,
        "database": "transport",
        "user": server.user,
        "password": server.password,
        **{k: v for k, v in change.items() if k != "statement_s"},
    }
    limit = change.get("statement_s", 5.0)
    return Sql(SqlAddress(**place), name="The PMS", statement_s=limit)  # type: ignore[arg-type]


@pytest.fixture
def database(mariadb: MariaDb) -> Iterator[MariaDb]:
    mariadb.create_database("transport")
    with mariadb.connect("transport") as link, link.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR(100), at DATETIME, moved TIMESTAMP)"
        )
        cursor.execute(
            "INSERT INTO t VALUES (%s, %s, %s, '2026-11-01 05:30:00')",
            (9223372036854775807, "李 😀", "0000-00-00 00:00:00"),
        )
    return mariadb


def test_every_value_is_text_and_nothing_is_lost(database: MariaDb) -> None:
    sql = _sql(database)
    assert sql.rows("SELECT k, name, at, NULL FROM t WHERE k > %s", ("5",)) == (
        ("9223372036854775807", "李 😀", "0000-00-00 00:00:00", None),
    )
    assert sql.rows("SELECT k FROM t WHERE k < 0") == ()
    sql.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET k = 1",
        "DELETE FROM t",
        "DROP TABLE t",
        "SET GLOBAL sql_mode = ''",
        "SELECT 1; DELETE FROM t",
        "SELECT k INTO OUTFILE '/tmp/x' FROM t",
        "SELECT k FROM t FOR UPDATE",
        "SELECT GET_LOCK('x', 1)",
        "CALL something()",
        "LOCK TABLES t READ",
    ],
)
def test_what_is_no_plain_read_is_never_sent(statement: str) -> None:
    with pytest.raises(NotARead):
        check(statement)


def test_a_line_that_went_idle_is_made_again(database: MariaDb) -> None:
    line = Line(database.host, database.port)
    sql = _sql(database, port=line.port)
    sql.rows("SELECT 1")
    line.cut()
    with pytest.raises(Unavailable):
        sql.rows("SELECT 1")
    line.restore()
    assert sql.rows("SELECT 1") == (("1",),)
    line.cut()
    line.restore()
    assert sql.rows("SELECT 2") == (("2",),)
    assert sql.opened == 3
    line.cut()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(database: MariaDb) -> None:
    sql = _sql(database, statement_s=1.0)
    with pytest.raises(Unavailable, match="too long"):
        sql.rows("SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b")
    assert sql.rows("SELECT 1") == (("1",),)
    sql.close()


@pytest.mark.parametrize(
    ("change", "kind", "setting"),
    [
        ({"password": "wrong"}, Misconfigured, "db_password"),
        ({"database": "nothing_here"}, Misconfigured, "db_name"),
        ({"port": 1}, Unavailable, None),
        ({"host": "no-such-host.invalid"}, Unavailable, None),
        ({"tls": "verify"}, Misconfigured, "db_tls"),
        ({"host": "192.168.1..5"}, Misconfigured, "db_host"),
        ({"host": "a" * 64}, Misconfigured, "db_host"),
        ({"password": "wrong €"}, Misconfigured, "db_password"),
    ],
)
def test_a_wrong_address_or_sign_in_is_named(
    database: MariaDb, change: dict[str, object], kind: type[Exception], setting: str | None
) -> None:
    with pytest.raises(kind) as error:
        _sql(database, **change).rows("SELECT 1")
    if setting:
        assert getattr(error.value, "setting", None) == setting
    assert database.password not in str(error.value)


def test_a_password_of_any_characters_signs_in(database: MariaDb) -> None:
    database.create_user("euro", "café €5 李")
    sql = _sql(database, user="euro", password="café €5 李")
    assert sql.rows("SELECT 1") == (("1",),)
    sql.close()


def test_errors_carry_numbers_and_no_values(database: MariaDb) -> None:
    sql = _sql(database)
    with pytest.raises(Unreadable) as error:
        sql.rows("SELECT Xyzzyowski FROM t")
    assert "Xyzzyowski" not in str(error.value) + error.value.evidence
    assert error.value.__suppress_context__
    database.create_user("sees_nothing", "pw", "USAGE ON *.*")
    with pytest.raises((Unauthorised, Misconfigured)):
        _sql(database, user="sees_nothing", password="pw").rows("SELECT k FROM t")
    sql.close()


def test_several_threads_may_share_it(database: MariaDb) -> None:
    sql, wrong = _sql(database), list[object]()

    def run(number: int) -> None:
        for _ in range(50):
            if sql.rows("SELECT %s", (number,)) != ((str(number),),):
                wrong.append(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert wrong == []
    assert sql.opened == 1
    sql.close()
