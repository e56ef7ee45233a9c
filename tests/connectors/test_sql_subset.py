"""The judge of the common SQL lets the common through and nothing else."""

from __future__ import annotations

import pytest

from tests.connectors.sql_subset import columns, outside

INSIDE = (
    "SELECT a.id, a.start_time, COALESCE(p.last_name, ?) AS last_name FROM PPM.appointment a"
    " LEFT OUTER JOIN PPM.patient p ON p.patient_id = a.patient_id"
    " WHERE a.start_time >= ? AND a.start_time < ? AND (a.id > ? OR a.location_id = -1) ORDER BY a.id",
    "SELECT MAX(note_id), COUNT(*) FROM PPM.operatory_notes WHERE note LIKE ? AND patient_id IN (?, ?)",
    "SELECT id FROM PPM.t WHERE EXISTS (SELECT b.id FROM PPM.b b WHERE b.id = t.id) AND x IS NOT NULL",
    "INSERT INTO PPM.operatory_notes (patient_id, note) VALUES (?, ?)",
    "UPDATE admin.appt SET status = ? WHERE apptid = ? AND status = ?",
)
OUTSIDE = (
    "SELECT * FROM PPM.patient",
    "SELECT TOP 1 id FROM PPM.patient",
    "SELECT id FROM PPM.patient LIMIT 10",
    "SELECT id FROM PPM.patient OFFSET 10",
    "SELECT DISTINCT id FROM PPM.patient",
    "SELECT getdate()",
    "SELECT ISNULL(a, b), CONVERT(varchar(20), c) FROM PPM.t",
    "SELECT LTRIM(a) FROM PPM.t",
    "SELECT a || b FROM PPM.t",
    "SELECT ROW_NUMBER() OVER (ORDER BY id) FROM PPM.t",
    "WITH x AS (SELECT id FROM PPM.t) SELECT id FROM x",
    "SELECT id FROM PPM.patient WHERE last_name = 'Smith'",
    "INSERT INTO PPM.t VALUES (?, ?)",
    "UPDATE PPM.t SET a = ?",
    "DELETE FROM PPM.t WHERE id = ?",
    "DROP TABLE PPM.t",
    "SELECT id FROM a UNION SELECT id FROM b",
    "SELECT id FROM PPM.t; SELECT id FROM PPM.t",
    "SELECT FROM WHERE",
)


@pytest.mark.parametrize("statement", INSIDE)
def test_what_all_understand_is_inside(statement: str) -> None:
    assert outside(statement) == ""


@pytest.mark.parametrize("statement", OUTSIDE)
def test_what_only_some_understand_is_outside(statement: str) -> None:
    assert outside(statement)


def test_the_judge_names_the_columns_of_what_is_inside() -> None:
    assert columns("INSERT INTO PPM.operatory_notes (patient_id, note) VALUES (?, ?)") == {
        "operatory_notes.patient_id",
        "operatory_notes.note",
    }
    assert columns("UPDATE admin.appt SET status = ? WHERE apptid = ? AND COALESCE(status, -1) = ?") == {
        "appt.status",
        "appt.apptid",
    }
    assert columns(
        "SELECT a.id, COUNT(*) FROM PPM.a a INNER JOIN PPM.b c ON c.k = a.id WHERE c.z IS NULL"
    ) == {
        "a.id",
        "b.k",
        "b.z",
    }
