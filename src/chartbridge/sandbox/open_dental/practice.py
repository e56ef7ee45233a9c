"""How the practice is set up: definitions, preferences, providers, operatories, users, carriers.

Definitions and preferences are the rows that a new office starts from (the vendor's public source 24.3), with
their numbers; everything else is made up. Must not be in it: patients.
"""

from __future__ import annotations

from chartbridge.sandbox.open_dental.database import Database, Row

CONFIRMED, IMAGES, COMM_TYPES = 2, 18, 27

DEFINITIONS: dict[int, tuple[tuple[int, str, str], ...]] = {
    CONFIRMED: (
        (19, "Not Called", "NotCalled"), (24, "Unconfirmed", "Unconfirmed"),
        (21, "Appointment Confirmed", "Confirmed"), (20, "Left Msg", "LeftMsg"), (22, "Arrived", "Arrived"),
        (23, "Ready to go back", "Ready"), (25, "In Treatment Room", "In Room"),
        (246, "Front Desk", "FrontDesk"), (252, "E-mailed", "E-mailed"), (255, "Texted", "Texted"),
        (289, "eConfirmSent", "eConfirmSent"), (290, "eConfirmCallBack", "eConfirmCallBack"),
        (291, "eConfirmFailure", "eConfirmFailure"), (295, "Created from Web Sched", "WebSched"),
        (302, "Out the Door", "OutTheDoor"),
    ),
    4: ((40, "Standard Account", ""), (41, "Payment Plan", ""), (42, "Collections", "")),
    13: ((92, "AptSchd", ""), (94, "CallBak", "")),
    IMAGES: (
        (136, "Credit Approval", "E"), (134, "Financial", "E"), (131, "Insurance", "E"),
        (130, "Medical History", "E"), (137, "Miscellaneous", "E"), (138, "Patient Information", "E"),
        (132, "Treatment Plans", "E"), (135, "Letters", "E"), (133, "Patient Treatment", "E"),
        (179, "BWs", "XME"), (180, "FMXs", "XME"), (181, "Panos", "XME"), (182, "Photos", "XME"),
        (190, "Patient Pictures", "PE"), (240, "Statements", "S"), (251, "Tooth Charts", "TE"),
        (303, "eClipboard", ""),
    ),
    COMM_TYPES: (
        (235, "ApptRelated", "APPT"), (236, "Insurance", ""), (237, "Financial", "FIN"),
        (238, "Recall", "RECALL"), (239, "Misc", "MISC"), (296, "ODHQ", "ODHQ"), (301, "FHIR", "FHIR"),
        (304, "Text message", "TEXT"), (305, "Phone call", ""), (306, "Email", ""),
    ),
    33: ((258, "Normal", "D"), (285, "Reminder", "R")),
    35: ((263, "General", ""), (264, "Hygienist", ""), (265, "Endodontics", ""), (266, "Orthodontics", "")),
    38: ((281, "Attempted", ""), (282, "See Notes", ""), (298, "ServiceError", "SE")),
}  # fmt: skip

HIDDEN_DEFINITIONS = (
    (307, COMM_TYPES, "Fax (old)", ""),
    (308, IMAGES, "Old scans", "E"),
    (309, CONFIRMED, "Waiting list", "WaitList"),
)

PREFERENCES = {
    "AtoZfolderUsed": "1",
    "RandomPrimaryKeys": "0",
    "ProcessSigsIntervalInSecs": "10",
    "SignalInactiveMinutes": "0",
    "ApptAutoRefreshRange": "4",
    "AppointmentTimeArrivedTrigger": "22",
    "AppointmentTimeSeatedTrigger": "25",
    "AppointmentTimeDismissedTrigger": "246",
    "ApptEConfirmStatusSent": "289",
    "ApptEConfirmStatusAccepted": "21",
    "ApptEConfirmStatusDeclined": "290",
    "ApptEConfirmStatusSendFailed": "291",
    "ConfirmStatusEmailed": "252",
    "ConfirmStatusTextMessaged": "255",
    "TasksNewTrackedByUser": "0",
    "CommLogAutoSave": "0",
    "InsVerifyBenefitEligibilityDays": "90",
    "InsVerifyPatientEnrollmentDays": "30",
    "InsVerifyAppointmentScheduledDays": "7",
    "InsVerifyFutureDateBenefitYear": "0",
    "InsVerifyFutureDatePatEnrollmentYear": "0",
    "EasyNoClinics": "1",
    "PracticeDefaultProv": "1",
    "PracticeTitle": "Sandbox Dental",
    "CorruptedDatabase": "0",
    "UpdateInProgressOnComputerName": "",
    "DatabaseGlobalVariablesDontSet": "0",
    "MySqlVersion": "10.5",
}

DENTISTS, HYGIENISTS = (1, 2), (3, 4)
PROVIDERS: tuple[Row, ...] = (
    {"Abbr": "DOC1", "LName": "Albert", "FName": "Brian", "MI": "L", "Suffix": "DMD", "ProvColor": -5963610},
    {"Abbr": "DOC2", "LName": "Nakamura-Żak", "FName": "Zoë", "Suffix": "DDS", "ProvColor": -14774017},
    {
        "Abbr": "HYG1",
        "LName": "O'Hara",
        "FName": "Maeve",
        "Suffix": "RDH",
        "IsSecondary": 1,
        "ProvColor": -32768,
    },
    {"Abbr": "HYG2", "LName": "Okafor", "FName": "Chidi", "IsSecondary": 1, "ProvColor": -8355585},
    {"Abbr": "DOC9", "LName": "Retired", "FName": "Ruth", "IsHidden": 1},
    {"Abbr": "ENDO", "LName": "van der Berg", "FName": "Jan", "Suffix": "DDS, MS", "ProvColor": -65281},
    {"Abbr": "CORP", "LName": "Sandbox Dental, PC", "FName": "", "IsNotPerson": 1},
    {"Abbr": "D&D <3>", "LName": 'Smith "Doc"', "FName": "A. & B.", "ProvColor": -16744448},
    {"Abbr": "GONE", "LName": "Deleted", "FName": "Dan", "IsHidden": 1, "ProvStatus": 1},
)
OPERATORIES: tuple[Row, ...] = (
    {"OpName": "Operatory 1", "Abbrev": "OP1", "ProvDentist": 1},
    {"OpName": "Operatory 2", "Abbrev": "OP2", "ProvDentist": 1},
    {"OpName": "Operatory 3", "Abbrev": "OP3", "ProvDentist": 2},
    {"OpName": "Hygiene 1", "Abbrev": "HYG1", "ProvDentist": 1, "ProvHygienist": 3, "IsHygiene": 1},
    {"OpName": "Hygiene 2", "Abbrev": "HYG2", "ProvDentist": 2, "ProvHygienist": 4, "IsHygiene": 1},
    {"OpName": "Old room", "Abbrev": "OLD", "ProvDentist": 5, "IsHidden": 1},
)
CARRIERS = (
    "Delta Test Dental",
    "Metro Sample",
    "Cigna-like Sample",
    "Guardian of Nothing",
    "Aetna-ish Sample",
)
USERS = ("Admin", "FrontDesk", "Hygiene")


def set_up(db: Database, documents: str, version: str, customer_key: str, developer: str) -> None:
    """Write everything that a practice has before its first patient."""
    rows = [
        {"DefNum": key, "Category": category, "ItemOrder": order, "ItemName": name, "ItemValue": value}
        for category, items in DEFINITIONS.items()
        for order, (key, name, value) in enumerate(items)
    ]
    rows += [
        {"DefNum": k, "Category": c, "ItemOrder": 99, "ItemName": n, "ItemValue": v, "IsHidden": 1}
        for k, c, n, v in HIDDEN_DEFINITIONS
    ]
    db.insert_many("definition", rows)
    preferences = {
        **PREFERENCES,
        "DocPath": documents,
        "DataBaseVersion": version + ".0",
        "ProgramVersion": version + ".0",
        "SignalLastClearedDate": db.now(),
    }
    db.insert_many("preference", [{"PrefName": k, "ValueString": v} for k, v in preferences.items()])
    old = "2024-11-04 08:00:00"
    extra = {"NationalProvID": "0000000000", "FeeSched": 53, "Specialty": 263, "DateTStamp": old}
    db.insert_many("provider", [{**extra, **p, "ItemOrder": n} for n, p in enumerate(PROVIDERS)])
    db.insert_many("operatory", [{**o, "ItemOrder": n, "DateTStamp": old} for n, o in enumerate(OPERATORIES)])
    db.insert_many("userod", [{"UserName": name} for name in USERS])
    db.insert_many("tasklist", [{"Descript": "Front desk"}, {"Descript": "Call back", "Parent": 1}])
    db.insert_many(
        "carrier", [{"CarrierName": name, "ElectID": f"9999{n}"} for n, name in enumerate(CARRIERS)]
    )
    db.insert("apikey", CustApiKey=customer_key, DevName=developer)
