"""What the chart holds besides people and visits: documents, photos and the lists that the PMS owns.

Must not be in it: bytes of a file, paths, a vendor's category numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class LookupKind(StrEnum):
    """The lists that a PMS owns and that settings choose from."""

    PROVIDERS = "providers"
    NOTE_TYPES = "note_types"
    DOCUMENT_TYPES = "document_types"
    APPOINTMENT_STATUSES = "appointment_statuses"
    OPERATORIES = "operatories"
    VERIFICATION_STATUSES = "verification_statuses"


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupItem:
    """One entry of such a list, active or not.

    `meaning` says what the PMS itself says the entry means, and nothing that we would guess:
    for appointment statuses `arrived`, `seated`, `dismissed`, `confirmed`, `unconfirmed`; for document
    types `photos`, `statements`; for note types the PMS's own usage. `colour` is `#rrggbb` or empty.
    """

    kind: LookupKind
    key: str
    name: str
    short: str = ""
    active: bool = True
    meaning: frozenset[str] = field(default_factory=frozenset)
    colour: str = ""
    order: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """An entry of a patient's document list. `ref` is opaque and opens the file through the connector."""

    key: str
    patient_key: str
    name: str
    type_key: str = ""
    created_local: datetime | None = None
    media_type: str = "application/octet-stream"
    ref: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """That a patient has a picture. `version` changes when the picture does; `ref` opens it."""

    key: str
    patient_key: str
    version: str = ""
    ref: str = ""
