"""Eaglesoft's words and numbers beside ours, one table each. Confidence and source stand in the README.

Must not be in it: rows, statements.
"""

from __future__ import annotations

from chartbridge.domain.people import PatientStatus
from chartbridge.domain.schedule import BookingState

NAME, TAG = "Eaglesoft", "es"

PATIENT_CLASS, BLOCK_CLASS, DELETED_CLASS = 1, 2, 16
BOOKING_STATES = {PATIENT_CLASS: BookingState.SCHEDULED}
"""4, 32 and 64 are shown as appointments too; nobody outside knows what they mean: they stay unknown."""

REMOVED = -1
"""The chair of a visit that was taken off the schedule."""

WALKED_OUT = 4
"""The only arrival status whose meaning is public."""

NOT_ARRIVED, NOT_CONFIRMED = 0, -1
"""What stands for no arrival status and no confirmation status, also in the statements."""

CONFIRMATIONS: dict[int, tuple[str, frozenset[str]]] = {
    0: ("Unconfirmed", frozenset({"unconfirmed"})),
    1: ("Confirmed", frozenset({"confirmed"})),
    2: ("Sent Email", frozenset()),
    3: ("Left Message", frozenset()),
    4: ("No Answer", frozenset()),
    5: ("Phone Busy", frozenset()),
    6: ("Waiting For Callback", frozenset()),
    7: ("Other", frozenset()),
}

PATIENT_STATES: dict[tuple[str, str], PatientStatus] = {
    ("A", "Y"): PatientStatus.ACTIVE,
    ("A", "N"): PatientStatus.NON_PATIENT,
    ("I", "Y"): PatientStatus.INACTIVE,
    ("I", "N"): PatientStatus.INACTIVE,
}

YES_NO = {"Y": True, "N": False}

NOTE_CLASS, POST_PROC_STATUS, NOTE_STATUS = "T", "V", "A"
NO_CLAIM, NOT_ON_STATEMENT, NOT_LOCKED, NO_COLOUR = -1, "N", 0, 0
NOT_WRITABLE_NOTE_TYPES = frozenset({"N"})
LOG_ACTION, LOG_SLOT = "R", 1
OFFICE_STAFF = 5
PATIENTS_PAPERS = "patient"
