"""Plays a day at the front desk against the practice's own database: people arrive, are seated, leave, move, cancel.

Seeded; speed in events a minute. What it tells has no names in it, only numbers.
Must not be in it: rows of the database other than to choose what happens next.
"""

from __future__ import annotations

from datetime import timedelta

from chartbridge.sandbox.open_dental.clock import moment, text
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.frontdesk import FrontDesk
from chartbridge.sandbox.playing import Playing, Tell

ARRIVED, READY, IN_ROOM, DISMISSED, CONFIRMED = 22, 23, 25, 246, 21
LATE = timedelta(minutes=45)
WALK_IN = 0.15
"""How often somebody without a booking comes when nobody is on the way."""


class Day(Playing):
    """A day's doings, one event at a time by `step`, or in a thread by `start`."""

    def __init__(self, db: Database, *, seed: int = 7, tell: Tell | None = None) -> None:
        super().__init__(seed=seed, tell=tell)
        self._db = db
        self._desk = FrontDesk(db)
        self.events = 0

    def step(self) -> str:
        """Let one thing happen and return what it was."""
        visit_ways = (self._go_on, self._arrive, self._seat)
        others = (self._confirm, self._move, self._walk_in, self._break, self._edit_patient, self._picture)
        ways = [self._chance.choice(visit_ways)]
        if self._chance.random() < 0.35:
            ways.insert(0, self._chance.choices(others, (8, 3, 2, 1, 4, 1))[0])
        ways += visit_ways
        if self._chance.random() < WALK_IN:  # the board must not fall asleep when the booked ones are done
            ways.append(self._walk_in)
        ways += others
        for way in ways:
            told = way()
            if told:
                self.events += 1
                self._tell(told)
                return told
        return ""

    def _go_on(self) -> str:
        """Somebody in a room is done: to the front desk, then complete."""
        leaving = self._today("AptStatus=1 AND Confirmed=?", DISMISSED)
        if leaving and self._chance.random() < 0.6:
            self._desk.complete(leaving["AptNum"])
            return f"appointment {leaving['AptNum']} is complete"
        row = self._today("AptStatus=1 AND Confirmed=?", IN_ROOM)
        if row is None:
            return ""
        self._desk.set_status(row["AptNum"], DISMISSED)
        return f"appointment {row['AptNum']} is at check-out"

    def _arrive(self) -> str:
        """The next one comes in: the earliest who isn't here yet, within the hour."""
        now = moment(self._db.now())
        row = self._today(
            "AptStatus=1 AND Confirmed NOT IN (22,23,25,246) AND AptDateTime<?",
            text(now + timedelta(hours=1)),
        )
        if row is None:
            return ""
        self._desk.set_status(row["AptNum"], ARRIVED)
        return f"patient {row['PatNum']} arrived for appointment {row['AptNum']}"

    def _seat(self) -> str:
        """Who waits is called: ready, then in the room, if the room is free."""
        row = self._today("AptStatus=1 AND Confirmed IN (22,23)")
        if row is None:
            return ""
        taken = self._today("AptStatus=1 AND Confirmed=? AND Op=?", IN_ROOM, row["Op"])
        if row["Confirmed"] == ARRIVED and (taken or self._chance.random() < 0.3):
            self._desk.set_status(row["AptNum"], READY)
            return f"patient {row['PatNum']} is ready to go back"
        if taken:
            return ""
        self._desk.set_status(row["AptNum"], IN_ROOM)
        return f"patient {row['PatNum']} is seated in operatory {row['Op']}"

    def _confirm(self) -> str:
        row = self._soon("AptStatus=1 AND Confirmed IN (19,24,20,255,289)")
        if row is None:
            return ""
        self._desk.set_status(row["AptNum"], CONFIRMED)
        return f"appointment {row['AptNum']} is confirmed"

    def _move(self) -> str:
        row = self._soon("AptStatus=1 AND Confirmed NOT IN (22,23,25,246)")
        if row is None:
            return ""
        minutes = self._chance.choice((-30, 10, 20, 60, 1440))
        self._desk.move(row["AptNum"], text(moment(row["AptDateTime"]) + timedelta(minutes=minutes)))
        return f"appointment {row['AptNum']} was moved by {minutes} minutes"

    def _walk_in(self) -> str:
        patient = self._somebody()
        now = moment(self._db.now())
        at = text(now.replace(minute=now.minute // 10 * 10, second=0))
        key = self._desk.book(patient, at, op=self._chance.randrange(1, 4), ProcDescript="Limited Ex")
        return f"patient {patient} walked in: appointment {key}"

    def _break(self) -> str:
        limit = text(moment(self._db.now()) - LATE)
        row = self._today("AptStatus=1 AND Confirmed NOT IN (22,23,25,246) AND AptDateTime<?", limit)
        if row is not None:
            self._desk.break_(row["AptNum"], missed=True)
            return f"appointment {row['AptNum']} was missed"
        row = self._soon("AptStatus=1 AND Confirmed NOT IN (22,23,25,246)")
        if row is None:
            return ""
        self._desk.break_(row["AptNum"], missed=False)
        return f"appointment {row['AptNum']} was cancelled"

    def _edit_patient(self) -> str:
        patient = self._somebody()
        phone = f"(503)555-01{self._chance.randrange(100):02}"
        self._desk.edit_patient(patient, WirelessPhone=phone)
        return f"patient {patient} has a new phone number"

    def _picture(self) -> str:
        patient = self._somebody()
        self._desk.add_picture(patient, number=self._chance.randrange(1000))
        return f"patient {patient} has a new picture"

    def _somebody(self) -> int:
        first = int(self._db.value("SELECT MAX(PatNum) FROM patient WHERE PatStatus=0") or 0)
        found = self._db.value(
            "SELECT PatNum FROM patient WHERE PatStatus=0 AND PatNum>=? ORDER BY PatNum LIMIT 1",
            self._chance.randrange(1, first + 1),
        )
        return int(found)

    def _today(self, condition: str, *values: object) -> Row | None:
        """The earliest visit of today that fits."""
        day = self._db.now()[:10]
        return self._db.row(
            f"SELECT * FROM appointment WHERE AptDateTime BETWEEN ? AND ? AND {condition} "
            "ORDER BY AptDateTime,AptNum LIMIT 1",
            f"{day} 00:00:00",
            f"{day} 23:59:59",
            *values,
        )

    def _soon(self, condition: str) -> Row | None:
        """A chance visit from now to the day after tomorrow."""
        now = moment(self._db.now())
        rows = self._db.rows(
            f"SELECT * FROM appointment WHERE AptDateTime BETWEEN ? AND ? AND {condition} "
            "ORDER BY AptDateTime,AptNum LIMIT 60",
            text(now),
            text(now + timedelta(days=2)),
        )
        return self._chance.choice(rows) if rows else None
