"""The judge of the common SQL lets the common through and nothing else."""

from __future__ import annotations

import pytest

from tests.connectors.sql_subset import columns, outside

INSIDE = (
    "SELECT a.id, a.start_time, COALESCE(p.last_name, ?) AS last_name FROM PPM.appointment a"
    " LEFT OUTER JOIN PPM.patient p ON p.patient_id = a.patient_id"
    " WHERE a.start_time >= ? AND a.start_time < ? AND (a.id > ? OR COALESCE(a.location_id, -1) = -1) ORDER BY a.id",
    "SELECT MAX(note_id), COUNT(*) FROM PPM.operatory_notes WHERE note LIKE ? AND patient_id IN (?, ?)",
    "SELECT id FROM PPM.t WHERE EXISTS (SELECT b.id FROM PPM.b b WHERE b.id = t.id) AND x IS NOT NULL",
    "INSERT INTO PPM.operatory_notes (patient_id, note) VALUES (?, ?)",
    "UPDATE admin.appt SET status = ? WHERE apptid = ? AND status = ?",
    "UPDATE admin.appt SET status = ? WHERE apptid = ? AND COALESCE(status, -32768) = ?",
    "SELECT t.id, '' FROM PPM.t t WHERE 1 = 0",
    "SELECT CASE WHEN a = ? THEN b ELSE c END FROM PPM.t GROUP BY a HAVING COUNT(*) > ? ORDER BY a DESC",
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
    "SELECT id FROM PPM.patient WHERE last_name = ''",
    "SELECT 'x' AS y FROM PPM.t",
    "SELECT NVL(a, b) FROM PPM.t",
    "SELECT nvl(a, b) FROM PPM.t",
    "SELECT IFNULL(a, b) FROM PPM.t",
    "SELECT nvl, NVL(nvl, b) FROM PPM.t",
    "SELECT IF(a = a, b, c) FROM PPM.t",
    "SELECT MAX(a, b) FROM PPM.t",
    "SELECT LENGTH(a) FROM PPM.t",
    "SELECT COUNT(DISTINCT a) FROM PPM.t",
    "SELECT a.x FROM PPM.a a NATURAL JOIN PPM.b b",
    "SELECT a.x FROM PPM.a a FULL OUTER JOIN PPM.b b ON b.x = a.x",
    "SELECT a.x FROM PPM.a a RIGHT OUTER JOIN PPM.b b ON b.x = a.x",
    "SELECT a.x FROM PPM.a a CROSS JOIN PPM.b b",
    "SELECT a.x FROM PPM.a a INNER JOIN PPM.b b USING (x)",
    "SELECT a.x FROM PPM.a a INNER JOIN PPM.b b",
    "SELECT a.x FROM PPM.a a, PPM.b b WHERE b.x = a.x",
    "SELECT id FROM PPM.t ORDER BY id NULLS FIRST",
    "SELECT id FROM PPM.t ORDER BY id nulls first",
    "SELECT id FROM PPM.t ORDER BY id DESC NULLS LAST",
    "SELECT id FROM PPM.t ORDER BY 1",
    "SELECT id FROM PPM.t GROUP BY ALL",
    "SELECT id FROM PPM.t FOR UPDATE",
    "SELECT id INTO PPM.b FROM PPM.t",
    "SELECT id FROM other.PPM.t",
    'SELECT "id" FROM PPM.t',
    "SELECT `id` FROM PPM.t",
    "SELECT id FROM PPM.t WHERE a = :name",
    "SELECT id FROM PPM.t WHERE a = @name",
    "SELECT id FROM PPM.t WHERE a != ?",
    "SELECT id FROM PPM.t WHERE a == ?",
    "SELECT id -- its number\n FROM PPM.t",
    "SELECT id FROM PPM.t WHERE (a, b) IN ((?, ?))",
    "SELECT id FROM PPM.t WHERE b BETWEEN SYMMETRIC ? AND ?",
    "SELECT id FROM PPM.t WHERE a = 17",
    "SELECT id FROM PPM.t WHERE a = -1",
    "SELECT id FROM PPM.t WHERE a IN (1, 2)",
    "SELECT id FROM PPM.t WHERE a = b + 1",
    "SELECT id FROM PPM.t WHERE COALESCE(a, 0) = 17",
    "SELECT id FROM PPM.t WHERE a = ? OR 1 = 0",
    "SELECT 17 FROM PPM.t",
    "INSERT INTO PPM.t (a) VALUES (17)",
    "UPDATE PPM.t SET a = 17 WHERE id = ?",
    "UPDATE PPM.t SET a = b.a FROM PPM.b b WHERE b.id = t.id",
    "UPDATE PPM.t SET a = ? WHERE id = ? RETURNING id",
    "INSERT INTO PPM.t (a) SELECT b FROM PPM.b",
    "INSERT INTO PPM.t (a) VALUES (?), (?)",
    "INSERT INTO PPM.t (a) VALUES (?) ON CONFLICT DO NOTHING",
    "INSERT OR REPLACE INTO PPM.t (a) VALUES (?)",
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
