"""docs/reliability.md tells which test plays each fault, and tells it truly."""

from __future__ import annotations

import os

from tests.faults.catalogue import FAULTS, ROOT, played, rows

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- made from the tests' marks -->\n", "<!-- end -->\n"


def test_the_table_of_faults_is_current() -> None:
    """CHARTBRIDGE_WRITE_DOCS=1 makes it anew."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = before + BEGIN + rows() + END + after
    if os.environ.get("CHARTBRIDGE_WRITE_DOCS"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted, (
        "run CHARTBRIDGE_WRITE_DOCS=1 pytest tests/faults/test_reliability_page.py"
    )


def test_every_mark_names_a_fault_of_the_catalogue() -> None:
    assert set(played()) <= set(FAULTS)
