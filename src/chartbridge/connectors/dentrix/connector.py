"""Dentrix as a connector: puts the readers, the writer and the looker together.

Must not be in it: SQL, decoding, what a number of Dentrix's means.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from chartbridge.connectors.by_odbc.cells import number, text
from chartbridge.connectors.by_odbc.connector import OdbcConnector, Parts, readers
from chartbridge.connectors.by_odbc.database import Vendor
from chartbridge.connectors.by_odbc.examining import Examined
from chartbridge.connectors.by_odbc.papers import Papers, Ways
from chartbridge.connectors.by_odbc.pieces import PieceReader
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.connectors.dentrix import settings as entered
from chartbridge.connectors.dentrix.dialect import DIALECT
from chartbridge.connectors.dentrix.lists import LISTS
from chartbridge.connectors.dentrix.looking import Looker
from chartbridge.connectors.dentrix.reading import DOCUMENTS, DentrixPatients, DentrixSchedule
from chartbridge.connectors.dentrix.statements import BASIC, LAYOUT, PART_OF
from chartbridge.connectors.dentrix.words import DATA_VERSION, NAME, PRACTICE, TO_PATIENT
from chartbridge.connectors.dentrix.writing import Writer
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.manifest import Manifest, load_manifest

VENDOR = Vendor(
    name=NAME,
    layout=LAYOUT,
    basic=BASIC,
    part_of=PART_OF,
    dialect=DIALECT,
    version_args=(DATA_VERSION,),
    off=f"Writing into {NAME} is off: Henry Schein One licenses it apart from reading. Once this practice holds the "
    "Write licence, say so on the PMS Connection page.",
)
CAN_STILL = {
    "version": "Dentrix's version is known",
    "practice_name": "The practice's name is read",
    "appointments": "Visits can be read",
    "visit_stamp": "Changed visits of other days are seen at once",
    "deletions": "Deleted visits of other days are seen at once",
    "appointment_status": "Statuses can be read",
    "patients": "Patients can be read",
    "patient_stamp": "Changed patients are seen at once",
    "documents": "The index of documents can be read",
    "providers": "Providers are listed",
    "staff": "Staff is listed beside providers",
    "document_types": "Document types are listed",
    "appointment_statuses": "The practice's own statuses are listed",
    "operatories": "Operatories are listed",
    "add_note": "Office Journal entries can be written",
    "add_document": "Uploaded documents are found again",
    "set_appointment_status": "Appointment statuses can be set",
    "document.createdate": "Documents show their day",
    "document.doctypeid": "Documents show their type",
    "v_appt.operatory_id": "Visits show their operatory",
    "v_appt.provider_id": "Visits show their provider",
    "v_appt.reason": "Visits show their reason",
    "v_patient.birth_date": "Patients show their birthdate",
    "v_patient.email": "Patients show their e-mail address",
    "v_patient.guar_id": "Who pays for a patient is known",
    "v_patient.home_phone": "Patients show their home phone",
    "v_patient.mi": "Patients show their middle initial",
    "v_patient.mobile_phone": "Patients show their mobile phone",
    "v_patient.preferred_name": "Patients show their preferred name",
    "v_patient.pri_provider_id": "Patients show their provider",
    "v_patient.privacy_flags": "Whether a patient wants text messages is known",
    "v_patient.work_phone": "Patients show their work phone",
    "v_provider.inactive": "Inactive providers are told apart",
}
"""What a version that lacks something can't do, in words."""


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.dentrix") / "manifest.toml")


class Dentrix(Parts):
    """What is open for one office, made of its settings."""

    lists = LISTS

    def __init__(self, settings: OdbcSettings, clock: Clock) -> None:
        super().__init__(VENDOR, settings, clock)
        database = self.database
        ways = Ways(
            program="the uploader that Dentrix comes with",
            kind="type",
            kind_of=self._name_of_type,
            patient_of=int,
            index=(TO_PATIENT,),
        )
        self.papers = Papers(settings, database, ways)
        self.writer, self.looker = Writer(database), Looker(database)
        self.examined = Examined(
            abilities=CAN_STILL,
            lookups=self.lookups,
            off=f"Writing is off: that this practice holds the Write licence has not been said. {NAME} is read.",
            how_to_write="Ask Henry Schein One for the Write licence, then switch it on under PMS Connection.",
            touch=lambda: ("may_write", [0]),
        )
        self.readers = readers(
            DentrixSchedule(database), DentrixPatients(database), PieceReader(database, DOCUMENTS)
        )

    def highest(self) -> dict[str, int]:
        """The history's number: of all that is read, only it never loses its last row."""
        if not self.database.has("deletions"):
            return {}
        return {"appthist": number(self.database.rows("highest_history")[0][0], "apptid") or 0}

    def practice_name(self) -> str:
        if not self.database.has("practice_name"):
            return ""
        found = self.database.rows("practice_name", (PRACTICE,))
        return text(found[0][0]) if found else ""

    def _name_of_type(self, key: str) -> str:
        """The uploader takes a document type by its name."""
        kinds = {item.key: item.name for item in self.lookups(LookupKind.DOCUMENT_TYPES)}
        return kinds.get(key, key)


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return OdbcConnector(manifest(), lambda: Dentrix(entered.parse(settings), clock))
