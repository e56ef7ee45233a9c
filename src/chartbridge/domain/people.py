"""Patients as a front desk speaks of them.

Must not be in it: a vendor's numbers or words, matching of phone numbers to people (that is intake).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class PatientStatus(StrEnum):
    """How the practice regards a person. UNKNOWN keeps what we do not understand as such."""

    ACTIVE = "active"
    NON_PATIENT = "non_patient"
    PROSPECTIVE = "prospective"
    INACTIVE = "inactive"
    ARCHIVED = "archived"
    DECEASED = "deceased"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class Patient(NamedTuple):
    """A person in the PMS; made by name (a tuple, since 200,000 of them are made at a time).

    `key` is the PMS's own number as text: keys may exceed 2**53 and are never put through a float.
    Phones are as the PMS stores them. `status_raw` is the PMS's own value, kept also when understood.
    """

    key: str
    last_name: str
    first_name: str
    status: PatientStatus
    middle: str = ""
    preferred: str = ""
    status_raw: str = ""
    birthdate: date | None = None
    mobile_phone: str = ""
    home_phone: str = ""
    work_phone: str = ""
    email: str = ""
    guarantor_key: str = ""
    provider_key: str = ""
    text_ok: bool | None = None

    @property
    def display_name(self) -> str:
        """First (or preferred) and last name, as said aloud."""
        return f"{self.preferred or self.first_name} {self.last_name}".strip()

    @property
    def initials(self) -> str:
        """Up to two letters shown where there is no photo."""
        letters = [part[0] for part in (self.preferred or self.first_name, self.last_name) if part]
        return "".join(letters).upper() or "?"
