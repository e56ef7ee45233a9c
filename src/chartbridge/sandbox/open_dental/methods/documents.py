"""documents: list, one, Upload, PUT, DELETE. Bytes are never in an answer: they lie in the A-to-Z folder.

Not played: SetByUrl, UploadSftp, DownloadSftp, DownloadMount, Thumbnails; they answer 400.
"""

from __future__ import annotations

import base64
import binascii
import re

from chartbridge.sandbox.open_dental import answers, audit, chart, words
from chartbridge.sandbox.open_dental.answers import Names
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    ALL_OTHERS,
    DOCUMENTS,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    one_of,
    truth,
    when,
    whole,
)
from chartbridge.sandbox.open_dental.words import Permission

IMAGE_CATEGORY = 18
COLUMNS = (
    "DocNum,Description,DateCreated,DocCategory,PatNum,FileName,ImgType,ToothNumbers,substr(Note,1,255) AS Note,"
    "DateTStamp,ProvNum,PrintHeading"
)


def get_one(call: Call) -> Answer:
    """GET /documents/#."""
    row = _document(call)
    server = call.db.now()
    return Answer(payload=_shown(call, row, Names(call.db), server))


def get_list(call: Call) -> Answer:
    """GET /documents?PatNum=: PatNum is required; there is no DateTStamp filter."""
    if not call.query.get("PatNum"):
        raise ApiError(400, "PatNum is required.")
    patient = call.patient(call.number("PatNum"))
    limit, offset = call.page()
    server, names = call.db.now(), Names(call.db)
    rows = call.db.rows(
        f"SELECT {COLUMNS} FROM document WHERE PatNum=? ORDER BY DocNum LIMIT {limit} OFFSET {offset}",
        patient,
    )
    return Answer(payload=[_shown(call, row, names, server) for row in rows])


def upload(call: Call) -> Answer:
    """POST /documents/Upload."""
    patient = call.patient(call.wanted("PatNum"))
    raw, ending = call.words("rawBase64"), call.words("extension")
    if not raw or not ending:
        raise ApiError(400, "rawBase64 and extension are required.")
    if not re.fullmatch(r"\.\w{1,10}", ending):
        raise ApiError(400, "extension is invalid. It must start with a period.")
    try:
        base64.b64decode(raw, validate=True)
    except binascii.Error:
        raise ApiError(400, "rawBase64 is invalid.") from None
    values = _values(call)
    values.setdefault("DocCategory", _first_category(call))
    values.setdefault("DateCreated", call.db.now())
    key = chart.upload_document(call.db, call.actor, raw=raw, ending=ending, PatNum=patient, **values)
    made = answers.document_made(_by_number(call, key), Names(call.db))
    return Answer(payload=made, status=201, location=f"/documents/{key}")


def change(call: Call) -> Answer:
    """PUT /documents/#."""
    row = _document(call)
    if values := _values(call):
        call.db.update("document", row["DocNum"], **values)
        audit.log(call.db, call.actor, Permission.IMAGE_EDIT, "", patient=row["PatNum"], fkey=row["DocNum"])
    return get_one(call)


def delete(call: Call) -> Answer:
    """DELETE /documents/#."""
    chart.delete_document(call.db, call.actor, _document(call)["DocNum"])
    return Answer()


def not_played(_call: Call) -> Answer:
    """Whatever would move bytes over SFTP or fetch them from an address."""
    raise ApiError(400, "This sandbox has no SFTP: read the file at filePath.")


def _values(call: Call) -> Row:
    body, values = call.body, dict[str, object]()
    if "Description" in body:
        values["Description"] = chart.scrubbed(call.words("Description"), 255)
    if "DateCreated" in body:
        values["DateCreated"] = when("DateCreated", call.words("DateCreated"))
    if "DocCategory" in body:
        category = whole("DocCategory", body["DocCategory"])
        values["DocCategory"] = call.definition(category, IMAGE_CATEGORY, "DocCategory")
    if "ImgType" in body:
        values["ImgType"] = one_of("ImgType", body["ImgType"], words.IMAGE_TYPE)
    if "ProvNum" in body:
        values["ProvNum"] = whole("ProvNum", body["ProvNum"])
    if "ToothNumbers" in body:
        values["ToothNumbers"] = call.words("ToothNumbers")[:255]
    if "PrintHeading" in body:
        values["PrintHeading"] = truth("PrintHeading", body["PrintHeading"])
    return values


def _first_category(call: Call) -> int:
    sql = "SELECT DefNum FROM definition WHERE Category=18 AND IsHidden=0 ORDER BY ItemOrder LIMIT 1"
    return int(call.db.value(sql) or 0)


def _document(call: Call) -> Row:
    return _by_number(call, call.numbers[0])


def _by_number(call: Call, key: int) -> Row:
    row = call.db.row(f"SELECT {COLUMNS} FROM document WHERE DocNum=?", key)
    if row is None:
        raise ApiError(404, "Document not found.")
    return row


def _shown(call: Call, row: Row, names: Names, server: str) -> Row:
    return answers.document(row, names, chart.shown_folder(call.db, row["PatNum"]), server)


METHODS = (
    Method(verb="GET", path="documents/#", group=READ_ALL, since=(24, 2, 32), handle=get_one),
    Method(verb="GET", path="documents", group=READ_ALL, since=(21, 1), handle=get_list),
    Method(verb="POST", path="documents/Upload", group=DOCUMENTS, since=(21, 1), handle=upload),
    Method(verb="PUT", path="documents/#", group=ALL_OTHERS, since=(24, 2, 32), handle=change),
    Method(verb="DELETE", path="documents/#", group=ALL_OTHERS, since=(24, 2, 32), handle=delete),
    *(
        Method(verb="POST", path=f"documents/{word}", group=ALL_OTHERS, since=(21, 1), handle=not_played)
        for word in ("SetByUrl", "UploadSftp", "DownloadSftp", "DownloadMount", "Thumbnails")
    ),
)
