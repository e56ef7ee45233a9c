"""Pages that are read ahead and come packed, on a real MariaDB: the same rows as one by one, or none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from chartbridge.transport.read_ahead import STALE_S, Args, ReadAhead, packing, read_packed, unpacked
from chartbridge.transport.sql import Rows, Sql, SqlAddress
from tests.servers.mariadb import MariaDb

ROWS = [
    (1, "O'Brien", "José", None, "0000-00-00 00:00:00"),
    (2, "李 😀", "", "two\r\nlines, tab\t and | ; 'quotes'", "2026-11-01 01:30:00"),
    (3, "", "Zoë", None, "2026-11-01 01:30:00"),
]
PLAIN = (
    "SELECT k AS c0, name AS c1, latin AS c2, note AS c3, at AS c4 FROM t WHERE k > %s ORDER BY k LIMIT 100"
)
PACKED = packing(PLAIN, ["c0", "c1", "c2", "c3", "c4"], "c0")


@pytest.fixture
def line(mariadb: MariaDb) -> Iterator[Sql]:
    mariadb.create_database("ahead")
    with mariadb.connect("ahead") as link, link.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute(
            "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR(100) CHARACTER SET utf8mb4, "
            "latin VARCHAR(100) CHARACTER SET latin1, note TEXT CHARACTER SET utf8mb3, at DATETIME)"
        )
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s)", ROWS)
    place = SqlAddress(
        host=mariadb.host, port=mariadb.port, database="ahead", user=mariadb.user, password=mariadb.password
    )
    sql = Sql(place, name="The PMS")
    yield sql
    sql.close()


def _change(mariadb: MariaDb, statement: str, *args: object) -> None:
    with mariadb.connect("ahead") as link, link.cursor() as cursor:
        cursor.execute(statement, args)


def test_a_packed_page_is_the_same_rows_whatever_is_in_them(line: Sql) -> None:
    assert unpacked(line.rows(PACKED, (0,)), 5) == line.rows(PLAIN, (0,))
    assert len(line.rows(PLAIN, (0,))) == 3
    assert unpacked(line.rows(PACKED, (99,)), 5) == ()


@pytest.mark.parametrize("separator", ["\x1f", "\x1d"])
def test_a_text_with_a_separator_in_it_is_not_taken_apart_wrongly(
    line: Sql, mariadb: MariaDb, separator: str
) -> None:
    _change(mariadb, "UPDATE t SET note = %s WHERE k = 2", f"in{separator}side")
    assert unpacked(line.rows(PACKED, (0,)), 5) is None


def test_a_page_that_the_server_cut_off_is_not_taken(line: Sql) -> None:
    line.rows("SET SESSION group_concat_max_len = 40")
    assert unpacked(line.rows(PACKED, (0,)), 5) is None


def _ahead(line: Sql, clock: list[float]) -> tuple[ReadAhead, list[Args]]:
    """Pages of one row."""
    asked: list[Args] = []

    def read(args: Args) -> Rows:
        asked.append(args)
        return line.rows(PLAIN.replace("LIMIT 100", "LIMIT 1"), args)

    def following(_args: Args, rows: Rows) -> Args | None:
        return (rows[0][0],) if rows else None

    return ReadAhead(read, following, lambda: clock[0]), asked


def test_page_after_page_is_there_for_who_asks_for_just_that(line: Sql) -> None:
    ahead, asked = _ahead(line.another(), [0.0])
    assert ahead.take((0,)) is None, "nothing was begun"
    ahead.go_on((0,))
    pages = [ahead.take(args) for args in ((0,), ("1",), ("2",), ("3",))]
    assert [page[0][0] if page else page for page in pages] == ["1", "2", "3", ()]
    assert ahead.take(("4",)) is None, "there is no more"
    assert asked == [(0,), ("1",), ("2",), ("3",)]


def test_another_page_than_the_next_is_not_given(line: Sql) -> None:
    ahead, _ = _ahead(line.another(), [0.0])
    ahead.go_on((0,))
    assert ahead.take(("2",)) is None
    ahead.go_on(("2",))
    assert ahead.take(("2",)) == line.rows(PLAIN, ("2",))
    ahead.stop()


def test_a_page_that_waited_for_long_is_read_again(line: Sql) -> None:
    clock = [0.0]
    ahead, asked = _ahead(line.another(), clock)
    ahead.go_on((0,))
    assert ahead.take((0,)) is not None
    while len(asked) < 2:
        time.sleep(0.005)  # until the next one has been begun
    clock[0] = STALE_S
    assert ahead.take(("1",)) is None


def test_a_read_that_fails_is_left_to_who_takes_it(line: Sql) -> None:
    def fails(_args: Args) -> Rows:
        return line.rows("SELECT nothing FROM nowhere")

    ahead = ReadAhead(fails, lambda _args, _rows: None)
    ahead.go_on((0,))
    assert ahead.take((0,)) is None


def test_what_nobody_takes_ends(line: Sql) -> None:
    others = set(threading.enumerate())
    ahead, asked = _ahead(line.another(), [0.0])
    ahead.go_on((0,))
    ahead.stop()
    assert len(asked) <= 3 + 1
    assert not [each for each in set(threading.enumerate()) - others if each.name == "read-ahead"]


def test_a_server_that_cannot_pack_is_read_column_by_column(line: Sql) -> None:
    cannot = PACKED.replace("CONCAT_WS", "NO_SUCH_FUNCTION")
    assert read_packed(line, cannot, PLAIN, 5, (0,)) == line.rows(PLAIN, (0,))
