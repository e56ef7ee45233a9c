"""The index of patients' documents, by key; the files are never opened. Must not be in it: handing documents over."""

from __future__ import annotations

from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.client import Database
from chartbridge.connectors.eaglesoft.cursors import Cursor, parse
from chartbridge.connectors.eaglesoft.words import PATIENTS_PAPERS
from chartbridge.pms.reading import Page

PIECE = 1000


class PaperReader:
    """Reads the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, stored: str | None, *, thorough: bool) -> Page:
        """One page: everything by key; then what has come; thoroughly, everything again."""
        self._database.check("documents")
        highest = codec.number(self._database.rows("highest_document")[0][0], "document_id") or 0
        cursor = parse(stored)
        if cursor is None:
            return self._piece(0, highest, first=True, until=highest)
        if cursor.at is not None:
            return self._piece(int(cursor.at), cursor.top, first=cursor.first, until=cursor.top)
        if highest > cursor.top:
            return self._piece(cursor.top, highest, first=False, until=highest)
        if thorough:
            return self._piece(0, cursor.top, first=False, until=cursor.top)
        return Page(cursor=cursor.text())

    def _piece(self, after: int, top: int, *, first: bool, until: int) -> Page:
        upto = min(after + PIECE, until)
        rows = self._database.rows("documents", (PATIENTS_PAPERS, after, upto)) if upto > after else []
        records, bad = codec.decode(rows, codec.document)
        done = upto >= until
        now = Cursor(top=top, at=None if done else str(upto), first=first and not done)
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=now.text(),
            more=not done,
            complete=first and done,
            rows_read=len(rows),
        )
