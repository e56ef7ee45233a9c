"""The rig of Dentrix: the sandbox's knobs under the suite's names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chartbridge.connectors.dentrix.connector import connect
from chartbridge.sandbox.dentrix import DentrixKnobs, DentrixPractice
from tests.connectors.odbc_rig import OdbcRig


class DentrixRig(OdbcRig):
    """One practice on Dentrix's tables, at whose place it is about noon, so that its clock may jump within a day."""

    knobs: DentrixKnobs
    connect_to = staticmethod(connect)
    write = re.compile(rb"INSERT INTO \w+\.(contact|appthist)|UPDATE \w+\.appt\b", re.IGNORECASE)
    copies = {
        "journal": "INSERT INTO contact (patid, provid, title) SELECT patid, provid, title FROM contact"
        " WHERE contactid = %s",
        "document": "INSERT INTO docattach (docid, attachtotype, attachtoentityid)"
        " SELECT docid, attachtotype, attachtoentityid FROM docattach WHERE attachid = %s",
    }
    misfiles = {
        "journal": "UPDATE contact SET patid = %s WHERE contactid = %s",
        "document": "UPDATE docattach SET attachtoentityid = %s WHERE attachid = %s",
    }
    rewrites = {
        "journal": "UPDATE fullnotes SET notetext = %s WHERE notetype = 49 AND noteid = %s",
        "document": "UPDATE document d JOIN docattach t ON t.docid = d.docid SET d.descript = %s WHERE t.attachid = %s",
    }
    named = {
        "mobile": "pager",
        "home": "phone",
        "email": "emailaddr",
        "born": "birthdate",
        "preferred": "prefname",
    }
    inactive, confirmed, nobodys = {"status": 3}, {"status": 1}, {"patname": "Nobody yet"}
    kind_of_paper, note_type, provider, other_provider = "type", "5", "DDS1", "DDS2"
    patients = "SELECT patid AS k FROM patient"
    paper_scope = "SELECT attachid AS k FROM docattach WHERE attachtotype = 1"
    visits_table = "appt"
    visits = "SELECT apptid AS k FROM appt WHERE patid <> 0 AND apptdate >= %s AND apptdate < %s"

    def __init__(self, practice: DentrixPractice, folder: Path) -> None:
        self.zone = timedelta(hours=12 - datetime.now(UTC).hour)
        practice.set_zone(self.zone)
        super().__init__(DentrixKnobs(practice), folder)

    @property
    def practice(self) -> DentrixPractice:
        return self.knobs.at

    def close(self) -> None:
        super().close()
        self.practice.set_zone(None)

    def lose(self, *columns: str) -> None:
        """A view is made anew as an older version has it."""
        super().lose(*(each for each in columns if not each.startswith("v_")))
        for view in dict.fromkeys(each.partition(".")[0] for each in columns if each.startswith("v_")):
            rows = self.practice.rows(
                "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'admin'"
                " AND table_name = %s",
                (view,),
            )
            names = [str(row["name"]) for row in rows if f"{view}.{row['name']}" not in columns]
            self.practice.run(f"RENAME TABLE {view} TO {view}_whole")
            self.practice.run(f"CREATE VIEW {view} AS SELECT {', '.join(names)} FROM {view}_whole")

    def status_of(self, appointment_key: str) -> str:
        return str(
            self.practice.rows("SELECT status AS s FROM appt WHERE apptid = %s", (appointment_key,))[0]["s"]
        )

    def statuses(self) -> list[str]:
        return ["0", "1", "4", "5", "6"]

    def copy_record(self, record: str) -> str:
        copied = super().copy_record(record)
        word, _, key = record.partition(" ")
        if word == "journal":
            self.practice.run(
                "INSERT INTO fullnotes (notetype, noteid, notetext) SELECT notetype, %s, notetext FROM fullnotes"
                " WHERE notetype = 49 AND noteid = %s",
                (copied.partition(" ")[2], key),
            )
        return copied

    def unknown_status(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, status=4242)
        return "4242"

    def unknown_state(self, appointment_key: str) -> str:
        self.knobs.set_visit(appointment_key, apptbroken=7)
        return "7"

    def corrupt(self, appointment_key: str) -> None:
        self.knobs.set_visit(appointment_key, timehr=99)

    def repeat_hour(self) -> None:
        """An hour less a minute later than before, by a clock that was put back an hour."""
        self.zone = self.knobs.set_clock_back(self.zone)
