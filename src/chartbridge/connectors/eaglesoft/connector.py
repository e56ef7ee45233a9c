"""Eaglesoft as a connector: puts the readers, the writer and the looker together.

Must not be in it: SQL, decoding, what a number of Eaglesoft's means.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from chartbridge.connectors.by_odbc.cells import number, text
from chartbridge.connectors.by_odbc.connector import OdbcConnector, Parts, readers
from chartbridge.connectors.by_odbc.database import Vendor
from chartbridge.connectors.by_odbc.examining import Examined
from chartbridge.connectors.by_odbc.papers import Papers, Ways
from chartbridge.connectors.by_odbc.pieces import PieceReader, Table
from chartbridge.connectors.by_odbc.schedule import ScheduleReader, Visits
from chartbridge.connectors.by_odbc.settings import OdbcSettings
from chartbridge.connectors.eaglesoft import codec
from chartbridge.connectors.eaglesoft import settings as entered
from chartbridge.connectors.eaglesoft.dialect import DIALECT
from chartbridge.connectors.eaglesoft.lists import LISTS
from chartbridge.connectors.eaglesoft.looking import Looker
from chartbridge.connectors.eaglesoft.reading_people import PatientReader
from chartbridge.connectors.eaglesoft.statements import BASIC, LAYOUT, PART_OF
from chartbridge.connectors.eaglesoft.words import NAME, PATIENTS_PAPERS, TAG
from chartbridge.connectors.eaglesoft.writing import Writer
from chartbridge.domain.clock import Clock
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.manifest import Manifest, load_manifest

VENDOR = Vendor(
    name=NAME,
    layout=LAYOUT,
    basic=BASIC,
    part_of=PART_OF,
    dialect=DIALECT,
    off=f"Writing into {NAME} is off: its database takes writes only from programs that Patterson has authorised for "
    "this practice. Enter that authorisation on the PMS Connection page.",
)
DOCUMENTS = Table(
    tag=TAG,
    statement="documents",
    highest="highest_document",
    make=codec.document,
    extra=(PATIENTS_PAPERS,),
)
VISITS = Visits(
    tag=TAG,
    appointment=codec.appointment,
    state_of=codec.state_of,
    status_of=codec.status_of,
    counts=codec.counts,
)
WAYS = Ways(program="Patterson's own importer", kind="group", index=(PATIENTS_PAPERS,))
_HIGHEST = {
    "appointment": ("highest_visit", "appointments"),
    "operatory_notes": ("highest_note", "add_note"),
    "document": ("highest_document", "documents"),
}
CAN_STILL = {
    "version": "Eaglesoft's version is known",
    "appointments": "Visits can be read",
    "appointment_status": "Statuses can be read",
    "patients": "Patients can be read",
    "documents": "The index of documents can be read",
    "providers": "Providers and staff are listed",
    "note_types": "Note types are listed",
    "document_types": "SmartDoc groups are listed",
    "operatories": "Chairs are listed",
    "add_note": "Notes can be written",
    "add_document": "Imported documents are found again",
    "set_appointment_status": "Confirmations can be written",
    "arrivals": "Arrival statuses are listed, and walked out can be written",
    "appointment.arrival_status": "Visits show an arrival status",
    "appointment.description": "Visits show their reason",
    "document.document_creation_date": "Documents show their day",
    "document.document_group_id": "Documents show their group",
    "patient.birth_date": "Patients show their birthdate",
    "patient.cell_phone": "Patients show their mobile phone",
    "patient.email_address": "Patients show their e-mail address",
    "patient.home_phone": "Patients show their home phone",
    "patient.middle_initial": "Patients show their middle initial",
    "patient.preferred_name": "Patients show their preferred name",
    "patient.receives_sms": "Whether a patient wants text messages is known",
    "patient.responsible_party": "Who pays for a patient is known",
    "patient.work_phone": "Patients show their work phone",
    "provider.position_id": "Staff is told apart from providers",
}
"""What a version that lacks something can't do, in words."""


@cache
def manifest() -> Manifest:
    """What this connector claims."""
    return load_manifest(files("chartbridge.connectors.eaglesoft") / "manifest.toml")


class Eaglesoft(Parts):
    """What is open for one office, made of its settings."""

    lists = LISTS

    def __init__(self, settings: OdbcSettings, clock: Clock) -> None:
        super().__init__(VENDOR, settings, clock)
        database = self.database
        self.papers = Papers(settings, database, WAYS)
        self.writer, self.looker = Writer(database), Looker(database)
        self.examined = Examined(
            abilities=CAN_STILL,
            lookups=self.lookups,
            off=f"Writing is off: Patterson's authorisation for this practice is not entered. {NAME} is read.",
            how_to_write="Ask Patterson to authorise this practice, then enter the statement that you get.",
            touch=self._touch,
        )
        self.readers = readers(
            ScheduleReader(database, VISITS), PatientReader(database), PieceReader(database, DOCUMENTS)
        )

    def highest(self) -> dict[str, int]:
        """The keys that only grow. A table that this version lacks says nothing."""
        return {
            table: number(self.database.rows(name)[0][0], table) or 0
            for table, (name, ability) in _HIGHEST.items()
            if self.database.has(ability)
        }

    def _touch(self) -> tuple[str, list[object]] | None:
        """A note type, set to what it holds."""
        first = next(iter(self.database.rows("note_types")), None)
        return None if first is None else ("may_write", [first[1], text(first[0])])


def connect(settings: Settings, clock: Clock) -> Connector:
    """Make a connector; settings are checked when it is first used."""
    return OdbcConnector(manifest(), lambda: Eaglesoft(entered.parse(settings), clock))
