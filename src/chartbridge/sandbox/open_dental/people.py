"""Synthetic patients: families that share phones, odd names, missing phones. Faker names, reserved 555-01xx phones.

Must not be in it: a real person's name together with any real datum; SQL.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

from faker import Faker

from chartbridge.sandbox.open_dental.database import Row

ODD: tuple[Row, ...] = (
    {"LName": "O'Brien", "FName": "Siobhán"},
    {"LName": "李", "FName": "小龍", "Language": "zho"},
    {"LName": "L" + "ongname-" * 12 + "end", "FName": "Maximiliana " * 8, "Preferred": "Max"},
    {"LName": "Nguyễn-García", "FName": "Ana María"},
    {"LName": "Ω", "FName": "X"},
    {"LName": "Müller", "FName": "Jürgen-Łukasz", "Preferred": "Jürgen"},
    {"LName": "Null", "FName": "Nil"},
    {"LName": "<b>Bold</b>", "FName": '"Quote" & Co'},
    {"LName": "Nophone", "FName": "Nora", "HmPhone": "", "WkPhone": "", "WirelessPhone": "", "Email": ""},
    {"LName": "Archived", "FName": "Arch", "PatStatus": 3},
    {"LName": "Deleted", "FName": "Dee", "PatStatus": 4},
    {"LName": "Deceased", "FName": "Des", "PatStatus": 5},
    {"LName": "Inactive", "FName": "Ina", "PatStatus": 2},
    {"LName": "Twin", "FName": "Jordan"},
    {"LName": "Twin", "FName": "Jordan"},
    {"LName": "Weird", "FName": "Phone", "WirelessPhone": "call my mother", "HmPhone": "503.555.0100 x12"},
)
AREAS = ("503", "541", "971", "360", "206", "425", "253", "509", "208", "458")
CITIES = (("Salem", "OR", "97301"), ("Albany", "OR", "97321"), ("Corvallis", "OR", "97330"))
EPOCH = date(1900, 1, 1)


def phone(chance: random.Random) -> str:
    """Return a number of the range reserved for fiction, as the program formats it."""
    return f"({chance.choice(AREAS)})555-01{chance.randrange(100):02}"


def patients(count: int, seed: int, today: date) -> Iterator[Row]:
    """Yield `count` patients with numbers from 1, family by family; the odd ones come first."""
    chance = random.Random(seed)  # noqa: S311
    fake = Faker(["en_US", "es_MX", "de_DE"])
    fake.seed_instance(seed)
    made = 0
    odd = list(ODD)
    while made < count:
        guarantor = made + 1
        family = _family(chance, fake, guarantor, today, single=bool(odd))
        for member in family:
            if made >= count:
                return
            made += 1
            if odd:
                member = {**member, "Preferred": "", **odd.pop(0)}
            yield {**member, "PatNum": made, "Guarantor": guarantor}


def _family(
    chance: random.Random, fake: Faker, guarantor: int, today: date, *, single: bool
) -> Iterator[Row]:
    size = 1 if single else chance.choice((1, 1, 1, 2, 2, 3, 3, 4, 5))
    name = fake.last_name()
    city, state, zip_code = chance.choice(CITIES)
    home = phone(chance) if chance.random() < 0.7 else ""
    mobile = phone(chance)
    address = {"Address": f"{chance.randrange(1, 9900)} {fake.last_name()} St", "City": city, "State": state}
    for place in range(size):
        child = place >= 2
        first = fake.first_name()
        age = chance.randrange(2, 18) if child else chance.randrange(19, 92)
        born = today - timedelta(days=age * 365 + chance.randrange(365))
        own = mobile if child or place == 0 or chance.random() < 0.15 else phone(chance)
        yield {
            "LName": name,
            "FName": first,
            "Preferred": first[:3] if chance.random() < 0.1 else "",
            "Birthdate": (EPOCH.replace(year=1) if chance.random() < 0.01 else born).isoformat(),
            "Gender": chance.choice((0, 1)),
            "Position": 2 if child else chance.choice((0, 1)),
            "PatStatus": chance.choices((0, 2, 3, 6, 1), (92, 4, 2, 1, 1))[0],
            **address,
            "Zip": zip_code,
            "HmPhone": home,
            "WkPhone": phone(chance) if chance.random() < 0.2 and not child else "",
            "WirelessPhone": own if chance.random() < 0.9 else "",
            "Email": f"patient{guarantor}.{place}@example.com" if chance.random() < 0.8 else "",
            "PriProv": chance.choice((1, 1, 2)),
            "BillingType": 40,
            "TxtMsgOk": chance.choice((0, 1, 1, 2)),
            "PreferContactMethod": chance.choice((0, 4, 5, 8)),
            "Language": chance.choice(("", "", "", "spa")),
        }
