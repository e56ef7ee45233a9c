"""Reads the practice's own tables and tells whether what should have been written is there, once, at the right patient.

The proof of the demo's report comes from here, never from the hub's own rows. Works on SQLite and MariaDB.
Must not be in it: anything of the hub.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from chartbridge.sandbox.open_dental.database import connect, sqlite_path

Found = tuple[int, str, str]
"""Patient number, text, table."""

TEXTS = (
    "SELECT PatNum,Note,'commlog' FROM commlog WHERE Note LIKE '%{0}%'",
    "SELECT PatNum,Description,'document' FROM document WHERE Description LIKE '%{0}%'",
    "SELECT p.PatNum,v.Note,'insverify' FROM insverify v JOIN patplan p ON v.VerifyType=2 AND p.PatPlanNum=v.FKey "
    "WHERE v.Note LIKE '%{0}%'",
    "SELECT p.PatNum,v.Note,'insverifyhist' FROM insverifyhist v "
    "JOIN patplan p ON v.VerifyType=2 AND p.PatPlanNum=v.FKey WHERE v.Note LIKE '%{0}%'",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedWrite:
    """One write that the hub says it has done."""

    marker: str
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
    """Look for every marker. Markers share a prefix (all up to the first `-`), which is what is searched for."""
    wanted = list(expected)
    with _reading(database_url) as read:
        found = _by_marker(read, {w.marker for w in wanted})
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


def _by_marker(read: Callable[[str], list[Found]], markers: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for prefix in {m.partition("-")[0] for m in markers}:
        for sql in TEXTS:
            for patient, text, _table in read(sql.format(f"{prefix}-")):
                for word in set(_words(text or "")) & markers:
                    found.setdefault(word, []).append(str(patient))
    return found


def _words(text: str) -> Iterator[str]:
    for word in "".join(c if c.isalnum() or c == "-" else " " for c in text).split():
        yield word.strip("-")


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
