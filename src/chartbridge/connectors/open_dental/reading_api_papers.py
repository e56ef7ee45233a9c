"""Documents and photos through the API, which lists them one patient at a time: of today's patients, in a round.

Each check goes on where the last one stopped; at the end of a round the next begins. Must not be in it: files.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.codec import BadValue, Texts, decode, texts
from chartbridge.connectors.open_dental.codec_lists import (
    DEFINITION_FIELDS,
    DOCUMENT_FIELDS,
    PHOTO_FIELDS,
    document,
    is_picture,
    newest_pictures,
    photo,
    photo_categories,
)
from chartbridge.connectors.open_dental.codec_write import local_text
from chartbridge.connectors.open_dental.words import DEFINITION_CATEGORIES, NO_KEY
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.errors import Refused
from chartbridge.pms.reading import BadRow, Page, Record, Stream

LAYOUT = 1
PER_CHECK = {"remote": 3, "local": 25, "service": 25}


class ApiPaperReader:
    """The streams `documents` and `photos` in api mode."""

    def __init__(self, api: OpenDentalApi) -> None:
        self._api = api
        self._lock = threading.Lock()

    def read(self, stream: Stream, cursor: str | None) -> Page:
        """The next page. None is ever `complete`: who isn't there today was not looked at."""
        with self._lock:
            self._api.not_while_updating()
            return self._read(stream, cursor)

    def _read(self, stream: Stream, cursor: str | None) -> Page:
        waiting, first = parse(cursor)
        today = local_text(self._api.server_local())[:10]
        if not waiting:
            waiting = self._visitors(today)
        count = PER_CHECK[self._api.access.mode]
        asked, left = waiting[:count], waiting[count:]
        category = self._picture_category() if stream is Stream.PHOTOS and asked else ""
        records: list[Record] = []
        bad: list[BadRow] = []
        rows_read = 0
        for person in asked:
            rows = self._documents(person, stream)
            rows_read += len(rows)
            if stream is Stream.PHOTOS:
                pictures = [row for row in rows if row[3] == category and is_picture(row)]
                photos, wrong = decode(newest_pictures(pictures), photo, "document", PHOTO_FIELDS)
                records += photos
            else:
                papers, wrong = decode(rows, document, "document", DOCUMENT_FIELDS)
                records += papers
            bad += wrong
        return Page(
            records=tuple(records),
            bad=tuple(bad),
            cursor=text(left, first=first and bool(left)),
            more=first and bool(left),
            rows_read=rows_read,
        )

    def _visitors(self, today: str) -> list[str]:
        people: dict[str, None] = {}
        for items in self._api.pages("appointments", ability="documents", dateStart=today, dateEnd=today):
            for item in items:
                (key,) = texts(item, ("PatNum",))
                if key and key not in NO_KEY:
                    people[key] = None
        return list(people)

    def _documents(self, person: str, stream: Stream) -> list[Texts]:
        fields = tuple("filePath" if name == "FileName" else name for name in DOCUMENT_FIELDS)
        try:
            return [
                _row(item, fields)
                for items in self._api.pages("documents", ability=stream.value, PatNum=person)
                for item in items
                if str(item.get("DocNum", "0")) != "0"  # mounts are listed too
            ]
        except Refused:
            return []

    def _picture_category(self) -> str:
        number = DEFINITION_CATEGORIES[LookupKind.DOCUMENT_TYPES]
        items = self._api.items("definitions", ability="photos", Category=str(number))
        return photo_categories([definition_row(item, place) for place, item in enumerate(items)])


def _row(item: dict[str, Any], fields: Sequence[str]) -> Texts:
    """A document as a row; one that can't be told is a row of its number alone, which is then counted as bad."""
    try:
        return texts(item, fields)
    except BadValue:
        return (str(item.get("DocNum")), *[None] * (len(fields) - 1))


def definition_row(item: dict[str, Any], place: int) -> Texts:
    """A definition of the API as a row: its order is its place, its colour isn't said."""
    row = dict(zip(DEFINITION_FIELDS, texts(item, DEFINITION_FIELDS), strict=True))
    row["IsHidden"] = texts(item, ("isHidden",))[0] or row["IsHidden"]
    row["ItemOrder"] = row["ItemOrder"] or str(place)
    return tuple(row.values())


def text(waiting: list[str], *, first: bool) -> str:
    """The stored form of a cursor: who is still to be asked, and whether this is the first round."""
    return json.dumps({"m": "api", "v": LAYOUT, "w": waiting, "i": first}, separators=(",", ":"))


def parse(cursor: str | None) -> tuple[list[str], bool]:
    """Back from its stored form; nobody waiting and a first round where it is none or not understood."""
    try:
        value = json.loads(cursor or "")
        if value["m"] != "api" or value["v"] != LAYOUT:
            return [], True
        return [str(each) for each in value["w"]], bool(value["i"])
    except (ValueError, KeyError, TypeError):
        return [], True
