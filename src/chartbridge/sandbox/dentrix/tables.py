"""Dentrix's tables and views as far as they are public, for MariaDB; and the triggers that guard them.

Must not be in it: rows.
"""

from __future__ import annotations

from chartbridge.sandbox.by_odbc.practice import signals, watching

OWNER = "admin"
_STAMP = ", automodifiedtimestamp DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"
STATUSES = 25
"""The kind of definition that a status is; its number is ours."""

TABLES: dict[str, str] = {
    "options": """optionsection CHAR(20), optionkey CHAR(30), optionvalue CHAR(40),
        PRIMARY KEY (optionsection, optionkey)""",
    "fulldef": "deftype INT, defid INT, descript CHAR(20), PRIMARY KEY (deftype, defid)",
    "rsc": """rsctype INT, rscid CHAR(4), practicename CHAR(40), firstname CHAR(20), lastname CHAR(20),
        inactive INT DEFAULT 0, PRIMARY KEY (rsctype, rscid)""",
    "operatory": "opid CHAR(4) PRIMARY KEY, title CHAR(20)",
    "address": """addrid INT AUTO_INCREMENT PRIMARY KEY, street1 CHAR(30), street2 CHAR(30), city CHAR(30),
        state CHAR(2), zipcode CHAR(10), phone CHAR(14)""",
    "patient": """patid INT AUTO_INCREMENT PRIMARY KEY, guarid INT, lastname CHAR(20), firstname CHAR(15), mi CHAR(1),
        prefname CHAR(15), salutation CHAR(30), chartnum CHAR(10), provid1 CHAR(4), provid2 CHAR(4), gender SMALLINT,
        status SMALLINT DEFAULT 1, fampos SMALLINT DEFAULT 1, addrid INT, birthdate DATE, firstvisitdate DATE,
        lastvisitdate DATE, workphone CHAR(14), pager CHAR(14), emailaddr CHAR(60), privacyflags SMALLINT DEFAULT 0,
        KEY by_address (addrid)""",
    "appt": """apptid INT AUTO_INCREMENT PRIMARY KEY, apptdate DATE, timehr SMALLINT, timemin SMALLINT,
        apptlen SMALLINT, opid CHAR(4), provid CHAR(4), addlprov CHAR(4), patid INT, patname CHAR(36), phone CHAR(14),
        apptreason CHAR(60),
        status SMALLINT DEFAULT 0, appttype SMALLINT, apptbroken SMALLINT DEFAULT 0, amt INT DEFAULT 0, createdate DATE,
        modifieddate DATE, KEY by_day (apptdate), KEY by_patient (patid)""",
    "appthist": """apptid INT AUTO_INCREMENT PRIMARY KEY, parentapptid INT, modifieddate DATE, modifiedtime INT,
        userid CHAR(10), status CHAR(7), createflag SMALLINT DEFAULT 0, lastflag SMALLINT DEFAULT 0,
        deletedflag SMALLINT DEFAULT 0, note CHAR(60), KEY by_visit (parentapptid)""",
    "contact": """contactid INT AUTO_INCREMENT PRIMARY KEY, contactdate DATE, contacttime INT, patid INT,
        provid CHAR(4), title CHAR(80), contacttype SMALLINT, provtype SMALLINT, datatype SMALLINT, refid INT,
        KEY by_patient (patid)""",
    "fullnotes": """notetype SMALLINT, noteid INT, notedate DATE, notetext VARCHAR(8190),
        PRIMARY KEY (notetype, noteid)""",
    "document": """docid INT AUTO_INCREMENT PRIMARY KEY, doctypeid INT, descript CHAR(40), pages INT, createdate DATE,
        docfmt SMALLINT""",
    "docattach": """attachid INT AUTO_INCREMENT PRIMARY KEY, docid INT, attachtotype SMALLINT, attachtoentityid INT,
        KEY by_patient (attachtotype, attachtoentityid), KEY by_document (docid)""",
    "doccat": "dcdoctypeid INT PRIMARY KEY, name CHAR(30)",
}

VIEWS: dict[str, str] = {
    "v_patient": """SELECT p.patid AS patient_id, p.guarid AS guar_id, p.firstname AS first_name,
        p.lastname AS last_name, p.mi AS mi, p.prefname AS preferred_name, p.salutation AS salutation,
        p.status AS status, p.gender AS gender,
        p.birthdate AS birth_date, p.emailaddr AS email, p.pager AS mobile_phone, a.phone AS home_phone,
        p.workphone AS work_phone, a.street1 AS address_line1, a.street2 AS address_line2, a.city AS city,
        a.state AS state, a.zipcode AS zipcode, p.provid1 AS pri_provider_id, p.provid2 AS sec_provider_id,
        p.firstvisitdate AS first_visit_date, p.lastvisitdate AS last_visit_date, p.privacyflags AS privacy_flags,
        p.automodifiedtimestamp AS modifiedtimestamp
        FROM patient p LEFT JOIN address a ON a.addrid = p.addrid""",
    "v_appt": """SELECT a.apptid AS appointment_id, a.patid AS patient_id, a.patname AS patient_name,
        a.phone AS patient_phone, a.apptdate AS appointment_date, a.timehr AS start_hour, a.timemin AS start_minute,
        a.apptlen AS length, a.provid AS provider_id, a.addlprov AS addtnl_provider_id, a.opid AS operatory_id,
        a.status AS status_id, a.apptreason AS reason, a.amt AS amount, a.apptbroken AS broken,
        a.modifieddate AS modified_date, a.automodifiedtimestamp AS modified_time_stamp FROM appt a""",
    "v_appt_status_codes": f"""SELECT d.defid AS defid, d.descript AS descript FROM fulldef d
        WHERE d.deftype = {STATUSES}""",
    "v_provider": """SELECT r.rscid AS provider_id, r.lastname AS last_name, r.firstname AS first_name,
        r.inactive AS inactive FROM rsc r WHERE r.rsctype = 1""",
    "v_staff": """SELECT r.rscid AS staff_id, r.lastname AS last_name, r.firstname AS first_name FROM rsc r
        WHERE r.rsctype = 2""",
    "v_operatory": "SELECT o.opid AS op_id, o.title AS op_title FROM operatory o",
}

WRITABLE = ("appt", "appthist", "contact", "fullnotes")
"""Tables into which a licensed program may write."""

_DRIVER = "[FairCom][ODBC FairCom Driver 12.0.2.432(Build-220411)][ctreeSQL]"
_REFUSED = f"{_DRIVER} -20148 Trigger Execution Failed."
_FAULTS = (
    ("refuse", "45000", f"{_REFUSED} (Quuxbertha Xyzzyowski)"),
    ("throttle", "40001", f"{_DRIVER} -17042 CT - Could not obtain data record lock"),
)
_RULES: dict[str, str] = {
    "contact": """(SELECT COUNT(*) FROM patient p WHERE p.patid = NEW.patid) = 0
        OR (SELECT COUNT(*) FROM rsc r WHERE r.rscid = NEW.provid AND r.rsctype IN (1, 2)) = 0""",
    "fullnotes": "NEW.notetype = 49 AND (SELECT COUNT(*) FROM contact c WHERE c.contactid = NEW.noteid) = 0",
    "appt": "COALESCE(NEW.provid, '') = ''",
    "appthist": "COALESCE(NEW.parentapptid, 0) = 0",
    "patient": "COALESCE(NEW.provid1, '') = ''",
    "docattach": "(SELECT COUNT(*) FROM document d WHERE d.docid = NEW.docid) = 0",
}
"""What a table's trigger does not accept."""


def statements() -> list[str]:
    """What makes everything."""
    made = [f"CREATE TABLE {name} ({columns}{_STAMP}) ENGINE=InnoDB" for name, columns in TABLES.items()]
    made += [f"CREATE VIEW {name} AS {selected}" for name, selected in VIEWS.items()]
    made += watching("appt", "NEW.apptid", "NEW.patid", "NEW.status")
    return made + [
        _trigger(table, rule, when) for table, rule in _RULES.items() for when in ("INSERT", "UPDATE")
    ]


def _trigger(table: str, rule: str, when: str) -> str:
    faults = signals(_FAULTS) if table in (*WRITABLE, "docattach") else ""
    return f"""CREATE TRIGGER guard_{table}_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW BEGIN
        IF {rule} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_REFUSED}'; END IF;{faults} END"""
