"""The rig of Eaglesoft: the sandbox's knobs under the suite's names."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from chartbridge.connectors.eaglesoft.connector import connect
from chartbridge.sandbox.eaglesoft import EaglesoftKnobs, EaglesoftPractice
from tests.connectors.odbc_rig import OdbcRig

_NOTE = "patient_id, note, date_entered, user_id, note_type, status"
_PAPER = "ref_id, document_name, ref_table, document_creation_date"


class EaglesoftRig(OdbcRig):
    """One practice on Eaglesoft's tables."""

    knobs: EaglesoftKnobs
    connect_to = staticmethod(connect)
    write = re.compile(rb"INSERT INTO \w+\.(operatory_notes|appt_log)|UPDATE \w+\.appointment", re.IGNORECASE)
    copies = {
        "note": f"INSERT INTO operatory_notes ({_NOTE}) SELECT {_NOTE} FROM operatory_notes WHERE note_id = %s",
        "document": f"INSERT INTO document ({_PAPER}) SELECT {_PAPER} FROM document WHERE document_id = %s",
    }
    misfiles = {
        "note": "UPDATE operatory_notes SET patient_id = %s WHERE note_id = %s",
        "document": "UPDATE document SET ref_id = %s WHERE document_id = %s",
    }
    rewrites = {
        "note": "UPDATE operatory_notes SET note = %s WHERE note_id = %s",
        "document": "UPDATE document SET document_name = %s WHERE document_id = %s",
    }
    named = {
        "mobile": "cell_phone", "home": "home_phone", "email": "email_address", "born": "birth_date",
        "preferred": "preferred_name",
    }  # fmt: skip
    inactive, confirmed, nobodys = {"status": "I"}, {"confirmation_status": 1}, {"classification": 2}
    kind_of_paper, note_type, provider, other_provider = "group", "G:7", "AB", "CD"
    patients = "SELECT patient_id AS k FROM patient"
    paper_scope = "SELECT document_id AS k FROM document WHERE ref_table = 'patient'"
    visits_table = "appointment"
    visits = (
        "SELECT appointment_id AS k FROM appointment WHERE classification NOT IN (2, 16)"
        " AND start_time >= %s AND start_time < %s"
    )

    def __init__(self, practice: EaglesoftPractice, folder: Path) -> None:
        super().__init__(EaglesoftKnobs(practice), folder)

    @property
    def practice(self) -> EaglesoftPractice:
        return self.knobs.at

    def status_of(self, appointment_key: str) -> str:
        row = self.practice.rows(
            "SELECT confirmation_status AS c, arrival_status AS a FROM appointment WHERE appointment_id = %s",
            (appointment_key,),
        )[0]
        return f"arrival:{row['a']}" if row["a"] else f"confirmation:{row['c']}"

    def statuses(self) -> list[str]:
        return ["confirmation:0", "confirmation:1", "confirmation:3", "arrival:4", "confirmation:7"]

    def unknown_status(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, confirmation_status=42)
        return "confirmation:42"

    def unknown_state(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, classification=64)
        return "64"

    def corrupt(self, appointment_key: str) -> None:
        self.practice.run(
            "UPDATE appointment SET end_time = start_time - INTERVAL 1 DAY WHERE appointment_id = %s",
            (appointment_key,),
        )

    def repeat_hour(self) -> None:
        """No stamp is read, so no hour that comes twice is."""
        self.clock.ahead += timedelta(minutes=1)
