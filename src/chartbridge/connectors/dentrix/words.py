"""Dentrix's words and numbers beside ours, one table each. Confidence and source stand in the README.

Must not be in it: rows, statements.
"""

from __future__ import annotations

from chartbridge.domain.people import PatientStatus
from chartbridge.domain.schedule import BookingState

NAME, TAG = "Dentrix", "dx"

PATIENT_STATES: dict[int, PatientStatus] = {
    1: PatientStatus.ACTIVE,
    2: PatientStatus.NON_PATIENT,
    3: PatientStatus.INACTIVE,
    4: PatientStatus.ARCHIVED,
}
NO_TEXTS = 2
"""The bit of a patient's privacy flags that forbids e-mail and text messages."""

BROKEN: dict[int, BookingState] = {0: BookingState.SCHEDULED, 1: BookingState.BROKEN}
"""What `broken` of a visit says; anything else stays unknown."""

COMPLETED = -106
"""The status of a visit whose procedures were completed; the one status that no practice defines. Never written."""

NO_STATUS = -32768
"""What stands for no status at all, also in the statement that sets one."""

PHONE_CALL, OTHER = 3, 5
CONTACT_TYPES = {PHONE_CALL: "Phone call", OTHER: "Other"}
"""The kinds of Office Journal entries whose numbers are public. Dentrix's own automatic entries have others."""

JOURNAL_NOTE = 49
"""The note type of an Office Journal entry's text; its number is the entry's."""

OF_PROVIDER, OF_STAFF = 1, 2
PRACTICE = 0
"""Kinds of a practice's resources, which also tell whose an Office Journal entry is."""

NO_DATA, NO_REFERENCE = 0, 0
TO_PATIENT = 1
"""A document that is attached to a patient."""

STATUS_LETTERS = 7
NOT_CREATED, LAST, NOT_DELETED, DELETED = 0, 1, 0, 1
WHO = "Chartbridge"
DATA_VERSION = "Data_Version"
