"""Every statement that is sent to Dentrix's database, in the subset that all databases understand.

A test parses each one. `{owner}` is the owner of the tables, `{n}` so many placeholders, `{visit_stamp}` and
`{patient_stamp}` what this version calls the time of a change in its views; a column in braces is one that some
versions lack.
Must not be in it: a value, a statement that only one vendor understands (those are in `dialect`).
"""

from __future__ import annotations

from chartbridge.connectors.by_odbc.layout import Layout

_VISIT = (
    "SELECT a.appointment_id, a.patient_id, a.appointment_date, a.start_hour, a.start_minute, a.length,"
    " {a.provider_id}, {a.operatory_id}, a.status_id, {a.reason}, a.broken FROM {owner}.v_appt a"
)
_PERSON = (
    "SELECT p.patient_id, p.last_name, p.first_name, {p.mi}, {p.preferred_name}, p.status, {p.birth_date},"
    " {p.mobile_phone}, {p.home_phone}, {p.work_phone}, {p.email}, {p.guar_id}, {p.privacy_flags},"
    " {p.pri_provider_id}"
    " FROM {owner}.v_patient p"
)
_ATTACHED = (
    " FROM {owner}.docattach t INNER JOIN {owner}.document d ON d.docid = t.docid WHERE t.attachtotype = ?"
)
_PAPER = "SELECT t.attachid, t.attachtoentityid, d.descript, {d.createdate}, {d.doctypeid}" + _ATTACHED
_MARKED = "SELECT t.attachid, t.attachtoentityid, d.descript" + _ATTACHED
_ENTRY = (
    "SELECT c.contactid, c.patid, n.notetext, c.contactdate, c.contacttime, c.contacttype FROM {owner}.contact c"
    " INNER JOIN {owner}.fullnotes n ON n.noteid = c.contactid WHERE n.notetype = ?"
)

STATEMENTS: dict[str, str] = {
    "version": "SELECT o.optionvalue FROM {owner}.options o WHERE o.optionkey = ?",
    "practice_name": "SELECT w.practicename FROM {owner}.rsc w WHERE w.rsctype = ?",
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
    "document_by_name": _MARKED + " AND t.attachtoentityid = ? AND d.descript LIKE ?",
    "documents_carrying": _MARKED + " AND t.attachid >= ? AND t.attachid < ? AND d.descript LIKE ?",
    # lists
    "providers": "SELECT r.provider_id, r.first_name, r.last_name, {r.inactive} FROM {owner}.v_provider r"
    " ORDER BY r.provider_id",
    "staff": "SELECT s.staff_id, s.first_name, s.last_name FROM {owner}.v_staff s ORDER BY s.staff_id",
    "is_staff": "SELECT s.staff_id FROM {owner}.v_staff s WHERE s.staff_id = ?",
    "document_types": "SELECT g.dcdoctypeid, g.name FROM {owner}.doccat g ORDER BY g.dcdoctypeid",
    "operatories": "SELECT y.op_id, y.op_title FROM {owner}.v_operatory y ORDER BY y.op_id",
    "statuses": "SELECT f.defid, f.descript FROM {owner}.v_appt_status_codes f ORDER BY f.defid",
    # writing
    "patient_there": "SELECT p.patient_id FROM {owner}.v_patient p WHERE p.patient_id = ?",
    "add_entry": "INSERT INTO {owner}.contact (contactdate, contacttime, patid, provid, title, contacttype, provtype,"
    " datatype, refid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "entry_by_title": "SELECT MAX(c.contactid) FROM {owner}.contact c WHERE c.patid = ? AND c.title LIKE ?",
    "add_text": "INSERT INTO {owner}.fullnotes (notetype, noteid, notedate, notetext) VALUES (?, ?, ?, ?)",
    "entry_by_marker": _ENTRY + " AND c.patid = ? AND n.notetext LIKE ?",
    "entries_carrying": _ENTRY + " AND c.contactid >= ? AND c.contactid < ? AND n.notetext LIKE ?",
    "visit_status": "SELECT v.patid, v.status FROM {owner}.appt v WHERE v.apptid = ?",
    "set_status": "UPDATE {owner}.appt SET status = ? WHERE apptid = ? AND COALESCE(status, -32768) = ?",
    "log_visit": "INSERT INTO {owner}.appthist (parentapptid, modifieddate, modifiedtime, userid, status, createflag,"
    " lastflag, deletedflag, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    # whether writing is let through: no entry has this number, so nothing is touched
    "may_write": "UPDATE {owner}.contact SET title = title WHERE contactid = ?",
}

ASKS: dict[str, tuple[str, ...]] = {
    "version": ("version",),
    "practice_name": ("practice_name",),
    "appointments": ("visits_of_day", "visits_by_key", "these_visits", "highest_visit"),
    "visit_stamp": ("visits_changed",),
    "deletions": ("visits_deleted", "highest_history"),
    "appointment_status": ("visits_of_day", "these_visits", "highest_visit"),
    "patients": ("patients_by_key", "these_patients", "highest_patient"),
    "patient_stamp": ("patients_changed",),
    "documents": ("documents", "highest_document"),
    "providers": ("providers",),
    "staff": ("staff", "is_staff"),
    "note_types": (),
    "document_types": ("document_types",),
    "appointment_statuses": ("statuses",),
    "operatories": ("operatories",),
    "add_note": (
        "patient_there", "add_entry", "entry_by_title", "add_text", "entry_by_marker", "entries_carrying",
        "highest_entry", "may_write",
    ),
    "add_document": ("patient_there", "document_by_name", "documents_carrying", "highest_document"),
    "set_appointment_status": ("statuses", "visit_status", "set_status", "log_visit"),
}  # fmt: skip
"""The statements of each ability; a version that lacks a column of theirs loses that ability and says so."""

PART_OF = {
    "visit_stamp": "appointments",
    "deletions": "appointments",
    "patient_stamp": "patients",
    **dict.fromkeys(
        ("providers", "staff", "note_types", "document_types", "appointment_statuses", "operatories"),
        "lookups",
    ),
}
BASIC = ("v_patient", "v_appt", "v_provider", "options")
"""Tables and views that every version has."""

_STAMPS = ("automodifiedtimestamp", "modified_time_stamp", "modifiedtimestamp")
EITHER: dict[str, tuple[str, tuple[str, ...]]] = {
    "visit_stamp": ("v_appt", _STAMPS),
    "patient_stamp": ("v_patient", _STAMPS),
}
"""The time of a change goes by one of these names, which differ between views and versions."""

LAYOUT = Layout(STATEMENTS, ASKS, EITHER)
