"""A call to the API and what a method may say to it. Must not be in it: any one resource."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.clock import moment, text
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.schema import VersionNumber

READ_ALL = "ReadAll"
COMM = "Comm"
DOCUMENTS = "Documents"
INSURANCE_SIMPLE = "InsuranceSimple"
SETUP = "Setup"
QUERIES = "Queries"
APPOINTMENTS = "Appointments"
PATIENTS = "Patients"
ALL_OTHERS = "AllOthers"
GROUPS = (
    READ_ALL, COMM, DOCUMENTS, INSURANCE_SIMPLE, SETUP, QUERIES, APPOINTMENTS, PATIENTS, ALL_OTHERS,
)  # fmt: skip


class ApiError(Exception):
    """An answer other than 200 and 201: a status and an explanation in words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(slots=True)
class Call:
    """One request, already signed in. `numbers` are the numbers in the address."""

    db: Database
    actor: Actor
    version: VersionNumber
    limit: int
    numbers: tuple[int, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    body: Row = field(default_factory=dict)

    def needs(self, version: VersionNumber, what: str) -> None:
        """Answer 400 if the office's version is below the one in which the vendor added it."""
        if self.version < version:
            raise ApiError(400, f"{what} requires Open Dental version {dotted(version)} or later.")

    def page(self) -> tuple[int, int]:
        """Return limit and offset for this call."""
        limit = self.number("Limit", self.limit)
        return max(1, min(limit, self.limit)), max(0, self.number("Offset", 0))

    def number(self, name: str, default: int = 0) -> int:
        """Read a number from the query."""
        return whole(name, self.query.get(name, default))

    def wanted(self, name: str) -> int:
        """Read a number from the body that has to be there."""
        if name not in self.body or self.body[name] in ("", None):
            raise ApiError(400, f"{name} is required.")
        return whole(name, self.body[name])

    def words(self, name: str, default: str = "") -> str:
        """Read a text from the body."""
        found = self.body.get(name, default)
        if found is None:
            return default
        if not isinstance(found, str):
            raise ApiError(400, f"{name} is not a string.")
        return found

    def patient(self, number: int) -> int:
        """Make sure that the patient exists."""
        if self.db.value("SELECT PatNum FROM patient WHERE PatNum=?", number) is None:
            raise ApiError(404, "Patient not found.")
        return number

    def definition(self, number: int, category: int, field_name: str) -> int:
        """Make sure that a definition of that category exists."""
        found = self.db.value("SELECT Category FROM definition WHERE DefNum=?", number)
        if found != category:
            raise ApiError(400, f"{field_name} is invalid.")
        return number


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a method says. `payload` None is an empty body."""

    payload: object = None
    status: int = 200
    location: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One documented method. `path` holds # for a number; `since` is the vendor's Version Added."""

    verb: str
    path: str
    group: str
    since: VersionNumber
    handle: Callable[[Call], Answer]


def dotted(version: VersionNumber) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def whole(name: str, value: object) -> int:
    """Read a whole number, 400 if it is none."""
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,19}", str(value)):
        raise ApiError(400, f"{name} is not a valid number.")
    return int(str(value))


def when(name: str, value: str) -> str:
    """Read a date with or without time, 400 if it is none."""
    try:
        return text(moment(value))
    except ValueError:
        raise ApiError(400, f"{name} is not in a valid format. Use yyyy-MM-dd HH:mm:ss.") from None


def day(name: str, value: str) -> str:
    """Read a date, 400 if it is none."""
    return when(name, value)[:10]


def truth(name: str, value: object) -> int:
    """Read a boolean: the API wants the strings true and false."""
    found = {"true": 1, "false": 0}.get(str(value).lower())
    if found is None:
        raise ApiError(400, f'{name} is invalid. Use "true" or "false".')
    return found


def one_of(name: str, value: object, words: tuple[str, ...]) -> int:
    """Read an enum's name and return its number."""
    if value not in words:
        raise ApiError(400, f"{name} is invalid.")
    return words.index(str(value))
