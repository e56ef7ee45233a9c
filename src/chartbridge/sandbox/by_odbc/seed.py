"""Fills an empty practice behind ODBC: made-up people, a day around now, days around it.

Everything comes from one seed. Must not be in it: a vendor's column.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from chartbridge.sandbox.open_dental.people import patients
from chartbridge.sandbox.open_dental.seed import DAY_LENGTH, opening, slots

BACK_DAYS, AHEAD_DAYS = 30, 60
ACTIVE, NON_PATIENT, INACTIVE, ARCHIVED = "active", "non_patient", "inactive", "archived"
_STATES = {0: ACTIVE, 1: NON_PATIENT, 2: INACTIVE, 3: ARCHIVED, 6: NON_PATIENT}
AT_ONCE = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody made up. `head` is the place in the list of who pays for the family."""

    last: str
    first: str
    preferred: str
    birth: date | None
    state: str
    mobile: str
    home: str
    work: str
    email: str
    head: int
    wants_texts: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """A visit. `room` counts from 1."""

    patient: str
    at: datetime
    minutes: int
    room: int
    reason: str


def people(count: int, seed: int, today: date) -> list[Person]:
    """Families that share phones, odd names, missing phones."""
    made = []
    for row in patients(count, seed, today):
        born = date.fromisoformat(str(row["Birthdate"]))
        made.append(
            Person(
                last=str(row["LName"]),
                first=str(row["FName"]),
                preferred=str(row["Preferred"]),
                birth=born if born.year > 1 else None,
                state=_STATES.get(int(str(row["PatStatus"])), INACTIVE),
                mobile=str(row["WirelessPhone"])[:14],
                home=str(row["HmPhone"])[:14],
                work=str(row["WkPhone"])[:14],
                email=str(row["Email"]),
                head=int(str(row["Guarantor"])) - 1,
                wants_texts=int(str(row["TxtMsgOk"])) < 2,
            )
        )
    return made


def calendar(keys: Sequence[str], now: datetime, seed: int) -> Iterator[Booking]:
    """A day around now, and working days before and after it."""
    chance = random.Random(seed)  # noqa: S311
    for offset in range(-BACK_DAYS, AHEAD_DAYS + 1):
        day = now.date() + timedelta(days=offset)
        if offset and day.weekday() > 4:
            continue
        start = time(8) if offset else opening(now)
        share = 0.85 if offset <= 0 else max(0.15, 0.75 - offset / AHEAD_DAYS)
        for slot in slots(chance, day, start, DAY_LENGTH, share):
            yield Booking(
                patient=chance.choice(keys),
                at=datetime.fromisoformat(str(slot["AptDateTime"])),
                minutes=len(str(slot["Pattern"])) * 5,
                room=min(int(str(slot["Op"])), 4),
                reason=str(slot["ProcDescript"]),
            )
