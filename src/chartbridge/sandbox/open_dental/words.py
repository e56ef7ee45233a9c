"""The vendor's numbers and names for things (vendor's public source 24.3; API spellings from its API pages).

Must not be in it: behaviour.
"""

from __future__ import annotations

from enum import IntEnum

APT_STATUS = (
    "None", "Scheduled", "Complete", "UnschedList", "ASAP", "Broken", "Planned", "PtNote", "PtNoteCompleted",
)  # fmt: skip
PRIORITY = ("Normal", "ASAP")
PAT_STATUS = ("Patient", "NonPatient", "Inactive", "Archived", "Deleted", "Deceased", "Prospective")
GENDER = ("Male", "Female", "Unknown", "Other")
POSITION = ("Single", "Married", "Child", "Widowed", "Divorced")
CONTACT = (
    "None", "DoNotCall", "HmPhone", "WkPhone", "WirelessPh", "Email", "SeeNotes", "Mail", "TextMessage",
)  # fmt: skip
YES_NO = ("Unknown", "Yes", "No")
COMM_MODE = (
    "None", "Email", "Mail", "Phone", "In Person", "Text", "Email and Text", "Phone and Text", "Fax",
)  # fmt: skip
SENT_OR_RECEIVED = ("Neither", "Sent", "Received")
COMM_SOURCE = (
    "User", "WebSched", "ProgramLink", "ApptReminder", "EServices", "SupplementalBackup", "ApptThankYou",
    "FHIR", "NewPatThankYou", "MsgToPay",
)  # fmt: skip
IMAGE_TYPE = ("Document", "Radiograph", "Photo", "File", "Attachment")
HISTORY_ACTION = ("Created", "Changed", "Missed", "Cancelled", "Deleted")
APPT_SOURCE = (
    "None", "EConnector", "Broadcaster", "BroadcastMonitor", "ServiceMainHQ", "OpenDentalService",
    "OpenDentalAPIService",
)  # fmt: skip
VERIFY_TYPE = ("None", "InsuranceBenefit", "PatientEnrollment")
TASK_STATUS = ("New", "Viewed", "Done")
TASK_OBJECT = ("None", "Patient", "Appointment")
TASK_DATE = ("None", "Day", "Week", "Month")
REMINDER = ("NoReminder",)
PROV_STATUS = ("Active", "Deleted")
RELATIONSHIP = (
    "Self", "Spouse", "Child", "Employee", "HandicapDep", "SignifOther", "InjuredPlaintiff", "LifePartner",
    "Dependent",
)  # fmt: skip
CATEGORY = {
    0: "AccountColors", 1: "AdjTypes", 2: "ApptConfirmed", 3: "ApptProcsQuickAdd", 4: "BillingTypes",
    10: "PaymentTypes", 11: "ProcCodeCats", 12: "ProgNoteColors", 13: "RecallUnschedStatus",
    17: "AppointmentColors", 18: "ImageCats", 20: "TxPriorities", 27: "CommLogTypes",
    33: "TaskPriorities", 35: "ProviderSpecialties", 38: "InsuranceVerificationStatus",
}  # fmt: skip


class Status(IntEnum):
    """appointment.AptStatus."""

    SCHEDULED = 1
    COMPLETE = 2
    UNSCHEDULED = 3
    BROKEN = 5


class Action(IntEnum):
    """histappointment.HistApptAction."""

    CREATED = 0
    CHANGED = 1
    MISSED = 2
    CANCELLED = 3
    DELETED = 4


class Permission(IntEnum):
    """securitylog.PermType, the ones used here."""

    SETUP = 8
    APPOINTMENT_CREATE = 25
    APPOINTMENT_MOVE = 26
    APPOINTMENT_EDIT = 27
    COMMLOG_EDIT = 43
    IMAGE_DELETE = 44
    TASK_NOTE_EDIT = 66
    TASK_EDIT = 84
    IMAGE_EDIT = 89
    PATIENT_CREATE = 106
    PATIENT_EDIT = 108
    CONFIRM_STATUS = 120
    COMMLOG_CREATE = 193
    IMAGE_CREATE = 202
    APPOINTMENT_DELETE = 237


class Signal(IntEnum):
    """signalod.IType, the ones used here."""

    TASK = 3
    PREFS = 5
    DEFS = 14
    PROVIDERS = 22
    OPERATORIES = 27
    TASK_POPUP = 28
    APPOINTMENT = 68
    TASK_LIST = 90


def name(words: tuple[str, ...], number: int) -> str:
    """Return the enum's name; a number that the enum hasn't comes back as the number, as .NET prints it."""
    return words[number] if 0 <= number < len(words) else str(number)
