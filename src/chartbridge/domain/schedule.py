"""Appointments, their statuses and the columns of the patient-flow board.

Must not be in it: a vendor's status words or numbers; the rules that choose a column (those are flow).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class FlowStatus(StrEnum):
    """Where a patient is today."""

    EXPECTED = "expected"
    LATE = "late"
    CHECKED_IN = "checked_in"
    IN_OPERATORY = "in_operatory"
    READY_FOR_CHECKOUT = "ready_for_checkout"
    COMPLETED = "completed"
    BROKEN = "broken"


class BookingState(StrEnum):
    """What an appointment is in the PMS, apart from where the patient stands."""

    SCHEDULED = "scheduled"
    COMPLETE = "complete"
    BROKEN = "broken"
    UNSCHEDULED = "unscheduled"
    PLANNED = "planned"
    NOTE = "note"
    UNKNOWN = "unknown"


class Appointment(NamedTuple):
    """A booked visit; made by name (a tuple, since 100,000 of them are made at a time).

    `starts_local` is the wall time that the PMS shows, without zone: 01:30 of a DST night stays 01:30.
    `status_key` is the key of the PMS's appointment status (a lookup). Arrived, seated and dismissed
    are wall times as well, or None.
    """

    key: str
    patient_key: str
    starts_local: datetime
    minutes: int
    state: BookingState
    state_raw: str = ""
    status_key: str = ""
    operatory_key: str = ""
    provider_key: str = ""
    hygienist_key: str = ""
    is_new_patient: bool = False
    reason: str = ""
    arrived_local: datetime | None = None
    seated_local: datetime | None = None
    dismissed_local: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusSeen:
    """One state that an appointment was seen in; history, so several of one appointment may come together.

    `seen_key` is unique per sighting (the PMS's history row, or one derived from the content) and makes
    reading the same row twice harmless. `at_local` is the PMS's own wall time of the change, when it says so.
    `latest` is False for states that were already over when they were read.
    """

    key: str
    seen_key: str
    patient_key: str
    state: BookingState
    state_raw: str = ""
    status_key: str = ""
    at_local: datetime | None = None
    arrived_local: datetime | None = None
    seated_local: datetime | None = None
    dismissed_local: datetime | None = None
    latest: bool = True
