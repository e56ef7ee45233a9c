"""Finds what carries a marker: all charts from the first key on that was written, a piece of keys at a time.

What is not known by its key is looked for in its patient's chart only. Must not be in it: a vendor's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chartbridge.connectors.by_odbc.cells import BadValue, number, text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.domain.marker import PREFIX, markers_in
from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Filed, Finds, Receipt, Sought
from chartbridge.transport.odbc import Row

KEYS_AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where records of a kind lie: the statement that reads those of some keys that carry a marker (key, patient,
    text), the one that tells the highest key, what a record is called in a receipt, how one patient's are read, and as
    what a row shows it besides. What a person imports is filed by that person, and so is not looked at."""

    word: str
    carrying: str
    highest: str
    of_patient: Callable[[AddNote | AddDocument], Sequence[Row]]
    extra: Sequence[object] = ()
    filed: Callable[[Row], Filed | None] = lambda _row: None


def find(database: Database, places: Mapping[CommandKind, Place], sought: Sequence[Sought]) -> Finds:
    """Search."""
    found: dict[str, Receipt] = {}
    everyone = True
    for kind, place in places.items():
        mine = [each for each in sought if each.command.kind is kind]
        wanted = {each.command.marker for each in mine}
        keys = [int(key) for each in mine if (key := _key_of(each, place.word))]
        if keys:
            highest = number(database.rows(place.highest)[0][0], "key") or 0
            for begin in range(min(keys), highest + 1, KEYS_AT_ONCE):
                bounds = (begin, begin + KEYS_AT_ONCE, f"%{PREFIX}%")
                found |= _seen(database.rows(place.carrying, (*place.extra, *bounds)), place, wanted)
        for each in mine:
            if not _key_of(each, place.word):
                everyone = False
                found |= _seen(place.of_patient(each.command), place, wanted)
    return Finds(records=tuple(found.values()), everyone=everyone)


def receipt(row: Row, place: Place) -> Receipt:
    """What was found: a row of key, patient, text."""
    return Receipt(
        record=f"{place.word} {text(row[0])}",
        patient_key=text(row[1]),
        text=text(row[2]),
        seen=True,
        filed=place.filed(row),
    )


def wall(read: Callable[[], datetime | None]) -> str:
    """The time that a record bears, as a receipt tells it; empty where the PMS shows none that can be understood."""
    try:
        at = read()
    except BadValue:
        return ""
    return at.replace(tzinfo=None).isoformat(timespec="seconds") if at else ""


def _key_of(each: Sought, word: str) -> str:
    """The number by which its record is known; a document that waits to be imported has none."""
    said, _, key = each.record.partition(" ")
    return key if said == word and key.isdecimal() else ""


def _seen(rows: Sequence[Row], place: Place, wanted: set[str]) -> dict[str, Receipt]:
    made = [receipt(row, place) for row in rows if wanted & set(markers_in(text(row[2])))]
    return {each.record: each for each in made}
