"""What is read: streams, cursors, pages and changes. Plain data, so that it can travel.

Must not be in it: how often, how a page is stored, what a change means for a board.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum

from chartbridge.domain.charts import Document, Photo
from chartbridge.domain.people import Patient
from chartbridge.domain.schedule import Appointment, StatusSeen


class Stream(StrEnum):
    """What is read on a check interval."""

    APPOINTMENT_STATUS = "appointment_status"
    APPOINTMENTS = "appointments"
    PATIENTS = "patients"
    PHOTOS = "photos"
    DOCUMENTS = "documents"
    LOOKUPS = "lookups"


Record = Patient | Appointment | StatusSeen | Document | Photo


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """A record that the PMS proved to be gone (tombstone or history), never one that was merely not seen."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """A row that could not be understood. It is kept out of the mirror and named on the Health page.

    `key` is the record's key, or empty; `why` names the column and the kind of fault, never a value.
    """

    key: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One step of reading.

    `records` in the order in which they are to be applied; `cursor` is opaque text to be stored in the same
    transaction; `more` is True while the next call has something to do at once. `oldest_change` is the PMS's
    own moment (aware, UTC) of the oldest change on the page, if it says so: the lag is measured from it.
    `complete` is True on the last page of a read that began with no cursor: everything in scope has been seen.
    `rows_read` is how many rows the PMS had to give for it; 0 where it is not known. `went_back`: numbers of the
    PMS that only grow are lower than the cursor knows them, as after a restored backup; nothing else is told then.
    """

    records: tuple[Record, ...] = ()
    gone: tuple[Gone, ...] = ()
    bad: tuple[BadRow, ...] = ()
    cursor: str
    more: bool = False
    complete: bool = False
    oldest_change: datetime | None = None
    rows_read: int = 0
    went_back: bool = False


def zone_name(offset: timedelta) -> str:
    """A zone of which only the offset is known, as `UTC-05:00`. Whole days, by which clocks are apart, are left out."""
    day = timedelta(days=1)
    if abs(offset) >= day:
        offset = (offset + day / 2) % day - day / 2
    return str(timezone(offset))


@dataclass(frozen=True, kw_only=True, slots=True)
class PmsIdentity:
    """Who answered. `server_now` is the PMS's clock, aware; `zone` its zone's name or offset as it says it.
    `server_local` is what that clock shows, naive, where its zone is only reckoned from the hub's own clock. Where the
    PMS has no clock (`has_clock`), `server_now` is the hub's.

    `highest` are numbers that only grow in a healthy PMS (e.g. {"signalod": 812}); one that falls is the sign
    of a restored backup. `busy` is a sentence while the PMS must be left alone (an update in progress).
    `reads` says what each stream and command is read from, where tables are read: ability → column → its type
    as the PMS says it, empty for a column that is not there. The core notices what changes of it.
    """

    vendor: str
    edition: str
    version: str
    practice_name: str
    server_now: datetime
    zone: str
    server_local: datetime | None = None
    has_clock: bool = True
    highest: dict[str, int] = field(default_factory=dict)
    busy: str = ""
    reads: dict[str, dict[str, str]] = field(default_factory=dict)
