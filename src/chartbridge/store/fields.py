"""Field types of our own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models


class LocalDateTimeField(models.CharField):  # type: ignore[type-arg]
    """A wall time without zone, as the PMS shows it; 01:30 of a DST night stays 01:30.

    Kept as text `YYYY-MM-DD HH:MM:SS`, which sorts as time does and is the same on every database.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 19
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)

    def to_python(self, value: Any) -> Any:
        return datetime.fromisoformat(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return as_local_text(value)


def as_local_text(value: datetime) -> str:
    """Return the stored form of a wall time."""
    return value.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
