"""Opening a photo or document: from the mounted A-to-Z folder, or from the database where the office keeps it.

Rows that the API made hold their bytes in the note until somebody opens them in Open Dental.
Must not be in it: choosing which document is a patient's picture.
"""

from __future__ import annotations

import base64
import binascii
import re

from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.codec import BadValue, texts
from chartbridge.connectors.open_dental.codec_lists import parse_ref
from chartbridge.connectors.open_dental.database import Database
from chartbridge.pms.errors import Refused, Unreadable
from chartbridge.transport.files import Share, tail_below

_RAW_IN_NOTE = re.compile(r"_rawBase64_:(?:\.\w{1,10}_)?")
_NOT_THERE = "This document is no longer in Open Dental."


class Images:
    """Opens files for one office."""

    def __init__(self, share: Share, database: Database | None, api: OpenDentalApi | None) -> None:
        self._share, self._db, self._api = share, database, api

    def open(self, ref: str) -> bytes:
        """The bytes of a photo or document. `ref` comes from a record."""
        try:
            document_key, patient_key = parse_ref(ref)
        except BadValue:
            raise Unreadable(
                "This file can't be found by what is known of it.", evidence="reference"
            ) from None
        if self._db is not None:
            return self._by_database(self._db, document_key)
        return self._by_path(self._path_from_api(document_key, patient_key))

    def _by_database(self, database: Database, document_key: str) -> bytes:
        rows = database.rows("file", (document_key,))
        if not rows:
            raise Refused(_NOT_THERE, reason="Document not found")
        patient_key, name, note, raw = rows[0]
        if raw:
            return decoded(raw)
        in_note = _RAW_IN_NOTE.match(note or "")
        if in_note:
            return decoded((note or "")[in_note.end() :])
        folder = database.rows("image_folder", (patient_key,))
        parts = _in_folder(folder[0][0] or "" if folder else "", name or "")
        return self._share.open(*parts)

    def _path_from_api(self, document_key: str, patient_key: str) -> str:
        if self._api is None:
            raise Refused(_NOT_THERE, reason="Document not found")
        for items in self._api.pages("documents", ability="documents", PatNum=patient_key):
            for item in items:
                key, path = texts(item, ("DocNum", "filePath"))
                if key == document_key:
                    return path or ""
        raise Refused(_NOT_THERE, reason="Document not found")

    def _by_path(self, path: str) -> bytes:
        """The API says the full path on the office's server; its last three parts stand below any root."""
        if not path:
            raise Refused(
                "Open Dental's API does not hand out this file. Read from the database to open it.", reason=""
            )
        root = self._api.preference("DocPath") if self._api is not None else ""
        below = tail_below(path, root.split(";"))
        parts = below.parts if below is not None else tuple(re.split(r"[\\/]+", path))[-3:]
        return self._share.open(*parts)


def decoded(text: str) -> bytes:
    """Bytes from base 64. Raises `Unreadable`."""
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        raise Unreadable(
            "The file is stored in a way that can't be read.", evidence="document bytes"
        ) from None


def _in_folder(folder: str, name: str) -> tuple[str, ...]:
    """`S`, `SmithJane48`, `file.jpg`: the folder below the letter with which it begins (2.2 of the vendor's import)."""
    if not folder or not name:
        raise Refused("Open Dental has not made a folder for this patient yet.", reason="")
    return folder[0].upper(), folder, name
