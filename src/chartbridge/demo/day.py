"""What comes in on the demo's day: texts, calls, e-mails, notes, documents, moves; good ones and odd ones.

Must not be in it: sending (play), the PMS's side of the day (the sandbox's day player).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import typst

from chartbridge.domain.activities import ActivityKind as Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A patient as the API shows one."""

    key: str
    first_name: str
    mobile: str
    email: str

    def __repr__(self) -> str:
        return f"Person({self.key})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """One thing to hand in. `pdf` makes it a document. `odd` says in words what is special about it."""

    body: dict[str, Any]
    pdf: bytes = b""
    odd: str = ""
    key: str = field(default="")


_SAID: dict[Kind, tuple[str, ...]] = {
    Kind.OUTGOING_TEXT: (
        "Hi {name}, this is Maple Street Dental. See you {when}. Reply C to confirm.",
        "{name}, we have an opening {when}. Shall we move you up?",
        "Thank you for your visit today, {name}. Rinse with warm salt water this evening.",
    ),
    Kind.INCOMING_TEXT: (
        "C",
        "Running 10 minutes late, sorry!",
        "Can I come {when} instead? My tooth is fine now 🙂",
        "Yes that works. Do you take the new insurance card?",
    ),
    Kind.OUTGOING_EMAIL: (
        "Dear {name},\n\nyour treatment plan is ready. Please call us with any question.\n\nMaple Street Dental",
        "Dear {name},\n\nit is time for your cleaning. We have kept a place for you {when}.",
    ),
    Kind.INCOMING_CALL: (
        "Asked whether the crown is back from the laboratory. It is.",
        "Moved the visit to {when}.",
    ),
    Kind.OUTGOING_CALL: ("Called to confirm {when}. Confirmed.", "Left a message about {when}."),
    Kind.MISSED_CALL: ("",),
    Kind.INCOMING_CALL_TRANSCRIPT: (
        "Caller: Hi, it's {name}, I have a cleaning {when}.\nDesk: Yes, I see it.\nCaller: Could my son come too?",
    ),
    Kind.OUTGOING_CALL_TRANSCRIPT: (
        "Desk: Hello {name}, we are calling about {when}.\nPatient: I'll be there.",
    ),
    Kind.INCOMING_CALL_SUMMARY: ("Patient asked to bring the son to the cleaning {when}. Desk will check.",),
    Kind.OUTGOING_CALL_SUMMARY: ("Confirmed the visit {when}.",),
    Kind.PATIENT_NOTE: (
        "Prefers mornings. Latex allergy mentioned at the desk.",
        "Brought last year's X-rays.",
    ),
    Kind.TASK_NOTE: ("Laboratory case is back; call to book the seat appointment.",),
    Kind.VERIFICATION_NOTE: ("Coverage active. Two cleanings a year, one left.",),
}
_WHEN = ("tomorrow at 9:00", "on Thursday at 2:30", "next Monday at 8:15", "today at 4 pm")
_OFTEN = (Kind.OUTGOING_TEXT, Kind.INCOMING_TEXT, Kind.INCOMING_CALL, Kind.OUTGOING_EMAIL, Kind.PATIENT_NOTE)


class Day:
    """Makes one thing after the other; the same seed and people make the same day."""

    def __init__(self, people: Sequence[Person], shared_phone: str, seed: int) -> None:
        self._people = list(people)
        self._shared_phone = shared_phone
        self._chance = random.Random(seed)  # noqa: S311 - a made-up day needs no secrecy
        self._count = 0
        self._stream = self._in_turn()

    def next(self) -> Incoming:
        """Return the next thing that comes in, with an idempotency key of its own."""
        self._count += 1
        made = next(self._stream)
        key = f"demo-{datetime.now(UTC):%Y%m%dT%H%M%S}-{self._count}"
        return Incoming(body=made.body, pdf=made.pdf, odd=made.odd, key=key)

    def _in_turn(self) -> Iterator[Incoming]:
        """Every kind once, then the everyday ones with an odd one now and then."""
        kinds = list(_SAID)
        self._chance.shuffle(kinds)
        odd = self._odd_ones()
        for number, kind in enumerate(kinds, start=1):
            yield self._ordinary(kind)
            if number % 2 == 0:
                yield next(odd)
        while True:
            for _ in range(7):
                yield self._ordinary(self._chance.choice(_OFTEN if self._chance.random() < 0.7 else kinds))
            yield next(odd)

    def _ordinary(self, kind: Kind) -> Incoming:
        person = self._somebody()
        text = self._chance.choice(_SAID[kind]).format(
            name=person.first_name, when=self._chance.choice(_WHEN)
        )
        body: dict[str, Any] = {
            "kind": str(kind),
            "patient_key": person.key,
            "body": text,
            "occurred_at": _lately(3),
        }
        if (
            kind in (Kind.OUTGOING_TEXT, Kind.INCOMING_TEXT, Kind.INCOMING_CALL, Kind.MISSED_CALL)
            and person.mobile
        ):
            body["phone"] = person.mobile
        if kind is Kind.OUTGOING_EMAIL:
            body |= {"subject": "From Maple Street Dental", "email": person.email}
        if kind is Kind.VERIFICATION_NOTE:
            body["verified_on"] = f"{datetime.now(UTC):%Y-%m-%d}"
        return Incoming(body=body)

    def _odd_ones(self) -> Iterator[Incoming]:
        while True:
            yield self._document(Kind.INSURANCE_VERIFICATION)
            yield self._from("+12025550100", "a text from a number that nobody has")
            if self._shared_phone:
                yield self._from(self._shared_phone, "a text from a phone that a family shares")
            yield self._note(
                "<p>Patient was <b>very happy</b> 😁 with the crown<br>and asked about whitening &amp; veneers.</p>",
                "a note with HTML and an emoji",
                is_html=True,
            )
            yield self._document(Kind.ACCOUNT_STATEMENT)
            paragraph = "Long talk about the treatment plan, the costs and what the insurance pays. "
            yield self._note(paragraph * 300, "a note of 22,000 characters")
            yield self._note(
                "Card 4111 1111 1111 1111 was read out on the phone.", "a note with a card number in it"
            )

    def _from(self, phone: str, odd: str) -> Incoming:
        body = {"kind": str(Kind.INCOMING_TEXT), "phone": phone, "body": "Is my appointment still on?"}
        return Incoming(body=body, odd=odd)

    def _note(self, text: str, odd: str, *, is_html: bool = False) -> Incoming:
        body = {
            "kind": str(Kind.PATIENT_NOTE),
            "patient_key": self._somebody().key,
            "body": text,
            "is_html": is_html,
        }
        return Incoming(body=body, odd=odd)

    def _document(self, kind: Kind) -> Incoming:
        person = self._somebody()
        body: dict[str, Any] = {"kind": str(kind), "patient_key": person.key}
        if kind is Kind.INSURANCE_VERIFICATION:
            body["verified_on"] = f"{datetime.now(UTC):%Y-%m-%d}"
        return Incoming(body=body, pdf=paper(kind.traits.label), odd=f"a PDF: {kind.traits.label}")

    def _somebody(self) -> Person:
        return self._chance.choice(self._people)


def paper(title: str) -> bytes:
    """Return a small PDF."""
    source = f"""#set page(width: 148mm, height: 105mm, margin: 15mm)
= {title}
Maple Street Dental, {datetime.now(UTC):%Y-%m-%d}

#table(columns: 2, [Plan], [Sandbox Dental PPO], [Deductible], [50.00], [Left this year], [1,240.00])
"""
    made = typst.compile(source.encode())
    return bytes(made)


def _lately(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
