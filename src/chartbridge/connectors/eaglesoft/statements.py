"""Every statement that is sent to Eaglesoft's database, in the subset that all databases understand.

A test parses each one. `{owner}` is the owner of the tables, `{n}` so many placeholders; a column in braces is one that
some versions lack. Must not be in it: a value, a statement that only one vendor understands (those are in `dialect`).
"""

from __future__ import annotations

from chartbridge.connectors.by_odbc.layout import Layout

_VISIT = (
    "SELECT a.appointment_id, a.patient_id, a.start_time, a.end_time, a.location_id, a.classification,"
    " a.confirmation_status, {a.arrival_status}, {a.description}, ap.provider_id FROM {owner}.appointment a"
    " LEFT OUTER JOIN {owner}.appointment_provider ap ON ap.appointment_id = a.appointment_id"
)
_IN_ORDER = " ORDER BY a.appointment_id, ap.provider_id"
_PERSON = (
    "SELECT p.patient_id, p.last_name, p.first_name, {p.middle_initial}, {p.preferred_name}, p.status,"
    " p.patient_status, {p.birth_date}, {p.cell_phone}, {p.home_phone}, {p.work_phone}, {p.email_address},"
    " {p.responsible_party}, {p.receives_sms} FROM {owner}.patient p"
)
_NOTE = (
    "SELECT n.note_id, n.patient_id, n.note, n.date_entered, n.note_type, n.note_type_id"
    " FROM {owner}.operatory_notes n"
)
_PAPER = "SELECT d.document_id, d.ref_id, d.document_name, {d.document_creation_date}, {d.document_group_id}"
_CONFIRM = (
    "UPDATE {owner}.appointment SET confirmation_status = ?, date_confirmed = ? WHERE appointment_id = ?"
    " AND COALESCE(confirmation_status, -1) = ?"
)
_OF_PATIENTS = " FROM {owner}.document d WHERE d.ref_table = ? AND d.document_id > ? AND d.document_id <= ?"

STATEMENTS: dict[str, str] = {
    "version": "SELECT s.version FROM {owner}.system_preferences s",
    "highest_visit": "SELECT MAX(a.appointment_id) FROM {owner}.appointment a",
    "highest_note": "SELECT MAX(n.note_id) FROM {owner}.operatory_notes n",
    "highest_document": "SELECT MAX(d.document_id) FROM {owner}.document d",
    # visits
    "visits_of_day": _VISIT + " WHERE a.start_time >= ? AND a.start_time < ?" + _IN_ORDER,
    "visits_by_key": _VISIT
    + " WHERE a.appointment_id > ? AND a.appointment_id <= ? AND a.start_time >= ? AND a.start_time < ?"
    + _IN_ORDER,
    "these_visits": _VISIT + " WHERE a.appointment_id IN ({n})" + _IN_ORDER,
    # people
    "patient_count": "SELECT COUNT(*) FROM {owner}.patient p",
    "patient_keys": "SELECT p.patient_id FROM {owner}.patient p ORDER BY p.patient_id",
    "patients_by_key": _PERSON + " WHERE p.patient_id > ? AND p.patient_id <= ? ORDER BY p.patient_id",
    "patients_of_day": _PERSON + " WHERE p.patient_id IN (SELECT a.patient_id FROM {owner}.appointment a"
    " WHERE a.start_time >= ? AND a.start_time < ?) ORDER BY p.patient_id",
    "these_patients": _PERSON + " WHERE p.patient_id IN ({n}) ORDER BY p.patient_id",
    # papers
    "documents": _PAPER + _OF_PATIENTS + " ORDER BY d.document_id",
    "document_by_name": "SELECT d.document_id, d.ref_id, d.document_name"
    " FROM {owner}.document d WHERE d.ref_table = ? AND d.ref_id = ? AND d.document_name LIKE ?",
    # lists
    "providers": "SELECT r.provider_id, r.first_name, r.last_name, r.status, {r.position_id} FROM {owner}.provider r"
    " ORDER BY r.provider_id",
    "note_types": "SELECT t.note_type, t.id, t.description FROM {owner}.operatory_notes_type t"
    " ORDER BY t.note_type, t.id",
    "document_groups": "SELECT g.group_id, g.description FROM {owner}.document_group g ORDER BY g.group_id",
    "chairs": "SELECT c.chair_num, c.chair_name FROM {owner}.chairs c ORDER BY c.chair_num",
    "arrivals_seen": "SELECT a.arrival_status, COUNT(*) FROM {owner}.appointment a WHERE a.start_time >= ?"
    " AND a.start_time < ? GROUP BY a.arrival_status",
    # writing
    "patient_there": "SELECT p.patient_id FROM {owner}.patient p WHERE p.patient_id = ?",
    "add_note": "INSERT INTO {owner}.operatory_notes (patient_id, date_entered, user_id, note_class, note_type,"
    " note_type_id, description, note, color, post_proc_status, date_modified, modified_by, locked_eod, status,"
    " claim_id, statement_yn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "note_by_marker": _NOTE + " WHERE n.patient_id = ? AND n.note LIKE ?",
    "notes_carrying": _NOTE + " WHERE n.note_id >= ? AND n.note_id < ? AND n.note LIKE ?",
    "documents_carrying": "SELECT d.document_id, d.ref_id, d.document_name"
    " FROM {owner}.document d WHERE d.document_id >= ? AND d.document_id < ? AND d.document_name LIKE ?",
    "visit_status": "SELECT a.patient_id, a.confirmation_status, {a.arrival_status}, a.classification, a.start_time"
    " FROM {owner}.appointment a WHERE a.appointment_id = ?",
    "set_confirmation": _CONFIRM + " AND COALESCE(arrival_status, 0) = 0",
    "set_confirmation_alone": _CONFIRM,
    "set_arrival": "UPDATE {owner}.appointment SET arrival_status = ? WHERE appointment_id = ?"
    " AND COALESCE(arrival_status, 0) = ? AND COALESCE(confirmation_status, -1) = ?",
    "log_visit": "INSERT INTO {owner}.appt_log (appt_id, old_slot, new_date, appt_log_action, user_id, modified_by)"
    " VALUES (?, ?, ?, ?, ?, ?)",
    # whether writing is let through: it touches one row with what it holds, and is rolled back
    "may_write": "UPDATE {owner}.operatory_notes_type SET description = description WHERE id = ? AND note_type = ?",
}

ASKS: dict[str, tuple[str, ...]] = {
    "version": ("version",),
    "appointments": ("visits_of_day", "visits_by_key", "these_visits", "highest_visit"),
    "appointment_status": ("visits_of_day", "these_visits", "highest_visit"),
    "patients": ("patient_count", "patient_keys", "patients_by_key", "patients_of_day", "these_patients"),
    "documents": ("documents", "highest_document"),
    "providers": ("providers",),
    "note_types": ("note_types",),
    "document_types": ("document_groups",),
    "appointment_statuses": (),
    "operatories": ("chairs",),
    "add_note": (
        "patient_there", "add_note", "note_by_marker", "notes_carrying", "highest_note", "note_types", "may_write",
    ),
    "add_document": ("patient_there", "document_by_name", "documents_carrying", "highest_document"),
    "set_appointment_status": ("visit_status", "set_confirmation_alone", "log_visit"),
    "arrivals": ("arrivals_seen", "set_confirmation", "set_arrival"),
}  # fmt: skip
"""The statements of each ability; a version that lacks a column of theirs loses that ability and says so."""

PART_OF = {
    **dict.fromkeys(
        ("providers", "note_types", "document_types", "appointment_statuses", "operatories"), "lookups"
    ),
    "arrivals": "set_appointment_status",
}
BASIC = ("patient", "appointment", "appointment_provider", "provider")
"""Tables that every version has."""

LAYOUT = Layout(STATEMENTS, ASKS)
