"""Reads the practice's own tables and tells whether what should have been written is there, once, at the right patient.

The proof of the demo's report comes from here, never from the hub's own rows. Works on SQLite and MariaDB.
Must not be in it: anything of the hub.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager

from chartbridge.domain.marker import PREFIX, markers_in
from chartbridge.sandbox.open_dental.database import connect, sqlite_path
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite, Proof, judge_moves, judge_writes

Found = tuple[int, str]
"""Patient number, text."""

RECORDS = (
    f"SELECT PatNum,Note FROM commlog WHERE Note LIKE '%{PREFIX}%'",
    f"SELECT PatNum,Description FROM document WHERE Description LIKE '%{PREFIX}%'",
)
VERIFICATIONS = tuple(
    f"SELECT p.PatNum,v.Note FROM {table} v JOIN patplan p ON v.VerifyType=2 AND p.PatPlanNum=v.FKey "
    f"WHERE v.Note LIKE '%{PREFIX}%'"
    for table in ("insverify", "insverifyhist")
)


def read_proof(database_url: str, expected: Iterable[ExpectedWrite]) -> Proof:
    """Look for every marker in notes, documents' names and insurance verifications."""
    return judge_writes(read_markers(database_url), expected)


def read_markers(database_url: str) -> dict[str, list[str]]:
    """Return every marker in the practice's tables with its patients' numbers, one per record that carries it."""
    with _reading(database_url) as read:
        found: dict[str, list[str]] = {}
        for sql in RECORDS:
            for patient, text in read(sql):
                for marker in set(markers_in(text or "")):
                    found.setdefault(marker, []).append(str(patient))
        for marker, patients in _verifications(read).items():
            found.setdefault(marker, []).extend(patients)
    return found


def read_moves(database_url: str, expected: Iterable[ExpectedMove]) -> Proof:
    """Look whether each visit had its status at any time, by its history."""
    with _reading(database_url) as read:

        def patients(want: ExpectedMove) -> list[str]:
            found = read(
                "SELECT PatNum,'' FROM histappointment "
                f"WHERE AptNum={int(want.appointment_key)} AND Confirmed={int(want.status_key)}"
            )
            return [str(patient) for patient, _ in found]

        return judge_moves(patients, expected)


def _verifications(read: Callable[[str], list[Found]]) -> dict[str, set[str]]:
    """A verification and its own history are one record: the program moves the note from one to the other."""
    found: dict[str, set[str]] = {}
    for sql in VERIFICATIONS:
        for patient, text in read(sql):
            for marker in set(markers_in(text or "")):
                found.setdefault(marker, set()).add(str(patient))
    return found


@contextmanager
def _reading(url: str) -> Iterator[Callable[[str], list[Found]]]:
    if url.startswith(("mysql://", "mariadb://")):
        with closing(connect(url)) as link:

            def read(sql: str) -> list[Found]:
                with link.cursor() as cursor:
                    cursor.execute(sql)
                    return list(cursor.fetchall())

            yield read
    else:
        with closing(sqlite3.connect(f"file:{sqlite_path(url)}?mode=ro", uri=True)) as file:
            yield lambda sql: file.execute(sql).fetchall()
