"""Turns a NewActivity into a row that can be kept, or says field by field why not.

Must not be in it: the database, whose a number is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chartbridge.domain.activities import AHEAD, ActivityKind, Medium
from chartbridge.domain.text import html_to_text, tidy
from chartbridge.intake import pdf, phones
from chartbridge.intake.new import BadActivity, NewActivity
from chartbridge.store.activities import KeptFile
from chartbridge.store.models import Activity

MOST_BODY = 200_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{1,20}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BODY_NOT_NEEDED = {ActivityKind.INCOMING_CALL, ActivityKind.OUTGOING_CALL, ActivityKind.MISSED_CALL}
_INSURANCE = {ActivityKind.VERIFICATION_NOTE, ActivityKind.INSURANCE_VERIFICATION}


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """An activity that may be kept: a row not yet saved, and its file."""

    activity: Activity
    file: KeptFile | None


def check(practice_id: int, new: NewActivity, *, now: datetime) -> Checked:
    """Return what to keep. Raises `BadActivity` for the first thing that is wrong."""
    kind = _kind(new.kind)
    patient_key, phone, email = _patient_key(new.patient_key), _phone(new.phone), _email(new.email)
    if not (patient_key or phone or email):
        raise BadActivity(
            "patient_key",
            "Say whose this is: give the patient's number in the PMS, or a phone number or e-mail.",
        )
    activity = Activity(
        practice_id=practice_id,
        kind=str(kind),
        patient_key=patient_key,
        occurred_at=_occurred_at(new.occurred_at, now),
        accepted_at=now,
        subject=_line("subject", new.subject, 500),
        body=_body(kind, new),
        is_html=new.is_html,
        phone=phone,
        email=email,
        author=_line("author", new.author, 200),
        written_by_ai=new.written_by_ai or kind.traits.written_by_ai,
        verified_on=_verified_on(kind, new.verified_on, now),
    )
    return Checked(activity=activity, file=_file(kind, new))


def clean(text: str) -> str:
    """Take out what no database keeps: NUL bytes; half characters become the replacement character."""
    return _UNSTORABLE.sub(lambda m: "" if m[0] == "\x00" else "\ufffd", text)


def check_idempotency_key(key: str) -> str:
    """Return the key, or raise `BadActivity("idempotency_key", …)`."""
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise BadActivity(
            "idempotency_key", "An Idempotency-Key has 1 to 255 plain characters, for example a UUID."
        )
    return key


def _kind(given: str) -> ActivityKind:
    try:
        return ActivityKind(given)
    except ValueError:
        known = ", ".join(ActivityKind)
        raise BadActivity("kind", f"There is no such kind of activity. Use one of: {known}.") from None


def check_patient_number(given: str) -> str:
    """Return a patient number, or raise `BadActivity`; whether the PMS has it is found out later."""
    key = given.strip()
    if not _NUMBER.fullmatch(key):
        raise BadActivity("patient_key", "A patient number has digits only, at most 20, as the PMS shows it.")
    return key


def _patient_key(given: str) -> str:
    return check_patient_number(given) if given.strip() else ""


def _phone(given: str) -> str:
    if not given.strip():
        return ""
    number = phones.e164(given)
    if number is None:
        raise BadActivity(
            "phone", "This isn't a phone number. Write it with its area code, for example (202) 555-0123."
        )
    return number


def _email(given: str) -> str:
    address = clean(given).strip()
    if not address:
        return ""
    try:
        validate_email(address)
    except ValidationError:
        address = ""
    if not address or len(address) > 254:
        raise BadActivity("email", "This isn't an e-mail address. Write it like pat@example.com.")
    return address


def _occurred_at(given: datetime | None, now: datetime) -> datetime:
    if given is None:
        return now
    if given.tzinfo is None:
        raise BadActivity(
            "occurred_at",
            "The time says no time zone. Write it like 2026-11-23T14:03:00-05:00 or ending in Z.",
        )
    if given.year < EARLIEST.year - 1 or (given.year <= EARLIEST.year and given.astimezone(UTC) < EARLIEST):
        raise BadActivity(
            "occurred_at",
            f"It is dated in {given.year}, before the year 2000. Correct the date and send it again.",
        )
    if given.year > now.year + 1 or given.astimezone(UTC) > now + AHEAD:
        raise BadActivity(
            "occurred_at",
            "It is dated in the future. Only what has happened goes into a chart: "
            "correct the date, or the sending computer's clock, and send it again.",
        )
    return given.astimezone(UTC)


def _line(field: str, given: str, most: int) -> str:
    text = " ".join(clean(given).split())
    if len(text) > most:
        raise BadActivity(
            field, f"The {field} is longer than {most} characters. Shorten it and send it again."
        )
    return text


def _body(kind: ActivityKind, new: NewActivity) -> str:
    text = clean(new.body)
    if len(text) > MOST_BODY:
        raise BadActivity(
            "body",
            f"The text is longer than {MOST_BODY:,} characters. Shorten it, or send it as a PDF document.",
        )
    said = tidy(html_to_text(text)) if new.is_html else text
    if said.strip() or kind.is_document or kind in _BODY_NOT_NEEDED:
        return text
    if kind.traits.medium is Medium.EMAIL and new.subject.strip():
        return text
    if kind is ActivityKind.VERIFICATION_NOTE and new.verified_on:
        return text
    raise BadActivity("body", "There is no text. Write what should stand in the chart.")


def _verified_on(kind: ActivityKind, given: date | None, now: datetime) -> date | None:
    if given is None:
        return None
    if kind not in _INSURANCE:
        raise BadActivity(
            "verified_on", "Only an insurance verification has a date of verification. Leave it out."
        )
    if not EARLIEST.date() <= given <= (now + timedelta(days=1)).date():
        raise BadActivity("verified_on", "The date of verification must lie between the year 2000 and today.")
    return given


def _file(kind: ActivityKind, new: NewActivity) -> KeptFile | None:
    if kind.is_document:
        pdf.check_pdf(new.file_content)
        return KeptFile(
            name=pdf.clean_name(clean(new.file_name)), media_type="application/pdf", content=new.file_content
        )
    if new.file_content:
        raise BadActivity(
            "file", "Only an insurance verification or an account statement comes as a file. Leave it out."
        )
    return None
