"""What the program writes when insurance is verified. Order of rows: the vendor's public source 24.3.

A verification empties the row's note and status into insverifyhist (seen in the sample of the vendor's API page
too). No audit line and no signal. Must not be in it: HTTP, plans in the making (seed).
"""

from __future__ import annotations

from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.clock import NONE_DATE
from chartbridge.sandbox.open_dental.database import Database, Row


def latest(db: Database, verify_type: int, fkey: int) -> Row | None:
    """Return the row that counts: of several, the one verified last."""
    return db.row(
        "SELECT * FROM insverify WHERE VerifyType=? AND FKey=? ORDER BY DateLastVerified DESC,InsVerifyNum DESC",
        verify_type,
        fkey,
    )


def ensure(db: Database, verify_type: int, fkey: int) -> Row:
    """Return the row, making it if there is none."""
    found = latest(db, verify_type, fkey)
    if found is None:
        key = db.insert("insverify", VerifyType=verify_type, FKey=fkey, DateTimeEntry=db.now())
        found = db.get("insverify", key)
    return found or {}


def annotate(db: Database, row: Row, *, status: int | None, note: str | None) -> None:
    """Set a status or a note only."""
    values: Row = {"DateLastAssigned": db.now()[:10]}
    if status is not None:
        values["DefNum"] = status
    if note is not None:
        values["Note"] = note
    db.update("insverify", row["InsVerifyNum"], **values)


def verify(db: Database, actor: Actor, row: Row, on: str) -> None:
    """Mark as verified: a copy with note and status goes to the history, the row is emptied."""
    with db.transaction():
        copied = {k: v for k, v in row.items() if db.schema["insverifyhist"].has(k) and k != "SecDateTEdit"}
        copied["DateLastVerified"] = on
        db.insert("insverifyhist", **copied, VerifyUserNum=actor.user)
        db.update(
            "insverify",
            row["InsVerifyNum"],
            DateLastVerified=on,
            UserNum=0,
            DefNum=0,
            Note="",
            DateLastAssigned=NONE_DATE,
        )
