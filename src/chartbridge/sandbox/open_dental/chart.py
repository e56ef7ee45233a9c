"""What the program writes into a patient's chart: commlogs, documents and their files, the patient record.

Sources: the vendor's public source 24.3 (rows, file names, folders); that an uploaded document keeps its bytes
in `document.Note` until somebody opens it is from the same. Must not be in it: HTTP, made-up contents.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from chartbridge.sandbox.open_dental import audit
from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.words import IMAGE_TYPE, Permission

COMM_SOURCE_API = 7
IN_DATABASE = "0"
NOTE_BYTES = 65_535
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff")

_EMOJI = re.compile("[\u2600-\u27ff\U00010000-\U0010ffff]")
_LONG_SPACE = re.compile(r"\s{100,}")


def as_stored(text: str, limit: int = NOTE_BYTES) -> str:
    """Return a note as the program stores it: no NUL, no 4-byte character, CRLF, cut at the column's end."""
    text = _EMOJI.sub("\ufffd", text.replace("\0", ""))
    text = _LONG_SPACE.sub(" ", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    if len(text) * 3 <= limit:
        return text
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def scrubbed(text: str, limit: int) -> str:
    """Return a one-line value as the program stores it: 4-byte characters replaced, cut at `limit`."""
    return _EMOJI.sub("\ufffd", text.replace("\0", ""))[:limit]


def add_commlog(
    db: Database,
    actor: Actor,
    *,
    patient: int,
    note: str,
    at: str,
    type_: int,
    mode: int,
    direction: int,
) -> int:
    """Add a communication log entry. No signal goes out for it."""
    with db.transaction():
        key = db.insert(
            "commlog",
            PatNum=patient,
            CommDateTime=at,
            CommType=type_,
            Note=as_stored(note),
            Mode_=mode,
            SentOrReceived=direction,
            UserNum=actor.user,
            CommSource=COMM_SOURCE_API if actor.by_api else 0,
            DateTEntry=db.now(),
        )
        audit.log(db, actor, Permission.COMMLOG_CREATE, "", patient=patient)
    return key


def edit_commlog(db: Database, actor: Actor, key: int, note: str) -> None:
    """Change the text of a communication log entry."""
    with db.transaction():
        db.update("commlog", key, Note=as_stored(note))
        patient = int(db.value("SELECT PatNum FROM commlog WHERE CommlogNum=?", key) or 0)
        audit.log(db, actor, Permission.COMMLOG_EDIT, "", patient=patient)


def delete_commlog(db: Database, actor: Actor, key: int) -> None:
    """Delete a communication log entry, physically."""
    with db.transaction():
        patient = int(db.value("SELECT PatNum FROM commlog WHERE CommlogNum=?", key) or 0)
        db.delete("commlog", key)
        audit.log(db, actor, Permission.COMMLOG_EDIT, "Delete", patient=patient)


def image_folder(db: Database, patient: int) -> Path:
    """Return the patient's folder in the A-to-Z folders, making it and its name at the first need."""
    row = db.row("SELECT LName,FName,ImageFolder FROM patient WHERE PatNum=?", patient)
    if row is None:
        raise KeyError(f"PatNum {patient} not found.")
    name = str(row["ImageFolder"] or "")
    if not name:
        name = _letters(row) + str(patient)
        db.update("patient", patient, ImageFolder=name)
    folder = documents_root(db) / name[0].upper() / name
    if not in_database(db):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def shown_folder(db: Database, patient: int) -> Path | None:
    """Return the patient's folder if files are kept there and it has a name; makes nothing."""
    name = str(db.value("SELECT ImageFolder FROM patient WHERE PatNum=?", patient) or "")
    return documents_root(db) / name[0].upper() / name if name and not in_database(db) else None


def documents_root(db: Database) -> Path:
    """Return the A-to-Z folder (the first path of the preference DocPath)."""
    return Path(db.preference("DocPath").split(";")[0])


def in_database(db: Database) -> bool:
    """Tell whether documents are kept in the database instead of in files."""
    return db.preference("AtoZfolderUsed", "1") == IN_DATABASE


def import_document(
    db: Database,
    actor: Actor,
    *,
    patient: int,
    content: bytes,
    ending: str,
    category: int,
    description: str = "",
    at: str = "",
    log: bool = True,
) -> int:
    """Import a file as the Imaging module does, and return the document's number."""
    image_type = 2 if ending.lower() in PHOTO_ENDINGS else 0
    with db.transaction():
        folder = image_folder(db, patient)
        key = db.insert(
            "document",
            Description=scrubbed(description, 255),
            DateCreated=at or db.now(),
            DocCategory=category,
            PatNum=patient,
            FileName=ending,
            ImgType=image_type,
            ExternalSource="None",
        )
        row = db.row("SELECT LName,FName FROM patient WHERE PatNum=?", patient) or {}
        name = free_name(db, patient, f"{_letters(row)}{key}{ending}")
        values: Row = {"FileName": name}
        if in_database(db):
            values["RawBase64"] = base64.b64encode(content).decode()
        else:
            (folder / name).write_bytes(content)
        db.update("document", key, **values)
        if log:
            audit.log(
                db,
                actor,
                Permission.IMAGE_CREATE,
                f"{IMAGE_TYPE[image_type]} Created: {name} with description {description}",
                patient=patient,
                fkey=key,
            )
    return key


def upload_document(db: Database, actor: Actor, *, raw: str, ending: str, **values: object) -> int:
    """Take a document from the API: a row named x, xx, …, its bytes in Note until somebody opens it."""
    patient = int(str(values["PatNum"]))
    with db.transaction():
        name = free_name(db, patient, "x")
        note = f"_rawBase64_:{ending}_{raw}"
        key = db.insert("document", FileName=name, Note=note, ExternalSource="None", **values)
        audit.log(db, actor, Permission.IMAGE_CREATE, f"Document Created: {name}", patient=patient, fkey=key)
    return key


def open_document(db: Database, actor: Actor, key: int) -> int:
    """Play that somebody looks at an uploaded document: imported as a new row, the API's row is deleted."""
    row = db.get("document", key)
    if row is None:
        raise KeyError(f"DocNum {key} not found.")
    found = re.match(r"_rawBase64_:(\.\w+)_", row["Note"][:40])
    if found is None:
        return key
    with db.transaction():
        new = import_document(
            db,
            actor,
            patient=row["PatNum"],
            content=base64.b64decode(row["Note"][found.end() :]),
            ending=found[1],
            category=row["DocCategory"],
            description=row["Description"],
            at=row["DateCreated"],
        )
        db.delete("document", key)
    return new


def delete_document(db: Database, actor: Actor, key: int) -> None:
    """Delete a document and its file."""
    row = db.get("document", key)
    if row is None:
        raise KeyError(f"DocNum {key} not found.")
    with db.transaction():
        db.delete("document", key)
        audit.log(
            db,
            actor,
            Permission.IMAGE_DELETE,
            f"Image Deleted: {row['FileName']}",
            patient=row["PatNum"],
            fkey=key,
        )
        if not in_database(db):
            (image_folder(db, row["PatNum"]) / row["FileName"]).unlink(missing_ok=True)


def free_name(db: Database, patient: int, name: str) -> str:
    """Put x in front of a file name while the patient has one like it."""
    taken = {str(r["FileName"]) for r in db.rows("SELECT FileName FROM document WHERE PatNum=?", patient)}
    while name in taken:
        name = "x" + name
    return name


def _letters(row: Row) -> str:
    return "".join(c for c in f"{row.get('LName') or ''}{row.get('FName') or ''}" if c.isalpha())
