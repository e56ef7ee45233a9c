"""Every statement that is sent to Dentrix's database, in the subset that all databases understand.

A test parses each one. `{owner}` is the owner of the tables, `{n}` so many placeholders, `{visit_stamp}` and
`{patient_stamp}` what this version calls the time of a change in its views.
Must not be in it: a value, a statement that only one vendor understands (those are in `dialect`).
"""

from __future__ import annotations

_VISIT = (
    "SELECT a.appointment_id, a.patient_id, a.appointment_date, a.start_hour, a.start_minute, a.length,"
    " a.provider_id, a.operatory_id, a.status_id, a.reason, a.broken FROM {owner}.v_appt a"
)
_PERSON = (
    "SELECT p.patient_id, p.last_name, p.first_name, p.mi, p.preferred_name, p.status, p.birth_date,"
    " p.mobile_phone, p.home_phone, p.work_phone, p.email, p.guar_id, p.privacy_flags, p.pri_provider_id"
    " FROM {owner}.v_patient p"
)
_PAPER = (
    "SELECT t.attachid, t.attachtoentityid, d.descript, d.createdate, d.doctypeid FROM {owner}.docattach t"
    " INNER JOIN {owner}.document d ON d.docid = t.docid WHERE t.attachtotype = ?"
)
_ENTRY = (
    "SELECT c.contactid, c.patid, n.notetext, c.contactdate, c.contacttime FROM {owner}.contact c"
    " INNER JOIN {owner}.fullnotes n ON n.noteid = c.contactid WHERE n.notetype = ?"
)

STATEMENTS: dict[str, str] = {
    "version": "SELECT o.optionvalue FROM {owner}.options o WHERE o.optionkey = ?",
    "practice_name": "SELECT r.practicename FROM {owner}.rsc r WHERE r.rsctype = ?",
    "highest_visit": "SELECT MAX(a.appointment_id) FROM {owner}.v_appt a",
    "highest_patient": "SELECT MAX(p.patient_id) FROM {owner}.v_patient p",
    "highest_entry": "SELECT MAX(c.contactid) FROM {owner}.contact c",
    "highest_history": "SELECT MAX(h.apptid) FROM {owner}.appthist h",
    "highest_document": "SELECT MAX(t.attachid) FROM {owner}.docattach t",
    # visits
    "visits_of_day": _VISIT
    + " WHERE a.appointment_date >= ? AND a.appointment_date < ? ORDER BY a.appointment_id",
    "visits_by_key": _VISIT
    + " WHERE a.appointment_id > ? AND a.appointment_id <= ? AND a.appointment_date >= ?"
    " AND a.appointment_date < ? ORDER BY a.appointment_id",
    "these_visits": _VISIT + " WHERE a.appointment_id IN ({n}) ORDER BY a.appointment_id",
    "visits_changed": "SELECT a.appointment_id FROM {owner}.v_appt a WHERE a.{visit_stamp} >= ?"
    " ORDER BY a.appointment_id",
    "visits_deleted": "SELECT h.parentapptid FROM {owner}.appthist h WHERE h.deletedflag = ?"
    " AND h.automodifiedtimestamp >= ?",
    # people
    "patients_by_key": _PERSON + " WHERE p.patient_id > ? AND p.patient_id <= ? ORDER BY p.patient_id",
    "these_patients": _PERSON + " WHERE p.patient_id IN ({n}) ORDER BY p.patient_id",
    "patients_changed": "SELECT p.patient_id FROM {owner}.v_patient p WHERE p.{patient_stamp} >= ?"
    " ORDER BY p.patient_id",
    # papers
    "documents": _PAPER + " AND t.attachid > ? AND t.attachid <= ? ORDER BY t.attachid",
    "document_by_name": _PAPER + " AND t.attachtoentityid = ? AND d.descript LIKE ?",
    "documents_carrying": _PAPER + " AND t.attachid >= ? AND t.attachid < ? AND d.descript LIKE ?",
    # lists
    "providers": "SELECT r.provider_id, r.first_name, r.last_name, r.inactive FROM {owner}.v_provider r"
    " ORDER BY r.provider_id",
    "providers_all": "SELECT r.provider_id, r.first_name, r.last_name FROM {owner}.v_provider r"
    " ORDER BY r.provider_id",
    "staff": "SELECT s.staff_id, s.first_name, s.last_name FROM {owner}.v_staff s ORDER BY s.staff_id",
    "is_staff": "SELECT s.staff_id FROM {owner}.v_staff s WHERE s.staff_id = ?",
    "document_types": "SELECT g.dcdoctypeid, g.name FROM {owner}.doccat g ORDER BY g.dcdoctypeid",
    "operatories": "SELECT o.op_id, o.op_title FROM {owner}.v_operatory o ORDER BY o.op_id",
    "statuses": "SELECT s.defid, s.descript FROM {owner}.v_appt_status_codes s ORDER BY s.defid",
    # writing
    "patient_there": "SELECT p.patient_id FROM {owner}.v_patient p WHERE p.patient_id = ?",
    "add_entry": "INSERT INTO {owner}.contact (contactdate, contacttime, patid, provid, title, contacttype, provtype,"
    " datatype, refid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "entry_by_title": "SELECT MAX(c.contactid) FROM {owner}.contact c WHERE c.patid = ? AND c.title LIKE ?",
    "add_text": "INSERT INTO {owner}.fullnotes (notetype, noteid, notedate, notetext) VALUES (?, ?, ?, ?)",
    "entry_by_marker": _ENTRY + " AND c.patid = ? AND n.notetext LIKE ?",
    "entries_carrying": _ENTRY + " AND c.contactid >= ? AND c.contactid < ? AND n.notetext LIKE ?",
    "visit_status": "SELECT a.status, a.patid FROM {owner}.appt a WHERE a.apptid = ?",
    "set_status": "UPDATE {owner}.appt SET status = ? WHERE apptid = ? AND COALESCE(status, -32768) = ?",
    "log_visit": "INSERT INTO {owner}.appthist (parentapptid, modifieddate, modifiedtime, userid, status, createflag,"
    " lastflag, deletedflag, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    # whether writing is let through: no entry has this number, so nothing is touched
    "may_write": "UPDATE {owner}.contact SET title = title WHERE contactid = ?",
}

NEEDED: dict[str, tuple[str, ...]] = {
    "v_patient": (
        "patient_id", "last_name", "first_name", "status", "mobile_phone", "home_phone", "birth_date", "guar_id",
    ),
    "v_appt": (
        "appointment_id", "patient_id", "appointment_date", "start_hour", "start_minute", "length", "provider_id",
        "operatory_id", "status_id", "reason", "broken",
    ),
    "v_appt_status_codes": ("defid", "descript"),
    "v_provider": ("provider_id", "first_name", "last_name"),
    "options": ("optionkey", "optionvalue"),
}  # fmt: skip
"""Views, tables and columns without which nothing can be read."""

ABILITIES: dict[str, dict[str, tuple[str, ...]]] = {
    "add_note": {
        "contact": (
            "contactid", "contactdate", "contacttime", "patid", "provid", "title", "contacttype", "provtype",
            "datatype", "refid",
        ),
        "fullnotes": ("notetype", "noteid", "notedate", "notetext"),
    },
    "documents": {
        "docattach": ("attachid", "docid", "attachtotype", "attachtoentityid"),
        "document": ("docid", "doctypeid", "descript", "createdate"),
        "doccat": ("dcdoctypeid", "name"),
    },
    "set_appointment_status": {
        "appt": ("apptid", "status", "patid"),
        "appthist": (
            "parentapptid", "modifieddate", "modifiedtime", "userid", "status", "createflag", "lastflag",
            "deletedflag", "note",
        ),
    },
    "deletions": {"appthist": ("apptid", "parentapptid", "deletedflag", "automodifiedtimestamp")},
    "inactive_providers": {"v_provider": ("inactive",)},
    "staff": {"v_staff": ("staff_id", "first_name", "last_name")},
    "operatories": {"v_operatory": ("op_id", "op_title")},
    "practice_name": {"rsc": ("rsctype", "practicename")},
}  # fmt: skip
"""What else each ability needs; a version that lacks it loses that ability and says so."""

_STAMPS = ("automodifiedtimestamp", "modified_time_stamp", "modifiedtimestamp")
EITHER: dict[str, tuple[str, tuple[str, ...]]] = {
    "visit_stamp": ("v_appt", _STAMPS),
    "patient_stamp": ("v_patient", _STAMPS),
}
"""The time of a change goes by one of these names, which differ between views and versions."""
