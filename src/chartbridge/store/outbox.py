"""Messages for webhooks: put down with what caused them, claimed, settled, sent again, forgotten.

A practice without endpoints costs one small query per batch of moves. Ids and codes only: a name, a phone number or
a text never gets into a body. Must not be in it: when to try again, sending.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef

from chartbridge.domain.webhooks import WebhookEvent
from chartbridge.store.database import writing
from chartbridge.store.models import (
    Delivery,
    MessageState,
    Seen,
    WebhookEndpoint,
    WebhookMessage,
    Writeback,
)

TAKEN_OVER_AFTER = timedelta(seconds=60)
"""An attempt that nobody has settled for so long is made again: its process has ended."""
KEPT = {MessageState.DELIVERED: timedelta(days=14), MessageState.FAILED: timedelta(days=90)}
_AT_ONCE = 500

Data = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Something that happened."""

    event: WebhookEvent
    data: Data


class Standing(NamedTuple):
    """Where a writeback stood, or stands: the two axes and the code of its reason."""

    delivery: str
    seen: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A message that is being sent, and to whom. `tries` counts this one."""

    pk: int
    message_id: str
    event: str
    body: str
    tries: int
    attempts: int
    endpoint: WebhookEndpoint

    def __repr__(self) -> str:
        return f"Attempt({self.message_id}, {self.attempts})"


def wanted(practice_id: int) -> frozenset[str]:
    """Return the events of which somebody wants to be told."""
    return frozenset(event for _, events in _listening(practice_id) for event in events)


def put(practice_id: int, told: Iterable[Told], at: datetime) -> int:
    """Put down one message per event and endpoint that wants it, in the caller's transaction. Returns how many."""
    events = list(told)
    if not events:
        return 0
    rows = [
        _message(endpoint_id, each.event, _body(practice_id, each, at), at)
        for endpoint_id, wishes in _listening(practice_id)
        for each in events
        if each.event in wishes
    ]
    WebhookMessage.objects.bulk_create(rows, batch_size=_AT_ONCE)
    return len(rows)


def put_test(endpoint: WebhookEndpoint, at: datetime) -> None:
    """Put down a message by which a person sees whether the receiver answers."""
    told = Told(event=WebhookEvent.TEST, data={"endpoint": endpoint.pk})
    with writing():
        _message(endpoint.pk, told.event, _body(endpoint.practice_id, told, at), at).save()


def put_patients(practice_id: int, keys: Iterable[str], at: datetime) -> None:
    """Tell of patients that changed, appeared or went; in the caller's transaction."""
    event = WebhookEvent.PATIENT_CHANGED
    if event in wanted(practice_id):
        put(practice_id, (Told(event=event, data={"patient_key": key}) for key in dict.fromkeys(keys)), at)


def put_writebacks(
    practice_id: int, moves: Sequence[tuple[int, Standing | None, Standing]], at: datetime
) -> None:
    """Tell of writebacks that came to an end or to a halt: number, before (None: new), after; in their transaction."""
    told = [
        (pk, event) for pk, before, after in moves if before != after and (event := event_of(before, after))
    ]
    wishes = wanted(practice_id) if told else frozenset()
    told = [(pk, event) for pk, event in told if event in wishes]
    if not told:
        return
    data = _writebacks({pk for pk, _ in told})
    put(practice_id, (Told(event=event, data=data[pk]) for pk, event in told if pk in data), at)


def event_of(before: Standing | None, after: Standing) -> WebhookEvent | None:
    """Return what a move means for a program; None for a step on the way."""
    if after.delivery == Delivery.TAKEN and after.seen == Seen.SEEN:
        done = before is not None and (before.delivery, before.seen) == (after.delivery, after.seen)
        return None if done else WebhookEvent.WRITEBACK_DONE
    if after.delivery in (Delivery.PARKED, Delivery.REFUSED) or after.seen == Seen.MISSING:
        return WebhookEvent.WRITEBACK_FAILED if after.delivery != Delivery.RETRACTED else None
    return WebhookEvent.WRITEBACK_HELD if after.delivery == Delivery.HELD else None


def _writebacks(ids: set[int]) -> dict[int, Data]:
    fields = (
        "activity_id",
        "kind",
        "patient_key",
        "part",
        "parts",
        "delivery",
        "seen",
        "record",
        "reason_code",
    )
    found: dict[int, Data] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        rows = Writeback.objects.filter(pk__in=ordered[start : start + _AT_ONCE]).values("pk", *fields)
        found |= {row["pk"]: {"writeback_id": row.pop("pk"), **row} for row in map(dict, rows)}
    return found


def _listening(practice_id: int) -> list[tuple[int, list[str]]]:
    rows = WebhookEndpoint.objects.filter(practice_id=practice_id, on=True, removed_at=None).order_by("pk")
    return list(rows.values_list("pk", "events"))


def _message(endpoint_id: int, event: WebhookEvent, body: str, at: datetime) -> WebhookMessage:
    return WebhookMessage(
        endpoint_id=endpoint_id,
        message_id=f"msg_{secrets.token_hex(14)}",
        event=event,
        body=body,
        created_at=at,
        due_at=at,
    )


def _body(practice_id: int, told: Told, at: datetime) -> str:
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"practice_id": practice_id, **told.data}
    return json.dumps({"type": told.event, "timestamp": moment, "data": data}, separators=(",", ":"))


def due(at: datetime) -> list[int]:
    """Return the endpoints for which something is due."""
    waiting = WebhookMessage.objects.filter(
        endpoint=OuterRef("pk"), state=MessageState.WAITING, due_at__lte=at
    )
    rows = WebhookEndpoint.objects.filter(Exists(waiting), on=True, removed_at=None)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def claim(endpoint_id: int, at: datetime) -> Attempt | None:
    """Take the message that has been due longest; that it is being tried is on disk before this returns."""
    rows = WebhookMessage.objects.filter(
        endpoint_id=endpoint_id, state=MessageState.WAITING, due_at__lte=at
    ).filter(endpoint__on=True, endpoint__removed_at=None)
    with writing():
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        row = rows.order_by("due_at", "pk").first()
        if row is None:
            return None
        row.tries, row.attempts, row.last_at = row.tries + 1, row.attempts + 1, at
        row.due_at = at + TAKEN_OVER_AFTER
        row.save(update_fields=["tries", "attempts", "last_at", "due_at"])
        endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
    return Attempt(
        pk=row.pk,
        message_id=row.message_id,
        event=row.event,
        body=row.body,
        tries=row.tries,
        attempts=row.attempts,
        endpoint=endpoint,
    )


def delivered(attempt: Attempt, at: datetime, status: int) -> None:
    """The receiver has it. Counts even if somebody else is sending it again meanwhile: it arrived."""
    with writing():
        WebhookMessage.objects.filter(pk=attempt.pk).update(
            state=MessageState.DELIVERED, status=status, code="", last_at=at
        )
        WebhookEndpoint.objects.filter(pk=attempt.endpoint.pk).update(failing_since=None, last_success_at=at)


def not_delivered(
    attempt: Attempt, at: datetime, *, status: int | None, code: str, again: datetime | None
) -> bool:
    """It did not arrive: try `again`, or never if None. False if the attempt is no longer this one."""
    outcome = {"due_at": again} if again else {"state": MessageState.FAILED}
    with writing():
        mine = WebhookMessage.objects.filter(
            pk=attempt.pk, state=MessageState.WAITING, attempts=attempt.attempts
        )
        moved = bool(mine.update(status=status, code=code, last_at=at, **outcome))
        if moved:
            WebhookEndpoint.objects.filter(pk=attempt.endpoint.pk, failing_since=None).update(
                failing_since=at
            )
    return moved


def switch_off(endpoint_id: int, code: str, at: datetime) -> None:
    """Stop telling an endpoint, with the cause; what is on its way waits until a person switches it on."""
    with writing():
        WebhookEndpoint.objects.filter(pk=endpoint_id, on=True).update(on=False, off_code=code, off_at=at)


def send_again(endpoint: WebhookEndpoint, at: datetime, pk: int | None = None) -> int:
    """Send one message, or all that failed, anew and under the same ids. Returns how many."""
    rows = WebhookMessage.objects.filter(endpoint=endpoint)
    rows = rows.filter(state=MessageState.FAILED) if pk is None else rows.filter(pk=pk)
    with writing():
        return rows.update(state=MessageState.WAITING, tries=0, due_at=at)


def log_of(endpoint: WebhookEndpoint, *, state: str, before: int | None, limit: int) -> list[WebhookMessage]:
    """Return an endpoint's messages, newest first: of one state if it is given, older than `before`."""
    rows = WebhookMessage.objects.filter(endpoint=endpoint)
    rows = rows.filter(state=state) if state else rows
    rows = rows.filter(pk__lt=before) if before else rows
    return list(rows.order_by("-pk")[:limit])


def forget_old(at: datetime) -> None:
    """Remove messages that are long over, and endpoints removed long ago."""
    for state, days in KEPT.items():
        WebhookMessage.objects.filter(state=state, created_at__lt=at - days).delete()
    WebhookEndpoint.objects.filter(removed_at__lt=at - timedelta(days=14)).delete()
