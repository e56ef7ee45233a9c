"""Dentrix Ascend's own words: statuses of visits and patients, kinds of phones.

V: the product's help names them; C: seen so in public code; I: inferred.
Must not be in it: what a practice means by one.
"""

from __future__ import annotations

import re

from chartbridge.domain.people import PatientStatus
from chartbridge.domain.schedule import BookingState

NAME = "Dentrix Ascend"

STATUSES = {
    "UNCONFIRMED": ("Unconfirmed", BookingState.SCHEDULED),
    "CONFIRMED": ("Confirmed", BookingState.SCHEDULED),
    "LEFT_MESSAGE": ("Left Message", BookingState.SCHEDULED),
    "LATE": ("Late", BookingState.SCHEDULED),
    "HERE": ("Here", BookingState.SCHEDULED),
    "READY": ("Ready", BookingState.SCHEDULED),
    "CHAIR": ("Chair", BookingState.SCHEDULED),
    "CHECKOUT": ("Checkout", BookingState.SCHEDULED),
    "COMPLETE": ("Complete", BookingState.COMPLETE),
    "BROKEN": ("Broken", BookingState.BROKEN),
    "NO_SHOW": ("No Show", BookingState.BROKEN),
}
"""The product's fixed list (V). The API's spelling is known of two (C); others are told by their letters (I)."""

MEANINGS = {"UNCONFIRMED": frozenset({"unconfirmed"}), "CONFIRMED": frozenset({"confirmed"})}
"""What the words say by themselves. What a practice does with Here, Ready and Chair is its own to say."""

PATIENT_STATES = {"ACTIVE": PatientStatus.ACTIVE, "INACTIVE": PatientStatus.INACTIVE}
"""C. `NEW` was seen as well; what the product means by it is not known, so it stays unknown."""

PHONES = {"HOME": "home_phone", "WORK": "work_phone", "MOBILE": "mobile_phone", "CELL": "mobile_phone"}
"""HOME and WORK: C; the word for a mobile phone is not known, these two are I."""

_BY_LETTERS = {re.sub("[^a-z]", "", key.lower()): key for key in STATUSES}


def status_key(word: str) -> str:
    """The key of one of the product's statuses however it is spelt; another word as it stands."""
    return _BY_LETTERS.get(re.sub("[^a-z]", "", word.lower()), word)
