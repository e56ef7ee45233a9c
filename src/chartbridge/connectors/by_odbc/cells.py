"""Cells of a row as an ODBC driver gives them → plain values. Pure.

What can't be understood raises `BadValue`, which names the column and never the value.
Must not be in it: a vendor's column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import TypeVar

from chartbridge.pms.reading import BadRow, Record

Row = Sequence[object]
R = TypeVar("R", bound=Record)


class BadValue(ValueError):
    """A value that its column can't hold in a healthy practice."""


def text(value: object) -> str:
    """A column's text without the blanks that fixed-width columns are padded with."""
    return "" if value is None else str(value).strip()


def number(value: object, column: str) -> int | None:
    """A whole number or nothing. Raises `BadValue`."""
    if value is None or text(value) == "":
        return None
    try:
        return int(text(value))
    except ValueError:
        raise BadValue(f"{column} is no number") from None


def key_of(value: object, column: str) -> str:
    """A key that must be there. Raises `BadValue`."""
    if not (found := text(value)):
        raise BadValue(f"{column} is empty")
    return found


def moment(value: object, column: str) -> datetime:
    """A wall time. Raises `BadValue`."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    try:
        return datetime.fromisoformat(text(value)).replace(microsecond=0)
    except ValueError:
        raise BadValue(f"{column} is no time") from None


def day(value: object, column: str) -> date | None:
    """A day or nothing. Raises `BadValue`."""
    if value is None or text(value) == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(text(value)[:10])
    except ValueError:
        raise BadValue(f"{column} is no day") from None


def decode(rows: Iterable[Row], make: Callable[[Row], R]) -> tuple[list[R], list[BadRow]]:
    """Make records; a row that can't be understood is named by its key and column."""
    good: list[R] = []
    bad: list[BadRow] = []
    for row in rows:
        try:
            good.append(make(row))
        except BadValue as error:
            bad.append(BadRow(key=text(row[0]), why=str(error)))
    return good, bad
