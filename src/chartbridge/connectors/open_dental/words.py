"""Open Dental's words and numbers and ours: each table once. The database has the number, the API the name.

From TableTypes/*.cs and Db/Enumerations.cs of 24.3.10 and the API pages. Must not be in it: I/O, decoding.
"""

from __future__ import annotations

from chartbridge.domain.activities import Direction, Medium
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.people import PatientStatus
from chartbridge.domain.schedule import BookingState

_APPOINTMENT_STATES: tuple[tuple[str, BookingState], ...] = (
    ("None", BookingState.UNKNOWN),
    ("Scheduled", BookingState.SCHEDULED),
    ("Complete", BookingState.COMPLETE),
    ("UnschedList", BookingState.UNSCHEDULED),
    ("ASAP", BookingState.SCHEDULED),  # no longer written since the Priority column; old rows may have it
    ("Broken", BookingState.BROKEN),
    ("Planned", BookingState.PLANNED),
    ("PtNote", BookingState.NOTE),
    ("PtNoteCompleted", BookingState.NOTE),
)
_PATIENT_STATES: tuple[tuple[str, PatientStatus], ...] = (
    ("Patient", PatientStatus.ACTIVE),
    ("NonPatient", PatientStatus.NON_PATIENT),
    ("Inactive", PatientStatus.INACTIVE),
    ("Archived", PatientStatus.ARCHIVED),
    ("Deleted", PatientStatus.DELETED),
    ("Deceased", PatientStatus.DECEASED),
    ("Prospective", PatientStatus.PROSPECTIVE),
)

# value as read → (our word, Open Dental's word); what is not in it is UNKNOWN and keeps its raw value
BOOKING_STATES: dict[str | None, tuple[BookingState, str]] = {
    key: (state, name)
    for number, (name, state) in enumerate(_APPOINTMENT_STATES)
    for key in (str(number), name)
}
PATIENT_STATES: dict[str | None, tuple[PatientStatus, str]] = {
    key: (state, name) for number, (name, state) in enumerate(_PATIENT_STATES) for key in (str(number), name)
}
PATIENT_STATES["Nonpatient"] = PATIENT_STATES["NonPatient"]  # the API's spelling in some answers

TEXT_OK: dict[str | None, bool | None] = {
    "0": None, "Unknown": None, "1": True, "Yes": True, "2": False, "No": False,
}  # fmt: skip
TRUE = frozenset({"1", "true", "True"})
NO_MOMENT = frozenset(
    {
        None,
        "",
        "0001-01-01 00:00:00",
        "0000-00-00 00:00:00",
        "0001-01-01",
        "0000-00-00",
        "0001-01-01T00:00:00",
    }
)
NO_KEY = frozenset({None, "", "0"})

# HistApptAction: the API says the name
DELETED_ACTIONS = frozenset({"4", "Deleted"})

MODES: dict[Medium, str] = {
    Medium.TEXT: "Text",
    Medium.EMAIL: "Email",
    Medium.PHONE: "Phone",
    Medium.NOTE: "None",
    Medium.INSURANCE: "None",
    Medium.DOCUMENT: "None",
}
SENT_OR_RECEIVED: dict[Direction, str] = {
    Direction.OUTGOING: "Sent",
    Direction.INCOMING: "Received",
    Direction.NEITHER: "Neither",
}

_SHOWN_MODES = (
    "None",
    "Email",
    "Mail",
    "Phone",
    "In Person",
    "Text",
    "Email and Text",
    "Phone and Text",
    "Fax",
)
_SHOWN_DIRECTIONS = ("Neither", "Sent", "Received")

# value as read → the API's word
SHOWN_MODES: dict[str | None, str] = {
    key: name for number, name in enumerate(_SHOWN_MODES) for key in (str(number), name)
}
SHOWN_DIRECTIONS: dict[str | None, str] = {
    key: name for number, name in enumerate(_SHOWN_DIRECTIONS) for key in (str(number), name)
}

DEFINITION_CATEGORIES: dict[LookupKind, int] = {
    LookupKind.APPOINTMENT_STATUSES: 2,
    LookupKind.DOCUMENT_TYPES: 18,
    LookupKind.NOTE_TYPES: 27,
    LookupKind.VERIFICATION_STATUSES: 38,
}
IMAGE_FLAGS: dict[str, str] = {
    "P": "photos",
    "S": "statements",
    "F": "forms",
    "C": "claim_attachments",
    "L": "patient_portal",
}
STATUS_PREFERENCES: dict[str, str] = {
    "AppointmentTimeArrivedTrigger": "arrived",
    "AppointmentTimeSeatedTrigger": "seated",
    "AppointmentTimeDismissedTrigger": "dismissed",
    "ApptEConfirmStatusAccepted": "confirmed",
}
VERIFY_ENROLLMENT = ("2", "PatientEnrollment")

MEDIA_TYPES: dict[str, str] = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".txt": "text/plain",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".dcm": "application/dicom",
}
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"})

# PermType of securitylog: what tells that a patient or a patient's documents may have changed
PATIENT_LOGS = (106, 108, 110)
IMAGE_LOGS = (44, 89, 202)
IMAGE_DELETED = "44"

VERSION_NEEDED: dict[str, tuple[int, ...]] = {
    "add_note": (21, 1),
    "set_appointment_status": (21, 2),
    "add_document": (22, 1),
    "mark_insurance_verified": (24, 1, 17),
}

READING = "ReadAll"
PERMISSIONS: dict[str, str] = {
    "add_note": "Comm",
    "set_appointment_status": "Comm",
    "add_document": "Documents",
    "mark_insurance_verified": "InsuranceSimple",
}
"""Which permission of the office's key each write needs (the vendor's page of permissions, March 2025)."""

UPDATING = (
    "Open Dental is being updated on a computer of the office. Reading goes on when the update is done."
)
