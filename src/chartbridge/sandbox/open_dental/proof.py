"""Reads the practice's own tables and tells whether what should have been written is there, once, at the right patient.

The proof of the demo's report comes from here, never from the hub's own rows. Works on SQLite and MariaDB.
Must not be in it: anything of the hub.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from chartbridge.domain.marker import PREFIX, markers_in
from chartbridge.sandbox.open_dental.database import connect, sqlite_path

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedWrite:
    """One write that the hub says it has done."""

    marker: str
    patient_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedMove:
    """One status that the hub says it has set; the practice may have moved the visit on since."""

    appointment_key: str
    status_key: str
    patient_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the practice's own tables say. `in_pms` counts markers found at least once, at the right patient."""

    in_pms: int
    missing: tuple[str, ...]
    twice: tuple[str, ...]
    wrong_patient: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.missing or self.twice or self.wrong_patient)


def read_proof(database_url: str, expected: Iterable[ExpectedWrite]) -> Proof:
    """Look for every marker in notes, documents' names and insurance verifications."""
    wanted = list(expected)
    found = read_markers(database_url)
    missing, twice, wrong = [], [], []
    in_pms = 0
    for want in wanted:
        patients = found.get(want.marker, [])
        if not patients:
            missing.append(want.marker)
            continue
        if len(patients) > 1:
            twice.append(want.marker)
        if any(p != want.patient_key for p in patients):
            wrong.append(want.marker)
        else:
            in_pms += 1
    return Proof(in_pms=in_pms, missing=tuple(missing), twice=tuple(twice), wrong_patient=tuple(wrong))


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
    """Look whether each visit had its status at any time, by its history. A status can't be there twice."""
    in_pms, missing, wrong = 0, [], []
    with _reading(database_url) as read:
        for want in expected:
            found = read(
                "SELECT PatNum,'' FROM histappointment "
                f"WHERE AptNum={int(want.appointment_key)} AND Confirmed={int(want.status_key)}"
            )
            if not found:
                missing.append(want.appointment_key)
            elif any(str(patient) != want.patient_key for patient, _ in found):
                wrong.append(want.appointment_key)
            else:
                in_pms += 1
    return Proof(in_pms=in_pms, missing=tuple(missing), twice=(), wrong_patient=tuple(wrong))


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
