"""Rows as the API shows them, with its oddities: booleans as "true"/"false", enums as names, helpers in lower case.

Shapes and spellings are those of the samples on the vendor's API pages. Inferred: the order of fields where a
page shows none, signals, preferences and users, and that CR and LF each come back as a space.
Must not be in it: queries other than for the helpers (names of definitions and providers).
"""

from __future__ import annotations

from pathlib import Path

from chartbridge.sandbox.open_dental import words
from chartbridge.sandbox.open_dental.clock import NONE_DATE, NONE_TIME
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.schema import VersionNumber
from chartbridge.sandbox.open_dental.words import name


def text(value: object) -> str:
    """Return a text as answers carry it: line ends are spaces."""
    return str(value or "").replace("\r", " ").replace("\n", " ")


def yes(value: object) -> str:
    """Return a boolean as answers carry it."""
    return "true" if value else "false"


def date(value: object) -> str:
    """Return a date; zero dates are the year 1."""
    found = str(value or NONE_DATE)[:10]
    return NONE_DATE if found.startswith("0000") else found


def time(value: object) -> str:
    """Return a date with time; zero dates are the year 1."""
    found = str(value or NONE_TIME)
    return NONE_TIME if found.startswith("0000") else found


class Names:
    """The helpers of one answer: names of definitions and providers, each looked up once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._definitions: dict[int, str] = {0: ""}
        self._providers: dict[int, str] = {0: ""}

    def definition(self, key: int) -> str:
        if key not in self._definitions:
            found = self._db.value("SELECT ItemName FROM definition WHERE DefNum=?", key)
            self._definitions[key] = text(found)
        return self._definitions[key]

    def provider(self, key: int) -> str:
        if key not in self._providers:
            self._providers[key] = text(self._db.value("SELECT Abbr FROM provider WHERE ProvNum=?", key))
        return self._providers[key]


def patient(row: Row, names: Names) -> Row:
    """One patient in full."""
    r = row
    return {
        "PatNum": r["PatNum"],
        **_texts(r, "LName", "FName", "MiddleI", "Preferred"),
        "PatStatus": name(words.PAT_STATUS, r["PatStatus"]),
        "Gender": name(words.GENDER, r["Gender"]),
        "Position": name(words.POSITION, r["Position"]),
        "Birthdate": date(r["Birthdate"]),
        **_texts(r, "SSN", "Address", "Address2", "City", "State", "Zip"),
        **_texts(r, "HmPhone", "WkPhone", "WirelessPhone"),
        "Guarantor": r["Guarantor"],
        "Email": text(r["Email"]),
        "EstBalance": r["EstBalance"],
        "PriProv": r["PriProv"],
        "priProvAbbr": names.provider(r["PriProv"]),
        "SecProv": r["SecProv"],
        "secProvAbbr": names.provider(r["SecProv"]),
        "BillingType": names.definition(r["BillingType"]),
        **_texts(r, "ImageFolder", "FamFinUrgNote", "ChartNumber", "MedicaidID"),
        "BalTotal": r["BalTotal"],
        "EmployerNum": r["EmployerNum"],
        "DateFirstVisit": date(r["DateFirstVisit"]),
        "ClinicNum": r["ClinicNum"],
        "clinicAbbr": "",
        "Ward": text(r["Ward"]),
        "PreferConfirmMethod": name(words.CONTACT, r["PreferConfirmMethod"]),
        "PreferContactMethod": name(words.CONTACT, r["PreferContactMethod"]),
        "PreferRecallMethod": name(words.CONTACT, r["PreferRecallMethod"]),
        "Language": text(r["Language"]),
        "AdmitDate": date(r["AdmitDate"]),
        "siteDesc": "",
        "DateTStamp": time(r["DateTStamp"]),
        "SuperFamily": r["SuperFamily"],
        "TxtMsgOk": name(words.YES_NO, r["TxtMsgOk"]),
        "SecDateEntry": date(r["SecDateEntry"]),
    }


def patient_found(row: Row, names: Names) -> Row:
    """One patient as the Patient Select window's list shows it: fewer fields."""
    kept = (
        "PatNum", "LName", "FName", "MiddleI", "Preferred", "PatStatus", "Birthdate", "SSN", "Address", "City",
        "State", "HmPhone", "WkPhone", "WirelessPhone", "Email", "PriProv", "priProvAbbr", "BillingType",
        "ChartNumber", "Guarantor", "ClinicNum",
    )  # fmt: skip
    full = patient(row, names)
    return {k: full[k] for k in kept}


def appointment(row: Row, names: Names, server: str) -> Row:
    """One appointment."""
    r = row
    return {
        "serverDateTime": server,
        "AptNum": r["AptNum"],
        "PatNum": r["PatNum"],
        "AptStatus": name(words.APT_STATUS, r["AptStatus"]),
        "Pattern": r["Pattern"] or "",
        "Confirmed": r["Confirmed"],
        "confirmed": names.definition(r["Confirmed"]),
        "TimeLocked": yes(r["TimeLocked"]),
        "Op": r["Op"],
        "Note": text(r["Note"]),
        "ProvNum": r["ProvNum"],
        "provAbbr": names.provider(r["ProvNum"]),
        "ProvHyg": r["ProvHyg"],
        "AptDateTime": time(r["AptDateTime"]),
        "NextAptNum": r["NextAptNum"],
        "UnschedStatus": r["UnschedStatus"],
        "unschedStatus": names.definition(r["UnschedStatus"]),
        "IsNewPatient": yes(r["IsNewPatient"]),
        "ProcDescript": text(r["ProcDescript"]),
        "ClinicNum": r["ClinicNum"],
        "IsHygiene": yes(r["IsHygiene"]),
        "DateTStamp": time(r["DateTStamp"]),
        "DateTimeArrived": time(r["DateTimeArrived"]),
        "DateTimeSeated": time(r["DateTimeSeated"]),
        "DateTimeDismissed": time(r["DateTimeDismissed"]),
        "InsPlan1": r["InsPlan1"],
        "InsPlan2": r["InsPlan2"],
        "DateTimeAskedToArrive": time(r["DateTimeAskedToArrive"]),
        "colorOverride": color(r["ColorOverride"]),
        "AppointmentTypeNum": r["AppointmentTypeNum"],
        "SecDateTEntry": time(r["SecDateTEntry"]),
        "Priority": name(words.PRIORITY, r["Priority"]),
        "PatternSecondary": r["PatternSecondary"] or "",
        "ItemOrderPlanned": r["ItemOrderPlanned"],
    }


def history(row: Row, names: Names, server: str) -> Row:
    """One row of the appointments' history."""
    return {
        "HistApptNum": row["HistApptNum"],
        "HistUserNum": row["HistUserNum"],
        "HistDateTStamp": time(row["HistDateTStamp"]),
        "HistApptAction": name(words.HISTORY_ACTION, row["HistApptAction"]),
        "ApptSource": name(words.APPT_SOURCE, row["ApptSource"]),
        **appointment(row, names, server),
    }


def commlog(row: Row, names: Names, version: VersionNumber, *, created: bool = False) -> Row:
    """One communication log entry. CommType is a number in a string; 25.1.13 shows more of it."""
    shown = {
        "CommlogNum": row["CommlogNum"],
        "PatNum": row["PatNum"],
        "CommDateTime": time(row["CommDateTime"]),
        "CommType": str(row["CommType"]),
        "commType": names.definition(row["CommType"]),
        "Note": text(row["Note"]),
        "Mode_": name(words.COMM_MODE, row["Mode_"]),
        "SentOrReceived": name(words.SENT_OR_RECEIVED, row["SentOrReceived"]),
    }
    if version >= (25, 1, 13) and not created:
        shown |= {
            "UserNum": row["UserNum"],
            "DateTStamp": time(row["DateTStamp"]),
            "CommSource": name(words.COMM_SOURCE, row["CommSource"] or 0),
            "ProgramNum": row["ProgramNum"],
            "DateTEntry": time(row["DateTEntry"]),
            "ReferralNum": row["ReferralNum"],
        }
    return shown


def document(row: Row, names: Names, folder: Path | None, server: str) -> Row:
    """One document; numbers of patient and provider come as strings. No file path when kept in the database."""
    in_note = str(row["Note"] or "").startswith(("_rawBase64_:", "_download_:"))
    return {
        "DocNum": row["DocNum"],
        "MountNum": 0,
        "filePath": str(folder / str(row["FileName"])) if folder else "",
        "Description": text(row["Description"]),
        "PatNum": str(row["PatNum"]),
        "Note": "" if in_note else text(row["Note"]),
        "DateCreated": time(row["DateCreated"]),
        "docCategory": names.definition(row["DocCategory"]),
        "DocCategory": row["DocCategory"],
        "ToothNumbers": row["ToothNumbers"] or "",
        "ProvNum": str(row["ProvNum"]),
        "PrintHeading": yes(row["PrintHeading"]),
        "DateTStamp": time(row["DateTStamp"]),
        "serverDateTime": server,
    }


def document_made(row: Row, names: Names) -> Row:
    """One document as the answer to its upload shows it."""
    return {
        "DocNum": row["DocNum"],
        "Description": text(row["Description"]),
        "DateCreated": time(row["DateCreated"]),
        "DocCategory": row["DocCategory"],
        "docCategory": names.definition(row["DocCategory"]),
        "PatNum": row["PatNum"],
        "FileName": row["FileName"],
        "ImgType": name(words.IMAGE_TYPE, row["ImgType"]),
        "ToothNumbers": row["ToothNumbers"] or "",
        "DateTStamp": time(row["DateTStamp"]),
        "ProvNum": row["ProvNum"],
        "PrintHeading": yes(row["PrintHeading"]),
    }


def definition(row: Row) -> Row:
    """One definition."""
    return {
        "DefNum": row["DefNum"],
        "ItemName": text(row["ItemName"]),
        "ItemValue": text(row["ItemValue"]),
        "Category": row["Category"],
        "category": words.CATEGORY.get(row["Category"], str(row["Category"])),
        "isHidden": yes(row["IsHidden"]),
    }


def provider(row: Row, server: str) -> Row:
    """One provider."""
    return {
        "ProvNum": row["ProvNum"],
        **_texts(row, "Abbr", "LName", "FName", "MI", "Suffix"),
        "FeeSched": row["FeeSched"],
        "Specialty": row["Specialty"],
        **_texts(row, "SSN", "StateLicense"),
        "IsSecondary": yes(row["IsSecondary"]),
        "provColor": color(row["ProvColor"]),
        "IsHidden": yes(row["IsHidden"]),
        "UsingTIN": yes(row["UsingTIN"]),
        "SigOnFile": yes(row["SigOnFile"]),
        "NationalProvID": text(row["NationalProvID"]),
        "DateTStamp": time(row["DateTStamp"]),
        "IsNotPerson": yes(row["IsNotPerson"]),
        "ProvStatus": name(words.PROV_STATUS, row["ProvStatus"]),
        "IsHiddenReport": yes(row["IsHiddenReport"]),
        "Birthdate": date(row["Birthdate"]),
        **_texts(row, "SchedNote", "PreferredName"),
        "serverDateTime": server,
    }


def operatory(row: Row, names: Names) -> Row:
    """One operatory."""
    return {
        "OperatoryNum": row["OperatoryNum"],
        **_texts(row, "OpName", "Abbrev"),
        "ItemOrder": row["ItemOrder"],
        "IsHidden": yes(row["IsHidden"]),
        "ProvDentist": row["ProvDentist"],
        "ProvHygienist": row["ProvHygienist"],
        "IsHygiene": yes(row["IsHygiene"]),
        "ClinicNum": row["ClinicNum"],
        "SetProspective": yes(row["SetProspective"]),
        "IsWebSched": yes(row["IsWebSched"]),
        "OperatoryType": row["OperatoryType"],
        "operatoryType": names.definition(row["OperatoryType"]),
    }


def task(row: Row) -> Row:
    """One task."""
    return {
        "TaskNum": row["TaskNum"],
        "TaskListNum": row["TaskListNum"],
        "DateTask": date(row["DateTask"]),
        "KeyNum": row["KeyNum"],
        "Descript": text(row["Descript"]),
        "TaskStatus": name(words.TASK_STATUS, row["TaskStatus"]),
        "IsRepeating": yes(row["IsRepeating"]),
        "DateType": name(words.TASK_DATE, row["DateType"]),
        "FromNum": row["FromNum"],
        "ObjectType": name(words.TASK_OBJECT, row["ObjectType"]),
        "DateTimeEntry": time(row["DateTimeEntry"]),
        "UserNum": row["UserNum"],
        "DateTimeFinished": time(row["DateTimeFinished"]),
        "PriorityDefNum": row["PriorityDefNum"],
        "ReminderGroupId": row["ReminderGroupId"] or "",
        "ReminderType": name(words.REMINDER, row["ReminderType"]),
        "ReminderFrequency": row["ReminderFrequency"],
        "DateTimeOriginal": time(row["DateTimeOriginal"]),
        "SecDateTEdit": time(row["SecDateTEdit"]),
        "DescriptOverride": text(row["DescriptOverride"]),
        "IsReadOnly": yes(row["IsReadOnly"]),
    }


def insverify(row: Row) -> Row:
    """One insurance verification."""
    return {
        "InsVerifyNum": row["InsVerifyNum"],
        "DateLastVerified": date(row["DateLastVerified"]),
        "UserNum": row["UserNum"],
        "VerifyType": name(words.VERIFY_TYPE, row["VerifyType"]),
        "FKey": row["FKey"],
        "DefNum": row["DefNum"],
        "Note": text(row["Note"]),
        "DateLastAssigned": date(row["DateLastAssigned"]),
        "SecDateTEdit": time(row["SecDateTEdit"]),
    }


def plain(row: Row, **special: object) -> Row:
    """A row column by column, for resources whose page gives no sample; `special` replaces columns."""
    return {k: special.get(k, text(v) if isinstance(v, str) or v is None else v) for k, v in row.items()}


def color(value: int) -> str:
    """Return a signed ARGB number as red,green,blue."""
    return f"{value >> 16 & 255},{value >> 8 & 255},{value & 255}"


def _texts(row: Row, *columns: str) -> dict[str, str]:
    return {c: text(row[c]) for c in columns}
