"""Indexes of the mirror that a first read of very many rows does without: made in one go when it is over.

Writing them row by row costs more than the rows themselves. Only on SQLite, only while a table is as good as empty,
and never the one that today's schedule is found by. A search during the first read looks at every row: some ten
milliseconds. Must not be in it: which indexes there are (models).
"""

from __future__ import annotations

from django.db import connection as database
from django.db import models

from chartbridge.pms.reading import Stream
from chartbridge.store.database import writing
from chartbridge.store.models import MirrorAppointment, MirrorPatient, StreamState

FEW, MANY = 5_000, 2_000
"""A table that holds no more than FEW rows does without its indexes when MANY come at once."""
_TABLES: dict[Stream, type[models.Model]] = {
    Stream.PATIENTS: MirrorPatient,
    Stream.APPOINTMENTS: MirrorAppointment,
}
_KEPT = frozenset({"mirror_appointment_by_day"})


def leave_out(stream: Stream, coming: int) -> None:
    """Within a write transaction of a first read: drop what is made again by `restore`, where that pays."""
    model = _TABLES.get(stream)
    if model is None or database.vendor != "sqlite" or coming < MANY or model._default_manager.count() > FEW:
        return
    with database.cursor() as cursor:
        for index in _of(model):
            cursor.execute(f"DROP INDEX IF EXISTS {index.name}")


def restore() -> None:
    """Make what is missing, each in a transaction of its own; nothing while a first read still goes on."""
    if database.vendor != "sqlite":
        return
    missing = {stream: _missing(model) for stream, model in _TABLES.items()}
    if not any(missing.values()) or _filling():
        return
    for stream, indexes in missing.items():
        for index in indexes:
            statement = str(index.create_sql(_TABLES[stream], database.schema_editor()))
            with writing(), database.cursor() as cursor:
                cursor.execute(statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1))


def _of(model: type[models.Model]) -> list[models.Index]:
    return [index for index in model._meta.indexes if index.name not in _KEPT]


def _missing(model: type[models.Model]) -> list[models.Index]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = %s", [model._meta.db_table]
        )
        there = {row[0] for row in cursor.fetchall()}
    return [index for index in _of(model) if index.name not in there]


def _filling() -> bool:
    """Whether a first read of these tables is under way at a connection that is on."""
    return StreamState.objects.filter(
        first_read_done_at=None,
        pass_records__gt=0,
        on=True,
        connection__on=True,
        failures=0,
        stream__in=_TABLES,
    ).exists()
