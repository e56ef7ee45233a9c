"""Visits and patients by the time of change that Dentrix keeps; deleted visits by its history.

Must not be in it: how often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from chartbridge.connectors.by_odbc import stamps
from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.cursors import Cursor
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.pieces import PieceReader, Table
from chartbridge.connectors.by_odbc.schedule import Others, ScheduleReader, Visits
from chartbridge.connectors.dentrix import codec
from chartbridge.connectors.dentrix.words import DELETED, TAG, TO_PATIENT
from chartbridge.pms.reading import Page
from chartbridge.transport.odbc import Row

VISITS = Visits(
    tag=TAG,
    appointment=codec.appointment,
    state_of=codec.state_of,
    status_of=codec.status_of,
    counts=codec.counts,
    as_days=True,
)
PATIENTS = Table(tag=TAG, statement="patients_by_key", highest="highest_patient", make=codec.patient)
DOCUMENTS = Table(
    tag=TAG,
    statement="documents",
    highest="highest_document",
    make=codec.document,
    extra=(TO_PATIENT,),
)

_EVER = datetime(1990, 1, 1)  # noqa: DTZ001 - the server's wall time; Dentrix is younger


class DentrixSchedule(ScheduleReader):
    """Reads both streams of the schedule."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, VISITS)

    def started(self, cursor: Cursor) -> Cursor:
        return replace(cursor, stamped=stamps.begin(self.database))

    def others(self, cursor: Cursor, known: Mapping[str, Row], today: date) -> Others:
        """What was stamped or deleted since the last look, whichever its day."""
        stamped = cursor.stamped
        if stamped is None or not self.database.has("visit_stamp"):
            return super().others(cursor, known, today)
        gone = self._deleted(stamped.since(self.database.shown()[1]))
        found = stamps.changed(self.database, "visits_changed", stamped)
        rows = self.these([str(key) for key in found.keys if str(key) not in known])
        return Others(
            rows={key: row for key, row in rows.items() if row is not None},
            gone=gone,
            now=replace(cursor, stamped=found.now, top=max(cursor.top, *found.keys, 0)),
            more=found.more,
            rows_read=len(rows) + len(gone),
        )

    def _deleted(self, since: object) -> list[str]:
        """Visits that the history calls deleted and that are not there."""
        there = self.these(sorted(self._said(since)))
        return [key for key, row in there.items() if row is None]

    def said_deleted(self) -> set[str]:
        return self._said(_EVER)

    def _said(self, since: object) -> set[str]:
        if not self.database.has("deletions"):
            return set()
        return {text(row[0]) for row in self.database.rows("visits_deleted", (DELETED, since))} - {"", "0"}


class DentrixPatients(PieceReader):
    """Reads people."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, PATIENTS)
        self.database = database

    def started(self, cursor: Cursor) -> Cursor:
        return replace(cursor, stamped=stamps.begin(self.database))

    def changes(self, cursor: Cursor) -> Page:
        """What was stamped since the last look; where there is no stamp, only who is new."""
        if cursor.stamped is None or not self.database.has("patient_stamp"):
            return super().changes(cursor)
        found = stamps.changed(self.database, "patients_changed", cursor.stamped)
        rows = self.these("these_patients", found.keys)
        now = replace(cursor, stamped=found.now, top=max(cursor.top, *found.keys, 0))
        return self.page(rows, now, more=found.more)
