"""The rows of streams: what is set for each, how far it has come, the buttons that were pressed, notices.

The one that checks a stream owns its progress (`PROGRESS`); people own its settings and the buttons
(`wanted`). Each writes only its own columns. Must not be in it: when a check is due, what an error means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database

from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Stream
from chartbridge.pms.registry import registry
from chartbridge.store.database import writing
from chartbridge.store.models import Connection, Notice, StreamState
from chartbridge.store.wake import Lane, wake

IDLE = (
    *("cursor", "scanned_at", "last_check_at", "last_success_at", "checks"),
    *("failures", "error_code", "error", "not_before"),
)
"""What a check with nothing to say moves; written for many streams together."""

_KEPT_NOTICES = timedelta(days=1)
_ORDER = {stream.value: place for place, stream in enumerate(Stream)}
_PIECE = 500
_NEVER_READ: dict[str, Any] = {
    "cursor": "",
    "first_read_done_at": None,
    "scanned_at": None,
    "pass_state": "",
    "pass_cursor": "",
    "pass_started_at": None,
    "failures": 0,
    "error_code": "",
    "error": "",
    "not_before": None,
}


def states(connection_id: int) -> list[StreamState]:
    """Return a connection's streams, in the order in which they are shown."""
    found = StreamState.objects.filter(connection_id=connection_id)
    return sorted(found, key=lambda s: _ORDER.get(s.stream, len(_ORDER)))


def ensure_states(connection: Connection, manifest: Manifest) -> None:
    """Make the rows of streams that the connector claims and that have none, at their usual intervals."""
    held = set(StreamState.objects.filter(connection=connection).values_list("stream", flat=True))
    StreamState.objects.bulk_create(
        [
            StreamState(connection=connection, stream=stream.value, interval_s=claim.default_interval)
            for stream, claim in manifest.streams.items()
            if stream.value not in held
        ],
        ignore_conflicts=True,
    )


def save_stream_setting(connection_id: int, stream: Stream, on: bool, interval_s: int) -> None:
    """Set whether and how often a stream is checked. Raises `ValueError` with a sentence for people."""
    manifest = registry().manifests[Connection.objects.get(pk=connection_id).connector]
    claim = manifest.streams.get(stream)
    if claim is None:
        raise ValueError(f"{manifest.label} does not offer this to be read.")
    if interval_s < claim.least_interval:
        raise ValueError(
            f"{manifest.label} should not be asked for this more often than every "
            f"{claim.least_interval} seconds. Choose {claim.least_interval} or more."
        )
    if interval_s > claim.most_interval:
        most = claim.most_interval
        said = "one day" if most == 24 * 3600 else f"{most // 60} minutes"
        raise ValueError(f"Choose a check interval of at most {said} ({most} seconds).")
    with writing():
        StreamState.objects.update_or_create(
            connection_id=connection_id, stream=stream.value, defaults={"on": on, "interval_s": interval_s}
        )
        wake(connection_id, Lane.READ)


def press(connection_id: int, streams: Iterable[Stream], wanted: str, now: datetime) -> int:
    """Remember that a button was pressed ("now" or "full"); returns for how many streams."""
    with writing():
        mine = StreamState.objects.filter(connection_id=connection_id, stream__in=[s.value for s in streams])
        if wanted == "now":  # a full pass that was asked for is not taken back
            mine = mine.exclude(wanted="full")
        pressed = mine.update(wanted=wanted, wanted_at=now)
        wake(connection_id, Lane.READ)
    return pressed


def clear_wanted(state_id: int, pressed_at: object) -> None:
    """The button's work has begun; one pressed meanwhile stays. `pressed_at` as read from the row."""
    sql = "UPDATE store_streamstate SET wanted = '' WHERE id = %s AND wanted_at = %s"
    with writing(), database.cursor() as cursor:
        cursor.execute(sql, [state_id, _stored(pressed_at)])


def read_from_the_start(connection_id: int) -> None:
    """Let every stream be read anew in full, and let what is then not seen be removed: a person agreed."""
    mine = StreamState.objects.filter(connection_id=connection_id)
    mine.update(**_NEVER_READ, sweep_agreed=True)


def save_progress(state: StreamState, changes: dict[str, Any]) -> None:
    """Store progress within the caller's transaction; what is in memory is the caller's to move after it."""
    StreamState.objects.filter(pk=state.pk).update(**changes)


def idle_row(state: StreamState) -> tuple[Any, ...]:
    """Return what `save_idle` stores of a state as it is now."""
    return (*(getattr(state, name) for name in IDLE), state.pk, state.checks)


def save_idle(rows: Sequence[tuple[Any, ...]]) -> None:
    """Store the results of many idle checks; one that a later check has overtaken is left out."""
    sets = ", ".join(f"{name} = %s" for name in IDLE)
    sql = f"UPDATE store_streamstate SET {sets} WHERE id = %s AND checks <= %s"
    stored = [tuple(_stored(value) for value in row) for row in rows]
    with database.cursor() as cursor:
        cursor.executemany(sql, stored)


def _stored(value: Any) -> Any:
    return database.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


SettingRow = tuple[Any, ...]


def setting_rows(connection_ids: Sequence[int]) -> tuple[list[SettingRow], list[SettingRow]]:
    """Return what people may have set meanwhile, for many connections by two quick queries.

    First of streams: connection, stream, on, interval, wanted, wanted_at; then of connections: id, settings
    version, on, hold code, show photos, connector.
    """
    streams: list[SettingRow] = []
    connections: list[SettingRow] = []
    for start in range(0, len(connection_ids), _PIECE):
        piece = list(connection_ids[start : start + _PIECE])
        marks = ", ".join(["%s"] * len(piece))
        with database.cursor() as cursor:
            cursor.execute(
                'SELECT connection_id, stream, "on", interval_s, wanted, wanted_at '
                f"FROM store_streamstate WHERE connection_id IN ({marks})",
                piece,
            )
            streams += cursor.fetchall()
            cursor.execute(
                'SELECT id, settings_version, "on", hold_code, show_photos, connector '
                f"FROM store_connection WHERE id IN ({marks})",
                piece,
            )
            connections += cursor.fetchall()
    return streams, connections


def load(connection_ids: Sequence[int]) -> tuple[dict[int, Connection], dict[int, list[StreamState]]]:
    """Return the connections with these ids that exist, and their streams."""
    found = Connection.objects.filter(pk__in=connection_ids)
    by_id = {each.pk: each for each in found}
    rows: dict[int, list[StreamState]] = {pk: [] for pk in by_id}
    for state in StreamState.objects.filter(connection_id__in=connection_ids):
        rows[state.connection_id].append(state)
    return by_id, rows


def prune_notices(now: datetime) -> None:
    """Remove notices that nobody can still be waiting for."""
    Notice.objects.filter(at__lt=now - _KEPT_NOTICES).delete()
