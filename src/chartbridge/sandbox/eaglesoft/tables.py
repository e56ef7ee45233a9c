"""Eaglesoft's tables as far as they are public, for MariaDB; and the gate that a session must open before it writes.

Must not be in it: rows.
"""

from __future__ import annotations

from chartbridge.sandbox.by_odbc.practice import signals, watching

OWNER = "PPM"
FAULTS_OF_WRITING = (
    ("refuse", "45000", "RAISERROR executed: the note is not valid for Quuxbertha Xyzzyowski"),
    ("throttle", "40001", "Deadlock found: the row is locked by another user"),
)

TABLES: dict[str, str] = {
    "system_preferences": "version VARCHAR(20)",
    "practice_preferences": "server_computer VARCHAR(60), server_share VARCHAR(60)",
    "patient": """patient_id CHAR(5) PRIMARY KEY, first_name VARCHAR(40), last_name VARCHAR(40),
        middle_initial CHAR(1), preferred_name VARCHAR(40), salutation VARCHAR(20), birth_date DATE, sex CHAR(1),
        marital_status CHAR(1), status CHAR(1) DEFAULT 'A', patient_status CHAR(1) DEFAULT 'Y',
        responsible_party CHAR(5), email_address VARCHAR(80), cell_phone VARCHAR(20), home_phone VARCHAR(20),
        work_phone VARCHAR(20), address_1 VARCHAR(60), city VARCHAR(40), state CHAR(2), zipcode VARCHAR(10),
        receives_sms CHAR(1) DEFAULT 'Y', receive_email CHAR(1) DEFAULT 'Y', practice_id INT DEFAULT 1""",
    "appointment": """appointment_id INT AUTO_INCREMENT PRIMARY KEY, patient_id CHAR(5), start_time DATETIME,
        end_time DATETIME, location_id INT, classification INT DEFAULT 1, appointment_type_id INT,
        appointment_notes VARCHAR(4000), description VARCHAR(120), date_appointed DATETIME, date_confirmed DATETIME,
        scheduled_by CHAR(3), modified_by CHAR(3), confirmation_status INT DEFAULT 0, arrival_status INT DEFAULT 0,
        KEY by_start (start_time), KEY by_patient (patient_id)""",
    "appointment_provider": """appointment_id INT, provider_id CHAR(3), start_time DATETIME, end_time DATETIME,
        PRIMARY KEY (appointment_id, provider_id)""",
    "appt_log": """log_id INT AUTO_INCREMENT PRIMARY KEY, appt_id INT, user_id CHAR(3), old_slot INT, new_slot INT,
        new_date DATETIME, appt_log_action CHAR(1), modified_by CHAR(3), KEY by_visit (appt_id)""",
    "appt_types": "type_id INT PRIMARY KEY, description VARCHAR(40), active CHAR(1)",
    "chairs": "chair_num INT PRIMARY KEY, chair_name VARCHAR(30), practice_id INT DEFAULT 1",
    "positions": "position_id INT PRIMARY KEY, description VARCHAR(40)",
    "provider": """provider_id CHAR(3) PRIMARY KEY, first_name VARCHAR(40), last_name VARCHAR(40), sex CHAR(1),
        status CHAR(1) DEFAULT 'A', position_id INT, practice_id INT DEFAULT 1""",
    "operatory_notes": """note_id INT AUTO_INCREMENT PRIMARY KEY, patient_id CHAR(5), date_entered DATETIME,
        user_id CHAR(3), note_class CHAR(1), note_type CHAR(1), note_type_id INT, description VARCHAR(40),
        note VARCHAR(4000), color INT, post_proc_status CHAR(1), date_modified DATETIME, modified_by CHAR(3),
        locked_eod INT, status CHAR(1), tooth_data CHAR(55), claim_id INT DEFAULT -1, statement_yn CHAR(1) DEFAULT 'N',
        freshness TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
        KEY by_patient (patient_id)""",
    "operatory_notes_type": "id INT, note_type CHAR(1), description VARCHAR(40), PRIMARY KEY (note_type, id)",
    "document_group": "group_id INT PRIMARY KEY, description VARCHAR(60), type CHAR(1)",
    "document": """document_id INT AUTO_INCREMENT PRIMARY KEY, document_name VARCHAR(40), document_type VARCHAR(60),
        document_creation_date DATETIME, document_modified_date DATETIME, open_with INT, ref_id CHAR(5),
        ref_table VARCHAR(20), user_id CHAR(3), display_in_docmgr CHAR(1) DEFAULT 'Y', document_group_id INT,
        KEY by_patient (ref_id)""",
}

GATED = ("appointment", "appt_log", "operatory_notes", "operatory_notes_type", "document")
"""Tables into which only an authorised session may write."""

SIGNATURE = "chartbridge_sandbox_signature"


_STATUS = """CASE WHEN COALESCE(NEW.arrival_status, 0) <> 0 THEN CONCAT('arrival:', NEW.arrival_status)
    ELSE CONCAT('confirmation:', NEW.confirmation_status) END"""
"""A visit's status as a hub knows it."""


def statements() -> list[str]:
    """What makes everything."""
    made = [f"CREATE TABLE {name} ({columns}) ENGINE=InnoDB" for name, columns in TABLES.items()]
    made.append(f"CREATE TABLE {SIGNATURE} (signature VARCHAR(60)) ENGINE=InnoDB")
    made += watching("appointment", "NEW.appointment_id", "NEW.patient_id", _STATUS)
    return made + [_gate(table, when) for table in GATED for when in ("INSERT", "UPDATE")]


def _gate(table: str, when: str) -> str:
    """A session without the signature may not write; then the faults that were asked for."""
    faults = signals(FAULTS_OF_WRITING) if table in ("operatory_notes", "appointment", "document") else ""
    return f"""CREATE TRIGGER gate_{table}_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW BEGIN
        IF USER() NOT LIKE 'root@%'
            AND COALESCE(@connection_authentication, '') <> (SELECT s.signature FROM {SIGNATURE} s) THEN
            SIGNAL SQLSTATE '42000' SET MESSAGE_TEXT = 'Authentication violation'; END IF;{faults} END"""
