"""Every SELECT that is ever sent to an Open Dental database, by name, so that a test can EXPLAIN them all.

Columns that this version of the tables lacks are read as ''. Ranges go by the vendor's own indexes: the primary
keys, `indexAptDateTime`, `HistDateTStamp`, `LogDateTime`, `indexPatNum`, `PNDC`; there is none on DateTStamp.
Must not be in it: running them, a value in a statement's text (keys are checked digits, see `keys`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chartbridge.connectors.open_dental.codec import (
    APPOINTMENT_FIELDS,
    HISTORY_FIELDS,
    PATIENT_FIELDS,
    BadValue,
)
from chartbridge.connectors.open_dental.codec_lists import (
    DEFINITION_FIELDS,
    DOCUMENT_FIELDS,
    OPERATORY_FIELDS,
    PROVIDER_FIELDS,
)
from chartbridge.transport.read_ahead import packing

PAGE = 500
FIRST_PAGE = 2000
DOCUMENT_PAGE = 200  # on MyISAM a row with its blobs is read whole
SCAN = 2000

TABLES = (
    "appointment", "histappointment", "patient", "document", "securitylog", "signalod", "preference",
    "definition", "provider", "operatory", "commlog", "patplan", "insverify", "insverifyhist",
    "patientlink",
)  # fmt: skip

_LOCAL_NOW = "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone)"
_UPDATING = "(SELECT ValueString FROM preference WHERE PrefName = 'UpdateInProgressOnComputerName' LIMIT 1)"
CHECKS = ("check_schedule", "check_patients", "check_documents")
_CRC = (
    "CRC32(CONCAT_WS('|', AptNum, PatNum, AptStatus, Confirmed, AptDateTime, Pattern, Op, ProvNum, ProvHyg, "
    "DateTimeArrived, DateTimeSeated, DateTimeDismissed))"
)

STATEMENTS: dict[str, str] = {
    "columns": (
        "SELECT LOWER(TABLE_NAME), COLUMN_NAME, COLUMN_TYPE FROM information_schema.columns "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ({tables})"
    ),
    "indexes": (
        "SELECT LOWER(TABLE_NAME), COLUMN_NAME, INDEX_NAME FROM information_schema.statistics "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ({tables}) AND SEQ_IN_INDEX = 1"
    ),
    "server": (
        f"SELECT {_LOCAL_NOW}, UTC_TIMESTAMP(), VERSION(), @@global.time_zone, @@system_time_zone, "
        "(SELECT MAX(HistApptNum) FROM histappointment), (SELECT MAX(SecurityLogNum) FROM securitylog), "
        "(SELECT MAX(PatNum) FROM patient)"
    ),
    "local_time": "SELECT CONVERT_TZ(%s, '+00:00', @@global.time_zone)",
    "grants": "SHOW GRANTS",
    "preferences": "SELECT PrefName, ValueString FROM preference WHERE PrefName IN ({names})",
    # the checks: one round trip, answered from the ends of indexes
    "check_schedule": (
        f"SELECT {_LOCAL_NOW}, UTC_TIMESTAMP(), {_UPDATING}, (SELECT MAX(HistApptNum) FROM histappointment), "
        "(SELECT COUNT(*) FROM histappointment WHERE {history_stamp} >= %s)"
    ),
    "check_patients": (
        f"SELECT {_LOCAL_NOW}, UTC_TIMESTAMP(), {_UPDATING}, (SELECT MAX(SecurityLogNum) FROM securitylog), "
        "(SELECT COUNT(*) FROM securitylog WHERE LogDateTime >= %s), (SELECT MAX(PatNum) FROM patient)"
    ),
    "check_documents": (
        f"SELECT {_LOCAL_NOW}, UTC_TIMESTAMP(), {_UPDATING}, (SELECT MAX(SecurityLogNum) FROM securitylog), "
        "(SELECT COUNT(*) FROM securitylog WHERE LogDateTime >= %s), (SELECT MAX(DocNum) FROM document)"
    ),
    "day_fingerprint": (
        f"SELECT COUNT(*), BIT_XOR({_CRC}) FROM appointment WHERE AptDateTime >= %s AND AptDateTime < %s"
    ),
    # what was written
    "history_after": (
        "SELECT {history} FROM histappointment WHERE HistApptNum > %s ORDER BY HistApptNum LIMIT 500"
    ),
    "history_window": (
        "SELECT HistApptNum, {history_stamp} FROM histappointment WHERE {history_stamp} >= %s "
        "ORDER BY {history_stamp} LIMIT 3000"
    ),
    "history_by_key": "SELECT {history} FROM histappointment WHERE HistApptNum IN ({keys})",
    "log_after": "SELECT {log} FROM securitylog WHERE SecurityLogNum > %s ORDER BY SecurityLogNum LIMIT 500",
    "log_window": (
        "SELECT SecurityLogNum, LogDateTime FROM securitylog WHERE LogDateTime >= %s ORDER BY LogDateTime LIMIT 3000"
    ),
    "log_by_key": "SELECT {log} FROM securitylog WHERE SecurityLogNum IN ({keys})",
    # appointments
    "day_rows": (
        f"SELECT {{appointment}}, {_CRC} FROM appointment WHERE AptDateTime >= %s AND AptDateTime < %s"
    ),
    "appointments_by_key": f"SELECT {{appointment}}, {_CRC} FROM appointment WHERE AptNum IN ({{keys}})",
    "appointments_from": (
        "SELECT {appointment} FROM appointment {by_time} WHERE AptDateTime >= %s AND AptDateTime < %s "
        f"ORDER BY AptDateTime LIMIT {FIRST_PAGE}"
    ),
    "any_appointment": "SELECT AptNum FROM appointment LIMIT 1",
    "appointments_at": "SELECT {appointment} FROM appointment WHERE AptDateTime = %s",
    "scan_appointments": (
        "SELECT COUNT(*), MIN(AptDateTime), MAX(AptDateTime), "
        "GROUP_CONCAT(IF(DateTStamp >= %s, AptNum, NULL)) FROM ("
        "SELECT AptNum, AptDateTime, DateTStamp FROM appointment {by_time} "
        "WHERE AptDateTime >= %s AND AptDateTime < %s ORDER BY AptDateTime LIMIT 1000) AS piece"
    ),
    # patients
    "patients_of_day": (
        "SELECT {patient} FROM (SELECT DISTINCT PatNum AS Visitor FROM appointment "
        "WHERE AptDateTime >= %s AND AptDateTime < %s) AS today JOIN patient ON patient.PatNum = today.Visitor"
    ),
    "patients_after": "SELECT {patient} FROM patient WHERE PatNum > %s ORDER BY PatNum LIMIT 500",
    "patients_from": f"SELECT {{patient}} FROM patient WHERE PatNum > %s ORDER BY PatNum LIMIT {FIRST_PAGE}",
    "patients_by_key": "SELECT {patient} FROM patient WHERE PatNum IN ({keys})",
    "patient_keys_after": "SELECT PatNum FROM patient WHERE PatNum > %s ORDER BY PatNum LIMIT 500",
    "visitors_of_day": "SELECT DISTINCT PatNum FROM appointment WHERE AptDateTime >= %s AND AptDateTime < %s",
    "scan_patients": (
        "SELECT COUNT(*), MIN(PatNum), MAX(PatNum), GROUP_CONCAT(IF(DateTStamp >= %s, PatNum, NULL) ORDER BY PatNum) "
        "FROM (SELECT PatNum, DateTStamp FROM patient WHERE PatNum > %s ORDER BY PatNum LIMIT 2000) AS piece"
    ),
    # documents
    "documents_after": "SELECT {document} FROM document WHERE DocNum > %s ORDER BY DocNum LIMIT 200",
    "documents_by_key": "SELECT {document} FROM document WHERE DocNum IN ({keys})",
    "documents_of_patients": "SELECT {document} FROM document WHERE PatNum IN ({keys})",
    "pictures_of_patients": "SELECT {document} FROM document WHERE PatNum IN ({keys}) AND DocCategory = %s",
    "owners_of_documents": "SELECT DISTINCT PatNum FROM document WHERE DocNum IN ({keys})",
    "scan_documents": (
        "SELECT COUNT(*), MIN(DocNum), MAX(DocNum), GROUP_CONCAT(IF(DateTStamp >= %s, DocNum, NULL) ORDER BY DocNum) "
        "FROM (SELECT DocNum, DateTStamp FROM document WHERE DocNum > %s ORDER BY DocNum LIMIT 1000) AS piece"
    ),
    "file": "SELECT PatNum, FileName, Note, RawBase64 FROM document WHERE DocNum = %s",
    "image_folder": "SELECT ImageFolder FROM patient WHERE PatNum = %s",
    # lists
    "definitions": "SELECT {definition} FROM definition WHERE Category = %s ORDER BY ItemOrder",
    "providers": "SELECT {provider} FROM provider ORDER BY ItemOrder",
    "operatories": "SELECT {operatory} FROM operatory ORDER BY ItemOrder",
    # looking whether a write is there
    "notes_about": (
        "SELECT {commlog} FROM commlog WHERE PatNum IN ({keys}) AND CommDateTime >= %s AND CommDateTime <= %s "
        "AND Note LIKE '%%CB-%%'"
    ),
    "papers_of": "SELECT {document} FROM document WHERE PatNum = %s AND Description LIKE %s",
    # looking for everything that carries a marker: by key, by patient, and in a short time of everybody's
    "notes_by_key": "SELECT {commlog} FROM commlog WHERE CommlogNum IN ({keys}) AND Note LIKE '%%CB-%%'",
    "notes_of_people": "SELECT {commlog} FROM commlog WHERE PatNum IN ({keys}) AND Note LIKE '%%CB-%%'",
    "notes_between": (
        "SELECT {commlog} FROM commlog {by_comm_time} WHERE CommDateTime >= %s AND CommDateTime <= %s "
        "AND Note LIKE '%%CB-%%'"
    ),
    "papers_by_key": "SELECT {document} FROM document WHERE DocNum IN ({keys}) AND Description LIKE '%%CB-%%'",
    "papers_of_people": "SELECT {document} FROM document WHERE PatNum IN ({keys}) AND Description LIKE '%%CB-%%'",
    "papers_between": (
        "SELECT {document} FROM document WHERE DocNum >= %s AND DocNum < %s AND Description LIKE '%%CB-%%'"
    ),
    "last_paper": "SELECT MAX(DocNum) FROM document",
    # who was merged into whom (LinkType 1; 2 is a clone, 3 another program's number)
    "merged": "SELECT PatNumFrom, PatNumTo FROM patientlink WHERE PatNumFrom IN ({keys}) AND LinkType = 1",
    "status_of": "SELECT AptNum, PatNum, Confirmed FROM appointment WHERE AptNum IN ({keys})",
    "plans_of": "SELECT PatPlanNum, PatNum, Ordinal FROM patplan WHERE PatNum = %s ORDER BY Ordinal",
    "verified": (
        "SELECT InsVerifyNum, DateLastVerified, Note, SecDateTEdit FROM insverify "
        "WHERE FKey = %s AND VerifyType = 2 ORDER BY DateLastVerified DESC"
    ),
    "verified_before": (
        "SELECT InsVerifyNum, DateLastVerified, Note, SecDateTEdit FROM insverifyhist "
        "WHERE FKey = %s AND VerifyType = 2 ORDER BY DateLastVerified DESC"
    ),
}

LOG_FIELDS = ("SecurityLogNum", "LogDateTime", "PermType", "PatNum", "FKey")
COMMLOG_FIELDS = (
    "CommlogNum", "PatNum", "CommDateTime", "CommType", "Note", "DateTStamp", "Mode_", "SentOrReceived",
)  # fmt: skip
FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "appointment": ("appointment", APPOINTMENT_FIELDS),
    "history": ("histappointment", HISTORY_FIELDS),
    "patient": ("patient", PATIENT_FIELDS),
    "document": ("document", DOCUMENT_FIELDS),
    "definition": ("definition", DEFINITION_FIELDS),
    "provider": ("provider", PROVIDER_FIELDS),
    "operatory": ("operatory", OPERATORY_FIELDS),
    "log": ("securitylog", LOG_FIELDS),
    "commlog": ("commlog", COMMLOG_FIELDS),
}
# of the first read: by which names of FIELDS, and in the order of which column
PACKED = {"patients_from": ("patient", "PatNum"), "appointments_from": ("appointment", "AptDateTime")}
# what each ability is read from, by the names of FIELDS; commands are looked for there
READ_FROM: dict[str, tuple[str, ...]] = {
    "appointment_status": ("appointment", "history"),
    "appointments": ("appointment", "history"),
    "patients": ("patient", "log"),
    "photos": ("document", "log"),
    "documents": ("document", "log"),
    "lookups": ("definition", "provider", "operatory"),
    "add_note": ("commlog",),
    "add_document": ("document",),
}
# without these a table can't be used at all; any other column is read as '' where it is missing
REQUIRED: dict[str, tuple[str, ...]] = {
    "appointment": ("AptNum", "PatNum", "AptStatus", "AptDateTime", "Confirmed", "DateTStamp", "Pattern"),
    "histappointment": (
        "HistApptNum",
        "AptNum",
        "HistDateTStamp",
        "HistApptAction",
        "AptStatus",
        "Confirmed",
    ),
    "patient": ("PatNum", "LName", "FName", "PatStatus", "DateTStamp"),
    "document": ("DocNum", "PatNum", "DocCategory", "DateTStamp"),
    "securitylog": ("SecurityLogNum", "LogDateTime", "PermType", "PatNum"),
    "preference": ("PrefName", "ValueString"),
    "definition": ("DefNum", "Category", "ItemName", "ItemValue", "IsHidden"),
    "provider": ("ProvNum", "Abbr", "IsHidden"),
    "operatory": ("OperatoryNum", "OpName"),
}


def compiled(columns: Mapping[str, frozenset[str]], indexes: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The statements for these tables. `indexes` is (table, first column) → name of an index."""
    columns_of = {
        name: [
            f"{table}.{field}" if field.lower() in columns.get(table, frozenset()) else "''"
            for field in fields
        ]
        for name, (table, fields) in FIELDS.items()
    }
    parts = {name: ", ".join(named) for name, named in columns_of.items()}
    if "note" in columns.get(
        "document", frozenset()
    ):  # of what the API was handed, the kind of file stands there
        parts["document"] += (
            ", IF(LEFT(document.Note, 12) = '_rawBase64_:', SUBSTRING(document.Note, 13, 12), '')"
        )
    by_time = indexes.get(("appointment", "aptdatetime"))
    parts["by_time"] = f"FORCE INDEX (`{by_time}`)" if by_time and "`" not in by_time else ""
    by_comm_time = indexes.get(("commlog", "commdatetime"))
    parts["by_comm_time"] = (
        f"FORCE INDEX (`{by_comm_time}`)" if by_comm_time and "`" not in by_comm_time else ""
    )
    # before 24.2.1 there is no index on HistDateTStamp: the window is one of keys then
    parts["history_stamp"] = (
        "HistDateTStamp" if ("histappointment", "histdatetstamp") in indexes else "HistApptNum"
    )
    parts["tables"] = ", ".join(f"'{table}'" for table in TABLES)
    absent = {name: "{" + name + "}" for name in ("keys", "names")}
    made = {name: text.format(**parts, **absent) for name, text in STATEMENTS.items()}
    for name, (fields, order) in PACKED.items():
        named = ", ".join(f"{each} AS c{at}" for at, each in enumerate(columns_of[fields]))
        columns_named = [f"c{at}" for at in range(len(columns_of[fields]))]
        text = STATEMENTS[name].format(**{**parts, fields: named}, **absent)
        made[f"{name}_packed"] = packing(text, columns_named, f"c{FIELDS[fields][1].index(order)}")
    # the same checks without a look at whether an update runs, see `Database.check`
    soon = {f"{name}_soon": text.replace(_UPDATING, "''") for name, text in made.items() if name in CHECKS}
    return made | soon


def keys(values: Iterable[str]) -> str:
    """A list of keys for an IN (…); 0, which is nobody's key, where it is empty. Raises `BadValue`."""
    listed = list(values)
    if not all(value.isascii() and value.lstrip("-").isdigit() for value in listed):
        raise BadValue("a key that is no number")
    return ",".join(listed) or "0"
