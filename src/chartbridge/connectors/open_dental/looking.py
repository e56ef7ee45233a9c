"""Looking whether writes are there: by patient and marker, in the database by key, else through the API.

"Not there" is only said after every place where it could be was read. Writes nothing.
Must not be in it: what follows from the answer (the writeback decides).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta

from chartbridge.connectors.open_dental.client import NAME, NO_API, NotThere, OpenDentalApi, rows_of
from chartbridge.connectors.open_dental.codec import Texts
from chartbridge.connectors.open_dental.codec_lists import DOCUMENT_FIELDS
from chartbridge.connectors.open_dental.codec_write import (
    document_receipt,
    later_day,
    local_text,
    note_receipt,
    whole,
)
from chartbridge.connectors.open_dental.database import Database, as_text
from chartbridge.connectors.open_dental.statements import COMMLOG_FIELDS
from chartbridge.connectors.open_dental.writing import Writer
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    MarkInsuranceVerified,
    Receipt,
    SetAppointmentStatus,
)
from chartbridge.pms.errors import Conflict, Refused, Unavailable, Unreadable

AROUND = timedelta(days=2)
RECENT = timedelta(minutes=10)
NO_OFFSET = timedelta()
_NOTE = COMMLOG_FIELDS.index("Note")
_STAMP = COMMLOG_FIELDS.index("DateTStamp")
_NAME = DOCUMENT_FIELDS.index("Description")
_CANT_BE_SEEN = (
    "Open Dental shows that this insurance was verified again on a later day. Whether this verification arrived before "
    "that can't be seen through the API. Look in Open Dental; if all is well there, dismiss this."
)


def same_text(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but white space: the API shows line ends as spaces."""
    return " ".join(one.split()) == " ".join(other.split())


class DatabaseLooker:
    """Looks in the tables; many notes in one round trip."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        """One receipt or None for each, in their order."""
        notes = [each for each in commands if isinstance(each, AddNote)]
        found = self._notes_about(notes)
        found |= self._notes_of([each for each in notes if each.marker not in found])
        return [
            found.get(each.marker) if isinstance(each, AddNote) else self._other(each) for each in commands
        ]

    def _notes_about(self, notes: Sequence[AddNote]) -> dict[str, Receipt]:
        if not notes:
            return {}
        low = min(each.occurred_at for each in notes).astimezone(UTC).replace(tzinfo=None) - AROUND
        high = max(each.occurred_at for each in notes).astimezone(UTC).replace(tzinfo=None) + AROUND
        return _among(
            notes, self._db.rows("notes_about", (as_text(low), as_text(high)), among=_people(notes))
        )

    def _notes_of(self, notes: Sequence[AddNote]) -> dict[str, Receipt]:
        """At any time: someone may have changed a note's date in the chart."""
        return _among(notes, self._db.rows("notes_of_people", among=_people(notes))) if notes else {}

    def _other(self, command: Command) -> Receipt | None:
        if isinstance(command, AddDocument):
            rows = self._db.rows("papers_of", (whole(command.patient_key, "patient"), f"%{command.marker}%"))
            return document_receipt(rows[0], utc_stamps=True, offset=NO_OFFSET) if rows else None
        if isinstance(command, SetAppointmentStatus):
            key = str(whole(command.appointment_key, "appointment"))
            rows = self._db.rows("status_of", among=[key])
            if rows and rows[0][2] == command.status_key:
                return _status(key, rows[0][1] or "", command.status_key)
            return None
        assert isinstance(command, MarkInsuranceVerified)
        return self._verification(command)

    def _verification(self, command: MarkInsuranceVerified) -> Receipt | None:
        plan = command.plan_key or self._primary_plan(command.patient_key)
        if not plan:
            return None
        rows = self._db.rows("verified", (plan,))
        if found := _verification(rows, command):
            return found
        if self._db.has("insverifyhist", "Note"):
            return _verified_before(self._db.rows("verified_before", (plan,)), command)
        _not_later(rows, command)
        return None

    def _primary_plan(self, patient_key: str) -> str:
        rows = self._db.rows("plans_of", (whole(patient_key, "patient"),))
        return rows[0][0] or "" if rows else ""


class ApiLooker:
    """Looks through the API, with as few calls as it allows."""

    def __init__(self, api: OpenDentalApi, writer: Writer) -> None:
        self._api, self._writer = api, writer

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        """One receipt or None for each, in their order; notes and documents are asked once per patient."""
        notes = self._notes([each for each in commands if isinstance(each, AddNote)])
        papers = self._papers([each for each in commands if isinstance(each, AddDocument)])
        found: list[Receipt | None] = []
        for each in commands:
            if isinstance(each, AddNote):
                found.append(notes.get(each.marker))
            elif isinstance(each, AddDocument):
                found.append(papers.get(each.marker))
            elif isinstance(each, SetAppointmentStatus):
                found.append(self._status(each))
            else:
                found.append(self._verification(each))
        return found

    def _notes(self, commands: Sequence[AddNote]) -> dict[str, Receipt]:
        """From 25.1.13 the newest notes of everybody come in one list; whoever isn't in it is asked for alone."""
        found: dict[str, Receipt] = {}
        if len(_by_patient(commands)) > 2 and self._api.version() >= (25, 1, 13):
            since = self._writer.written.since(each.marker for each in commands)
            written = [each for each in commands if each.marker in since]
            if len(_by_patient(written)) > 2:
                self._match(written, found, DateTStamp=local_text(min(since.values())))
            missed = [each for each in commands if each.marker not in found]
            if len(_by_patient(missed)) > 2:
                self._match(missed, found, DateTStamp=local_text(self._api.server_local() - RECENT))
        missed = [each for each in commands if each.marker not in found]
        for patient_key, theirs in sorted(_by_patient(missed).items()):
            self._match(theirs, found, PatNum=str(whole(patient_key, "patient")))
        return found

    def _match(self, commands: Sequence[AddNote], found: dict[str, Receipt], **params: str) -> None:
        offset, of_patient = self._api.offset(), _by_patient(commands)
        for items in self._pages("commlogs", "add_note", params):
            self._writer.written.heard(row[_STAMP] for row in items)
            for row in items:
                note = row[_NOTE] or ""
                if not row[1] and any(each.marker in note for each in commands):
                    raise Unreadable(f"{NAME} shows a note without saying whose it is.", evidence="commlogs")
                for each in of_patient.get(row[1] or "", ()):
                    if each.marker in note:
                        found[each.marker] = note_receipt(row, utc_stamps=False, offset=offset)

    def _papers(self, commands: Sequence[AddDocument]) -> dict[str, Receipt]:
        found: dict[str, Receipt] = {}
        offset = self._api.offset() if commands else NO_OFFSET
        for patient_key in sorted({each.patient_key for each in commands}):
            params = {"PatNum": str(whole(patient_key, "patient"))}
            for items in self._pages("documents", "add_document", params, fields=DOCUMENT_FIELDS):
                for row in items:
                    for each in commands:
                        if each.patient_key == patient_key and each.marker in (row[_NAME] or ""):
                            found[each.marker] = document_receipt(row, utc_stamps=False, offset=offset)
        return found

    def _pages(
        self, path: str, ability: str, params: dict[str, str], fields: Sequence[str] = COMMLOG_FIELDS
    ) -> list[list[Texts]]:
        try:
            return [
                rows_of(items, fields, path) for items in self._api.pages(path, ability=ability, **params)
            ]
        except Refused as error:
            if "Patient" in error.reason or "PatNum" in error.reason:
                return []  # a patient that isn't there has no notes
            if isinstance(
                error, NotThere
            ):  # the page of something else than the API: it says nothing about notes
                raise Unavailable(NO_API) from None
            raise

    def _status(self, command: SetAppointmentStatus) -> Receipt | None:
        try:
            now = self._writer.status_now(command)
        except Refused:
            return None
        return now if now.text == command.status_key else None

    def _verification(self, command: MarkInsuranceVerified) -> Receipt | None:
        try:
            plan = command.plan_key or self._writer.primary_plan(command.patient_key)
        except NotThere as error:
            if not error.reason:
                raise Unavailable(NO_API) from None
            return None
        except Refused:
            return None
        rows = self._writer.verified(command, plan)
        if found := _verification(rows, command):
            return found
        _not_later(rows, command)
        return None


def _people(notes: Sequence[AddNote]) -> list[str]:
    return sorted({str(whole(each.patient_key, "patient")) for each in notes})


def _among(notes: Sequence[AddNote], rows: Sequence[Texts]) -> dict[str, Receipt]:
    """Those of the notes that are among the rows."""
    found: dict[str, Receipt] = {}
    of_patient = _by_patient(notes)
    for row in rows:
        for each in of_patient.get(row[1] or "", ()):
            if each.marker in (row[_NOTE] or ""):
                found.setdefault(each.marker, _note(row))
    return found


def _by_patient(commands: Sequence[AddNote]) -> Mapping[str, list[AddNote]]:
    theirs: dict[str, list[AddNote]] = defaultdict(list)
    for each in commands:
        theirs[each.patient_key].append(each)
    return theirs


def _note(row: Texts) -> Receipt:
    return note_receipt(row, utc_stamps=True, offset=NO_OFFSET)


def _status(key: str, patient_key: str, status_key: str) -> Receipt:
    return Receipt(record=f"appointment {key}", patient_key=patient_key, text=status_key, seen=True)


def _verification(rows: Sequence[Texts], command: MarkInsuranceVerified) -> Receipt | None:
    """Verified on that day, and with that note where there was one. A later verification has moved the note on."""
    day = command.verified_on.isoformat()
    for row in rows:
        verified, note = (row[1] or "")[:10], row[2] or ""
        if verified == day and (not command.note or command.marker in note or same_text(note, command.note)):
            return Receipt(
                record=f"insverify {row[0]}", patient_key=command.patient_key, text=note, seen=True
            )
    return None


def _verified_before(rows: Sequence[Texts], command: MarkInsuranceVerified) -> Receipt | None:
    """In the history, into which each later verification moves the note that stood there, under its own day."""
    day = command.verified_on.isoformat()
    for row in rows:
        verified, note = (row[1] or "")[:10], row[2] or ""
        if command.marker in note if command.note else verified == day:
            return Receipt(
                record=f"insverify {row[0]}", patient_key=command.patient_key, text=note, seen=True
            )
    return None


def _not_later(rows: Sequence[Texts], command: MarkInsuranceVerified) -> None:
    """Raise `Conflict` where a later verification may have moved this one into a history that can't be read."""
    if later := later_day(rows, command):
        raise Conflict(_CANT_BE_SEEN, current=later)
