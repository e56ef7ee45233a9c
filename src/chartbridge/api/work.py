"""What waits and what failed, how fresh everything is, and the buttons Retry, Sync now and Full sync.

Must not be in it: rules of writing or reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict

from chartbridge.api.access import caller
from chartbridge.api.answers import WritebackOut, writeback_out
from chartbridge.api.charts import connection_for
from chartbridge.api.errors import ERRORS, ApiError, ErrorOut, not_found
from chartbridge.pms.reading import Stream
from chartbridge.store import board, queue, room, streams
from chartbridge.store.models import Delivery, Seen, StreamState, Writeback
from chartbridge.sync import buttons
from chartbridge.writeback import mend

router = Router(tags=["Work"])
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class WritebacksOut(Schema):
    """Writebacks, the newest first. `next_before` goes on from here; null at the end."""

    writebacks: list[WritebackOut]
    next_before: int | None


class StreamOut(Schema):
    """How the reading of one stream is doing. Lags: from a change in the PMS to its being stored here."""

    stream: str
    on: bool
    interval_s: int
    checks: int
    last_check_at: datetime | None
    last_success_at: datetime | None
    last_change_at: datetime | None
    lag_p50_ms: int | None
    lag_p95_ms: int | None
    failures: int
    error_code: str
    error: str


class HealthOut(Schema):
    """How the practice's link is doing. `hold` and `write_hold` are sentences while something is stopped.

    `standing_by`: another hub writes to this practice; this one reads and waits. `disk_full`: nothing new can be kept.
    """

    connected: bool
    pms: str
    pms_version: str
    on: bool
    writing_on: bool
    hold: str
    write_hold: str
    standing_by: bool
    disk_full: bool
    streams: list[StreamOut]
    writebacks: dict[str, int]


class SyncIn(Schema):
    """Which stream; left out, all of them."""

    model_config = ConfigDict(extra="forbid")
    stream: Stream | None = None


class Asked(Schema):
    """The engine has been asked; look at /health for how it goes."""

    asked: bool = True


@router.get("/writebacks", response={200: WritebacksOut, ERRORS: ErrorOut}, summary="List writebacks")
def list_writebacks(
    request: HttpRequest,
    delivery: Delivery | None = None,
    seen: Seen | None = None,
    patient_key: Annotated[str, Query(pattern=r"^[0-9A-Za-z-]{0,40}$")] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> WritebacksOut:
    """List what waits, what failed and why, and what is in the chart."""
    rows = Writeback.objects.filter(practice_id=caller(request).practice_id)
    for name, value in (
        ("delivery", delivery),
        ("seen", seen),
        ("patient_key", patient_key),
        ("pk__lt", before),
    ):
        if value:
            rows = rows.filter(**{name: value})
    page = list(rows.order_by("-pk")[:limit])
    return WritebacksOut(
        writebacks=[writeback_out(row) for row in page],
        next_before=page[-1].pk if len(page) == limit else None,
    )


@router.get(
    "/writebacks/{writeback_id}", response={200: WritebackOut, ERRORS: ErrorOut}, summary="One writeback"
)
def get_writeback(request: HttpRequest, writeback_id: Id) -> WritebackOut:
    """Tell where one write stands."""
    return writeback_out(_writeback(request, writeback_id))


@router.post(
    "/writebacks/{writeback_id}/retry", response={202: WritebackOut, ERRORS: ErrorOut}, summary="Try again"
)
def retry(request: HttpRequest, writeback_id: Id) -> Status[WritebackOut]:
    """Try a failed writeback again. Where it may have been taken, the PMS is searched for it first."""
    _writeback(request, writeback_id)
    who = caller(request)
    if not mend.retry(who.practice_id, [writeback_id], who.who):
        raise ApiError(409, "not_possible", "This one isn't waiting for a retry.")
    return Status(202, writeback_out(_writeback(request, writeback_id)))


@router.get("/health", response={200: HealthOut, ERRORS: ErrorOut}, summary="How fresh, how full")
def health(request: HttpRequest) -> HealthOut:
    """Tell how fresh each stream is against its interval, and how many writebacks stand where."""
    practice_id = caller(request).practice_id
    counts = {str(delivery): n for delivery, n in queue.counts(practice_id).items()}
    link = board.front_connection(practice_id)
    if link is None:
        return HealthOut(
            connected=False,
            pms="",
            pms_version="",
            on=False,
            writing_on=False,
            hold="",
            write_hold="",
            standing_by=False,
            disk_full=room.is_full(),
            streams=[],
            writebacks=counts,
        )
    return HealthOut(
        connected=link.connected_at is not None,
        pms=link.connector,
        pms_version=str(link.identity.get("version", "")),
        on=link.on,
        writing_on=link.writing_on,
        hold=link.hold,
        write_hold=link.write_hold,
        standing_by=link.standby_since is not None,
        disk_full=room.is_full(),
        streams=[_stream_out(state) for state in streams.states(link.pk)],
        writebacks=counts,
    )


@router.post("/sync/now", response={202: Asked, ERRORS: ErrorOut}, summary="Sync now")
def sync_now(request: HttpRequest, payload: SyncIn) -> Status[Asked]:
    """Check now instead of at the next interval."""
    buttons.sync_now(connection_for(request).pk, payload.stream)
    return Status(202, Asked())


@router.post("/sync/full", response={202: Asked, ERRORS: ErrorOut}, summary="Full sync")
def sync_full(request: HttpRequest, payload: SyncIn) -> Status[Asked]:
    """Read everything in scope again, in pieces that don't stall the front desk."""
    buttons.full_sync(connection_for(request).pk, payload.stream)
    return Status(202, Asked())


def _stream_out(state: StreamState) -> StreamOut:
    return StreamOut(**{name: getattr(state, name) for name in StreamOut.model_fields})


def _writeback(request: HttpRequest, writeback_id: int) -> Writeback:
    found = Writeback.objects.filter(practice_id=caller(request).practice_id, pk=writeback_id).first()
    if found is None:
        raise not_found("writeback")
    return found
