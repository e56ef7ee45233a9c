"""Appointments and their statuses. Eaglesoft keeps no time of change for a visit: new ones are found by their key.

Must not be in it: how often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from chartbridge.connectors.by_odbc.cursors import Cursor
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.schedule import PIECE, Others, ScheduleReader, Visits
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft.words import TAG
from chartbridge.transport.odbc import Row

VISITS = Visits(tag=TAG, appointment=codec.appointment, status_seen=codec.status_seen, counts=codec.counts)


class EaglesoftSchedule(ScheduleReader):
    """Reads both streams of the schedule."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, VISITS)

    def others(self, cursor: Cursor, known: Mapping[str, Row], today: date) -> Others:
        """New ones, whichever their day."""
        highest = self.top()
        upto = min(highest, cursor.top + PIECE)
        if upto <= cursor.top:
            return Others(now=cursor)
        found = self.by_key(cursor.top, upto, today)
        new = {key: row for key, row in found.items() if key not in known}
        return Others(rows=new, now=replace(cursor, top=upto), more=upto < highest, rows_read=len(found))
