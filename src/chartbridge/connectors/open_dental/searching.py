"""Finding every record that carries a marker: a second one, one on another patient, one whose time was changed.

In the database by key, by patient and by short stretches of time, through the vendor's own indexes and in small
pieces; through the API as far as it lists. Writes nothing. Must not be in it: what follows from what is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from chartbridge.connectors.open_dental.client import NotThere, OpenDentalApi, rows_of
from chartbridge.connectors.open_dental.codec import Texts
from chartbridge.connectors.open_dental.codec_lists import DOCUMENT_FIELDS
from chartbridge.connectors.open_dental.codec_write import (
    document_receipt,
    local_text,
    note_receipt,
    whole,
)
from chartbridge.connectors.open_dental.database import Database, as_text
from chartbridge.connectors.open_dental.statements import COMMLOG_FIELDS
from chartbridge.domain.marker import markers_in
from chartbridge.pms.commands import AddDocument, AddNote, Finds, Receipt, Sought
from chartbridge.pms.errors import Refused

PEOPLE = 50
STRETCH = timedelta(hours=3)
KEYS = 200
MOST_MERGES = 5
"""So often one patient may have been merged on."""
MOST_PAPERS = 5000
"""So many documents of others, newer than the first that is sought, are looked at; beyond, it is said so."""
EVERYBODYS_NOTES = (25, 1, 13)
ONE_PAPER = (24, 2, 32)
"""From this version on the API shows a document by its number, whoever it stands with."""
_NOTE = COMMLOG_FIELDS.index("Note")
_NAME = DOCUMENT_FIELDS.index("Description")
_ZERO = timedelta()


class DatabaseSearcher:
    """Searches the tables."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, sought: Sequence[Sought]) -> Finds:
        """Every record that carries one of the markers."""
        notes = [each for each in sought if isinstance(each.command, AddNote)]
        papers = [each for each in sought if isinstance(each.command, AddDocument)]
        found = {row[0]: _note(row) for row in self._notes(notes) if _wanted(row[_NOTE], notes)}
        named, everyone = self._papers(papers)
        shown = {row[0]: _paper(row) for row in named if _wanted(row[_NAME], papers)}
        records = (*found.values(), *shown.values())
        return Finds(records=records, everyone=everyone, merged=self._merged(sought))

    def _merged(self, sought: Sequence[Sought]) -> dict[str, str] | None:
        if not self._db.has("patientlink", "PatNumTo"):
            return None  # the user may not see the table
        into: dict[str, str] = {}
        for people in _people(sought):
            asked = people
            for _ in range(MOST_MERGES):  # who stayed may have been merged later
                rows = self._db.rows("merged", among=asked) if asked else []
                links = {source or "": target or "" for source, target in rows}
                into |= links
                asked = sorted(set(links.values()) - into.keys())
        return {source: _stayed(source, into) for source in into}

    def _notes(self, notes: Sequence[Sought]) -> Iterator[Texts]:
        if not notes:
            return
        yield from self._db.rows("notes_by_key", among=_keys(notes))
        for people in _people(notes):
            yield from self._db.rows("notes_of_people", among=people)
        for begin in _stretches(each.command.occurred_at for each in notes):
            end = begin + STRETCH
            yield from self._db.rows("notes_between", (self._local(begin), self._local(end)))

    def _papers(self, papers: Sequence[Sought]) -> tuple[list[tuple[str | None, ...]], bool]:
        if not papers:
            return [], True
        keys = _keys(papers)
        rows = list(self._db.rows("papers_by_key", among=keys))
        for people in _people(papers):
            rows += self._db.rows("papers_of_people", among=people)
        if self._db.random_keys or not keys:
            return rows, False  # keys say nothing of time then
        low, last = min(map(int, keys)), int(self._db.rows("last_paper")[0][0] or 0)
        for begin in range(low, min(last, low + MOST_PAPERS) + 1, KEYS):
            rows += self._db.rows("papers_between", (begin, begin + KEYS))
        return rows, last <= low + MOST_PAPERS

    def _local(self, at: datetime) -> str:
        return as_text(self._db.local_time(at))


class ApiSearcher:
    """Searches through the API: the patients who are named, and everybody's notes where it lists them."""

    def __init__(self, api: OpenDentalApi) -> None:
        self._api = api

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        """Every record that carries one of the markers, as far as the API lists them."""
        notes = [each for each in sought if isinstance(each.command, AddNote)]
        papers = [each for each in sought if isinstance(each.command, AddDocument)]
        everyone = not papers and self._api.version() >= EVERYBODYS_NOTES
        offset = self._api.offset()
        found = {
            row[0]: note_receipt(row, utc_stamps=False, offset=offset)
            for row in self._notes(notes, since, offset)
            if _wanted(row[_NOTE], notes)
        }
        shown = {
            row[0]: document_receipt(row, utc_stamps=False, offset=offset)
            for people in _people(papers)
            for patient in people
            for row in self._rows("documents", "add_document", DOCUMENT_FIELDS, PatNum=patient)
            if _wanted(row[_NAME], papers)
        }
        if self._api.version() >= ONE_PAPER:
            for row in self._by_number(set(_keys(papers)) - shown.keys()):
                if _wanted(row[_NAME], papers):
                    shown[row[0]] = document_receipt(row, utc_stamps=False, offset=offset)
        return Finds(records=(*found.values(), *shown.values()), everyone=everyone)

    def _by_number(self, keys: Iterable[str]) -> Iterator[Texts]:
        """What is no longer with its patient: moved to another one, or gone."""
        for key in sorted(keys, key=int):
            with suppress(NotThere):
                paper = self._api.get(f"documents/{key}", ability="add_document")
                yield from rows_of([paper], DOCUMENT_FIELDS, "documents")

    def _notes(self, notes: Sequence[Sought], since: datetime, offset: timedelta) -> Iterator[Texts]:
        if notes and self._api.version() >= EVERYBODYS_NOTES:
            stamp = local_text(since.astimezone(UTC).replace(tzinfo=None) + offset)
            yield from self._rows("commlogs", "add_note", COMMLOG_FIELDS, DateTStamp=stamp)
        for people in _people(notes):
            for patient in people:
                yield from self._rows("commlogs", "add_note", COMMLOG_FIELDS, PatNum=patient)

    def _rows(self, path: str, ability: str, fields: Sequence[str], **params: str) -> Iterator[Texts]:
        try:
            for items in self._api.pages(path, ability=ability, **params):
                yield from rows_of(items, fields, path)
        except NotThere:
            return  # a patient that isn't there has nothing
        except Refused as error:
            if "Patient" not in error.reason and "PatNum" not in error.reason:
                raise


def _stayed(source: str, into: Mapping[str, str]) -> str:
    for _ in range(MOST_MERGES):
        source = into.get(source, source)
    return source


def _wanted(text: str | None, sought: Sequence[Sought]) -> bool:
    carried = markers_in(text or "")
    return bool(carried) and not {each.command.marker for each in sought}.isdisjoint(carried)


def _keys(sought: Sequence[Sought]) -> list[str]:
    """The numbers of the records that receipts named."""
    named = (each.record.rpartition(" ")[2] for each in sought)
    return sorted({key for key in named if key.isascii() and key.isdigit()})


def _people(sought: Sequence[Sought]) -> Iterator[list[str]]:
    """The patients, some at a time."""
    keys = sorted({str(whole(each.command.patient_key, "patient")) for each in sought})
    return (keys[at : at + PEOPLE] for at in range(0, len(keys), PEOPLE))


def _stretches(times: Iterable[datetime]) -> list[datetime]:
    """The beginnings of the stretches of time in which these moments lie."""
    step = STRETCH.total_seconds()
    return sorted({datetime.fromtimestamp(at.timestamp() // step * step, UTC) for at in times})


def _note(row: Texts) -> Receipt:
    return note_receipt(row, utc_stamps=True, offset=_ZERO)


def _paper(row: Texts) -> Receipt:
    return document_receipt(row, utc_stamps=True, offset=_ZERO)
