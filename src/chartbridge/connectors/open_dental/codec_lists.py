"""Definitions, providers, operatories, documents and photos: rows as read → lookups and records. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PureWindowsPath

from chartbridge.connectors.open_dental.codec import BadValue, Texts, key_or_empty, moment, needed_key
from chartbridge.connectors.open_dental.words import (
    IMAGE_FLAGS,
    MEDIA_TYPES,
    NO_KEY,
    PICTURES,
    STATUS_PREFERENCES,
    TRUE,
)
from chartbridge.domain.charts import Document, LookupItem, LookupKind, Photo

DEFINITION_FIELDS = ("DefNum", "ItemName", "ItemValue", "ItemOrder", "ItemColor", "IsHidden")
PROVIDER_FIELDS = (
    "ProvNum", "Abbr", "LName", "FName", "Suffix", "IsHidden", "ProvStatus", "ItemOrder", "ProvColor",
)  # fmt: skip
OPERATORY_FIELDS = ("OperatoryNum", "OpName", "Abbrev", "ItemOrder", "IsHidden")
DOCUMENT_FIELDS = (
    "DocNum", "PatNum", "Description", "DocCategory", "DateCreated", "FileName", "DateTStamp",
)  # fmt: skip
PHOTO_FIELDS = ("version", *DOCUMENT_FIELDS[1:])  # the same row: a photo goes by its patient's number


def definitions(
    rows: Sequence[Texts], kind: LookupKind, preferences: Mapping[str, str]
) -> tuple[LookupItem, ...]:
    """One category of definitions. Statuses get their meaning from the preferences that name them."""
    meanings = _status_meanings(rows, preferences) if kind is LookupKind.APPOINTMENT_STATUSES else {}
    items = []
    for position, row in enumerate(rows):
        value = row[2] or ""
        if kind is LookupKind.DOCUMENT_TYPES:
            meaning = frozenset(IMAGE_FLAGS[flag] for flag in value if flag in IMAGE_FLAGS)
        elif kind is LookupKind.NOTE_TYPES:
            meaning = frozenset({value.strip().lower()} - {""})
        else:
            meaning = meanings.get(row[0] or "", frozenset())
        items.append(
            LookupItem(
                kind=kind,
                key=row[0] or "",
                name=row[1] or "",
                short=value if kind is LookupKind.APPOINTMENT_STATUSES else "",
                active=row[5] not in TRUE,
                meaning=meaning,
                colour=colour(row[4]),
                order=number(row[3], position),
            )
        )
    return tuple(items)


def providers(rows: Sequence[Texts]) -> tuple[LookupItem, ...]:
    """Everybody, hidden and deleted ones as inactive."""
    items = []
    for position, row in enumerate(rows):
        name = " ".join(part for part in (row[3], row[2]) if part) + (f", {row[4]}" if row[4] else "")
        items.append(
            LookupItem(
                kind=LookupKind.PROVIDERS,
                key=row[0] or "",
                name=name.strip() or row[1] or "",
                short=row[1] or "",
                active=row[5] not in TRUE and row[6] in (None, "", "0", "Active"),
                colour=colour(row[8]),
                order=number(row[7], position),
            )
        )
    return tuple(items)


def operatories(rows: Sequence[Texts]) -> tuple[LookupItem, ...]:
    """Every operatory, hidden ones as inactive."""
    return tuple(
        LookupItem(
            kind=LookupKind.OPERATORIES,
            key=row[0] or "",
            name=row[1] or "",
            short=row[2] or "",
            active=row[4] not in TRUE,
            order=number(row[3], position),
        )
        for position, row in enumerate(rows)
    )


def photo_categories(rows: Iterable[Texts]) -> str:
    """The key of the category whose newest picture is the patient's: the first not hidden with the flag P."""
    shown = [row for row in rows if row[5] not in TRUE and "P" in (row[2] or "")]
    return min(shown, key=lambda row: number(row[3], 0))[0] or "" if shown else ""


def document(row: Texts) -> Document:
    """One entry of a patient's documents. `FileName` is a full path where the API said it; an eighth text, where
    there is one, begins with the kind of file that the API was handed and nobody has opened yet."""
    suffix = _suffix(row[5]) or _suffix_in_note(row)
    return Document(
        key=needed_key(row[0]),
        patient_key=needed_key(row[1]),
        name=row[2] or "",
        type_key=key_or_empty(row[3]),
        created_local=moment(row[4]),
        media_type=MEDIA_TYPES.get(suffix, "application/octet-stream"),
        ref=file_ref(row[0] or "", row[1] or ""),
    )


def photo(row: Texts) -> Photo:
    """The document that is a patient's picture. One per patient, so its key is the patient's."""
    return Photo(
        key=needed_key(row[1]),
        patient_key=needed_key(row[1]),
        version=f"{row[0]}:{row[6] or ''}",
        ref=file_ref(row[0] or "", row[1] or ""),
    )


def newest_pictures(rows: Iterable[Texts]) -> list[Texts]:
    """Of each patient the row with the newest DateCreated, as Open Dental chooses; the higher number wins a tie."""
    newest: dict[str | None, Texts] = {}
    for row in rows:
        held = newest.get(row[1])
        if held is None or _age(row) > _age(held):
            newest[row[1]] = row
    return list(newest.values())


def file_ref(document_key: str, patient_key: str) -> str:
    """What opens the file later. A path is no part of it: Open Dental's paths carry the patient's name."""
    return json.dumps([document_key, patient_key], separators=(",", ":"))


def parse_ref(ref: str) -> tuple[str, str]:
    """The parts of a `file_ref`: document key and patient key. Raises `BadValue`."""
    try:
        document_key, patient_key = json.loads(ref)
    except (ValueError, TypeError):
        raise BadValue("not a reference of this connector") from None
    return str(document_key), str(patient_key)


def colour(value: str | None) -> str:
    """`#rrggbb` from a signed ARGB number or from `r,g,b`; empty where it is neither."""
    if not value:
        return ""
    parts = value.split(",")
    try:
        if len(parts) == 3:
            return "#{:02x}{:02x}{:02x}".format(*(int(part) & 255 for part in parts))
        return f"#{int(value) & 0xFFFFFF:06x}"
    except ValueError:
        return ""


def number(value: str | None, otherwise: int) -> int:
    """A whole number, or `otherwise` where there is none."""
    try:
        return int(value or "")
    except ValueError:
        return otherwise


def is_picture(row: Texts) -> bool:
    """Whether a browser can show the file."""
    return _suffix(row[5]) in PICTURES or _suffix(row[5]) == ""


def _suffix(path: str | None) -> str:
    return PureWindowsPath(path or "").suffix.lower()


def _suffix_in_note(row: Texts) -> str:
    """`.pdf_…` → `.pdf`."""
    return (row[7] or "").partition("_")[0].lower() if len(row) > 7 else ""


def _age(row: Texts) -> tuple[str, int]:
    return (row[4] or "", number(row[0], 0))


def _status_meanings(rows: Sequence[Texts], preferences: Mapping[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for preference, meaning in STATUS_PREFERENCES.items():
        key = preferences.get(preference, "")
        if key not in NO_KEY:
            found.setdefault(key, set()).add(meaning)
    shown = [row for row in rows if row[5] not in TRUE]
    if shown:  # new visits get the first one of the list
        first = min(shown, key=lambda row: number(row[3], 0))[0] or ""
        found.setdefault(first, set()).add("unconfirmed")
    return {key: frozenset(words) for key, words in found.items()}
